package clientcredentials_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// A wire is the authorization server, as the transport of a client.
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

// with replaces the text of one member of good.
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
		{"aud an array", with("aud", `["x","`+destination+`"]`), nil, ""},
		{"null is absent", with("exp", `null,"nbf":null,"cnf":null,"token_type":null,"token_use":null`), nil, ""},
		{"expired within the leeway", with("exp", fmt.Sprint(time.Now().Add(-30*time.Second).Unix())), nil, ""},
		{"exp with a fraction", with("exp", future+".5"), nil, ""},
		{"token_type bearer", with("token_type", `"bearer"`), nil, ""},
		{"token_use of Ory Hydra", with("token_use", `"access_token"`), nil, ""},

		{"not active", `{"active":false}`, rejected, "inactive"},
		{"not active, as zitadel answers", `{"active":false,"exp":4102444800}`, rejected, "inactive"},
		{"active a string", with("active", `"true"`), rejected, "inactive"},
		{"active a number", with("active", `1`), rejected, "inactive"},
		{"active null", with("active", `null`), rejected, "inactive"},
		{"active a list", with("active", `[true]`), rejected, "inactive"},
		{"active missing", with("active", ``), rejected, "inactive"},
		{"active in other case", with("active", `false,"Active":true,"ACTIVE":true`), rejected, "inactive"},
		{"an error with status 200", `{"error":"invalid_request"}`, rejected, "inactive"},

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
				return
			}
			if id != nil || !strings.HasPrefix(fmt.Sprint(err), "clientcredentials: ") {
				t.Errorf("identity %+v, error %v, want an error of clientcredentials", id, err)
			}
			verifiertest.CheckError(t, err, test.kind, test.reason)
		})
	}
}

// A name may hold spaces, and one that holds two of ours is none of ours.
func TestRefusalQuotesEveryAudience(t *testing.T) {
	for answer, want := range map[string]string{
		with("aud", `["urn:me","urn:you"]`):                     `aud is ["urn:me" "urn:you"]`,
		with("aud", `"urn:me urn:you"`):                         `aud is ["urn:me urn:you"]`,
		with("aud", `"`+strings.Repeat("é", 1000)+`"`):          `aud is ["` + strings.Repeat(`\u00e9`, 128) + `"]`,
		with("aud", `[`+strings.Repeat(`"x",`, 1000)+`"urn:"]`): `aud is [` + strings.Repeat(`"x" `, 7) + `"x"]`,
	} {
		_, err := newIntrospection(t, introspectionConfig(answering(http.StatusOK, answer))).Verify(message(opaque))
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "audience")
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want the end %s", err, want)
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
	revoked := issue(t, s, clientID, destination, "write")
	s.Revoke(revoked)
	forged := map[string]func() *http.Request{}
	for name, token := range map[string]string{
		"invented":         opaque,
		"revoked":          revoked,
		"another client":   issue(t, s, "another", destination, "write"),
		"another audience": issue(t, s, clientID, "https://elsewhere.example", "write"),
		"no scope":         issue(t, s, clientID, destination),
	} {
		forged[name] = func() *http.Request { return message(token) }
	}
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New: func() redoxauth.Verifier {
			return newIntrospection(t, clientcredentials.IntrospectionConfig{
				URL: s.IntrospectionURL, InsecureAllowHTTP: true, ClientID: ours, ClientSecret: ourPass,
				ClientIDs: []string{clientID}, Audience: []string{destination}, Scopes: []string{"write"}, Issuer: s.Issuer,
			})
		},
		Genuine: func() *http.Request { return redoxtest.NewRequest(sender) },
		Forged:  forged,
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
		{"another scheme", func(c *clientcredentials.IntrospectionConfig) { c.URL = "file:///introspect" }, []string{"URL"}},
		{"relative", func(c *clientcredentials.IntrospectionConfig) { c.URL = "/introspect" }, []string{"URL"}},
		{"credentials in the URL", func(c *clientcredentials.IntrospectionConfig) { c.URL = "https://a:b@as.example/" }, []string{"URL"}},
		{"ID without secret", func(c *clientcredentials.IntrospectionConfig) { c.ClientSecret = "" }, []string{"ClientSecret"}},
		{"secret without ID", func(c *clientcredentials.IntrospectionConfig) { c.ClientID = "" }, []string{"ClientSecret"}},
		{"clients and any", func(c *clientcredentials.IntrospectionConfig) { c.InsecureAnyClient = true }, []string{"ClientIDs"}},
		{"empty names", func(c *clientcredentials.IntrospectionConfig) {
			c.Audience, c.ClientIDs, c.Scopes = []string{""}, []string{""}, []string{""}
		}, []string{"Audience", "ClientIDs", "Scopes"}},
		{"life", func(c *clientcredentials.IntrospectionConfig) { c.CacheTTL = time.Hour + 1 }, []string{"CacheTTL"}},
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
