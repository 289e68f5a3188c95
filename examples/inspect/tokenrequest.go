package main

import (
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

const (
	grantClient = "client_credentials"
	grantJWT    = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// A tokenRequest is a request for an access token (RFC 6749, RFC 7523).
type tokenRequest struct {
	media  string
	values url.Values
	grant  string // the name of the parameter that has the grant type
}

// asTokenRequest returns nil if q is none. A parameter may have another name in Redox's
// dashboard, so the values of the grant type count too.
func asTokenRequest(q *request) *tokenRequest {
	if q.Method != http.MethodPost || len(q.body) > 64<<10 {
		return nil
	}
	t := tokenRequest{values: url.Values{}, grant: "grant_type"}
	t.media, _, _ = mime.ParseMediaType(q.Header.Get("Content-Type"))
	switch t.media {
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(q.body))
		if err != nil {
			return nil
		}
		t.values = values
	default: // JSON, whatever the media type says
		var members map[string]any
		if json.Unmarshal(q.body, &members) != nil {
			return nil
		}
		for name := range members {
			if list := (&jwt{claims: members}).list(name); list != nil {
				t.values[name] = list
			}
		}
	}
	if t.values.Has("grant_type") || t.values.Has("client_assertion") {
		return &t
	}
	for name, v := range t.values {
		if slices.Contains([]string{grantClient, grantJWT, "password", "refresh_token"}, v[0]) {
			t.grant = name
			return &t
		}
	}
	return nil
}

// basic returns the client ID of HTTP Basic. Without the secret nobody can tell where an ID
// with a colon ends, or whether it is encoded as a form (RFC 6749, Section 2.3.1).
func (t *tokenRequest) basic(i *inspector, q *request) (id string, ok bool) {
	user, password, ok := q.BasicAuth()
	if secret := i.value("OAUTH_CLIENT_SECRETS"); ok && secret != "" {
		if id, found := strings.CutSuffix(user+":"+password, ":"+secret); found {
			user = id
		}
	}
	if decoded, err := url.QueryUnescape(user); err == nil && strings.Contains(user, "%") {
		user = decoded
	}
	return user, ok
}

func (t *tokenRequest) assertion() string {
	if v := t.values.Get("client_assertion"); v != "" {
		return v
	}
	return t.values.Get("assertion")
}

func (t *tokenRequest) describe(i *inspector, q *request, f *finding, now time.Time) {
	f.say("token request: %s, parameters %s", quote(t.media), quoteAll(slices.Sorted(maps.Keys(t.values))))
	for _, name := range []string{t.grant, "client_id", "scope", "audience", "resource", "client_assertion_type"} {
		if v := t.values[name]; v != nil {
			f.say("  %s: %s", name, quoteAll(v))
		} else {
			f.say("  %s: absent", name)
		}
	}
	var places []string
	if id, ok := t.basic(i, q); ok {
		places = append(places, "HTTP Basic, client ID "+quote(id))
	} else if scheme, _, _ := strings.Cut(q.Header.Get("Authorization"), " "); scheme != "" {
		places = append(places, "an Authorization header that is not Basic")
	}
	if t.values.Has("client_secret") {
		places = append(places, "client_secret in the body")
	}
	if t.assertion() != "" {
		places = append(places, "an assertion in the body")
	}
	if places == nil {
		places = []string{"none that inspect knows"}
	}
	f.say("  credentials: %s", strings.Join(places, "; "))
	if text := t.assertion(); text != "" {
		if j := parseJWT(text); j != nil {
			j.describe(f, "assertion", "  ", now)
		} else {
			f.say("  the assertion is no JWT")
		}
	}
}

// propose returns the token endpoint that accepts the request.
func (t *tokenRequest) propose(i *inspector, q *request) *proposal {
	p := &proposal{tokenPath: q.URL.Path}
	if t.grant != "grant_type" {
		p.note("the grant type is in the parameter %s, want grant_type: set grantTypeName in the dashboard to grant_type", quote(t.grant))
	}
	tokenURL, audience := i.origin(q.URL.Path), i.url.String()
	named := append(slices.Clone(t.values["audience"]), t.values["resource"]...)
	if len(named) > 0 {
		audience = named[0]
	}
	if slices.ContainsFunc(named, func(n string) bool { return n != audience }) {
		p.note("audience and resource name several APIs: enter one in the dashboard, or none")
	}
	scopes := fields(t.values.Get("scope"))
	secrets := [][]byte{[]byte(ask("TOKEN_SECRETS"))}
	p.note("TOKEN_SECRETS is yours: 32 random bytes or more, such as from `openssl rand -hex 32`, the same on every replica")
	j := parseJWT(t.assertion())
	if j != nil {
		p.note("several replicas must share Replay: see strategies/replay/redisreplay")
	}
	switch grant := t.values.Get(t.grant); {
	case t.assertion() != "" && j == nil:
		p.note("the assertion is no JWT, so there is nothing to propose")
	case grant == grantClient && j != nil:
		p.strategy = "smartbackend"
		p.keys = i.keySource(p, "SMART_JWKS_URL", j)
		c := smartbackend.EndpointConfig{
			Clients:  []smartbackend.Client{{ID: j.claim("iss"), Scopes: scopes}},
			TokenURL: tokenURL, Issuer: i.origin(""), Audience: audience, TokenSecrets: secrets, Replay: replay.NewMemory(1000),
		}
		if aud := j.list("aud"); len(aud) == 1 && aud[0] != tokenURL {
			c.AssertionAudiences = aud
			p.note("the assertion's aud is %s, and not the token URL %s; if it should be, set the dashboard's url", quote(aud[0]), quote(tokenURL))
		}
		if alg := j.text("alg"); alg != "RS384" && alg != "ES384" {
			p.note("alg is %s, and SMART allows RS384 and ES384: change the key's algorithm in the dashboard", quote(alg))
		}
		if len(scopes) == 0 {
			p.note("the parameter scope is absent, and SMART requires it: set the dashboard's scopes, such as system/*.rs")
		}
		p.config = c
	case grant == grantJWT && j != nil:
		p.strategy = "jwtbearer"
		p.keys = i.keySource(p, "GRANT_JWKS_URL", j)
		c := jwtbearer.EndpointConfig{
			Signers:  []jwtbearer.Signer{{Issuer: j.claim("iss"), Subject: j.claim("sub"), Algorithms: []string{j.text("alg")}, Scopes: scopes}},
			TokenURL: tokenURL, Issuer: i.origin(""), Audience: audience, TokenSecrets: secrets, Replay: replay.NewMemory(1000),
		}
		if aud := j.list("aud"); len(aud) > 0 && !slices.Contains(aud, tokenURL) {
			c.AssertionAudiences = aud
			p.note("the assertion's aud is %s, and not the token URL %s; if it should be, set the dashboard's url", quoteAll(aud), quote(tokenURL))
		}
		if strings.HasSuffix(j.claim("iss"), ".gserviceaccount.com") {
			p.note("iss is a Google service account: if the dashboard shows OAuth 2.0 2-legged with JWT for GCP, let its token URL be Google's, and send only messages here")
		}
		if j.claim("sub") == "" {
			p.note("the assertion has no sub, and RFC 7523 requires it")
		}
		if strings.HasPrefix(j.text("alg"), "HS") {
			p.note("the assertion is signed with a shared secret, and the token endpoint takes public keys alone: choose a key pair in the dashboard")
		}
		p.config = c
	case grant == grantClient:
		p.strategy = "clientcredentials"
		id, basic := t.basic(i, q)
		if !basic {
			id = t.values.Get("client_id")
		}
		if id == "" {
			p.note("no client ID is where it is expected, in HTTP Basic or in client_id: set clientIdName in the dashboard to client_id, and clientSecretName to client_secret")
		}
		if basic && t.values.Has("client_secret") {
			p.note("the secret came in HTTP Basic and in the body: both must be right, and name the same client")
		}
		p.note("the client secret is never shown: it is the dashboard's clientSecret")
		p.config = clientcredentials.EndpointConfig{
			Clients: []clientcredentials.Client{{ID: id, Secrets: []string{ask("OAUTH_CLIENT_SECRETS")}, Scopes: scopes}},
			Issuer:  i.origin(""), Audience: audience, TokenSecrets: secrets,
		}
	case grant == "urn:ietf:params:oauth:grant-type:token-exchange":
		p.note("this is a token exchange, as for Google Workload Identity Federation: only Google can answer it. Let the dashboard's token_url be Google's, and send only messages here")
	default:
		p.note("the grant type %s is not one that a token endpoint of this library takes: set the dashboard's grantType to %s, or to %s with an assertion", quote(grant), grantClient, grantJWT)
	}
	return p
}
