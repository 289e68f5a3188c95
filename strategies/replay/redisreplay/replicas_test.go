package redisreplay_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay/redisreplay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

const (
	tokenURL    = "https://api.example.com/token"
	destination = "https://api.example.com/redox"
)

// An endpoint is a token endpoint of either package.
type endpoint interface {
	http.Handler
	wrap(next http.Handler) http.Handler
}

type smart struct{ *smartbackend.TokenEndpoint }

func (e smart) wrap(next http.Handler) http.Handler {
	v, err := e.Verifier("system/*.rs")
	if err != nil {
		panic(err)
	}
	return v.Wrap(next)
}

type twoLegged struct {
	*clientcredentials.TokenEndpoint
}

func (e twoLegged) wrap(next http.Handler) http.Handler {
	v, err := e.Verifier("write")
	if err != nil {
		panic(err)
	}
	return v.Wrap(next)
}

// A replica is one process behind the URL: the token endpoint and the destination.
func replica(e endpoint) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/token", e)
	mux.Handle("/redox", e.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	return mux
}

func smartReplica(t *testing.T, seen *redisreplay.Store, now func() time.Time, secrets ...string) http.Handler {
	t.Helper()
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(sender().Key))
	if err != nil {
		t.Fatal(err)
	}
	e, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL: tokenURL, Issuer: "https://api.example.com", Audience: destination,
		TokenSecrets: padded(secrets), Replay: seen, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return replica(smart{e})
}

func twoLeggedReplica(t *testing.T, secrets ...string) http.Handler {
	t.Helper()
	e, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{"s3cret"}, Scopes: []string{"write"}}},
		Issuer:  "https://api.example.com", Audience: destination,
		TokenSecrets: padded(secrets),
	})
	if err != nil {
		t.Fatal(err)
	}
	return replica(twoLegged{e})
}

// padded makes TokenSecrets of names. They have at least 32 bytes.
func padded(names []string) [][]byte {
	var secrets [][]byte
	for _, n := range names {
		secrets = append(secrets, []byte(strings.Repeat(n, 32)))
	}
	return secrets
}

func sender() *redoxtest.SMARTBackend {
	return &redoxtest.SMARTBackend{URL: tokenURL, ClientID: "redox", Key: redoxtest.NewKey("redox", "ES384")}
}

func assertion(t *testing.T) string {
	t.Helper()
	a, err := sender().Assertion()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// present sends an assertion to a token endpoint.
func present(h http.Handler, assertion string) (status int, token string) {
	return ask(h, url.Values{
		"scope":                 {"system/*.rs"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	})
}

func ask(h http.Handler, form url.Values) (status int, token string) {
	form.Set("grant_type", "client_credentials")
	r := httptest.NewRequest(http.MethodPost, tokenURL, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var answer struct {
		Token string `json:"access_token"`
	}
	json.Unmarshal(w.Body.Bytes(), &answer)
	return w.Code, answer.Token
}

func deliver(h http.Handler, token string) (status int) {
	r := httptest.NewRequest(http.MethodPost, destination, strings.NewReader("{}"))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// Two replicas with the same TokenSecrets and one Redis are one endpoint.
func TestReplicasAreOneEndpoint(t *testing.T) {
	redis := start(t)
	a := smartReplica(t, newStore(t, redis.client(t)), nil, "k")
	b := smartReplica(t, newStore(t, redis.client(t)), nil, "k")
	used := assertion(t)
	status, token := present(a, used)
	if status != http.StatusOK {
		t.Fatalf("assertion at the first: %d", status)
	}
	for name, h := range map[string]http.Handler{"first": a, "second": b} {
		if status := deliver(h, token); status != http.StatusOK {
			t.Errorf("token of the first at the %s: %d, want 200", name, status)
		}
		if status, _ := present(h, used); status != http.StatusUnauthorized {
			t.Errorf("assertion again at the %s: %d, want 401", name, status)
		}
	}
	if status, _ := present(b, assertion(t)); status != http.StatusOK {
		t.Errorf("another assertion at the second: %d, want 200", status)
	}
}

// An assertion that is refused for another reason is not used up, at any replica.
func TestRefusedAssertionIsNotUsedUp(t *testing.T) {
	redis := start(t)
	a := smartReplica(t, newStore(t, redis.client(t)), nil, "k")
	later := func() time.Time { return time.Now().Add(time.Hour) }
	b := smartReplica(t, newStore(t, redis.client(t)), later, "k")
	fresh := assertion(t)
	if status, _ := present(b, fresh); status != http.StatusUnauthorized {
		t.Fatalf("where it has expired: %d, want 401", status)
	}
	if status, _ := present(a, fresh); status != http.StatusOK {
		t.Errorf("where it has not: %d, want 200", status)
	}
}

// Without Redis no token is issued, and the answer is 503. Tokens that were issued before
// keep working.
func TestReplicasWithoutRedis(t *testing.T) {
	redis := start(t)
	a := smartReplica(t, newStore(t, redis.client(t)), nil, "k")
	_, token := present(a, assertion(t))
	redis.stop()
	if status, _ := present(a, assertion(t)); status != http.StatusServiceUnavailable {
		t.Errorf("assertion: %d, want 503", status)
	}
	if status := deliver(a, token); status != http.StatusOK {
		t.Errorf("token: %d, want 200", status)
	}
}

// TokenSecrets rotate in three steps, each on one replica after the other. At no moment does
// a replica refuse a token that either replica issued.
func TestTokenSecretsRotateInThreeSteps(t *testing.T) {
	redis := start(t)
	for name, kind := range map[string]struct {
		replica func(secrets ...string) http.Handler
		issue   func(h http.Handler) (status int, token string)
	}{
		"smartbackend": {
			func(secrets ...string) http.Handler {
				return smartReplica(t, newStore(t, redis.client(t)), nil, secrets...)
			},
			func(h http.Handler) (int, string) { return present(h, assertion(t)) },
		},
		"clientcredentials": {
			func(secrets ...string) http.Handler { return twoLeggedReplica(t, secrets...) },
			func(h http.Handler) (int, string) {
				return ask(h, url.Values{"client_id": {"redox"}, "client_secret": {"s3cret"}})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			replicas := []http.Handler{kind.replica("old"), kind.replica("old")}
			var tokens []string
			check := func(when string) {
				t.Helper()
				for i, h := range replicas {
					status, token := kind.issue(h)
					if status != http.StatusOK {
						t.Fatalf("%s: replica %d issues no token: %d", when, i, status)
					}
					tokens = append(tokens, token)
				}
				for i, h := range replicas {
					for j, token := range tokens {
						if status := deliver(h, token); status != http.StatusOK {
							t.Errorf("%s: replica %d answers %d to token %d of %d", when, i, status, j, len(tokens))
						}
					}
				}
			}
			check("before")
			ofOld := tokens[0]
			for _, secrets := range [][]string{{"old", "new"}, {"new", "old"}, {"new"}} {
				if len(secrets) == 1 { // the last step waits until what old signed has expired
					tokens = tokens[len(tokens)-2:]
				}
				for i := range replicas {
					replicas[i] = kind.replica(secrets...)
					check(fmt.Sprintf("%v on %d of 2", secrets, i+1))
				}
			}
			if status := deliver(replicas[0], ofOld); status != http.StatusUnauthorized {
				t.Errorf("after the rotation a token of old: %d, want 401", status)
			}
		})
	}
}
