package oauthclients_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

const (
	api        = "https://api.example.com/redox"
	googlesURL = "https://www.googleapis.com/oauth2/v4/token" // aud of googleauth, always
)

var scopes = []string{"system/*.rs", "system/Patient.cruds", "system/Observation.rs"}

// A server has a token endpoint and a destination. Its clock can go ahead.
type server struct {
	*httptest.Server
	mu          sync.Mutex
	token       http.Handler
	destination http.Handler
	ahead       time.Duration
	stopped     time.Time    // the clock stands still, unless it is zero
	replay      replay.Store // of the next endpoint; nil: a new replay.Memory
	tokenSecret []byte       // signs the access tokens
	seen        []exchange
	last        map[string]request // by path
}

// An exchange is a token request and its answer.
type exchange struct {
	dump   string
	header http.Header
	form   url.Values // or the members of the JSON body
	status int
	error  string // of the answer
	scope  string
}

func newServer(t *testing.T) *server {
	s := &server{last: map[string]request{}}
	s.endTokens()
	mux := http.NewServeMux()
	mux.HandleFunc("/token", s.serveToken)
	mux.HandleFunc("/redox", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		destination := s.destination
		s.mu.Unlock()
		s.receive(r)
		destination.ServeHTTP(w, r)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *server) serveToken(w http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, true)
	body := s.receive(r)
	e := exchange{dump: string(dump), header: r.Header.Clone()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var members map[string]string
		json.Unmarshal(body, &members)
		e.form = url.Values{}
		for name, value := range members {
			e.form.Set(name, value)
		}
	} else {
		e.form, _ = url.ParseQuery(string(body))
	}
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	recorder := httptest.NewRecorder()
	token.ServeHTTP(recorder, r)
	var reply struct{ Error, Scope string }
	json.Unmarshal(recorder.Body.Bytes(), &reply)
	e.status, e.error, e.scope = recorder.Code, reply.Error, reply.Scope
	s.mu.Lock()
	s.seen = append(s.seen, e)
	s.mu.Unlock()
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	w.Write(recorder.Body.Bytes())
}

// receive keeps a request, and returns its body.
func (s *server) receive(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[r.URL.Path] = request{r.URL.Path, r.Header.Clone(), string(body)}
	return body
}

// now is the server's clock.
func (s *server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped.IsZero() {
		return s.stopped
	}
	return time.Now().Add(s.ahead)
}

func (s *server) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
}

// stop stops the clock.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = time.Now()
}

// endTokens ends all tokens, from the next token endpoint on.
func (s *server) endTokens() {
	s.tokenSecret = make([]byte, 32)
	rand.Read(s.tokenSecret)
}

// requests returns the token requests since it was called last.
func (s *server) requests() []exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

func (s *server) serve(token http.Handler, verifier redoxauth.Verifier) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
	s.destination = redoxauth.Middleware(verifier, nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != message {
			http.Error(w, "another message", http.StatusUnprocessableEntity)
		}
	}))
}

const message = `{"Meta":{"DataModel":"PatientAdmin"},"Patient":{"Name":"Zoë Müller-Łukasz 李"}}`

func (s *server) step(method string) step {
	return step{Method: method, TokenURL: s.URL + "/token", Issuer: s.URL, URL: s.URL + "/redox", Body: message, AssertionAudience: s.URL + "/token"}
}

// serveSecrets takes client IDs and their secrets.
func (s *server) serveSecrets(lifetime time.Duration, clients ...clientcredentials.Client) {
	e := must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: clients, Issuer: s.URL, Audience: api, TokenSecrets: [][]byte{s.tokenSecret}, Lifetime: lifetime, Now: s.now,
	}))
	s.serve(e, must(e.Verifier()))
}

// serveAssertions takes client assertions that one of the keys signed.
func (s *server) serveAssertions(lifetime time.Duration, keys ...redoxtest.Key) {
	e := must(smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keySet(keys), Scopes: scopes}},
		TokenURL: s.URL + "/token", AssertionAudiences: []string{s.URL + "/token", s.URL},
		Issuer: s.URL, Audience: api, TokenSecrets: [][]byte{s.tokenSecret}, Lifetime: lifetime, Replay: s.store(), Now: s.now,
		Leeway: 3 * time.Minute, // testExpiry sets the clock ahead
	}))
	s.serve(e, must(e.Verifier()))
}

// serveGrants takes assertions, as a grant, that one of the keys signed.
func (s *server) serveGrants(lifetime time.Duration, keys ...redoxtest.Key) {
	e := must(jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
		Signers:  []jwtbearer.Signer{{Issuer: "redox", Keys: keySet(keys), Scopes: scopes}},
		TokenURL: s.URL + "/token", AssertionAudiences: []string{s.URL + "/token", s.URL, googlesURL},
		Issuer: s.URL, Audience: api, TokenSecrets: [][]byte{s.tokenSecret}, Lifetime: lifetime, Replay: s.store(), Now: s.now,
		Leeway: 3 * time.Minute, // testExpiry sets the clock ahead
	}))
	s.serve(e, must(e.Verifier()))
}

// serveJWTs takes JWTs that are sent with the message and that the key signed.
func (s *server) serveJWTs(key redoxtest.Key) {
	s.serve(nil, must(jwtbearer.New(jwtbearer.Config{
		Keys: keySet([]redoxtest.Key{key}), Issuer: "redox", Audience: []string{api}, Subject: "redox", Replay: s.replay, Now: s.now,
	})))
}

func (s *server) store() replay.Store { return cmp.Or(s.replay, replay.Store(replay.NewMemory(0))) }

// keySet publishes keys without alg: clients differ in the alg that they choose.
func keySet(keys []redoxtest.Key) keyset.Set {
	keys = slices.Clone(keys)
	for i := range keys {
		keys[i].OmitAlgorithm = true
	}
	return must(keyset.ParseJWKS(redoxtest.JWKS(keys...)))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func privatePEM(t *testing.T, key redoxtest.Key) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// claimsOf returns the claims of the assertion in a token request, or nil.
func claimsOf(t *testing.T, form url.Values) map[string]any {
	t.Helper()
	if !form.Has("assertion") {
		return nil
	}
	_, claims := unverified(t, form.Get("assertion"))
	return claims
}

// unverified returns the header and the claims of a JWT.
func unverified(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	for i, v := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(data, v)
		}
		if err != nil {
			t.Fatalf("%q: %v", token, err)
		}
	}
	return header, claims
}
