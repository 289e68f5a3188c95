package refusals_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const (
	api   = "https://api.example.com/redox"
	other = "https://other.example.com"

	secret      = "Zk3vQ9xT2mWc7Rb5Yd8Lf0HsJn4Pg6Ua" // of whatever it is
	otherSecret = "aU6gP4nJsH0fL8dY5bR7cWm2Tx9Qv3kZ"
)

// hour is a clock that is wrong by so many hours.
func hour(n int) func() time.Time {
	return func() time.Time { return time.Now().Add(time.Duration(n) * time.Hour) }
}

func publicKeys(key redoxtest.Key) keyset.Set { return must(keyset.ParseJWKS(redoxtest.JWKS(key))) }

type verificationToken struct {
	cfg    verifytoken.Config
	sender redoxtest.Sender
	verify func(ctx context.Context, url string) error // "Verify & Save", instead of a message
}

func (s *verificationToken) run(w *world) error {
	w.secret(secret, otherSecret)
	var v *verifytoken.Verifier
	s.cfg.Observe = func(r *http.Request, d redoxauth.Decision) { w.observe(v)(r, d) }
	v = must(verifytoken.New(s.cfg))
	w.mux.Handle("/", v.Handshake(redoxauth.Middleware(v, &redoxauth.Options{Observe: w.observe(v)})(http.HandlerFunc(w.accept))))
	if s.verify == nil {
		return w.send(s.sender)
	}
	if s.verify(w.t.Context(), w.url) == nil {
		w.accepted++
	}
	return nil
}

func TestVerificationToken(t *testing.T) {
	fresh := func(w *world) verificationToken {
		return verificationToken{verifytoken.Config{Tokens: []string{secret}}, redoxtest.VerificationToken{Token: secret, Client: w.client}, nil}
	}
	sends := func(values ...string) func(*verificationToken) {
		return func(s *verificationToken) {
			s.sender = senderFunc(func(r *http.Request) { r.Header["Verification-Token"] = values })
		}
	}
	handshake := func(token, method string) func(*verificationToken) {
		return func(s *verificationToken) {
			s.verify = func(ctx context.Context, url string) error { return redoxtest.Handshake(ctx, url, token, method) }
		}
	}
	header := func(token string) func(*verificationToken) {
		return func(s *verificationToken) {
			s.verify = func(ctx context.Context, url string) error {
				return redoxtest.SignedHandshake(ctx, url, redoxtest.VerificationToken{Token: token}, http.MethodGet)
			}
		}
	}
	const field = "(Redox dashboard: verification token)"
	try(t, fresh, []row[verificationToken]{
		{"another token", nil, sends(otherSecret), []string{"the token is another one", "want Config.Tokens[0]", field}},
		{"tokens of a rotation", func(s *verificationToken) { s.cfg.Tokens = []string{secret, "old"} }, sends(otherSecret), []string{"another one", "want one of the 2 in Config.Tokens", field}},
		{"no token", nil, sends(), []string{"the verification-token header is absent", "want it with Config.Tokens[0]", field}},
		{"an empty token", nil, sends(""), []string{"the token is empty", "want Config.Tokens[0]", field}},
		{"twice", nil, sends(secret, secret), []string{"the verification-token header arrived more than once", "want it once", field}},
		{"a file instead", nil, sends(strings.Repeat("x", 5000)), []string{"longer than 4096 bytes", "want Config.Tokens[0]", field}},
		{"another token in the Config", nil, func(s *verificationToken) { s.cfg.Tokens = []string{otherSecret} }, []string{"another one", "want Config.Tokens[0]", field}},
		{"handshake", handshake(secret, http.MethodPost), handshake(otherSecret, http.MethodPost), []string{"handshake (POST, token in the body): the token is another one", "want Config.Tokens[0]", field}},
		{"handshake by GET", handshake(secret, http.MethodGet), handshake(otherSecret, http.MethodGet), []string{"handshake (GET, token in the query): the token is another one", "want Config.Tokens[0]", field}},
		{"handshake, header", header(secret), header(otherSecret), []string{"handshake (GET, token in the header): the token is another one", "want Config.Tokens[0]", field}},
	})
}

type signature struct {
	cfg    sigv4.Config
	sender redoxtest.SigV4
}

func (s *signature) run(w *world) error {
	w.secret(s.sender.SecretKey, secret, otherSecret)
	w.protect(must(sigv4.New(s.cfg)))
	return w.send(s.sender)
}

func TestSigV4(t *testing.T) {
	fresh := func(w *world) signature {
		return signature{
			sigv4.Config{Region: "us-east-1", Service: "redox", Credentials: []sigv4.Credential{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secret}}},
			redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: secret, AWSRegion: "us-east-1", ServiceName: "redox", Client: w.client},
		}
	}
	session := func(s *signature) {
		s.cfg.Credentials[0].SessionToken, s.sender.SessionToken = otherSecret, otherSecret
	}
	try(t, fresh, []row[signature]{
		{"region", nil, func(s *signature) { s.sender.AWSRegion = "eu-west-1" }, []string{`region "eu-west-1"`, `want "us-east-1"`, "(Config.Region; Redox dashboard: awsRegion)"}},
		{"region in the Config", nil, func(s *signature) { s.cfg.Region = "eu-west-1" }, []string{`region "us-east-1"`, `want "eu-west-1"`, "(Config.Region; Redox dashboard: awsRegion)"}},
		{"service", nil, func(s *signature) { s.sender.ServiceName = "execute-api" }, []string{`service "execute-api"`, `want "redox"`, "(Config.Service; Redox dashboard: serviceName)"}},
		{"access key", nil, func(s *signature) { s.sender.AccessKey = "AKIDOTHER" }, []string{`"AKIDOTHER"`, `["AKIDEXAMPLE"]`, "(Config.Credentials[].AccessKeyID; Redox dashboard: accessKey)"}},
		{"access key in another case", nil, func(s *signature) { s.sender.AccessKey = "akidexample" }, []string{`"akidexample"`, `["AKIDEXAMPLE"]`, "Config.Credentials[].AccessKeyID"}},
		{"secret", nil, func(s *signature) { s.sender.SecretKey = otherSecret }, []string{"the signature", `secret of the access key ID "AKIDEXAMPLE"`, "(Config.Credentials[0].SecretAccessKey; Redox dashboard: secretKey)"}},
		{"secret in the Config", nil, func(s *signature) { s.cfg.Credentials[0].SecretAccessKey = otherSecret }, []string{"the signature", `"AKIDEXAMPLE"`, "Config.Credentials[0].SecretAccessKey"}},
		{"session token unexpected", nil, func(s *signature) { s.sender.SessionToken = otherSecret }, []string{"X-Amz-Security-Token arrived", "is empty", "Config.Credentials[0].SessionToken"}},
		{"session token absent", session, func(s *signature) { s.sender.SessionToken = "" }, []string{"X-Amz-Security-Token is absent", "want that of Config.Credentials[0].SessionToken", "Redox dashboard: sessionToken"}},
		{"another session token", session, func(s *signature) { s.sender.SessionToken = "Ee7Yw5Mn3Kp1" }, []string{"X-Amz-Security-Token arrived", "differs from Config.Credentials[0].SessionToken", "Redox dashboard: sessionToken"}},
		{"clock behind", nil, func(s *signature) { s.sender.Now = hour(-1) }, []string{"behind this server's clock", "want at most 5m0s", "(Config.MaxSkew)"}},
		{"clock ahead", nil, func(s *signature) { s.sender.Now = hour(1) }, []string{"ahead of this server's clock", "want at most 5m0s", "(Config.MaxSkew)"}},
		{"MaxSkew", func(s *signature) { s.sender.Now = func() time.Time { return time.Now().Add(-3 * time.Minute) } }, func(s *signature) { s.cfg.MaxSkew = time.Minute }, []string{"behind this server's clock", "want at most 1m0s", "(Config.MaxSkew)"}},
	})
}

type bearer struct {
	cfg    jwtbearer.Config
	sender *redoxtest.JWTBearer
}

func (s *bearer) run(w *world) error {
	w.secret(secret, otherSecret)
	w.protect(must(jwtbearer.New(s.cfg)))
	return w.send(s.sender)
}

func TestJWTBearer(t *testing.T) {
	key := redoxtest.NewKey("k1", "RS256")
	fresh := func(w *world) bearer {
		return bearer{
			jwtbearer.Config{Keys: publicKeys(key), Issuer: "https://redox.example", Audience: []string{api}, Subject: "feed", Scopes: []string{"write"}},
			&redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{api}, Subject: "feed", Scopes: []string{"write"}, Client: w.client},
		}
	}
	claim := func(name string, value any) func(*bearer) {
		return func(s *bearer) { s.sender.Claims = map[string]any{name: value} }
	}
	header := func(name string, value any) func(*bearer) {
		return func(s *bearer) { s.sender.Header = map[string]any{name: value} }
	}
	hmac := func(s *bearer) {
		s.cfg.Keys, s.cfg.Secrets = nil, [][]byte{[]byte(secret)}
		s.sender.Key = redoxtest.Key{ID: "k1", Algorithm: "HS256", Secret: []byte(secret)}
	}
	try(t, fresh, []row[bearer]{
		{"issuer", nil, func(s *bearer) { s.sender.Issuer = other }, []string{`iss is "` + other + `"`, `want "https://redox.example"`, "(Config.Issuer"}},
		{"a slash more in the issuer", nil, func(s *bearer) { s.cfg.Issuer += "/" }, []string{`iss is "https://redox.example"`, `want "https://redox.example/"`, "(Config.Issuer"}},
		{"issuer absent", nil, claim("iss", nil), []string{"iss is absent", `want "https://redox.example"`, "(Config.Issuer"}},
		{"issuer empty", nil, claim("iss", ""), []string{"iss is empty", `want "https://redox.example"`, "(Config.Issuer"}},
		{"audience", nil, func(s *bearer) { s.sender.Audience = []string{other} }, []string{`aud is "` + other + `"`, `want "` + api + `"`, "(Config.Audience"}},
		{"audiences in the Config", nil, func(s *bearer) { s.cfg.Audience = []string{other, "x"} }, []string{`aud is "` + api + `"`, `want one of ["` + other + `" "x"]`, "(Config.Audience"}},
		{"audience absent", nil, claim("aud", nil), []string{"aud is absent", `want "` + api + `"`, "(Config.Audience"}},
		{"audience unexpected", func(s *bearer) { s.cfg.Audience, s.cfg.InsecureNoAudience = nil, true; claim("aud", nil)(s) }, claim("aud", other), []string{`aud is "` + other + `"`, "want", "Config.InsecureNoAudience"}},
		{"subject", nil, func(s *bearer) { s.sender.Subject = "another feed" }, []string{`sub is "another feed"`, `want "feed"`, "(Config.Subject"}},
		{"subject absent", nil, claim("sub", nil), []string{"sub is absent", `want "feed"`, "(Config.Subject"}},
		{"scope", nil, func(s *bearer) { s.sender.Scopes = []string{"read"} }, []string{`"read"`, `want "write"`, "(Config.Scopes"}},
		{"scope absent", nil, claim("scope", nil), []string{"scope is absent", `want "write"`, "(Config.Scopes"}},
		{"type", nil, header("typ", "at+jwt"), []string{`typ is "at+jwt"`, `"JWT"`, "(Config.Types"}},
		{"type in the Config", nil, func(s *bearer) { s.cfg.Types = []string{"at+jwt"} }, []string{`typ is "JWT"`, `want "at+jwt"`, "(Config.Types"}},
		{"algorithm", nil, func(s *bearer) {
			s.cfg.Algorithms = []string{"ES256", "PS256"}
			s.cfg.Keys = publicKeys(redoxtest.NewKey("k1", "ES256"))
		}, []string{`alg is "RS256"`, `want one of ["ES256" "PS256"]`, "(Config.Algorithms"}},
		{"key", nil, func(s *bearer) { s.sender.Key = redoxtest.NewKey("k2", "RS256") }, []string{`kid`, `"k2"`, `"k1"`, "Config.Keys"}},
		{"key of the same ID", nil, func(s *bearer) { s.cfg.Keys = publicKeys(otherKey("k1")) }, []string{"signature", `"k1"`, "Config.Keys"}},
		{"secret", hmac, func(s *bearer) { s.cfg.Secrets[0] = []byte(otherSecret) }, []string{"signature", "Config.Secrets"}},
		{"clock behind", nil, func(s *bearer) { s.sender.Now = hour(-3) }, []string{"expired 2h55m", "by this server's clock", "Config.Leeway"}},
		{"clock ahead", nil, func(s *bearer) { s.sender.Now = hour(3) }, []string{"issued only in", "(iat ", "by this server's clock", "Config.Leeway"}},
		{"lifetime", nil, func(s *bearer) { s.sender.Lifetime = 48 * time.Hour }, []string{"48h0m0s", "24h0m0s", "(Config.MaxLifetime"}},
		{"lifetime in the Config", nil, func(s *bearer) { s.cfg.MaxLifetime = time.Minute }, []string{"5m0s", "1m0s", "(Config.MaxLifetime"}},
		{"milliseconds", nil, claim("exp", time.Now().Add(time.Minute).UnixMilli()), []string{"exp is ", "milliseconds", "want seconds since 1970"}},
		{"expiry absent", nil, claim("exp", nil), []string{"exp is absent", "want", "exp"}},
	})
}

// otherKey has the same ID as another key.
func otherKey(id string) redoxtest.Key {
	key := redoxtest.NewKey(id+" other", "RS256")
	key.ID = id
	return key
}

type exchange struct {
	cfg    jwtbearer.EndpointConfig
	sender *redoxtest.JWTBearer
	scopes []string // that the destination demands
}

func (s *exchange) run(w *world) error {
	w.secret(secret, otherSecret)
	var endpoint *jwtbearer.TokenEndpoint
	s.cfg.Observe = func(r *http.Request, d redoxauth.Decision) { w.observe(endpoint)(r, d) }
	endpoint = must(jwtbearer.NewTokenEndpoint(s.cfg))
	w.mux.Handle("/token", endpoint)
	w.protect(must(endpoint.Verifier(s.scopes...)))
	return w.send(s.sender)
}

func TestJWTBearerTokenEndpoint(t *testing.T) {
	key := redoxtest.NewKey("k1", "RS256")
	fresh := func(w *world) exchange {
		return exchange{
			jwtbearer.EndpointConfig{
				Signers: []jwtbearer.Signer{{Issuer: "redox", Subject: "feed", Keys: publicKeys(key), Scopes: []string{"write"}}}, TokenURL: w.url + "/token",
				Issuer: api + "/token", Audience: api, TokenSecrets: [][]byte{[]byte(secret)}, Replay: replay.NewMemory(100),
			},
			&redoxtest.JWTBearer{Key: key, Issuer: "redox", Subject: "feed", Scopes: []string{"write"}, TokenURL: w.url + "/token", Client: w.client},
			[]string{"write"},
		}
	}
	claim := func(name string, value any) func(*exchange) {
		return func(s *exchange) { s.sender.Claims = map[string]any{name: value} }
	}
	try(t, fresh, []row[exchange]{
		{"issuer", nil, func(s *exchange) { s.sender.Issuer = "rhapsody" }, []string{`iss of the assertion is "rhapsody"`, `want "redox"`, "EndpointConfig.Signers[].Issuer"}},
		{"issuer absent", nil, claim("iss", nil), []string{"iss of the assertion is absent", `want "redox"`, "EndpointConfig.Signers[].Issuer"}},
		{"subject", nil, func(s *exchange) { s.sender.Subject = "another feed" }, []string{`sub is "another feed"`, `want "feed"`, "EndpointConfig.Signers[].Subject"}},
		{"audience", nil, func(s *exchange) { s.sender.Audience = []string{other} }, []string{`aud is "` + other + `"`, `/token"`, "(EndpointConfig.AssertionAudiences, by default TokenURL)"}},
		{"audience in the Config", nil, func(s *exchange) { s.cfg.AssertionAudiences = []string{other, "x"} }, []string{`/token"`, `want one of ["` + other + `" "x"]`, "EndpointConfig.AssertionAudiences"}},
		{"scope", nil, func(s *exchange) { s.sender.Scopes = []string{"read"} }, []string{`"read"`, `"write"`, "EndpointConfig.Signers[].Scopes"}},
		{"scope in the Config", nil, func(s *exchange) { s.cfg.Signers[0].Scopes, s.scopes = []string{"read"}, nil }, []string{`"write"`, `"read"`, "EndpointConfig.Signers[].Scopes"}},
		{"scope of the destination", func(s *exchange) { s.cfg.Signers[0].Scopes = []string{"write", "admin"} }, func(s *exchange) { s.scopes = []string{"admin"} }, []string{`"write"`, `want "admin"`, "scopes of Verifier"}},
		{"key", nil, func(s *exchange) { s.sender.Key = redoxtest.NewKey("k2", "RS256") }, []string{`"k2"`, `"k1"`, "EndpointConfig.Signers[].Keys"}},
		{"key of the same ID", nil, func(s *exchange) { s.cfg.Signers[0].Keys = publicKeys(otherKey("k1")) }, []string{"signature", `"k1"`, "EndpointConfig.Signers[].Keys"}},
		{"algorithm", nil, func(s *exchange) {
			s.cfg.Signers[0].Algorithms = []string{"PS256"}
			s.cfg.Signers[0].Keys = publicKeys(redoxtest.NewKey("k1", "PS256"))
		}, []string{`alg is "RS256"`, `want "PS256"`, "EndpointConfig.Signers[].Algorithms"}},
		{"clock behind", nil, func(s *exchange) { s.sender.Now = hour(-3) }, []string{"expired 2h55m", "by this server's clock", "EndpointConfig.Leeway"}},
		{"lifetime", nil, func(s *exchange) { s.sender.Lifetime = 2 * time.Hour }, []string{"2h0m0s", "want at most 1h0m0s"}},
	})
}

type accessToken struct {
	cfg    clientcredentials.Config
	as     *redoxtest.AuthorizationServer
	sender *redoxtest.ClientCredentials
}

func (s *accessToken) run(w *world) error {
	w.secret(secret, otherSecret)
	w.protect(must(clientcredentials.New(s.cfg)))
	return w.send(s.sender)
}

func authorizationServer(w *world) (*redoxtest.AuthorizationServer, *redoxtest.ClientCredentials) {
	as := redoxtest.NewAuthorizationServer(redoxtest.NewKey("k1", "ES256"))
	w.t.Cleanup(as.Close)
	as.AddClient("redox", secret, "write", "read")
	as.AddClient("api", otherSecret)
	return as, &redoxtest.ClientCredentials{URL: as.TokenURL, ClientID: "redox", ClientSecret: secret, Audience: api, Scopes: []string{"write"}, Client: w.client}
}

func TestClientCredentials(t *testing.T) {
	fresh := func(w *world) accessToken {
		as, sender := authorizationServer(w)
		return accessToken{clientcredentials.Config{
			Keys: must(keyset.NewRemote(keyset.RemoteConfig{Issuer: as.Issuer, InsecureAllowHTTP: true, Cooldown: 50 * time.Millisecond})), Issuer: as.Issuer,
			Audience: []string{api}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
		}, as, sender}
	}
	claim := func(name string, value any) func(*accessToken) {
		return func(s *accessToken) { s.as.Claims = map[string]any{name: value} }
	}
	try(t, fresh, []row[accessToken]{
		{"issuer", nil, claim("iss", other), []string{`iss is "` + other + `"`, `want "http://127.0.0.1`, "(Config.Issuer"}},
		{"a slash more in the issuer", nil, func(s *accessToken) { s.cfg.Issuer += "/" }, []string{`iss is "http://127.0.0.1`, `/"`, "(Config.Issuer"}},
		{"audience", nil, func(s *accessToken) { s.sender.Audience = other }, []string{`aud is "` + other + `"`, `want "` + api + `"`, "(Config.Audience"}},
		{"audience absent", nil, claim("aud", nil), []string{"aud is absent", `want "` + api + `"`, "(Config.Audience"}},
		{"client", nil, func(s *accessToken) { s.cfg.ClientIDs = []string{"rhapsody", "x"} }, []string{`client_id is "redox"`, `want one of ["rhapsody" "x"]`, "(Config.ClientIDs"}},
		{"client absent", nil, claim("client_id", nil), []string{"client_id is absent", "want ", "Config.ClientIDClaim"}},
		{"claim of the client", nil, func(s *accessToken) { s.cfg.ClientIDClaim = "azp" }, []string{"azp is absent", "want ", "Config.ClientIDClaim"}},
		{"scope", nil, func(s *accessToken) { s.sender.Scopes = []string{"read"} }, []string{`"read"`, `want "write"`, "(Config.Scopes", "Redox dashboard: scopes"}},
		{"claim of the scopes", nil, func(s *accessToken) { s.cfg.ScopeClaim = "scp" }, []string{"scp is absent", `want "write"`, "Config.ScopeClaim"}},
		{"type", nil, func(s *accessToken) { s.as.Header = map[string]any{"typ": "id+jwt"} }, []string{`typ is "id+jwt"`, `"at+jwt"`, "(Config.Types"}},
		{"expired", nil, func(s *accessToken) { s.as.Now, s.sender.Now = hour(-3), hour(-3) }, []string{"expired 2h", "by this server's clock", "Config.Leeway"}},
		{"algorithm", nil, func(s *accessToken) { s.cfg.Algorithms = []string{"PS256"} }, []string{`alg is "ES256"`, `want "PS256"`, "(Config.Algorithms"}},
		{"keys of another server", nil, func(s *accessToken) { s.as.Header = map[string]any{"kid": "k9"} }, []string{`"k9"`, `"k1"`, "Config.Keys"}},
	})
}

type introspection struct {
	cfg    clientcredentials.IntrospectionConfig
	as     *redoxtest.AuthorizationServer
	sender *redoxtest.ClientCredentials
	inert  bool // the token is revoked before it is sent
}

func (s *introspection) run(w *world) error {
	w.secret(secret, otherSecret)
	w.protect(must(clientcredentials.NewIntrospection(s.cfg)))
	if !s.inert {
		return w.send(s.sender)
	}
	token := must(s.as.Token("redox", api, "write"))
	s.as.Revoke(token)
	return w.send(senderFunc(func(r *http.Request) { w.secret(token); r.Header.Set("Authorization", "Bearer "+token) }))
}

func TestIntrospection(t *testing.T) {
	fresh := func(w *world) introspection {
		as, sender := authorizationServer(w)
		as.Opaque = true
		return introspection{clientcredentials.IntrospectionConfig{
			URL: as.IntrospectionURL, InsecureAllowHTTP: true, ClientID: "api", ClientSecret: otherSecret, Issuer: as.Issuer,
			Audience: []string{api}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
		}, as, sender, false}
	}
	claim := func(name string, value any) func(*introspection) {
		return func(s *introspection) { s.as.Claims = map[string]any{name: value} }
	}
	try(t, fresh, []row[introspection]{
		{"issuer", nil, func(s *introspection) { s.cfg.Issuer = other }, []string{`iss is "http://127.0.0.1`, `want "` + other + `"`, "IntrospectionConfig.Issuer"}},
		{"audience", nil, func(s *introspection) { s.cfg.Audience = []string{other} }, []string{`aud is "` + api + `"`, `want "` + other + `"`, "IntrospectionConfig.Audience"}},
		{"audience absent", nil, claim("aud", nil), []string{"aud is absent", `want "` + api + `"`, "IntrospectionConfig.Audience"}},
		{"client", nil, func(s *introspection) { s.cfg.ClientIDs = []string{"rhapsody"} }, []string{`client_id is "redox"`, `want "rhapsody"`, "IntrospectionConfig.ClientIDs"}},
		{"client absent", nil, claim("client_id", nil), []string{"client_id is absent", `want "redox"`, "IntrospectionConfig.ClientIDs"}},
		{"scope", nil, func(s *introspection) { s.sender.Scopes = []string{"read"} }, []string{`"read"`, `want "write"`, "IntrospectionConfig.Scopes"}},
		{"inactive", nil, func(s *introspection) { s.inert = true }, []string{"introspection: http://127.0.0.1", "want active: true", "IntrospectionConfig.URL"}},
		{"not yet valid", nil, claim("nbf", time.Now().Add(time.Hour).Unix()), []string{"valid in", "by this server's clock", "nbf"}},
		{"own secret", nil, func(s *introspection) { s.cfg.ClientSecret = secret }, []string{"introspection: http://127.0.0.1", "401", "want 200", "(IntrospectionConfig.ClientID and ClientSecret)"}},
		{"address", nil, func(s *introspection) { s.cfg.URL = s.as.Issuer + "/nowhere" }, []string{"405", "want 200", "IntrospectionConfig.URL"}},
	})
}

type grant struct {
	cfg    clientcredentials.EndpointConfig
	sender *redoxtest.ClientCredentials
	scopes []string
}

func (s *grant) run(w *world) error {
	w.secret(secret, otherSecret)
	var endpoint *clientcredentials.TokenEndpoint
	s.cfg.Observe = func(r *http.Request, d redoxauth.Decision) { w.observe(endpoint)(r, d) }
	endpoint = must(clientcredentials.NewTokenEndpoint(s.cfg))
	w.mux.Handle("/token", endpoint)
	w.protect(must(endpoint.Verifier(s.scopes...)))
	return w.send(s.sender)
}

func TestClientCredentialsTokenEndpoint(t *testing.T) {
	fresh := func(w *world) grant {
		return grant{
			clientcredentials.EndpointConfig{
				Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{secret}, Scopes: []string{"write"}}},
				Issuer:  api + "/token", Audience: api, TokenSecrets: [][]byte{[]byte(otherSecret)},
			},
			&redoxtest.ClientCredentials{URL: w.url + "/token", ClientID: "redox", ClientSecret: secret, Scopes: []string{"write"}, Client: w.client},
			[]string{"write"},
		}
	}
	try(t, fresh, []row[grant]{
		{"client", nil, func(s *grant) { s.sender.ClientID = "rhapsody" }, []string{`"rhapsody"`, `"redox"`, "EndpointConfig.Clients[].ID", "Redox dashboard: clientId"}},
		{"secret", nil, func(s *grant) { s.sender.ClientSecret = otherSecret }, []string{`"redox"`, "secret", "EndpointConfig.Clients[].Secrets", "Redox dashboard: clientSecret"}},
		{"secret in the body", func(s *grant) { s.sender.NoBasic = true }, func(s *grant) { s.sender.ClientSecret = otherSecret }, []string{`"redox"`, "EndpointConfig.Clients[].Secrets"}},
		{"secret in the Config", nil, func(s *grant) { s.cfg.Clients[0].Secrets = []string{otherSecret} }, []string{`"redox"`, "EndpointConfig.Clients[].Secrets"}},
		{"scope", nil, func(s *grant) { s.sender.Scopes = []string{"read"} }, []string{`"read"`, `"write"`, "EndpointConfig.Clients[].Scopes", "Redox dashboard: scopes"}},
		{"scope of the destination", func(s *grant) { s.cfg.Clients[0].Scopes = []string{"write", "admin"} }, func(s *grant) { s.scopes = []string{"admin"} }, []string{`"write"`, `want "admin"`, "scopes of Verifier"}},
		{"audience", nil, func(s *grant) { s.sender.Audience = other }, []string{`"` + other + `"`, `"` + api + `"`, "EndpointConfig.Audience", "Redox dashboard: audience"}},
		{"resource", nil, func(s *grant) { s.sender.Resource = other }, []string{`"` + other + `"`, `"` + api + `"`, "EndpointConfig.Audience", "Redox dashboard"}},
	})
}

type smart struct {
	cfg    smartbackend.EndpointConfig
	sender *redoxtest.SMARTBackend
	scopes []string
}

func (s *smart) run(w *world) error {
	w.secret(secret)
	var endpoint *smartbackend.TokenEndpoint
	s.cfg.Observe = func(r *http.Request, d redoxauth.Decision) { w.observe(endpoint)(r, d) }
	endpoint = must(smartbackend.NewTokenEndpoint(s.cfg))
	w.mux.Handle("/token", endpoint)
	w.protect(must(endpoint.Verifier(s.scopes...)))
	return w.send(s.sender)
}

func TestSMARTBackend(t *testing.T) {
	key := redoxtest.NewKey("k1", "ES384")
	fresh := func(w *world) smart {
		return smart{
			smartbackend.EndpointConfig{
				Clients: []smartbackend.Client{{ID: "redox", Keys: publicKeys(key), Scopes: []string{"system/*.cud"}}}, TokenURL: w.url + "/token",
				Issuer: api + "/token", Audience: api, TokenSecrets: [][]byte{[]byte(secret)}, Replay: replay.NewMemory(100),
			},
			&redoxtest.SMARTBackend{URL: w.url + "/token", ClientID: "redox", Key: key, Scopes: []string{"system/*.cud"}, Client: w.client},
			[]string{"system/Patient.c"},
		}
	}
	claim := func(name string, value any) func(*smart) {
		return func(s *smart) { s.sender.Claims = map[string]any{name: value} }
	}
	try(t, fresh, []row[smart]{
		{"client", nil, func(s *smart) { s.sender.ClientID = "rhapsody" }, []string{`"rhapsody"`, `"redox"`, "EndpointConfig.Clients[].ID", "Redox dashboard: clientId"}},
		{"subject", nil, claim("sub", "rhapsody"), []string{`sub is "rhapsody"`, `"redox"`}},
		{"audience", nil, func(s *smart) { s.sender.Audience = other }, []string{`aud is "` + other + `"`, `/token"`, "(EndpointConfig.AssertionAudiences, by default TokenURL)"}},
		{"audience in the Config", nil, func(s *smart) { s.cfg.AssertionAudiences = []string{other} }, []string{`/token"`, `want "` + other + `"`, "EndpointConfig.AssertionAudiences"}},
		{"scope", nil, func(s *smart) { s.sender.Scopes = []string{"user/*.rs"} }, []string{`"user/*.rs"`, `"system/*.cud"`, "EndpointConfig.Clients[].Scopes", "Redox dashboard: scopes"}},
		{"scope of the destination", func(s *smart) { s.cfg.Clients[0].Scopes = append(s.cfg.Clients[0].Scopes, "system/*.rs") }, func(s *smart) { s.scopes = []string{"system/Patient.r"} }, []string{`"system/*.cud"`, `want "system/Patient.r"`, "scopes of Verifier"}},
		{"key", nil, func(s *smart) { s.sender.Key = redoxtest.NewKey("k2", "ES384") }, []string{`"k2"`, `"k1"`, "EndpointConfig.Clients[].Keys"}},
		{"algorithm", nil, func(s *smart) { s.sender.Key = redoxtest.NewKey("k1", "RS256") }, []string{`alg is "RS256"`, `"ES384"`, "SMART"}},
		{"type", nil, func(s *smart) { s.sender.Header = map[string]any{"typ": "at+jwt"} }, []string{`typ is "at+jwt"`, `"JWT"`}},
		{"lifetime", nil, func(s *smart) { s.sender.Lifetime = time.Hour }, []string{"1h0m0s", "5m0s"}},
		{"clock behind", nil, func(s *smart) { s.sender.Now = hour(-3) }, []string{"expired 2h55m", "by this server's clock", "EndpointConfig.Leeway"}},
		{"jti absent", nil, claim("jti", nil), []string{"jti is absent", "want"}},
	})
}

const account = "redox@project.iam.gserviceaccount.com"

type google struct {
	cfg    gcpjwt.Config
	google *redoxtest.Google
	sender *redoxtest.GCPJWT
}

func (s *google) run(w *world) error {
	w.protect(must(gcpjwt.New(s.cfg)))
	return w.send(s.sender)
}

func TestGCPJWT(t *testing.T) {
	fresh := func(w *world) google {
		g := redoxtest.NewGoogle()
		w.t.Cleanup(g.Close)
		a := g.AddServiceAccount(account)
		return google{
			gcpjwt.Config{ServiceAccounts: []string{a.ID}, Audience: []string{api}, AccessTokens: true, InsecureAllowHTTP: true, Endpoints: gcpjwt.Endpoints{CertsURL: g.CertsURL, TokenInfoURL: g.TokenInfoURL}},
			g, &redoxtest.GCPJWT{Email: a.Email, Key: a.Key, TokenURL: g.TokenURL, TargetAudience: api, Client: w.client},
		}
	}
	access := func(s *google) { s.sender.TargetAudience, s.sender.Scopes = "", []string{"write"} }
	try(t, fresh, []row[google]{
		{"account", nil, func(s *google) { s.cfg.ServiceAccounts = []string{"99"} }, []string{`"` + account + `"`, `want "99"`, "(Config.ServiceAccounts"}},
		{"account of an access token", access, func(s *google) { s.cfg.ServiceAccounts = []string{"99"} }, []string{"the unique ID", `want "99"`, "(Config.ServiceAccounts"}},
		{"audience", nil, func(s *google) { s.sender.TargetAudience = other }, []string{`aud is "` + other + `"`, `want "` + api + `"`, "(Config.Audience; Redox dashboard: target audience)"}},
		{"audience in the Config", nil, func(s *google) { s.cfg.Audience = []string{other, "x"} }, []string{`aud is "` + api + `"`, `want one of ["` + other + `" "x"]`, "(Config.Audience"}},
		{"no ID tokens", nil, func(s *google) { s.cfg.Audience = nil }, []string{"the token is no Google access token", "Config.Audience is empty", "no ID token is accepted"}},
		{"no access tokens", access, func(s *google) { s.cfg.AccessTokens = false }, []string{"Google access token", "want an ID token", "Config.AccessTokens is false"}},
		{"scope", access, func(s *google) { s.cfg.Scopes = []string{"read"} }, []string{`"write"`, `want "read"`, "(Config.Scopes; Redox dashboard: scopes)"}},
		{"keys", nil, func(s *google) { s.cfg.Endpoints.CertsURL = s.google.CertsURL + "/nowhere" }, []string{"404", "want 200", "Config.Endpoints.CertsURL"}},
		{"tokeninfo", access, func(s *google) { s.cfg.Endpoints.TokenInfoURL = s.google.TokenInfoURL + "/nowhere" }, []string{"404", "want 200", "Config.Endpoints.TokenInfoURL"}},
	})
}

type federation struct {
	cfg    wif.Config
	google *redoxtest.Google
	sender *redoxtest.WIF
}

func (s *federation) run(w *world) error {
	w.protect(must(wif.New(s.cfg)))
	return w.send(s.sender)
}

func TestWIF(t *testing.T) {
	fresh := func(w *world) federation {
		g := redoxtest.NewGoogle()
		w.t.Cleanup(g.Close)
		a := g.AddServiceAccount(account)
		return federation{
			wif.Config{ServiceAccounts: []string{a.ID}, Audience: []string{api}, AccessTokens: true, InsecureAllowHTTP: true, Endpoints: wif.Endpoints{CertsURL: g.CertsURL, TokenInfoURL: g.TokenInfoURL}},
			g, &redoxtest.WIF{
				Audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p", TokenURL: g.STSURL,
				ServiceAccountImpersonationURL: g.ImpersonationURL(a.Email), Scope: []string{"write"}, Client: w.client,
				SubjectToken: func(context.Context) (string, error) { return "any", nil },
			},
		}
	}
	id := func(s *federation) { s.sender.TargetAudience = api }
	try(t, fresh, []row[federation]{
		{"account", nil, func(s *federation) { s.cfg.ServiceAccounts = []string{"99", "98"} }, []string{"the unique ID", `want one of ["99" "98"]`, "(Config.ServiceAccounts", "Redox dashboard: service_account_impersonation_url"}},
		{"account of an ID token", id, func(s *federation) { s.cfg.ServiceAccounts = []string{"99"} }, []string{`"` + account + `"`, `want "99"`, "(Config.ServiceAccounts"}},
		{"no impersonation", nil, func(s *federation) { s.sender.ServiceAccountImpersonationURL = "" }, []string{"answered 400 invalid_token", "want a token that Google knows", "without service_account_impersonation_url"}},
		{"scope", nil, func(s *federation) { s.cfg.Scopes = []string{"read"} }, []string{`"write"`, `want "read"`, "(Config.Scopes; Redox dashboard: scope)"}},
		{"audience", id, func(s *federation) { s.sender.TargetAudience = other }, []string{`aud is "` + other + `"`, `want "` + api + `"`, "(Config.Audience"}},
		{"no access tokens", nil, func(s *federation) { s.cfg.AccessTokens = false }, []string{"Google access token", "want an ID token", "Config.AccessTokens is false"}},
		{"tokeninfo", nil, func(s *federation) { s.cfg.Endpoints.TokenInfoURL = s.google.CertsURL }, []string{"tokeninfo: ", "want", "Config.Endpoints.TokenInfoURL"}},
	})
}
