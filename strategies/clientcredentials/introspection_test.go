package clientcredentials_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	oauth2cc "golang.org/x/oauth2/clientcredentials"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

const (
	opaque  = "2YotnFZFEjr1zCsicMWpAA-of-22-or-more"
	asURL   = "https://as.example/introspect"
	ours    = "resource server" // our own credentials at the authorization server
	ourPass = "p:ss w/rd+%é"
)

// A wire is an authorization server in the form of an http.RoundTripper.
type wire struct {
	calls atomic.Int64
	serve func(r *http.Request) (*http.Response, error)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.calls.Add(1)
	return w.serve(r)
}

func answering(status int, body string) *wire {
	return &wire{serve: func(r *http.Request) (*http.Response, error) { return response(r, status, body), nil }}
}

func response(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

func introspectionConfig(w *wire) clientcredentials.IntrospectionConfig {
	return clientcredentials.IntrospectionConfig{
		URL: asURL, ClientID: ours, ClientSecret: ourPass, Client: &http.Client{Transport: w},
		ClientIDs: []string{clientID}, Audience: []string{destination}, Scopes: []string{"write"},
	}
}

func newIntrospection(t testing.TB, cfg clientcredentials.IntrospectionConfig) *clientcredentials.Verifier {
	t.Helper()
	v, err := clientcredentials.NewIntrospection(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantCalls(t testing.TB, w *wire, want int64) {
	t.Helper()
	if got := w.calls.Load(); got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
}

const good = `{"active":true,"client_id":"` + clientID + `","scope":"read write","aud":"` + destination + `","exp":4102444800,"iss":"https://as.example","sub":"x"}`

// with returns good with another text of one member, or without it if text is empty.
func with(name, text string) string {
	all := map[string]string{
		"active": `true`, "client_id": `"` + clientID + `"`, "scope": `"read write"`, "aud": `"` + destination + `"`,
	}
	all[name] = text
	var members []string
	for n, v := range all {
		if v != "" {
			members = append(members, fmt.Sprintf("%q:%s", n, v))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// RFC 7662, Sections 2.2 and 4.
func TestAnswersAreDecided(t *testing.T) {
	past, future := fmt.Sprint(time.Now().Add(-2*time.Minute).Unix()), fmt.Sprint(time.Now().Add(2*time.Minute).Unix())
	rejected, unavailable := redoxauth.ErrRejected, redoxauth.ErrUnavailable
	for _, test := range []struct {
		name   string
		answer string
		kind   error // nil: accepted
		reason redoxauth.Reason
	}{
		{"all members", good, nil, ""},
		{"white space and unknown members", " \n" + strings.Replace(good, "{", `{"ext":{"a":[1,null]},"username":"x" , `, 1) + "\n", nil, ""},
		{"no exp", with("", ""), nil, ""},
		{"scope an array, as older servers of Spring answer", with("scope", `["read","write"]`), nil, ""},
		{"scope with several spaces", with("scope", `" read  write "`), nil, ""},
		{"aud an array", with("aud", `["x","`+destination+`"]`), nil, ""},
		{"null is absent", with("exp", `null,"nbf":null,"cnf":null,"token_type":null,"token_use":null`), nil, ""},
		{"expired within the leeway", with("exp", fmt.Sprint(time.Now().Add(-30*time.Second).Unix())), nil, ""},
		{"exp with a fraction", with("exp", future+".5"), nil, ""},
		{"exp never: the end of 9999", with("exp", `253402300799`), nil, ""},
		{"token_type bearer", with("token_type", `"bearer"`), nil, ""},
		{"token_type access_token, the word of token_type_hint", with("token_type", `"access_token"`), nil, ""},
		{"token_use of Ory Hydra", with("token_use", `"access_token"`), nil, ""},
		{"an error beside it, which is for a 400", with("error", `"invalid_token"`), nil, ""},

		{"16 KiB", fmt.Sprintf("%-*s", 16<<10, good), nil, ""},
		{"more than 16 KiB", fmt.Sprintf("%-*s", 16<<10+1, good), unavailable, "unavailable"},

		{"not active", `{"active":false}`, rejected, "inactive"},
		{"not active, as zitadel answers", `{"active":false,"exp":4102444800}`, rejected, "inactive"},
		{"active a string", with("active", `"true"`), rejected, "inactive"},
		{"active a number", with("active", `1`), rejected, "inactive"},
		{"active null", with("active", `null`), rejected, "inactive"},
		{"active a list", with("active", `[true]`), rejected, "inactive"},
		{"active missing", with("active", ``), rejected, "inactive"},
		{"active in other case", with("active", `false,"Active":true,"ACTIVE":true`), rejected, "inactive"},
		{"an error with status 200", `{"error":"invalid_request"}`, rejected, "inactive"},

		{"exp in the year 10000", with("exp", `253402300800`), rejected, "lifetime"},
		{"exp in milliseconds", with("exp", fmt.Sprint(time.Now().UnixMilli())), rejected, "lifetime"},
		{"exp 2^53", with("exp", `9007199254740992`), rejected, "lifetime"},
		{"expired", with("exp", past), rejected, "expired"},
		{"exp long ago", with("exp", `0`), rejected, "expired"},
		{"exp in the year 1, Go's zero time", with("exp", `-62135596800`), rejected, "expired"},
		{"not yet valid", with("nbf", future), rejected, "not_yet_valid"},
		{"aud missing", with("aud", ``), rejected, "audience"},
		{"aud another", with("aud", `"https://elsewhere.example"`), rejected, "audience"},
		{"aud an empty list", with("aud", `[]`), rejected, "audience"},
		{"client_id missing", with("client_id", ``), rejected, "client"},
		{"client_id another", with("client_id", `"another","sub":"`+clientID+`"`), rejected, "client"},
		{"a refresh token of Ory Hydra", with("token_use", `"refresh_token"`), rejected, "type"},
		{"token_type refresh_token", with("token_type", `"refresh_token"`), rejected, "type"},
		{"token_type DPoP", with("token_type", `"DPoP"`), rejected, "type"},
		{"bound to a certificate: RFC 8705, Section 3.2", with("cnf", `{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`), rejected, "binding"},
		{"bound, whatever that means", with("cnf", `false`), rejected, "binding"},
		{"scope too small", with("scope", `"read"`), redoxauth.ErrForbidden, "scope"},
		{"scope missing", with("scope", ``), redoxauth.ErrForbidden, "scope"},

		{"HTML", "<!DOCTYPE html><title>Sign in</title>", unavailable, "unavailable"},
		{"nothing", "", unavailable, "unavailable"},
		{"a list", "[" + good + "]", unavailable, "unavailable"},
		{"true", "true", unavailable, "unavailable"},
		{"a JWT: RFC 9701", "eyJ0eXAiOiJ0b2tlbi1pbnRyb3NwZWN0aW9uK2p3dCIsImFsZyI6IlJTMjU2In0.e30.c2ln", unavailable, "unavailable"},
		{"cut off", good[:len(good)-1], unavailable, "unavailable"},
		{"two objects", good + good, unavailable, "unavailable"},
		{"active twice", with("active", `false,"active":true`), unavailable, "unavailable"},
		{"client_id twice", with("client_id", `"another","client_id":"`+clientID+`"`), unavailable, "unavailable"},
		{"not UTF-8", with("sub", "\"\xff\""), unavailable, "unavailable"},
		{"exp a string", with("exp", `"4102444800"`), unavailable, "unavailable"},
		{"exp beyond time", with("exp", `1e300`), unavailable, "unavailable"},
		{"exp no number", with("exp", `1e400`), unavailable, "unavailable"},
		{"client_id a list", with("client_id", `["`+clientID+`"]`), unavailable, "unavailable"},
		{"aud of other things", with("aud", `["`+destination+`",1]`), unavailable, "unavailable"},
		{"scope a number", with("scope", `1`), unavailable, "unavailable"},
		{"huge", with("x", `"`+strings.Repeat("x", 16<<10)+`"`), unavailable, "unavailable"},
		{"deep", with("x", strings.Repeat("[", 8000)+strings.Repeat("]", 8000)), unavailable, "unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, test.answer)
			v := newIntrospection(t, introspectionConfig(w))
			id, err := v.Verify(message(opaque))
			if test.kind == nil {
				if err != nil {
					t.Fatal(err)
				}
				if id.Strategy != "clientcredentials" || id.Subject != clientID || id.Claims(new(map[string]any)) != nil {
					t.Errorf("identity %+v", id)
				}
				if diff := cmp.Diff([]string{"read", "write"}, id.Scopes); diff != "" {
					t.Errorf("scopes (-want +got):\n%s", diff)
				}
				wantJSON(t, id)
				return
			}
			if id != nil || !strings.HasPrefix(fmt.Sprint(err), "clientcredentials: ") {
				t.Errorf("identity %+v, error %v, want an error of clientcredentials", id, err)
			}
			verifiertest.CheckError(t, err, test.kind, test.reason)
		})
	}
}

// An audience may contain spaces. It is one name, even if it contains two accepted ones.
func TestRefusalQuotesEveryAudience(t *testing.T) {
	for answer, want := range map[string]string{
		with("aud", `["urn:me","urn:you"]`):                     `aud is ["urn:me" "urn:you"]`,
		with("aud", `"urn:me urn:you"`):                         `aud is "urn:me urn:you"`,
		with("aud", `"`+strings.Repeat("é", 1000)+`"`):          `aud is "` + strings.Repeat(`\u00e9`, 64) + `..."`,
		with("aud", `[`+strings.Repeat(`"x",`, 1000)+`"urn:"]`): `aud is [` + strings.Repeat(`"x" `, 7) + `"x"] and 993 more`,
	} {
		_, err := newIntrospection(t, introspectionConfig(answering(http.StatusOK, answer))).Verify(message(opaque))
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "audience")
		if err == nil || !strings.Contains(err.Error(), want+", want ") {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestAnswersAreDecidedByConfig(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*clientcredentials.IntrospectionConfig)
		answer  string
		subject string
		kind    error
		reason  redoxauth.Reason
	}{
		{"issuer", func(c *clientcredentials.IntrospectionConfig) { c.Issuer = "https://as.example" }, good, clientID, nil, ""},
		{"another issuer", func(c *clientcredentials.IntrospectionConfig) { c.Issuer = "https://as.example/" }, good, "", redoxauth.ErrRejected, "issuer"},
		{"issuer missing", func(c *clientcredentials.IntrospectionConfig) { c.Issuer = "https://as.example" }, with("", ""), "", redoxauth.ErrRejected, "issuer"},
		{"no audience wanted, none there", func(c *clientcredentials.IntrospectionConfig) { c.Audience = nil }, with("aud", ""), clientID, nil, ""},
		{"no audience wanted, an empty list", func(c *clientcredentials.IntrospectionConfig) { c.Audience = nil }, with("aud", "[]"), clientID, nil, ""},
		{"no audience wanted, one there", func(c *clientcredentials.IntrospectionConfig) { c.Audience = nil }, good, "", redoxauth.ErrRejected, "audience"},
		{"any client", func(c *clientcredentials.IntrospectionConfig) { c.ClientIDs, c.InsecureAnyClient = nil, true }, with("client_id", `"another"`), "another", nil, ""},
		{"any client, none named", func(c *clientcredentials.IntrospectionConfig) { c.ClientIDs, c.InsecureAnyClient = nil, true }, with("client_id", `null,"sub":"x"`), "x", nil, ""},
		{"no scope wanted", func(c *clientcredentials.IntrospectionConfig) { c.Scopes = nil }, with("scope", ""), clientID, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := introspectionConfig(answering(http.StatusOK, test.answer))
			test.change(&cfg)
			id, err := newIntrospection(t, cfg).Verify(message(opaque))
			if test.kind != nil {
				verifiertest.CheckError(t, err, test.kind, test.reason)
			} else if err != nil || id.Subject != test.subject {
				t.Errorf("identity %+v, error %v", id, err)
			}
		})
	}
}

func TestIntrospectionKeepsThePromises(t *testing.T) {
	s, _ := newServer(t)
	s.Opaque = true
	s.AddClient(ours, ourPass)
	sender := &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: clientID, ClientSecret: clientSecret, Audience: destination}
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New: func() redoxauth.Verifier {
			return newIntrospection(t, clientcredentials.IntrospectionConfig{
				URL: s.IntrospectionURL, InsecureAllowHTTP: true, ClientID: ours, ClientSecret: ourPass,
				ClientIDs: []string{clientID}, Audience: []string{destination}, Scopes: []string{"write"}, Issuer: s.Issuer,
			})
		},
		Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
		Forged:  redoxtest.ForgedRequests(s.Forgeries(clientID, destination, "write")),
		Secrets: []string{ourPass, url.QueryEscape(ourPass)},
	})
}

func TestNewIntrospectionNamesAllThatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*clientcredentials.IntrospectionConfig)
		want   []string
	}{
		{"nothing", func(c *clientcredentials.IntrospectionConfig) {}, nil},
		{"Client instead of ClientID", func(c *clientcredentials.IntrospectionConfig) { c.ClientID, c.ClientSecret = "", "" }, nil},
		{"http, and allowed", func(c *clientcredentials.IntrospectionConfig) {
			c.URL, c.InsecureAllowHTTP = "http://as.example/introspect", true
		}, nil},
		{"all that is required", func(c *clientcredentials.IntrospectionConfig) { *c = clientcredentials.IntrospectionConfig{} }, []string{"URL", "ClientID", "ClientIDs"}},
		{"http", func(c *clientcredentials.IntrospectionConfig) { c.URL = "http://as.example/introspect" }, []string{"URL"}},
		{"ID without secret", func(c *clientcredentials.IntrospectionConfig) { c.ClientSecret = "" }, []string{"ClientSecret"}},
		{"secret without ID", func(c *clientcredentials.IntrospectionConfig) { c.ClientID = "" }, []string{"ClientID"}},
		{"white space", func(c *clientcredentials.IntrospectionConfig) {
			c.ClientID, c.ClientSecret, c.Issuer = "a ", " b", "c\n"
		}, []string{"ClientID", "ClientSecret", "Issuer"}},
		{"clients and any", func(c *clientcredentials.IntrospectionConfig) { c.InsecureAnyClient = true }, []string{"ClientIDs"}},
		{"empty names", func(c *clientcredentials.IntrospectionConfig) {
			c.Audience, c.ClientIDs, c.Scopes = []string{""}, []string{""}, []string{""}
		}, []string{"Audience[0]", "ClientIDs[0]", "Scopes[0]"}},
		{"life", func(c *clientcredentials.IntrospectionConfig) { c.CacheTTL = time.Hour + 1 }, []string{"CacheTTL"}},
		{"life without a unit", func(c *clientcredentials.IntrospectionConfig) { c.CacheTTL = 300 }, []string{"CacheTTL"}},
		{"negative life", func(c *clientcredentials.IntrospectionConfig) { c.CacheTTL = -1 }, []string{"CacheTTL"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, good)
			cfg := introspectionConfig(w)
			test.change(&cfg)
			v, err := clientcredentials.NewIntrospection(cfg)
			wantWrong(t, v, err, test.want)
			wantCalls(t, w, 0)
		})
	}
}

// RFC 7662, Section 4: answers may be cached, for a short time and never past exp.
func TestAnswersAreRemembered(t *testing.T) {
	start := time.Unix(2_000_000_000, 0)
	exp := func(d time.Duration) string { return with("exp", fmt.Sprint(start.Add(d).Unix())) }
	type use struct {
		at    time.Duration
		calls int64
		kind  error
	}
	for _, test := range []struct {
		name   string
		ttl    time.Duration
		answer string
		uses   []use
	}{
		{"for a minute", 0, good, []use{{0, 1, nil}, {0, 1, nil}, {time.Minute - 1, 1, nil}, {time.Minute, 2, nil}}},
		{"for CacheTTL", time.Hour, good, []use{{0, 1, nil}, {time.Hour - 1, 1, nil}, {time.Hour, 2, nil}}},
		{"not past exp", time.Hour, exp(10 * time.Second), []use{
			{0, 1, nil}, {10*time.Second - 1, 1, nil}, {10 * time.Second, 2, nil}, {69 * time.Second, 3, nil}, {70 * time.Second, 4, redoxauth.ErrRejected},
		}},
		{"inactive for 5 s", time.Hour, `{"active":false}`, []use{
			{0, 1, redoxauth.ErrRejected}, {5*time.Second - 1, 1, redoxauth.ErrRejected}, {5 * time.Second, 2, redoxauth.ErrRejected},
		}},
		{"inactive for no longer than CacheTTL", time.Second, `{"active":false}`, []use{
			{0, 1, redoxauth.ErrRejected}, {time.Second, 2, redoxauth.ErrRejected},
		}},
		{"the scope is decided anew, not asked again", 0, with("scope", `"read"`), []use{{0, 1, redoxauth.ErrForbidden}, {time.Second, 1, redoxauth.ErrForbidden}}},
		{"nbf is decided anew", 0, with("nbf", fmt.Sprint(start.Add(90*time.Second).Unix())), []use{
			{29 * time.Second, 1, redoxauth.ErrRejected}, {30 * time.Second, 1, nil},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, test.answer)
			cfg := introspectionConfig(w)
			now := start
			cfg.CacheTTL, cfg.Now = test.ttl, func() time.Time { return now }
			v := newIntrospection(t, cfg)
			for _, u := range test.uses {
				now = start.Add(u.at)
				id, err := v.Verify(message(opaque))
				if (err == nil) != (u.kind == nil) || !errors.Is(err, u.kind) {
					t.Errorf("after %v: error %v, want %v", u.at, err, u.kind)
				}
				if id != nil {
					id.Scopes[0] = "changed by the handler"
					id.RawClaims[0] = 'X'
				}
				wantCalls(t, w, u.calls)
			}
		})
	}
}

// CVE-2021-32701: two endpoints shared an authorization server and a cache of decisions, so
// that one did not check its own scopes.
func TestAnotherEndpointDecidesForItself(t *testing.T) {
	w := answering(http.StatusOK, with("scope", `"read"`))
	cfg := introspectionConfig(w)
	cfg.Scopes = []string{"read"}
	reads := newIntrospection(t, cfg)
	cfg.Scopes = []string{"write"}
	writes := newIntrospection(t, cfg)
	if _, err := reads.Verify(message(opaque)); err != nil {
		t.Error(err)
	}
	_, err := writes.Verify(message(opaque))
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
	_, err = redoxauth.AllOf(reads, writes).Verify(message(opaque))
	verifiertest.CheckError(t, err, redoxauth.ErrForbidden, "scope")
}

// Anybody can invent tokens, and every client of the authorization server has active ones.
func TestStrangersKeepNoAcceptedTokenOut(t *testing.T) {
	for reason, answer := range map[redoxauth.Reason]string{"inactive": `{"active":false}`, "client": with("client_id", `"another"`)} {
		t.Run(string(reason), func(t *testing.T) {
			now := time.Unix(2_000_000_000, 0)
			w := answering(http.StatusOK, good)
			cfg := introspectionConfig(w)
			cfg.CacheTTL, cfg.Now = time.Hour, func() time.Time { return now }
			v := newIntrospection(t, cfg)
			accepted := func(calls int64) {
				t.Helper()
				if _, err := v.Verify(message(opaque)); err != nil {
					t.Error(err)
				}
				wantCalls(t, w, calls)
			}
			accepted(1)
			w.serve = answering(http.StatusOK, answer).serve
			for i := range 1100 { // more than are remembered, 600 a minute
				now = now.Add(100 * time.Millisecond)
				_, err := v.Verify(message(fmt.Sprint("stranger", i)))
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, reason)
			}
			accepted(1 + 1100)
			now = now.Add(time.Hour)
			for i := range 600 {
				_, err := v.Verify(message(fmt.Sprint("burst", i)))
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, reason)
			}
			_, err := v.Verify(message("one-more"))
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
			w.serve = answering(http.StatusOK, good).serve
			accepted(1 + 1100 + 600 + 1)
		})
	}
}

func TestInventedTokensDoNotKeepOutThePeerOfAnAcceptedToken(t *testing.T) {
	s, _ := newServer(t)
	s.Opaque = true
	s.AddClient(ours, ourPass)
	calls, now := &wire{serve: http.DefaultTransport.RoundTrip}, time.Now()
	v := newIntrospection(t, clientcredentials.IntrospectionConfig{
		URL: s.IntrospectionURL, InsecureAllowHTTP: true, ClientID: ours, ClientSecret: ourPass, Client: &http.Client{Transport: calls},
		ClientIDs: []string{clientID}, Audience: []string{destination}, Now: func() time.Time { return now },
		Peer: func(r *http.Request) string { return r.Header.Get("X-Real-Ip") },
	})
	verify := func(peer, token string) error {
		r := message(token)
		r.Header.Set("X-Real-Ip", peer)
		_, err := v.Verify(r)
		return err
	}
	if err := verify("192.0.2.1", issue(t, s, clientID, destination)); err != nil {
		t.Fatal(err)
	}
	for second := range 10 {
		now = now.Add(time.Second)
		for i := range 1000 {
			err := verify(fmt.Sprint("198.51.100.", i%100), fmt.Sprint("invented-", second, "-", i))
			if !errors.Is(err, redoxauth.ErrRejected) {
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
			}
		}
		if err := verify("192.0.2.1", issue(t, s, clientID, destination)); err != nil {
			t.Errorf("a new token of a peer that was accepted: %v", err)
		}
	}
	if n := calls.calls.Load() - 11; n > 600 {
		t.Errorf("%d calls about invented tokens", n)
	}
}

// A remembered token works during an outage. A revoked token is refused after CacheTTL.
func TestRevocationAndOutage(t *testing.T) {
	s, _ := newServer(t)
	s.Opaque = true
	s.AddClient(ours, ourPass)
	now := time.Now()
	v := newIntrospection(t, clientcredentials.IntrospectionConfig{
		URL: s.IntrospectionURL, InsecureAllowHTTP: true, ClientID: ours, ClientSecret: ourPass,
		ClientIDs: []string{clientID}, Audience: []string{destination}, Issuer: s.Issuer,
		Now: func() time.Time { return now },
	})
	token, fresh := issue(t, s, clientID, destination), issue(t, s, clientID, destination)
	if _, err := v.Verify(message(token)); err != nil {
		t.Fatal(err)
	}
	s.Fail(redoxtest.Reset())
	if _, err := v.Verify(message(token)); err != nil {
		t.Errorf("a remembered token during an outage: %v", err)
	}
	_, err := v.Verify(message(fresh))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	now = now.Add(time.Minute)
	_, err = v.Verify(message(token))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	s.Fail(nil)
	if _, err := v.Verify(message(token)); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	s.Revoke(token)
	now = now.Add(time.Minute)
	_, err = v.Verify(message(token))
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
}

// RFC 7662, Sections 2.1 and 2.3: if the server cannot be asked, the sender is not at fault,
// and the next request asks again.
func TestEndpointFailuresAreUnavailable(t *testing.T) {
	for name, serve := range map[string]func(r *http.Request) (*http.Response, error){
		"not reachable": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"the body breaks": func(r *http.Request) (*http.Response, error) {
			resp := response(r, http.StatusOK, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(good[:20]), iotest.ErrReader(io.ErrUnexpectedEOF)))
			return resp, nil
		},
		"no content":        status(http.StatusNoContent),
		"created":           status(http.StatusCreated),
		"moved":             status(http.StatusFound),
		"a bad request":     status(http.StatusBadRequest),
		"our secret is old": status(http.StatusUnauthorized),
		"not allowed":       status(http.StatusForbidden),
		"too many":          status(http.StatusTooManyRequests),
		"internal":          status(http.StatusInternalServerError),
		"unavailable":       status(http.StatusServiceUnavailable),
		"a panic":           func(*http.Request) (*http.Response, error) { panic("transport") },
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{serve: serve}
			cfg := introspectionConfig(w)
			cfg.URL += "?key=hunter2"
			v := newIntrospection(t, cfg)
			for range 2 {
				_, err := v.Verify(message(opaque))
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
				if name == "not reachable" {
					lacks(t, fmt.Sprint(err), asURL, "(IntrospectionConfig.URL, IntrospectionConfig.Client)")
				}
				for _, secret := range []string{opaque, ourPass, url.QueryEscape(ourPass), "hunter2"} {
					if s := fmt.Sprint(err); strings.Contains(s, secret) {
						t.Errorf("the error shows a secret: %s", s)
					}
				}
			}
			wantCalls(t, w, 2)
			w.serve = func(r *http.Request) (*http.Response, error) { return response(r, 200, good), nil }
			if _, err := v.Verify(message(opaque)); err != nil {
				t.Errorf("after the failure: %v", err)
			}
		})
	}
}

// What an authorization server says with another status than 200. The older servers of
// Spring answer 400 if they do not know a token (CheckTokenEndpoint). A 401 or 403 is about
// our own credentials (RFC 7662, Section 2.3).
func TestAnswersWithoutStatusOK(t *testing.T) {
	rejected, unavailable := redoxauth.ErrRejected, redoxauth.ErrUnavailable
	const invalid = `{"error":"invalid_token","error_description":"Token was not recognised"}`
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   error
	}{
		{"invalid_token", 400, invalid, rejected},
		{"invalid_token alone", 400, ` { "error" : "invalid\u005ftoken" } `, rejected},
		{"invalid_token, and active", 400, with("error", `"invalid_token"`), rejected},
		{"our request is wrong", 400, `{"error":"invalid_request","error_description":"invalid_token"}`, unavailable},
		{"our client is wrong", 400, `{"error":"invalid_client"}`, unavailable},
		{"in other case", 400, `{"error":"INVALID_TOKEN"}`, unavailable},
		{"in a list", 400, `{"error":["invalid_token"]}`, unavailable},
		{"in an object", 400, `{"error":{"error":"invalid_token"}}`, unavailable},
		{"two errors", 400, `{"error":"invalid_token","error":"invalid_request"}`, unavailable},
		{"cut off", 400, invalid[:len(invalid)-1], unavailable},
		{"huge", 400, `{"error":"invalid_token","x":"` + strings.Repeat("x", 16<<10) + `"}`, unavailable},
		{"a page", 400, `<title>invalid_token</title>`, unavailable},
		{"nothing", 400, ``, unavailable},
		{"an active token", 400, good, unavailable},
		{"401", 401, invalid, unavailable},
		{"403", 403, invalid, unavailable},
		{"404", 404, invalid, unavailable},
		{"500", 500, invalid, unavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			}))
			defer server.Close()
			cfg := introspectionConfig(nil)
			cfg.URL, cfg.InsecureAllowHTTP, cfg.Client = server.URL, true, nil
			v := newIntrospection(t, cfg)
			for range 2 {
				_, err := v.Verify(message(opaque))
				if errors.Is(test.want, rejected) {
					verifiertest.CheckError(t, err, rejected, "inactive")
				} else {
					verifiertest.CheckError(t, err, unavailable, "unavailable")
				}
			}
			if want := map[error]int{rejected: 1, unavailable: 2}[test.want]; calls != want { // an outage is not remembered
				t.Errorf("%d calls, want %d", calls, want)
			}
		})
	}
}

func status(code int) func(r *http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		resp := response(r, code, good)
		resp.Header.Set("Location", "https://elsewhere.example/")
		return resp, nil
	}
}

// RFC 7662, Section 2.1: an authenticated POST with the token in a form. RFC 6749, Section
// 2.3.1: ID and secret are form-encoded before they are put into Basic.
func TestIntrospectionRequest(t *testing.T) {
	w := &wire{serve: func(r *http.Request) (*http.Response, error) {
		id, secret, _ := r.BasicAuth()
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		got := map[string]string{
			"method": r.Method, "url": r.URL.String(), "type": r.Header.Get("Content-Type"), "accept": r.Header.Get("Accept"),
			"id": id, "secret": secret, "form": r.PostForm.Encode(),
		}
		want := map[string]string{
			"method": "POST", "url": asURL, "type": "application/x-www-form-urlencoded", "accept": "application/json",
			"id": "resource+server", "secret": "p%3Ass+w%2Frd%2B%25%C3%A9", "form": "token=a%2Bb%2Fc%3D%3D",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		return response(r, http.StatusOK, good), nil
	}}
	if _, err := newIntrospection(t, introspectionConfig(w)).Verify(message("a+b/c==")); err != nil {
		t.Error(err)
	}
	wantCalls(t, w, 1)
}

// A Client that authenticates this API with a TLS certificate sends no Basic without ID and secret.
func TestIntrospectionRequestWithoutID(t *testing.T) {
	w := &wire{serve: func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Values("Authorization"); got != nil {
			t.Errorf("Authorization %q", got)
		}
		return response(r, http.StatusOK, good), nil
	}}
	cfg := introspectionConfig(w)
	cfg.ClientID, cfg.ClientSecret = "", ""
	if _, err := newIntrospection(t, cfg).Verify(message(opaque)); err != nil {
		t.Error(err)
	}
	wantCalls(t, w, 1)
}

func TestIdentityOfAnAnswer(t *testing.T) {
	id, err := newIntrospection(t, introspectionConfig(answering(http.StatusOK, good))).Verify(message(opaque))
	if err != nil {
		t.Fatal(err)
	}
	want := &redoxauth.Identity{
		Strategy: "clientcredentials", Subject: clientID, Issuer: "https://as.example", Scopes: []string{"read", "write"},
		Expiry: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), RawClaims: []byte(good),
	}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

// A token is a secret, so a token of another issuer must not be sent to the server. This holds
// for JWTs that we would reject, too: the other issuer may accept them.
func TestForeignTokensAreNotSent(t *testing.T) {
	text := base64.RawURLEncoding.EncodeToString
	header, them, us := text([]byte(`{"alg":"RS256"}`)), text([]byte(`{"iss":"https://them.example"}`)), text([]byte(`{"iss":"https://as.example"}`))
	none := redoxauth.ErrNoCredentials
	for _, test := range []struct {
		name, token string
		kind        error // nil: sent
		reason      redoxauth.Reason
	}{
		{"not ASCII", "é", redoxauth.ErrMalformed, "malformed"},
		{"longest", strings.Repeat("a", 4<<10), nil, ""},
		{"too long", strings.Repeat("a", 4<<10+1), none, "malformed"},
		{"a megabyte", strings.Repeat("a", 1<<20), none, "malformed"},
		{"ours", header + "." + us + ".AA", nil, ""},
		{"another issuer", header + "." + them + ".AA", none, "issuer"},
		{"another issuer, no signature", header + "." + them + ".", none, "issuer"},
		{"another issuer, no base64url", header + "." + them + ".+/", none, "issuer"},
		{"another issuer, padded", header + "." + them + ".AA==", none, "issuer"},
		{"another issuer, header in base64", base64.RawStdEncoding.EncodeToString([]byte(`{"alg":"RS256","x":"???"}`)) + "." + them + ".AA", none, "issuer"},
		{"another issuer, header with a name twice", text([]byte(` {"alg":"none","alg":"RS256"}`)) + "." + them + ".AA", none, "issuer"},
		{"another issuer, iss twice", header + "." + text([]byte(`{"iss":"https://them.example","iss":"https://as.example"}`)) + ".AA", none, "issuer"},
		{"iss a list", header + "." + text([]byte(`{"iss":["https://as.example"]}`)) + ".AA", none, "issuer"},
		{"no iss", header + "." + text([]byte(`{}`)) + ".AA", none, "issuer"},
		{"claims that are encrypted", header + ".____.AA", none, "issuer"},
		{"a JWE, whose issuer is encrypted", header + ".a.b.c.d", nil, ""},
		{"opaque with two dots", "ya29.c.abc", nil, ""},
		{"opaque with two dots and a brace", text([]byte("{\x00\x01")) + ".b.c", nil, ""},
		{"opaque with two dots, in base64 null", text([]byte("null")) + ".b.c", nil, ""},
		{"opaque with two dots, an object and more", text([]byte(`{}    `)) + "~.b.c", nil, ""},
		{"opaque", opaque, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, issuer := range []string{"https://as.example", ""} {
				w := answering(http.StatusOK, good)
				cfg := introspectionConfig(w)
				cfg.Issuer = issuer
				_, err := newIntrospection(t, cfg).Verify(message(test.token))
				if test.kind == nil || test.reason == "issuer" && issuer == "" {
					if err != nil {
						t.Errorf("issuer %q: %v", issuer, err)
					}
					wantCalls(t, w, 1)
					continue
				}
				verifiertest.CheckError(t, err, test.kind, test.reason)
				wantCalls(t, w, 0)
			}
		})
	}
}

// RFC 7662, Section 2.1: a bearer token of golang.org/x/oauth2 instead of Basic.
func TestClientOfOAuth2Authenticates(t *testing.T) {
	s, _ := newServer(t)
	s.Opaque = true
	s.AddClient(ours, ourPass)
	source := oauth2cc.Config{ClientID: ours, ClientSecret: ourPass, TokenURL: s.TokenURL}
	token, err := source.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.IntrospectionToken = token.AccessToken
	cfg := clientcredentials.IntrospectionConfig{
		URL: s.IntrospectionURL, InsecureAllowHTTP: true, ClientIDs: []string{clientID}, Audience: []string{destination},
	}
	cfg.Client = oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(token))
	if _, err := newIntrospection(t, cfg).Verify(message(issue(t, s, clientID, destination))); err != nil {
		t.Error(err)
	}

	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "here is a secret: hunter2", http.StatusForbidden)
	}))
	defer refusing.Close()
	source.TokenURL = refusing.URL
	cfg.Client = source.Client(t.Context())
	_, err = newIntrospection(t, cfg).Verify(message(opaque))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	if s := fmt.Sprint(err); strings.Contains(s, "hunter2") || !strings.Contains(s, "status 403") {
		t.Errorf("error %q, want the status and nothing of the answer", s)
	}
}
