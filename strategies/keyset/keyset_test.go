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
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
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

// private returns the Ed25519 key that belongs to a name.
func private(name string) ed25519.PrivateKey {
	if key, made := privateKeys.Load(name); made {
		return key.(ed25519.PrivateKey)
	}
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	privateKeys.Store(name, key)
	return key
}

// Tests of floods look the same few tokens up thousands of times.
var privateKeys, tokens sync.Map

// public returns the JWK of the key with a name. The kid may be another one, or "" for none.
func public(name, kid string) map[string]any {
	key := private(name).Public().(ed25519.PublicKey)
	m := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(key)}
	if kid != "" {
		m["kid"] = kid
	}
	return m
}

// jwks returns the set of the keys with these names, which are their kids as well. The name
// "b as a" stands for the key b with the kid a, and "b as " for the key b without kid.
func jwks(kids ...string) string {
	keys := []map[string]any{}
	for _, name := range kids {
		keys = append(keys, public(nameAndKid(name)))
	}
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func nameAndKid(s string) (name, kid string) {
	name, kid, renamed := strings.Cut(s, " as ")
	if !renamed {
		kid = name
	}
	return name, kid
}

// find verifies a token that the key with a name has signed, for the kid, as in jwks, and
// returns the ID of the key that verified it.
func find(ctx context.Context, s keyset.Set, name string) (string, error) {
	name, kid := nameAndKid(name)
	header := map[string]string{"alg": "EdDSA"}
	if kid != "" {
		header["kid"] = kid
	}
	b, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	token := compact(name, string(b), "{}")
	j, err := jose.ParseJWS(token)
	if err != nil {
		return "", err
	}
	key, err := j.Verify(ctx, token, &jose.Config{Keys: jose.SourceOf(s), Algorithms: []string{"EdDSA"}}, nil)
	if err != nil {
		return "", err
	}
	return key.ID(), nil
}

// compact returns a token that the key with a name has signed.
func compact(name, header, claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	input := b64([]byte(header)) + "." + b64([]byte(claims))
	if token, made := tokens.Load(name + " " + input); made {
		return token.(string)
	}
	token := input + "." + b64(ed25519.Sign(private(name), []byte(input)))
	tokens.Store(name+" "+input, token)
	return token
}

// lookUp verifies a token, as find does.
func lookUp(ctx context.Context, s keyset.Set, name string) error {
	_, err := find(ctx, s, name)
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
	if jose.SourceOf(nil) != nil {
		t.Error("a source without a set")
	}
	for name, doc := range map[string]string{
		"nothing": "", "no set": "{}", "no keys": `{"keys":[]}`, "no usable key": `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
	} {
		if _, err := keyset.ParseJWKS([]byte(doc)); err == nil || !strings.HasPrefix(err.Error(), "keyset: ParseJWKS: ") || strings.HasSuffix(err.Error(), ": ") {
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

// RFC 7468, Section 2: text before a block is no part of it.
func TestParsePEMAfterText(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(private("a").Public())
	if err != nil {
		t.Fatal(err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	for _, text := range []string{"", "Subject: redox\n", "{redox}\n"} {
		s, err := keyset.ParsePEM([]byte(text + block))
		if err != nil {
			t.Fatal(err)
		}
		check(t, lookUp(t.Context(), s, "a"), nil, "")
	}
}

// Keys in memory have the limits of keys in a JWK Set, and serve tokens with any kid.
func TestPublicKeys(t *testing.T) {
	good := private("a").Public()
	s, err := keyset.PublicKeys(private("b").Public(), good)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a as any", "a as "} {
		if id, err := find(t.Context(), s, name); err != nil || id != "1" {
			t.Errorf("key %q, error %v; want the key 1", id, err)
		}
	}
	check(t, lookUp(t.Context(), s, "c as a"), redoxauth.ErrRejected, "signature")
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
