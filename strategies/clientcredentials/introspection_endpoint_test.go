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
	"testing"

	"github.com/google/go-cmp/cmp"
	oauth2cc "golang.org/x/oauth2/clientcredentials"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// RFC 7662, Sections 2.1 and 2.3: whatever keeps us from asking is our failure, and the
// next request asks again.
func TestEndpointFailuresAreUnavailable(t *testing.T) {
	for name, serve := range map[string]func(r *http.Request) (*http.Response, error){
		"not reachable":     func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"the body breaks":   func(r *http.Request) (*http.Response, error) { return broken(r), nil },
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

func status(code int) func(r *http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		resp := response(r, code, good)
		resp.Header.Set("Location", "https://elsewhere.example/")
		return resp, nil
	}
}

func broken(r *http.Request) *http.Response {
	resp := response(r, http.StatusOK, "")
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(good[:20]), errorReader{}))
	return resp
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// RFC 7662, Section 2.1: POST with the token in a form, authenticated; RFC 6749,
// Section 2.3.1: ID and secret are form-encoded before they go into Basic.
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

// A token is a secret: what cannot be one of the server's is not sent to it.
func TestForeignTokensAreNotSent(t *testing.T) {
	s, _ := newServer(t)
	none, malformed := redoxauth.ErrNoCredentials, redoxauth.ErrMalformed
	for _, test := range []struct {
		name   string
		header []string
		kind   error
		reason redoxauth.Reason
	}{
		{"absent", nil, none, "missing"},
		{"Basic", []string{"Basic cmVkb3g6czNjcmV0"}, none, "missing"},
		{"two headers", []string{"Bearer " + opaque, "Bearer " + opaque}, malformed, "malformed"},
		{"empty", []string{"Bearer "}, malformed, "malformed"},
		{"CR and LF", []string{"Bearer abc\r\nX: y"}, malformed, "malformed"},
		{"a control character", []string{"Bearer abc\x00"}, malformed, "malformed"},
		{"not ASCII", []string{"Bearer é"}, malformed, "malformed"},
		{"white space inside", []string{"Bearer abc def"}, malformed, "malformed"},
		{"4 KiB and one byte", []string{"Bearer " + strings.Repeat("a", 4<<10+1)}, none, "malformed"},
		{"a megabyte", []string{"Bearer " + strings.Repeat("a", 1<<20)}, none, "malformed"},
		{"a JWT of another issuer", []string{"Bearer " + issue(t, s, clientID, destination, "write")}, none, "issuer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, good)
			cfg := introspectionConfig(w)
			cfg.Issuer = "https://as.example"
			r := message("")
			r.Header["Authorization"] = test.header
			_, err := newIntrospection(t, cfg).Verify(r)
			verifiertest.CheckError(t, err, test.kind, test.reason)
			wantCalls(t, w, 0)
		})
	}
}

// A JWT is for its issuer alone, however odd: other readers are less strict than we are.
func TestIssuerDecidesWhichJWTsAreSent(t *testing.T) {
	text := base64.RawURLEncoding.EncodeToString
	header, them, us := text([]byte(`{"alg":"RS256"}`)), text([]byte(`{"iss":"https://them.example"}`)), text([]byte(`{"iss":"https://as.example"}`))
	for _, test := range []struct {
		name, token string
		sent        bool
	}{
		{"ours", header + "." + us + ".AA", true},
		{"another issuer", header + "." + them + ".AA", false},
		{"another issuer, no signature", header + "." + them + ".", false},
		{"another issuer, no base64url", header + "." + them + ".+/", false},
		{"another issuer, padded", header + "." + them + ".AA==", false},
		{"another issuer, header in base64", base64.RawStdEncoding.EncodeToString([]byte(`{"alg":"RS256","x":"???"}`)) + "." + them + ".AA", false},
		{"another issuer, header with a name twice", text([]byte(` {"alg":"none","alg":"RS256"}`)) + "." + them + ".AA", false},
		{"another issuer, iss twice", header + "." + text([]byte(`{"iss":"https://them.example","iss":"https://as.example"}`)) + ".AA", false},
		{"iss a list", header + "." + text([]byte(`{"iss":["https://as.example"]}`)) + ".AA", false},
		{"no iss", header + "." + text([]byte(`{}`)) + ".AA", false},
		{"claims that are encrypted", header + ".____.AA", false},
		{"a JWE: nobody but its reader knows the issuer", header + ".a.b.c.d", true},
		{"opaque with two dots", "ya29.c.abc", true},
		{"opaque with two dots and a brace", text([]byte("{\x00\x01")) + ".b.c", true},
		{"opaque with two dots, in base64 null", text([]byte("null")) + ".b.c", true},
		{"opaque", opaque, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, issuer := range []string{"https://as.example", ""} {
				w := answering(http.StatusOK, good)
				cfg := introspectionConfig(w)
				cfg.Issuer = issuer
				_, err := newIntrospection(t, cfg).Verify(message(test.token))
				if test.sent || issuer == "" {
					if err != nil {
						t.Errorf("issuer %q: %v", issuer, err)
					}
					wantCalls(t, w, 1)
					continue
				}
				verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "issuer")
				wantCalls(t, w, 0)
			}
		})
	}
}

func TestLongestTokenIsSent(t *testing.T) {
	w := answering(http.StatusOK, good)
	if _, err := newIntrospection(t, introspectionConfig(w)).Verify(message(strings.Repeat("a", 4<<10))); err != nil {
		t.Error(err)
	}
	wantCalls(t, w, 1)
}

// A bearer token instead of Basic (RFC 7662, Section 2.1), from x/oauth2.
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
	cfg.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		token.SetAuthHeader(r)
		return http.DefaultTransport.RoundTrip(r)
	})}
	if _, err := newIntrospection(t, cfg).Verify(message(issue(t, s, clientID, destination))); err != nil {
		t.Error(err)
	}

	const answer = "here is a secret: hunter2"
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Error(w, answer, http.StatusForbidden) }))
	defer refusing.Close()
	source.TokenURL = refusing.URL
	cfg.Client = source.Client(t.Context())
	_, err = newIntrospection(t, cfg).Verify(message(opaque))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	if s := fmt.Sprint(err); strings.Contains(s, "hunter2") || !strings.Contains(s, "status 403") {
		t.Errorf("error %q, want the status and nothing of the answer", s)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClientIsNotChanged(t *testing.T) {
	client := &http.Client{Transport: answering(http.StatusOK, good)}
	cfg := introspectionConfig(nil)
	cfg.Client = client
	newIntrospection(t, cfg)
	if client.CheckRedirect != nil {
		t.Error("CheckRedirect of the Client was set")
	}
}
