package clientcredentials_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// newServer returns an authorization server with Redox as client, and a Config that accepts
// its JWTs.
func newServer(t testing.TB) (*redoxtest.AuthorizationServer, clientcredentials.Config) {
	t.Helper()
	s := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "RS256"))
	t.Cleanup(s.Close)
	s.AddClient(clientID, clientSecret, "read", "write")
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: s.JWKSURL, Cooldown: time.Millisecond, InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	return s, clientcredentials.Config{
		Keys: keys, Issuer: s.Issuer, Audience: []string{destination}, ClientIDs: []string{clientID}, Scopes: []string{"write"},
	}
}

func newVerifier(t testing.TB, cfg clientcredentials.Config) *clientcredentials.Verifier {
	t.Helper()
	v, err := clientcredentials.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func issue(t testing.TB, s *redoxtest.AuthorizationServer, client, audience string, scopes ...string) string {
	t.Helper()
	token, err := s.Token(client, audience, scopes...)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

type (
	claims  = map[string]any
	header  = map[string]any
	adapted = func(*clientcredentials.Config)
)

// The tokens of well-known authorization servers.
func TestAccessTokensAreAccepted(t *testing.T) {
	for _, test := range []struct {
		name    string
		header  header
		claims  claims
		config  adapted
		subject string
		scopes  []string
	}{
		{name: "RFC 9068, Section 2.2"},
		{name: "RFC 9068, Section 2.1: with application/", header: header{"typ": "application/at+jwt"}},
		{name: "RFC 9068, figure 1: at+JWT", header: header{"typ": "at+JWT"}},
		{name: "aud an array", claims: claims{"aud": []string{"https://elsewhere.example", destination}}},
		{name: "exp never: the end of 9999", claims: claims{"exp": 253402300799}},
		{
			name:   "sub of a user",
			claims: claims{"sub": "user-1"},
		},
		{ // https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
			name:   "Auth0's own profile",
			header: header{"typ": "JWT"},
			claims: claims{"client_id": nil, "azp": clientID, "sub": clientID + "@clients", "gty": "client-credentials", "jti": nil},
			config: func(c *clientcredentials.Config) { c.Types, c.ClientIDClaim = []string{"JWT"}, "azp" },
		},
		{ // https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/
			name:   "Okta",
			header: header{"typ": nil},
			claims: claims{"client_id": nil, "cid": clientID, "scope": nil, "scp": []string{"read", "write"}, "ver": 1},
			config: func(c *clientcredentials.Config) {
				c.Types, c.ClientIDClaim, c.ScopeClaim = []string{""}, "cid", "scp"
			},
		},
		{ // https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
			name:   "Entra ID v2.0",
			header: header{"typ": "JWT"},
			claims: claims{"client_id": nil, "azp": clientID, "azpacr": "1", "scope": nil, "roles": []string{"read", "write"}, "ver": "2.0", "jti": nil},
			config: func(c *clientcredentials.Config) {
				c.Types, c.ClientIDClaim, c.ScopeClaim = []string{"JWT"}, "azp", "roles"
			},
		},
		{ // https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
			name:   "Cognito",
			header: header{"typ": nil},
			claims: claims{"aud": nil, "token_use": "access", "version": 2, "scope": "read write"},
			config: func(c *clientcredentials.Config) {
				c.Types, c.Audience, c.InsecureNoAudience = []string{""}, nil, true
			},
		},
		{
			name:   "Keycloak",
			header: header{"typ": "JWT"},
			claims: claims{"client_id": nil, "azp": clientID, "typ": "Bearer", "aud": []string{"account", destination}},
			config: func(c *clientcredentials.Config) { c.Types, c.ClientIDClaim = []string{"JWT"}, "azp" },
		},
		{
			name:   "Keycloak, with at+jwt",
			claims: claims{"client_id": nil, "azp": clientID},
			config: func(c *clientcredentials.Config) { c.ClientIDClaim = "azp" },
		},
		{
			name:   "Ory Hydra",
			header: header{"typ": "JWT"},
			claims: claims{"scope": nil, "scp": []string{"read", "write"}, "ext": claims{}},
			config: func(c *clientcredentials.Config) { c.Types, c.ScopeClaim = []string{"JWT"}, "scp" },
		},
		{
			name:   "glewlwyd: aud is the name of the scope",
			claims: claims{"aud": "write"},
			config: func(c *clientcredentials.Config) { c.Audience = []string{"write"} },
		},
		{
			name:    "any client",
			claims:  claims{"client_id": "another"},
			config:  func(c *clientcredentials.Config) { c.ClientIDs, c.InsecureAnyClient = nil, true },
			subject: "another",
		},
		{
			name:   "any client, and no client ID",
			header: header{"typ": "JWT"},
			claims: claims{"client_id": nil, "sub": "somebody"},
			config: func(c *clientcredentials.Config) {
				c.Types, c.ClientIDs, c.InsecureAnyClient = []string{"JWT"}, nil, true
			},
			subject: "somebody",
		},
		{
			name:   "no scope, and none required",
			claims: claims{"scope": nil},
			config: func(c *clientcredentials.Config) { c.Scopes = nil },
			scopes: []string{},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, cfg := newServer(t)
			s.Header, s.Claims = test.header, test.claims
			if test.config != nil {
				test.config(&cfg)
			}
			if test.subject == "" {
				test.subject = clientID
			}
			if test.scopes == nil {
				test.scopes = []string{"read", "write"}
			}
			v := newVerifier(t, cfg)
			token := issue(t, s, clientID, destination, "read", "write")
			for use := range 2 { // the second is remembered
				id, err := v.Verify(message(token))
				if err != nil {
					t.Fatalf("use %d: %v", use, err)
				}
				if id.Strategy != "clientcredentials" || id.Subject != test.subject || id.Issuer != s.Issuer || id.KeyID != "k1" || id.Expiry.IsZero() {
					t.Errorf("use %d: identity %+v", use, id)
				}
				if diff := cmp.Diff(test.scopes, append([]string{}, id.Scopes...)); diff != "" {
					t.Errorf("use %d: scopes (-want +got):\n%s", use, diff)
				}
				wantJSON(t, id)
				var all map[string]any
				if err := id.Claims(&all); err != nil || all["iss"] != s.Issuer {
					t.Errorf("use %d: claims %s, error %v", use, id.RawClaims, err)
				}
				id.Scopes = append(id.Scopes[:0], "changed by the handler")
				id.RawClaims = append(id.RawClaims[:0], "null"...)
			}
		})
	}
}

// wantJSON wants an Identity that a log or a queue can take, in any time zone.
func wantJSON(t testing.TB, id *redoxauth.Identity) {
	t.Helper()
	if _, err := json.Marshal(id); err != nil {
		t.Error(err)
	}
	if !id.Expiry.IsZero() && id.Expiry.Location() != time.UTC {
		t.Errorf("the Expiry is in the zone %v, where the year 10000 may have begun", id.Expiry.Location())
	}
}

func TestAccessTokensAreRefused(t *testing.T) {
	jwt := func(c *clientcredentials.Config) { c.Types = []string{"JWT"} }
	for _, test := range []struct {
		name   string
		header header
		claims claims
		config adapted
		kind   error
		reason redoxauth.Reason
	}{
		// RFC 8725, Section 3.11; RFC 9068, Section 4: other tokens that the server signs.
		{name: "an ID token: typ JWT", header: header{"typ": "JWT"}, kind: redoxauth.ErrRejected, reason: "type"},
		{name: "no typ", header: header{"typ": nil}, kind: redoxauth.ErrRejected, reason: "type"},
		{name: "a logout token", header: header{"typ": "logout+jwt"}, kind: redoxauth.ErrRejected, reason: "type"},
		{name: "at+jwt where JWT is configured", config: jwt, kind: redoxauth.ErrRejected, reason: "type"},
		{name: "an ID token by its audience", header: header{"typ": "JWT"}, claims: claims{"aud": clientID}, config: jwt, kind: redoxauth.ErrRejected, reason: "audience"},
		// RFC 9068, Section 2.2.
		{name: "without sub", claims: claims{"sub": nil}, kind: redoxauth.ErrRejected, reason: "malformed"},
		{name: "without client_id", claims: claims{"client_id": nil}, kind: redoxauth.ErrRejected, reason: "malformed"},
		{
			name: "without the ClientIDClaim", kind: redoxauth.ErrRejected, reason: "malformed",
			config: func(c *clientcredentials.Config) {
				c.ClientIDClaim, c.ClientIDs, c.InsecureAnyClient = "azp", nil, true
			},
		},
		{name: "without iat", claims: claims{"iat": nil}, kind: redoxauth.ErrRejected, reason: "malformed"},
		{name: "without jti", claims: claims{"jti": nil}, kind: redoxauth.ErrRejected, reason: "malformed"},
		{name: "without exp", claims: claims{"exp": nil}, kind: redoxauth.ErrRejected, reason: "lifetime"},
		{name: "without aud", claims: claims{"aud": nil}, kind: redoxauth.ErrRejected, reason: "audience"},
		{name: "without iss", claims: claims{"iss": nil}, kind: redoxauth.ErrNoCredentials, reason: "issuer"},
		// RFC 9068, Section 4.
		{name: "iss with a slash more", claims: claims{"iss": "{iss}/"}, kind: redoxauth.ErrNoCredentials, reason: "issuer"},
		{name: "another audience", claims: claims{"aud": "https://elsewhere.example"}, kind: redoxauth.ErrRejected, reason: "audience"},
		{name: "aud begins with ours", claims: claims{"aud": destination + "/more"}, kind: redoxauth.ErrRejected, reason: "audience"},
		{name: "expired", claims: claims{"exp": time.Now().Add(-2 * time.Minute).Unix()}, kind: redoxauth.ErrRejected, reason: "expired"},
		{name: "exp in the year 10000", claims: claims{"exp": 253402300800}, kind: redoxauth.ErrRejected, reason: "lifetime"},
		{name: "exp in milliseconds", claims: claims{"exp": time.Now().UnixMilli()}, kind: redoxauth.ErrRejected, reason: "lifetime"},
		{name: "exp 2^53", claims: claims{"exp": 1 << 53}, kind: redoxauth.ErrRejected, reason: "lifetime"},
		{name: "not yet valid", claims: claims{"nbf": time.Now().Add(2 * time.Minute).Unix()}, kind: redoxauth.ErrRejected, reason: "not_yet_valid"},
		{
			name: "with aud where none is configured", kind: redoxauth.ErrRejected, reason: "audience",
			config: func(c *clientcredentials.Config) { c.Audience, c.InsecureNoAudience = nil, true },
		},
		// RFC 9700, Section 2.3: the audience alone accepts every client of the server.
		{name: "another client", claims: claims{"client_id": "another"}, kind: redoxauth.ErrRejected, reason: "client"},
		{name: "another client with our client's sub", claims: claims{"client_id": "another", "sub": clientID}, kind: redoxauth.ErrRejected, reason: "client"},
		{name: "client_id is a list", claims: claims{"client_id": []string{clientID}}, kind: redoxauth.ErrRejected, reason: "client"},
		{name: "client_id is null", header: header{"typ": "JWT"}, claims: claims{"client_id": nil}, config: jwt, kind: redoxauth.ErrRejected, reason: "client"},
		// RFC 6750, Section 3.1.
		{name: "a scope too few", claims: claims{"scope": "read"}, kind: redoxauth.ErrForbidden, reason: "scope"},
		{name: "no scope", claims: claims{"scope": nil}, kind: redoxauth.ErrForbidden, reason: "scope"},
		{name: "scope in capitals", claims: claims{"scope": "WRITE"}, kind: redoxauth.ErrForbidden, reason: "scope"},
		{name: "scope inside another", claims: claims{"scope": "rewrite write-all"}, kind: redoxauth.ErrForbidden, reason: "scope"},
		{name: "scope is a number", claims: claims{"scope": 1}, kind: redoxauth.ErrForbidden, reason: "scope"},
		{name: "scope is a list of other things", claims: claims{"scope": []any{"write", 1}}, kind: redoxauth.ErrForbidden, reason: "scope"},
		{name: "another client's scope", claims: claims{"client_id": "another", "scope": "read"}, kind: redoxauth.ErrRejected, reason: "client"},
		// RFC 8705, Section 3; RFC 9449, Section 7: never accepted as a bearer token.
		{name: "bound to a certificate", claims: claims{"cnf": claims{"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}}, kind: redoxauth.ErrRejected, reason: "binding"},
		{name: "bound by DPoP", claims: claims{"cnf": claims{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, kind: redoxauth.ErrRejected, reason: "binding"},
		{name: "bound in an unknown way", claims: claims{"cnf": claims{"xyz": 1}}, kind: redoxauth.ErrRejected, reason: "binding"},
		{name: "algorithm not configured", config: func(c *clientcredentials.Config) { c.Algorithms = []string{"ES256"} }, kind: redoxauth.ErrRejected, reason: "algorithm"},
		{name: "unknown key", header: header{"kid": "k9"}, kind: redoxauth.ErrRejected, reason: "unknown_key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, cfg := newServer(t)
			if iss, ok := test.claims["iss"].(string); ok {
				test.claims["iss"] = strings.ReplaceAll(iss, "{iss}", s.Issuer)
			}
			s.Header, s.Claims = test.header, test.claims
			if test.config != nil {
				test.config(&cfg)
			}
			v := newVerifier(t, cfg)
			token := issue(t, s, clientID, destination, "read", "write")
			for range 2 {
				id, err := v.Verify(message(token))
				if id != nil || !strings.HasPrefix(fmt.Sprint(err), "clientcredentials: ") {
					t.Errorf("identity %+v, error %v, want an error of clientcredentials", id, err)
				}
				verifiertest.CheckError(t, err, test.kind, test.reason)
			}
		})
	}
}

// Redox sends one token with many messages. Only its first use checks the signature.
func TestRepeatedUseIsCheap(t *testing.T) {
	s, cfg := newServer(t)
	v, r := newVerifier(t, cfg), message(issue(t, s, clientID, destination, "write"))
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(r); err != nil {
			t.Fatal(err)
		}
	}); n > 12 {
		t.Errorf("%v allocations", n)
	}
}

func TestLeewayAndNowAreThoseOfConfig(t *testing.T) {
	s, cfg := newServer(t)
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	s.Claims = claims{"exp": exp.Unix()}
	token, now := issue(t, s, clientID, destination, "write"), exp
	cfg.Now = func() time.Time { return now }
	for leeway, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second, 5 * time.Minute: 5 * time.Minute} {
		cfg.Leeway = leeway
		v := newVerifier(t, cfg)
		now = exp.Add(want - 1)
		if _, err := v.Verify(message(token)); err != nil {
			t.Errorf("leeway %v, %v before its end: %v", leeway, time.Nanosecond, err)
		}
		now = exp.Add(want)
		_, err := v.Verify(message(token))
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "expired")
	}
}

func TestKeyServerOutageIsUnavailable(t *testing.T) {
	s, cfg := newServer(t)
	s.Fail(redoxtest.Status(http.StatusInternalServerError))
	_, err := newVerifier(t, cfg).Verify(message(issue(t, s, clientID, destination, "write")))
	if !errors.Is(err, redoxauth.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}

// The server's tokens are refused at our own endpoint, and the endpoint's tokens where the
// server's are expected (RFC 8725, Section 3.9; RFC 9700, Section 2.3).
func TestTokensOfOtherEndpoints(t *testing.T) {
	s, cfg := newServer(t)
	e := newEndpoint(t)
	ours := e.ask(t, tokenRequest(genuine), "200").Token
	_, err := newVerifier(t, cfg).Verify(message(ours))
	verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "issuer")

	theirs := issue(t, s, clientID, destination, "write")
	if _, err := e.verifier(t).Verify(message(theirs)); !errors.Is(err, redoxauth.ErrNoCredentials) {
		t.Errorf("the server's token at our endpoint: %v, want ErrNoCredentials", err)
	}
	any := redoxauth.AnyOf(e.verifier(t), newVerifier(t, cfg))
	for _, token := range []string{ours, theirs} {
		if _, err := any.Verify(message(token)); err != nil {
			t.Errorf("AnyOf: %v", err)
		}
	}
}

func TestMissingScopeIsNamedInTheChallenge(t *testing.T) {
	s, cfg := newServer(t)
	cfg.Scopes = []string{"write", "delete"}
	_, err := newVerifier(t, cfg).Verify(message(issue(t, s, clientID, destination, "write")))
	var e *redoxauth.Error
	const want = `Bearer realm="redox", error="insufficient_scope", scope="write delete"` // RFC 6750, Section 3.1
	if !errors.As(err, &e) || e.Challenge != want {
		t.Errorf("error %v, challenge %q, want %q", err, e.Challenge, want)
	}
}

func TestAccessTokensKeepThePromises(t *testing.T) {
	s, cfg := newServer(t)
	sender := &redoxtest.ClientCredentials{URL: s.TokenURL, ClientID: clientID, ClientSecret: clientSecret, Audience: destination}
	forged := redoxtest.ForgedRequests(s.Forgeries(clientID, destination, "write"))
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:        func() redoxauth.Verifier { return newVerifier(t, cfg) },
		Genuine:    func() *http.Request { return redoxtest.NewRequest(sender) },
		Forged:     forged,
		UnknownKey: forged["unknown key"],
	})
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	s, good := newServer(t)
	for _, test := range []struct {
		name   string
		change adapted
		want   []string
	}{
		{"nothing", func(c *clientcredentials.Config) {}, nil},
		{"all that is required", func(c *clientcredentials.Config) { *c = clientcredentials.Config{} }, []string{"Keys", "Issuer", "Audience", "ClientIDs"}},
		{"audience and none", func(c *clientcredentials.Config) { c.InsecureNoAudience = true }, []string{"Audience"}},
		{"clients and any", func(c *clientcredentials.Config) { c.InsecureAnyClient = true }, []string{"ClientIDs"}},
		{"empty names", func(c *clientcredentials.Config) {
			c.Audience, c.ClientIDs, c.Scopes = []string{""}, []string{""}, []string{""}
		}, []string{"Audience[0]", "ClientIDs[0]", "Scopes[0]"}},
		{"scopes in one string", func(c *clientcredentials.Config) { c.Scopes = []string{"read write"} }, []string{"Scopes[0]"}},
		{"no type", func(c *clientcredentials.Config) { c.Types = []string{} }, []string{"Types"}},
		{"algorithm none", func(c *clientcredentials.Config) { c.Algorithms = []string{"none"} }, []string{"Algorithms"}},
		{"symmetric algorithm alone", func(c *clientcredentials.Config) { c.Algorithms = []string{"HS256"} }, []string{"Algorithms"}},
		{"symmetric algorithm", func(c *clientcredentials.Config) { c.Algorithms = []string{"RS256", "HS256"} }, []string{"Algorithms"}},
		{"white space", func(c *clientcredentials.Config) {
			c.Types, c.ClientIDClaim, c.ScopeClaim = []string{"", "JWT "}, " azp", "scp\n"
		}, []string{"Types[1]", "ClientIDClaim", "ScopeClaim"}},
		{"leeway", func(c *clientcredentials.Config) { c.Leeway = 6 * time.Minute }, []string{"Leeway"}},
		{"negative leeway", func(c *clientcredentials.Config) { c.Leeway = -1 }, []string{"Leeway"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := good
			test.change(&cfg)
			v, err := clientcredentials.New(cfg)
			wantWrong(t, v, err, test.want)
		})
	}
	if n := s.Calls(s.JWKSURL); n != 0 {
		t.Errorf("New made %d requests", n)
	}
}

func wantWrong(t *testing.T, v *clientcredentials.Verifier, err error, fields []string) {
	t.Helper()
	if (v == nil) != (err != nil) || (err != nil) != (len(fields) > 0) {
		t.Fatalf("Verifier %v, error %v, want %q", v, err, fields)
	}
	if err == nil {
		return
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(fields) {
		t.Errorf("error %q, want %q", lines, fields)
	}
	for _, f := range fields {
		if !strings.Contains(err.Error(), fmt.Sprintf("clientcredentials: %s: ", f)) {
			t.Errorf("error %q does not name %s", err, f)
		}
	}
}

func TestZeroVerifierRefusesEverything(t *testing.T) {
	_, err := new(clientcredentials.Verifier).Verify(message(opaque))
	verifiertest.CheckError(t, err, nil, "internal")
}

func TestConfigIsCopied(t *testing.T) {
	s, cfg := newServer(t)
	token := issue(t, s, clientID, destination, "write")
	v := newVerifier(t, cfg)
	cfg.Audience[0], cfg.ClientIDs[0], cfg.Scopes[0] = "changed", "changed", "changed"
	if _, err := v.Verify(message(token)); err != nil {
		t.Error(err)
	}
}
