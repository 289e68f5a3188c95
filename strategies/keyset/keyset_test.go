package keyset_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// public returns the JWK of the Ed25519 key that belongs to kid.
func public(kid string) map[string]any {
	seed := sha256.Sum256([]byte(kid))
	key := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	return map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": base64.RawURLEncoding.EncodeToString(key)}
}

func jwks(kids ...string) string {
	keys := []map[string]any{}
	for _, kid := range kids {
		keys = append(keys, public(kid))
	}
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func wanted(kid string) jose.Wanted {
	return jose.Wanted{KeyID: kid, HasKeyID: true, Algorithm: "EdDSA", Algorithms: []string{"EdDSA"}}
}

// lookUp asks for the key kid.
func lookUp(ctx context.Context, s keyset.Set, kid string) error {
	keys, err := jose.SourceOf(s).Keys(ctx, wanted(kid))
	if err == nil && (len(keys) != 1 || keys[0].ID() != kid) {
		return fmt.Errorf("found %v", keys)
	}
	return err
}

// check compares an error with the kind and reason wanted; nil is success.
func check(t *testing.T, err, kind error, reason redoxauth.Reason) {
	t.Helper()
	if kind != nil {
		verifiertest.CheckError(t, err, kind, reason)
	} else if err != nil {
		t.Errorf("error %v, want none", err)
	}
}

func newRemote(t *testing.T, cfg keyset.RemoteConfig) *keyset.RemoteSet {
	t.Helper()
	s, err := keyset.NewRemote(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A server answers in memory, so that a test with a fake clock can use it.
type server struct {
	mu      sync.Mutex
	fetches int
	answer  func(*http.Request) (*http.Response, error)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.fetches++
	answer := s.answer
	s.mu.Unlock()
	return answer(r)
}

func (s *server) set(answer func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

func (s *server) wantFetches(t *testing.T, want int) {
	t.Helper()
	if n := s.count(); n != want {
		t.Errorf("%d fetches, want %d", n, want)
	}
}

// respond answers with a body and headers, such as "Cache-Control: max-age=60".
func respond(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for _, line := range headers {
			name, value, _ := strings.Cut(line, ": ")
			h.Add(name, value)
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func down(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// hang answers when the time of the request is over.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// remote returns a RemoteSet of a server that publishes kids.
func remote(t *testing.T, cfg keyset.RemoteConfig, kids ...string) (*keyset.RemoteSet, *server) {
	t.Helper()
	srv := &server{answer: respond(200, jwks(kids...), "Cache-Control: max-age=600")}
	cfg.URL, cfg.Client = "https://keys.example/jwks.json", &http.Client{Transport: srv}
	return newRemote(t, cfg), srv
}

func TestParseJWKS(t *testing.T) {
	s, err := keyset.ParseJWKS([]byte(jwks("a", "b")))
	if err != nil {
		t.Fatal(err)
	}
	check(t, lookUp(t.Context(), s, "a"), nil, "")
	check(t, lookUp(t.Context(), s, "c"), redoxauth.ErrRejected, "unknown_key")
	if url := jose.SourceOf(s).URL(); url != "" {
		t.Errorf("URL %q of a configured set", url)
	}
	for name, doc := range map[string]string{
		"nothing": "", "no set": "{}", "no keys": `{"keys":[]}`, "no usable key": `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
	} {
		if _, err := keyset.ParseJWKS([]byte(doc)); err == nil || !strings.HasPrefix(err.Error(), "keyset: ParseJWKS: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestParsePEM(t *testing.T) {
	for name, data := range map[string]string{"nothing": "", "no PEM": "ssh-rsa AAAA", "a private key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := keyset.ParsePEM([]byte(data)); err == nil || !strings.HasPrefix(err.Error(), "keyset: ParsePEM: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Keys in memory have the limits of keys in a JWK Set, and serve tokens with any kid.
func TestPublicKeys(t *testing.T) {
	good := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public()
	s, err := keyset.PublicKeys(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, hasKeyID := range []bool{true, false} {
		w := wanted("any")
		w.HasKeyID = hasKeyID
		keys, err := jose.SourceOf(s).Keys(t.Context(), w)
		if err != nil || len(keys) != 1 || keys[0].ID() != "" {
			t.Errorf("keys %v, error %v; want the one without ID", keys, err)
		}
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string][]crypto.PublicKey{
		"none": nil, "nil": {nil}, "a weak one": {good, weak.Public()}, "a secret": {[]byte("0123456789abcdef0123456789abcdef")},
		"no point": {&ecdsa.PublicKey{Curve: elliptic.P256()}}, "a private key": {weak}, "65": slices.Repeat([]crypto.PublicKey{good}, 65),
	} {
		if s, err := keyset.PublicKeys(keys...); s != nil || err == nil || !strings.HasPrefix(err.Error(), "keyset: PublicKeys: ") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// discard keeps the handshakes that fail on purpose out of the test's output.
var discard = log.New(io.Discard, "", 0)
