package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A strategy is one way in which Redox proves itself. Two entries of one name use the same
// path, so only one of them can be configured.
type strategy struct {
	name      string   // of the package; the path is /redox/name
	title     string   // in Redox's dashboard
	endpoints []string // paths of its own token endpoint, if it has one

	// settings are all fields of its Config. If the variable of the first is set, the
	// destination serves this strategy.
	settings []setting

	// entries are what the dashboard needs beside the settings.
	entries []entry

	// serve mounts the endpoints and returns the Verifier. It calls fill for its Config, and
	// returns what made of it was refused.
	serve func(d *destination, fill func(cfg any)) (redoxauth.Verifier, error)

	// rehearse sets the variables, and plans what Redox and attackers send. Nil if only
	// another entry of this name is rehearsed.
	rehearse func(*rehearsal)
}

// strategies is all that this command knows of single strategies.
var strategies = []strategy{
	{
		name:  "verifytoken",
		title: "verification token",
		settings: []setting{
			{field: "Tokens", variable: "REDOX_TOKENS", dashboard: "verification token", note: "new and old", secret: true},
			{field: "TokensFunc", note: "a function; restart with the new and the old token"},
			{field: "Observe", note: decisionsAreLogged},
		},
		serve: func(d *destination, fill func(any)) (v redoxauth.Verifier, err error) {
			cfg := verifytoken.Config{Observe: d.observe}
			fill(&cfg)
			d.token, err = verifytoken.New(cfg)
			return d.token, err
		},
		rehearse: func(h *rehearsal) {
			const token = "chosenByTheCustomer4Rehearsals"
			h.set("REDOX_TOKENS=" + token)
			h.handshake(200, "handshake by POST", token, http.MethodPost)
			h.handshake(200, "handshake by GET", token, http.MethodGet)
			h.handshake(401, "handshake with a wrong token", "guessed", http.MethodPost)
			sender := redoxtest.VerificationToken{Token: token}
			h.signedHandshakes(200, "handshake with the token in the header", sender)
			h.expect(200, "genuine", sender)
			h.forged(sender.Forgeries())
		},
	},
	{
		name:  "sigv4",
		title: "AWS Signature Version 4",
		settings: []setting{
			{field: "Credentials[].AccessKeyID", variable: "SIGV4_ACCESS_KEY", dashboard: "accessKey"},
			{field: "Credentials[].SecretAccessKey", variable: "SIGV4_SECRET_KEY", dashboard: "secretKey", note: "new and old", secret: true},
			{field: "Credentials[].SessionToken", variable: "SIGV4_SESSION_TOKEN", dashboard: "sessionToken", secret: true},
			{field: "Region", variable: "SIGV4_REGION", dashboard: "awsRegion"},
			{field: "Service", variable: "SIGV4_SERVICE", dashboard: "serviceName"},
			{field: "Hosts", variable: "SIGV4_HOSTS", note: "public names, if a proxy changes Host"},
			{field: "PathPrefix", variable: "SIGV4_PATH_PREFIX", note: "that a proxy strips"},
			{field: "MaxSkew", variable: "SIGV4_MAX_SKEW"},
			{field: "RequiredHeaders", variable: "SIGV4_REQUIRED_HEADERS"},
			{field: "DisablePathNormalization", variable: "SIGV4_DISABLE_PATH_NORMALIZATION"},
			{field: "DisableDoubleEncoding", variable: "SIGV4_DISABLE_DOUBLE_ENCODING"},
			{field: "InsecureAllowDotSegments", variable: "SIGV4_INSECURE_ALLOW_DOT_SEGMENTS"},
			{field: "InsecureAllowUnsignedPayload", variable: "SIGV4_INSECURE_ALLOW_UNSIGNED_PAYLOAD"},
			{field: "CredentialsFunc", note: "a function; restart with the new and the old secret"},
			{field: "Replay", note: replicasMustShare},
			{field: "Now", note: forTests},
		},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			cfg := sigv4.Config{Replay: d.signatures}
			fill(&cfg)
			c := cfg.Credentials[0]
			for i, secret := range strings.Fields(c.SecretAccessKey) {
				c.SecretAccessKey = secret
				cfg.Credentials = append(cfg.Credentials[:i], c)
			}
			return sigv4.New(cfg)
		},
		rehearse: func(h *rehearsal) {
			h.set("SIGV4_ACCESS_KEY=REDOXEXAMPLE SIGV4_SECRET_KEY=aSecretKeyForRehearsals SIGV4_REGION=us-east-1 SIGV4_SERVICE=execute-api")
			sender := redoxtest.SigV4{AccessKey: "REDOXEXAMPLE", SecretKey: "aSecretKeyForRehearsals", AWSRegion: "us-east-1", ServiceName: "execute-api"}
			declared := sender
			declared.DeclarePayloadHash = true
			h.expect(200, "genuine", sender)
			h.expect(200, "genuine, hash declared", declared)
			h.expect(401, "replayed, with Config.Replay set", redoxtest.Replay(sender))
			h.signedHandshakes(200, "handshake", sender)
			guessed := sender
			guessed.SecretKey = "guessed"
			h.signedHandshakes(401, "handshake with a wrong secret", guessed)
			h.forged(sender.Forgeries())
		},
	},
	{
		name:  "jwtbearer", // JWTs that Redox signs and sends with each message
		title: "JWT Bearer",
		settings: []setting{
			{field: "Issuer", variable: "JWT_ISSUER", dashboard: "issuer (iss)"},
			{field: "Audience", variable: "JWT_AUDIENCE", dashboard: "audience (aud)"},
			{field: "Keys", variable: "JWT_JWKS_URL"},
			{field: "Keys", variable: "JWT_KEYS_FILE", note: "JWKS or PEM, instead"},
			{field: "Secrets", variable: "JWT_SECRET", dashboard: "shared secret", note: "instead of keys; new and old", secret: true},
			{field: "Algorithms", variable: "JWT_ALGORITHMS", dashboard: "signing algorithm"},
			{field: "Subject", variable: "JWT_SUBJECT", dashboard: "subject (sub)"},
			{field: "Scopes", variable: "JWT_SCOPES", dashboard: "scopes (scope)"},
			{field: "Types", variable: "JWT_TYPES", dashboard: "type in the header (typ)", note: orAbsent},
			{field: "MaxLifetime", variable: "JWT_MAX_LIFETIME"},
			{field: "Leeway", variable: "JWT_LEEWAY"},
			{field: "InsecureNoAudience", variable: "JWT_INSECURE_NO_AUDIENCE"},
			{field: "SecretsFunc", note: "a function; restart with the new and the old secret"},
			{field: "Replay", note: replicasMustShare},
			{field: "Now", note: forTests},
		},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			var cfg jwtbearer.Config
			fill(&cfg)
			return jwtbearer.New(cfg)
		},
		rehearse: func(h *rehearsal) {
			key := redoxtest.NewKey("redox-1", "RS256")
			h.set("JWT_ISSUER=https://redox.example JWT_AUDIENCE=" + h.url + " JWT_JWKS_URL=" + h.publish(key))
			sender := &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{h.url}, Reuse: true}
			h.genuineTwice(sender)
			h.signedHandshakes(200, "handshake", sender)
			h.forged(sender.Forgeries())
		},
	},
	{
		name:      "jwtbearer", // the RFC 7523 grant
		title:     "JWT Bearer, with a token endpoint",
		endpoints: []string{"/token/jwtbearer"},
		settings: []setting{
			{field: "Signers[].Issuer", variable: "GRANT_ISSUER", dashboard: "issuer (iss)"},
			{field: "Signers[].Subject", variable: "GRANT_SUBJECT", dashboard: "subject (sub)"},
			{field: "Signers[].Keys", variable: "GRANT_JWKS_URL"},
			{field: "Signers[].Keys", variable: "GRANT_KEYS_FILE", note: "JWKS or PEM, instead"},
			{field: "Signers[].Algorithms", variable: "GRANT_ALGORITHMS"},
			{field: "Signers[].Scopes", variable: "GRANT_SCOPES", dashboard: "scopes"},
			{field: "TokenURL", variable: "PUBLIC_URL", dashboard: "url", path: "/token/jwtbearer"},
			{field: "AssertionAudiences", variable: "GRANT_AUDIENCES", note: "of assertions, if not the token URL"},
			{field: "Issuer", variable: "PUBLIC_URL"},
			{field: "Audience", variable: "PUBLIC_URL", dashboard: "audience, resource", note: orEmpty, path: "/redox/jwtbearer"},
			{field: "TokenSecrets", variable: "TOKEN_SECRETS", secret: true},
			{field: "Lifetime", variable: "GRANT_LIFETIME"},
			{field: "Leeway", variable: "GRANT_LEEWAY"},
			{field: "Replay", note: inMemory},
			{field: "Observe", note: decisionsAreLogged},
			{field: "Now", note: forTests},
		},
		entries: []entry{{"noBasic", "true"}},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			cfg := jwtbearer.EndpointConfig{Replay: replay.NewMemory(100_000), Observe: d.observe}
			fill(&cfg)
			e, err := jwtbearer.NewTokenEndpoint(cfg)
			if err != nil {
				return nil, err
			}
			d.mux.Handle("/token/jwtbearer", e)
			return e.Verifier()
		},
	},
	{
		name:      "clientcredentials", // tokens of our own token endpoint
		title:     "OAuth 2.0 2-legged, with a token endpoint of this server",
		endpoints: []string{"/token/clientcredentials"},
		settings: []setting{
			{field: "Clients[].ID", variable: "OAUTH_CLIENT_ID", dashboard: "clientId"},
			{field: "Clients[].Secrets", variable: "OAUTH_CLIENT_SECRETS", dashboard: "clientSecret", note: "new and old", secret: true},
			{field: "Clients[].Scopes", variable: "OAUTH_SCOPES", dashboard: "scopes"},
			{field: "Issuer", variable: "PUBLIC_URL"},
			{field: "Audience", variable: "PUBLIC_URL", dashboard: "audience, resource", note: orEmpty, path: "/redox/clientcredentials"},
			{field: "TokenSecrets", variable: "TOKEN_SECRETS", secret: true},
			{field: "Lifetime", variable: "OAUTH_LIFETIME"},
			{field: "Observe", note: decisionsAreLogged},
			{field: "Now", note: forTests},
		},
		entries: []entry{{"url", "PUBLIC_URL/token/clientcredentials"}, {"grantType", "client_credentials"}, {"contentType, noBasic", "any"}},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			cfg := clientcredentials.EndpointConfig{Observe: d.observe}
			fill(&cfg)
			e, err := clientcredentials.NewTokenEndpoint(cfg)
			if err != nil {
				return nil, err
			}
			d.mux.Handle("/token/clientcredentials", e)
			return e.Verifier()
		},
		rehearse: func(h *rehearsal) {
			h.set("OAUTH_CLIENT_ID=redox OAUTH_CLIENT_SECRETS=aSecretForRehearsals OAUTH_SCOPES=messages")
			inBody, inJSON := h.oauthClient(), h.oauthClient()
			inBody.NoBasic = true
			inJSON.NoBasic, inJSON.ContentType = true, "application/json"
			h.genuineTwice(h.oauthClient())
			h.expect(200, "genuine, secret in the body", inBody)
			h.expect(200, "genuine, secret in JSON", inJSON)
			h.signedHandshakes(200, "handshake", h.oauthClient())
			h.forged(h.oauthClient().Forgeries())
		},
	},
	{
		name:  "clientcredentials", // JWTs of an authorization server
		title: "OAuth 2.0 2-legged, with an authorization server that issues JWTs",
		settings: []setting{
			{field: "Issuer", variable: "OAUTH_ISSUER"},
			{field: "Audience", variable: "OAUTH_AUDIENCE", dashboard: "audience, resource", note: "if the server wants it"},
			{field: "ClientIDs", variable: "OAUTH_CLIENT_IDS", dashboard: "clientId"},
			{field: "Keys", variable: "OAUTH_JWKS_URL", note: "default: from the metadata of OAUTH_ISSUER"},
			{field: "Keys", variable: "OAUTH_KEYS_FILE", note: "JWKS or PEM, instead"},
			{field: "Scopes", variable: "OAUTH_SCOPES", dashboard: "scopes", note: "these, and perhaps more"},
			{field: "Algorithms", variable: "OAUTH_ALGORITHMS"},
			{field: "Types", variable: "OAUTH_TYPES", note: orAbsent},
			{field: "ClientIDClaim", variable: "OAUTH_CLIENT_ID_CLAIM"},
			{field: "ScopeClaim", variable: "OAUTH_SCOPE_CLAIM"},
			{field: "Leeway", variable: "OAUTH_LEEWAY"},
			{field: "InsecureNoAudience", variable: "OAUTH_INSECURE_NO_AUDIENCE"},
			{field: "InsecureAnyClient", variable: "OAUTH_INSECURE_ANY_CLIENT"},
			{field: "Now", note: forTests},
		},
		entries: []entry{{"url", "the token URL of that server"}, {"clientSecret", "as that server knows it"}, {"grantType", "client_credentials"}},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			var cfg clientcredentials.Config
			fill(&cfg)
			if !d.has("OAUTH_JWKS_URL") && !d.has("OAUTH_KEYS_FILE") {
				cfg.Keys = d.remoteKeys("OAUTH_ISSUER", "Issuer")
			}
			return clientcredentials.New(cfg)
		},
	},
	{
		name:  "clientcredentials", // opaque tokens of an authorization server
		title: "OAuth 2.0 2-legged, with an authorization server that is asked about each token",
		settings: []setting{
			{field: "URL", variable: "OAUTH_INTROSPECTION_URL"},
			{field: "ClientID", variable: "OAUTH_INTROSPECTION_ID", note: "of this server, not of Redox"},
			{field: "ClientSecret", variable: "OAUTH_INTROSPECTION_SECRET", note: "of this server, not of Redox", secret: true},
			{field: "Issuer", variable: "OAUTH_INTROSPECTION_ISSUER"},
			{field: "Audience", variable: "OAUTH_AUDIENCE", dashboard: "audience, resource", note: "if the server wants it"},
			{field: "ClientIDs", variable: "OAUTH_CLIENT_IDS", dashboard: "clientId"},
			{field: "Scopes", variable: "OAUTH_SCOPES", dashboard: "scopes", note: "these, and perhaps more"},
			{field: "CacheTTL", variable: "OAUTH_CACHE_TTL"},
			{field: "InsecureAnyClient", variable: "OAUTH_INSECURE_ANY_CLIENT"},
			{field: "InsecureAllowHTTP", variable: "ALLOW_HTTP"},
			{field: "Peer", variable: "PEER_HEADER"},
			{field: "Client", note: defaultClient},
			{field: "Now", note: forTests},
		},
		entries: []entry{{"url", "the token URL of that server"}, {"clientSecret", "as that server knows it"}, {"grantType", "client_credentials"}},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			var cfg clientcredentials.IntrospectionConfig
			fill(&cfg)
			return d.afterToken(clientcredentials.NewIntrospection(cfg))
		},
	},
	{
		name:      "smartbackend",
		title:     "SMART Backend",
		endpoints: []string{"/token/smartbackend", "/.well-known/smart-configuration", "/redox/smartbackend/.well-known/smart-configuration"},
		settings: []setting{
			{field: "Clients[].ID", variable: "SMART_CLIENT_ID", dashboard: "clientId"},
			{field: "Clients[].Keys", variable: "SMART_JWKS_URL"},
			{field: "Clients[].Keys", variable: "SMART_KEYS_FILE", note: "JWKS or PEM, instead"},
			{field: "Clients[].Scopes", variable: "SMART_SCOPES", dashboard: "scopes"},
			{field: "TokenURL", variable: "PUBLIC_URL", dashboard: "url", path: "/token/smartbackend"},
			{field: "AssertionAudiences", variable: "SMART_AUDIENCES", note: "of assertions, if not the token URL"},
			{field: "Issuer", variable: "PUBLIC_URL"},
			{field: "Audience", variable: "PUBLIC_URL", dashboard: "audience, resource", note: orEmpty, path: "/redox/smartbackend"},
			{field: "TokenSecrets", variable: "TOKEN_SECRETS", secret: true},
			{field: "Lifetime", variable: "SMART_LIFETIME"},
			{field: "Leeway", variable: "SMART_LEEWAY"},
			{field: "Replay", note: inMemory},
			{field: "Observe", note: decisionsAreLogged},
			{field: "Now", note: forTests},
		},
		entries: []entry{{"grantType", "client_credentials"}, {"noBasic", "true"}},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			cfg := smartbackend.EndpointConfig{Replay: replay.NewMemory(100_000), Observe: d.observe}
			fill(&cfg)
			e, err := smartbackend.NewTokenEndpoint(cfg)
			if err != nil {
				return nil, err
			}
			d.mux.Handle("/token/smartbackend", e)
			for _, base := range []string{"", "/redox/smartbackend"} { // a client may take either as the FHIR base URL
				d.mux.Handle(base+"/.well-known/smart-configuration", e.Configuration())
			}
			return e.Verifier()
		},
		rehearse: func(h *rehearsal) {
			key := redoxtest.NewKey("smart-1", "ES384")
			h.set("SMART_CLIENT_ID=redox-smart SMART_SCOPES=system/*.rs SMART_JWKS_URL=" + h.publish(key))
			sender := &redoxtest.SMARTBackend{URL: h.url + "/token/smartbackend", ClientID: "redox-smart", Key: key}
			h.genuineTwice(sender)
			h.signedHandshakes(200, "handshake", sender)
			h.forged(sender.Forgeries())
			h.expect(401, "access token of another endpoint", h.oauthClient())
		},
	},
	{
		name:  "gcpjwt",
		title: "OAuth 2.0 2-legged with JWT for GCP",
		settings: []setting{
			{field: "ServiceAccounts", variable: "GCP_SERVICE_ACCOUNTS", dashboard: "e-mail address of the service account"},
			{field: "Audience", variable: "GCP_AUDIENCE", dashboard: "target audience", note: "if there is such a field"},
			{field: "AccessTokens", variable: "GCP_ACCESS_TOKENS"},
			{field: "Scopes", variable: "GCP_SCOPES", dashboard: "scopes"},
			{field: "Peer", variable: "PEER_HEADER"},
			{field: "Endpoints.CertsURL", variable: "GOOGLE_CERTS_URL"},
			{field: "Endpoints.TokenInfoURL", variable: "GOOGLE_TOKENINFO_URL"},
			{field: "InsecureAllowHTTP", variable: "ALLOW_HTTP"},
			{field: "Client", note: defaultClient},
			{field: "Now", note: forTests},
		},
		entries: []entry{{"token URL", "https://oauth2.googleapis.com/token"}},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			cfg := gcpjwt.Config{Now: d.keysNow}
			fill(&cfg)
			return d.afterToken(gcpjwt.New(cfg))
		},
		rehearse: func(h *rehearsal) {
			h.set("GCP_SERVICE_ACCOUNTS=" + h.account.ID + " GCP_AUDIENCE=" + h.url + " GCP_ACCESS_TOKENS=1")
			access := &redoxtest.GCPJWT{Email: h.account.Email, Key: h.account.Key, TokenURL: h.google.TokenURL}
			h.expect(200, "genuine access token", h.withToken(access))
			h.expect(200, "genuine ID token", h.withToken(&redoxtest.GCPJWT{Email: h.account.Email, Key: h.account.Key, TokenURL: h.google.TokenURL, TargetAudience: h.url}))
			h.signedHandshakes(200, "handshake", h.withToken(access))
			h.expect(401, "no verification token", access)
			h.forgedWithToken(h.google.Forgeries(h.account, h.url))
		},
	},
	{
		name:  "wif",
		title: "Google Workload Identity Federation",
		settings: []setting{
			{field: "ServiceAccounts", variable: "WIF_SERVICE_ACCOUNTS", dashboard: "service account in service_account_impersonation_url"},
			{field: "Audience", variable: "WIF_AUDIENCE", note: "not the dashboard's audience, which is the provider"},
			{field: "AccessTokens", variable: "WIF_ACCESS_TOKENS"},
			{field: "Scopes", variable: "WIF_SCOPES", dashboard: "scope"},
			{field: "Peer", variable: "PEER_HEADER"},
			{field: "Endpoints.CertsURL", variable: "GOOGLE_CERTS_URL"},
			{field: "Endpoints.TokenInfoURL", variable: "GOOGLE_TOKENINFO_URL"},
			{field: "InsecureAllowHTTP", variable: "ALLOW_HTTP"},
			{field: "Client", note: defaultClient},
			{field: "Now", note: forTests},
		},
		serve: func(d *destination, fill func(any)) (redoxauth.Verifier, error) {
			var cfg wif.Config
			fill(&cfg)
			return d.afterToken(wif.New(cfg))
		},
		rehearse: func(h *rehearsal) {
			h.set("WIF_SERVICE_ACCOUNTS=" + h.account.ID + " WIF_ACCESS_TOKENS=1")
			sender := func() *redoxtest.WIF {
				return &redoxtest.WIF{
					Audience:                       "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
					TokenURL:                       h.google.STSURL,
					ServiceAccountImpersonationURL: h.google.ImpersonationURL(h.account.Email),
					SubjectToken: func(context.Context) (string, error) {
						return redoxtest.NewKey("redox-identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"})
					},
				}
			}
			h.expect(200, "genuine", h.withToken(sender()))
			h.signedHandshakes(200, "handshake", h.withToken(sender()))
			h.expect(401, "no verification token", sender())
			h.forgedWithToken(h.google.Forgeries(h.account, ""))
			h.expectSend(503, "genuine, Google is down", func(ctx context.Context) (*http.Response, error) {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/redox/wif", nil)
				if err != nil {
					return nil, err
				}
				if err := h.withToken(sender()).Sign(r); err != nil {
					return nil, errors.Join(errors.New("the token could not be fetched"), err)
				}
				h.google.Close()
				return http.DefaultClient.Do(r)
			})
		},
	},
}

// first returns the variable that turns the strategy on.
func (s strategy) first() string { return s.settings[0].variable }

// Notes of settings.
const (
	decisionsAreLogged = "decisions are logged"
	forTests           = "a clock for tests"
	defaultClient      = "the default client, which heeds HTTPS_PROXY"
	inMemory           = "in the memory of this server: run one, or write a program with redisreplay"
	replicasMustShare  = "off, as Redox may send a token or a signature again; all replicas must share it, so write a program with redisreplay"
	orAbsent           = "absent stands for a token without typ"
	orEmpty            = "or empty"
)

// keySettings are those of published keys. The variable holds one of the fields URL and Issuer.
func keySettings(variable, field string) []setting {
	settings := []setting{
		{field: "URL", note: "JWT_JWKS_URL, GRANT_JWKS_URL, OAUTH_JWKS_URL, SMART_JWKS_URL"},
		{field: "Issuer", note: "OAUTH_ISSUER, without OAUTH_JWKS_URL"},
		{field: "Cooldown", variable: "KEYS_COOLDOWN"},
		{field: "MinRefresh", variable: "KEYS_MIN_REFRESH"},
		{field: "MaxRefresh", variable: "KEYS_MAX_REFRESH"},
		{field: "MaxStale", variable: "KEYS_MAX_STALE"},
		{field: "InsecureAllowHTTP", variable: "ALLOW_HTTP"},
		{field: "Client", note: defaultClient},
		{field: "Now", note: forTests},
	}
	for i := range settings {
		if settings[i].field == field {
			settings[i].variable = variable
		}
	}
	return settings
}

// optionSettings are those of redoxauth.Options.
var optionSettings = []setting{
	{field: "MaxBodyBytes", variable: "MAX_BODY_BYTES"},
	{field: "MaxInFlight", variable: "MAX_IN_FLIGHT"},
	{field: "BodyTimeout", variable: "BODY_TIMEOUT"},
	{field: "RetryAfter", variable: "RETRY_AFTER"},
	{field: "Observe", note: decisionsAreLogged},
}

// commonVariables may be set whatever is served.
var commonVariables = []struct{ name, help string }{
	{"PUBLIC_URL", `"https://host" of this server, as Redox sees it; for token endpoints`},
	{"TOKEN_SECRETS", "sign the tokens of the token endpoints: 32 bytes or more each; the first signs"},
	{"REQUIRE_TOKEN", "the paths gcpjwt and wif, and clientcredentials with introspection, want the verification token beside the credential: the strongest set-up"},
	{"PEER_HEADER", "behind a proxy: the header whose last address is that of the peer, such as X-Forwarded-For; for gcpjwt, wif and introspection"},
	{"TLS_CERT", "file; without it a proxy must do TLS"},
	{"TLS_KEY", "file"},
	{"KEYS_COOLDOWN", "keyset.RemoteConfig.Cooldown of all published keys"},
	{"KEYS_MIN_REFRESH", "keyset.RemoteConfig.MinRefresh"},
	{"KEYS_MAX_REFRESH", "keyset.RemoteConfig.MaxRefresh"},
	{"KEYS_MAX_STALE", "keyset.RemoteConfig.MaxStale"},
	{"MAX_BODY_BYTES", "redoxauth.Options.MaxBodyBytes"},
	{"MAX_IN_FLIGHT", "redoxauth.Options.MaxInFlight"},
	{"BODY_TIMEOUT", "redoxauth.Options.BodyTimeout"},
	{"RETRY_AFTER", "redoxauth.Options.RetryAfter"},
	{"ALLOW_QUOTES", "names of variables that may have quotation marks around them"},
	{"ALLOW_HTTP", "key, introspection and Google URLs may be http; for tests"},
	{"GOOGLE_CERTS_URL", "for a fake Google"},
	{"GOOGLE_TOKENINFO_URL", "for a fake Google"},
}
