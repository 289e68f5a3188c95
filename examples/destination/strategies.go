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
	endpoints []string // paths of its own token endpoint, if it has one

	// variables is the help for the variables. If the first of them is set, the destination
	// serves this strategy.
	variables string

	// dashboard are the fields of Redox's dashboard. unknown says what Redox does not document.
	dashboard []setting
	unknown   string

	// serve mounts the endpoints and returns the Verifier.
	serve func(*destination) (redoxauth.Verifier, error)

	// rehearse sets the variables, and plans what Redox and attackers send. Nil if only
	// another entry of this name is rehearsed.
	rehearse func(*rehearsal)
}

// strategies is all that this command knows of single strategies.
var strategies = []strategy{
	{
		name:      "verifytoken",
		variables: "REDOX_TOKENS (verification tokens, new and old)",
		dashboard: []setting{{"verification token", "REDOX_TOKENS"}},
		serve: func(d *destination) (v redoxauth.Verifier, err error) {
			d.token, err = verifytoken.New(verifytoken.Config{Tokens: d.list("REDOX_TOKENS"), Observe: d.observe})
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
		name: "sigv4",
		variables: "SIGV4_ACCESS_KEY SIGV4_SECRET_KEY SIGV4_REGION SIGV4_SERVICE SIGV4_SESSION_TOKEN SIGV4_HOSTS\n" +
			"SIGV4_PATH_PREFIX SIGV4_DISABLE_PATH_NORMALIZATION SIGV4_DISABLE_DOUBLE_ENCODING",
		dashboard: []setting{
			{"accessKey", "SIGV4_ACCESS_KEY"}, {"secretKey", "SIGV4_SECRET_KEY"}, {"awsRegion", "SIGV4_REGION"},
			{"serviceName", "SIGV4_SERVICE"}, {"sessionToken", "SIGV4_SESSION_TOKEN"},
		},
		serve: func(d *destination) (redoxauth.Verifier, error) {
			return sigv4.New(sigv4.Config{
				Credentials: []sigv4.Credential{{
					AccessKeyID:     d.text("SIGV4_ACCESS_KEY"),
					SecretAccessKey: d.text("SIGV4_SECRET_KEY"),
					SessionToken:    d.text("SIGV4_SESSION_TOKEN"),
				}},
				Region:                   d.text("SIGV4_REGION"),
				Service:                  d.text("SIGV4_SERVICE"),
				Hosts:                    d.list("SIGV4_HOSTS"),
				PathPrefix:               d.text("SIGV4_PATH_PREFIX"),
				DisablePathNormalization: d.flag("SIGV4_DISABLE_PATH_NORMALIZATION"),
				DisableDoubleEncoding:    d.flag("SIGV4_DISABLE_DOUBLE_ENCODING"),
				Replay:                   d.signatures,
			})
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
		name:      "jwtbearer", // JWTs that Redox signs and sends with each message
		variables: "JWT_ISSUER JWT_AUDIENCE, JWT_JWKS_URL or JWT_SECRET, JWT_ALGORITHMS",
		dashboard: []setting{{"issuer (iss)", "JWT_ISSUER"}, {"audience (aud)", "JWT_AUDIENCE"}, {"shared secret", "JWT_SECRET"}},
		unknown:   "Redox does not document the fields of this strategy; go run ./examples/inspect shows what it sends.",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			c := jwtbearer.Config{
				Issuer:     d.text("JWT_ISSUER"),
				Audience:   d.list("JWT_AUDIENCE"),
				Algorithms: d.list("JWT_ALGORITHMS"),
			}
			if d.flag("JWT_SECRET") {
				c.Secrets = [][]byte{[]byte(d.text("JWT_SECRET"))}
			} else {
				c.Keys = d.keySet("JWT_JWKS_URL", "")
			}
			return jwtbearer.New(c)
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
		endpoints: []string{"/token/jwtbearer"},
		variables: "GRANT_ISSUER GRANT_JWKS_URL GRANT_ALGORITHMS GRANT_SCOPES GRANT_AUDIENCES (assertions for /token/jwtbearer)",
		dashboard: []setting{{"url", "/token/jwtbearer"}, {"issuer (iss)", "GRANT_ISSUER"}, {"scopes", "GRANT_SCOPES"}},
		unknown:   "Redox does not document the fields of this strategy; go run ./examples/inspect shows what it sends.",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			e, err := jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
				Signers: []jwtbearer.Signer{{
					Issuer:     d.text("GRANT_ISSUER"),
					Subject:    d.text("GRANT_ISSUER"),
					Keys:       d.keySet("GRANT_JWKS_URL", ""),
					Algorithms: d.list("GRANT_ALGORITHMS"),
					Scopes:     d.list("GRANT_SCOPES"),
				}},
				TokenURL:           d.public("/token/jwtbearer"),
				AssertionAudiences: d.list("GRANT_AUDIENCES"),
				Issuer:             d.public(""),
				Audience:           d.public("/redox/jwtbearer"),
				TokenSecrets:       d.secrets(),
				Replay:             replay.NewMemory(100_000),
				Observe:            d.observe,
			})
			if err != nil {
				return nil, err
			}
			d.mux.Handle("/token/jwtbearer", e)
			return e.Verifier()
		},
	},
	{
		name:      "clientcredentials", // tokens of our own token endpoint
		endpoints: []string{"/token/clientcredentials"},
		variables: "OAUTH_CLIENT_ID OAUTH_CLIENT_SECRETS OAUTH_SCOPES (our own token endpoint)",
		dashboard: []setting{
			{"url", "/token/clientcredentials"}, {"clientId", "OAUTH_CLIENT_ID"}, {"clientSecret", "OAUTH_CLIENT_SECRETS"}, {"scopes", "OAUTH_SCOPES"},
		},
		serve: func(d *destination) (redoxauth.Verifier, error) {
			e, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
				Clients: []clientcredentials.Client{{
					ID:      d.text("OAUTH_CLIENT_ID"),
					Secrets: d.list("OAUTH_CLIENT_SECRETS"),
					Scopes:  d.list("OAUTH_SCOPES"),
				}},
				Issuer:       d.public(""),
				Audience:     d.public("/redox/clientcredentials"),
				TokenSecrets: d.secrets(),
				Observe:      d.observe,
			})
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
		name:      "clientcredentials", // JWTs of an authorization server
		variables: "OAUTH_ISSUER OAUTH_AUDIENCE OAUTH_CLIENT_IDS OAUTH_JWKS_URL OAUTH_ALGORITHMS OAUTH_TYPES",
		dashboard: []setting{{"audience", "OAUTH_AUDIENCE"}, {"clientId", "OAUTH_CLIENT_IDS"}},
		unknown:   "url and clientSecret are those of your authorization server.",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			return clientcredentials.New(clientcredentials.Config{
				Keys:       d.keySet("OAUTH_JWKS_URL", d.text("OAUTH_ISSUER")),
				Issuer:     d.text("OAUTH_ISSUER"),
				Audience:   d.list("OAUTH_AUDIENCE"),
				ClientIDs:  d.list("OAUTH_CLIENT_IDS"),
				Algorithms: d.list("OAUTH_ALGORITHMS"),
				Types:      d.list("OAUTH_TYPES"),
			})
		},
	},
	{
		name:      "clientcredentials", // opaque tokens of an authorization server
		variables: "OAUTH_INTROSPECTION_URL OAUTH_INTROSPECTION_ID OAUTH_INTROSPECTION_SECRET OAUTH_AUDIENCE OAUTH_CLIENT_IDS",
		dashboard: []setting{{"audience", "OAUTH_AUDIENCE"}, {"clientId", "OAUTH_CLIENT_IDS"}},
		unknown:   "url and clientSecret are those of your authorization server.",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			return d.afterToken(clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
				URL:               d.text("OAUTH_INTROSPECTION_URL"),
				ClientID:          d.text("OAUTH_INTROSPECTION_ID"),
				ClientSecret:      d.text("OAUTH_INTROSPECTION_SECRET"),
				Audience:          d.list("OAUTH_AUDIENCE"),
				ClientIDs:         d.list("OAUTH_CLIENT_IDS"),
				InsecureAllowHTTP: d.flag("ALLOW_HTTP"),
			}))
		},
	},
	{
		name:      "smartbackend",
		endpoints: []string{"/token/smartbackend", "/.well-known/smart-configuration"},
		variables: "SMART_CLIENT_ID SMART_JWKS_URL SMART_SCOPES SMART_AUDIENCES",
		dashboard: []setting{{"url", "/token/smartbackend"}, {"clientId", "SMART_CLIENT_ID"}, {"scopes", "SMART_SCOPES"}},
		unknown:   "SMART_JWKS_URL is where Redox publishes the keys of the credential (JKU).",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			e, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
				Clients: []smartbackend.Client{{
					ID:     d.text("SMART_CLIENT_ID"),
					Keys:   d.keySet("SMART_JWKS_URL", ""),
					Scopes: d.list("SMART_SCOPES"),
				}},
				TokenURL:           d.public("/token/smartbackend"),
				AssertionAudiences: d.list("SMART_AUDIENCES"),
				Issuer:             d.public(""),
				Audience:           d.public("/redox/smartbackend"),
				TokenSecrets:       d.secrets(),
				Replay:             replay.NewMemory(100_000),
				Observe:            d.observe,
			})
			if err != nil {
				return nil, err
			}
			d.mux.Handle("/token/smartbackend", e)
			d.mux.Handle("/.well-known/smart-configuration", e.Configuration())
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
		name:      "gcpjwt",
		variables: "GCP_SERVICE_ACCOUNTS GCP_AUDIENCE GCP_ACCESS_TOKENS",
		dashboard: []setting{{"service account", "GCP_SERVICE_ACCOUNTS"}, {"target audience", "GCP_AUDIENCE"}},
		unknown:   "Redox does not document the fields of this strategy; go run ./examples/inspect shows what it sends.",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			return d.afterToken(gcpjwt.New(gcpjwt.Config{
				ServiceAccounts:   d.list("GCP_SERVICE_ACCOUNTS"),
				Audience:          d.list("GCP_AUDIENCE"),
				AccessTokens:      d.flag("GCP_ACCESS_TOKENS"),
				Endpoints:         gcpjwt.Endpoints{CertsURL: d.text("GOOGLE_CERTS_URL"), TokenInfoURL: d.text("GOOGLE_TOKENINFO_URL")},
				InsecureAllowHTTP: d.flag("ALLOW_HTTP"),
				Now:               d.keysNow,
			}))
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
		name:      "wif",
		variables: "WIF_SERVICE_ACCOUNTS WIF_AUDIENCE WIF_ACCESS_TOKENS",
		dashboard: []setting{{"service account of service_account_impersonation_url", "WIF_SERVICE_ACCOUNTS"}},
		unknown:   "audience and token_url are those of your workload identity pool.",
		serve: func(d *destination) (redoxauth.Verifier, error) {
			return d.afterToken(wif.New(wif.Config{
				ServiceAccounts:   d.list("WIF_SERVICE_ACCOUNTS"),
				Audience:          d.list("WIF_AUDIENCE"),
				AccessTokens:      d.flag("WIF_ACCESS_TOKENS"),
				Endpoints:         wif.Endpoints{CertsURL: d.text("GOOGLE_CERTS_URL"), TokenInfoURL: d.text("GOOGLE_TOKENINFO_URL")},
				InsecureAllowHTTP: d.flag("ALLOW_HTTP"),
			}))
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
func (s strategy) first() string { return strings.Fields(s.variables)[0] }
