package clientcredentials

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// An IntrospectionConfig configures [NewIntrospection]. URL and ClientIDs are required.
type IntrospectionConfig struct {
	URL string // of the introspection endpoint; https

	ClientID, ClientSecret string // of this API, not of Redox; sent as HTTP Basic, form-encoded

	// Client makes the requests, within 10 s and without redirects. It may authenticate this API
	// instead of ClientID, with a TLS certificate or a bearer token (golang.org/x/oauth2).
	Client *http.Client

	// Issuer is optional: iss of the answer. Then a JWT of another issuer is not sent, and is
	// [redoxauth.ErrNoCredentials].
	Issuer string

	// Audience is that of [Config]. Without it aud must be absent or empty, and the server must
	// know which tokens are for this API.
	Audience []string

	ClientIDs []string // of Redox

	InsecureAnyClient bool // instead of ClientIDs

	Scopes []string // all required

	// CacheTTL is how long an answer is used, and a revoked token accepted; default 1 min, at
	// most 1 h, and never past exp.
	CacheTTL time.Duration

	// Peer returns who sent a request; default the address of the connection, unless a header
	// names a proxy. Behind a proxy, set it: ExampleIntrospectionConfig_peer. "" is unknown. It
	// must be safe for concurrent use.
	Peer func(*http.Request) string

	InsecureAllowHTTP bool // accept a URL with http

	Now func() time.Time // default time.Now
}

const (
	defaultCacheTTL = time.Minute
	maxCacheTTL     = time.Hour
	negativeTTL     = 5 * time.Second // a replica of the server may learn late of a new token
	perMinute       = 600             // calls about unknown tokens of strangers
	maxToken        = 4 << 10         // bytes
	maxAnswer       = 16 << 10        // bytes
)

// NewIntrospection returns a Verifier that asks the server about access tokens ([RFC 7662]).
//
// It sends the server every bearer token, so it comes last in [redoxauth.AnyOf]. A token is
// refused if it is not active, or if the server answers 400 "invalid_token". Any other answer,
// or none, is 503. Clocks may differ by 60 s.
//
// Anybody can invent tokens, so calls about new ones are rationed: 600 a minute for peers that
// sent a good token within a day, and 600 for all others. Above that the answer is 503, reason
// "busy". Behind redoxauth.AllOf(verificationToken, introspection) strangers cost no call.
//
// [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
func NewIntrospection(cfg IntrospectionConfig) (*Verifier, error) {
	cfg.CacheTTL = cmp.Or(cfg.CacheTTL, defaultCacheTTL)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	auth := http.Request{Header: http.Header{"Accept": {"application/json"}}}
	if cfg.ClientID != "" {
		auth.SetBasicAuth(url.QueryEscape(cfg.ClientID), url.QueryEscape(cfg.ClientSecret))
	}
	i := &introspection{
		policy:   newPolicy("IntrospectionConfig", "client_id", "scope", cfg.ClientIDs, cfg.Scopes),
		issuer:   cfg.Issuer,
		audience: slices.Clone(cfg.Audience),
		url:      cfg.URL,
		header:   auth.Header,
		client:   lookup.NewClient(cfg.Client, maxAnswer),
		proof:    "IntrospectionConfig.ClientID and ClientSecret",
		now:      cfg.Now,
	}
	if cfg.ClientID == "" {
		i.proof = "what IntrospectionConfig.Client sends"
	}
	i.answers = lookup.New(lookup.Config{
		Service: fmt.Sprintf("introspection (%s)", lookup.Name(cfg.URL)), Fields: "IntrospectionConfig",
		Positive: cfg.CacheTTL, Negative: min(negativeTTL, cfg.CacheTTL), PerMinute: perMinute, Peer: cfg.Peer, Now: cfg.Now,
	}, i.fetch)
	return &Verifier{bearer.New(strategy, i.decide, i.explain)}, nil
}

func (c *IntrospectionConfig) check() error {
	p := config.Problems{Package: strategy}
	p.URL("URL", c.URL, c.InsecureAllowHTTP)
	if c.ClientID != "" || c.ClientSecret != "" {
		p.Name("ClientID", c.ClientID, 0)
		p.Name("ClientSecret", c.ClientSecret, 0)
	} else if c.Client == nil {
		p.Add("ClientID", "required, unless Client authenticates itself")
	}
	if c.Issuer != "" {
		p.Name("Issuer", c.Issuer, 0)
	}
	p.Names("Audience", c.Audience)
	p.Duration("CacheTTL", c.CacheTTL)
	if c.CacheTTL < 0 || c.CacheTTL > maxCacheTTL {
		p.Add("CacheTTL", "%v, want 0 to %v", c.CacheTTL, maxCacheTTL)
	}
	checkPolicy(&p, c.ClientIDs, c.InsecureAnyClient, c.Scopes)
	return p.Err()
}

// introspection decides about tokens by what the server said about them.
type introspection struct {
	policy
	issuer   string
	audience []string
	url      string
	header   http.Header
	client   *lookup.Client
	proof    string // of this API at the server
	answers  *lookup.Cache[*response]
	now      func() time.Time
}

func (i *introspection) decide(r *http.Request, token string) (*redoxauth.Identity, error) {
	if err := i.checkForm(token); err != nil {
		return nil, err
	}
	answer, err := i.answers.Get(r, token)
	if err != nil {
		return nil, err
	}
	a := answer.Value
	if err := a.check(i.issuer, i.audience, i.now()); err != nil {
		return nil, err
	}
	id := &redoxauth.Identity{
		Strategy: strategy, Subject: a.sub, Issuer: a.iss, Scopes: slices.Clone(a.scopes),
		Expiry: a.exp.UTC(), RawClaims: bytes.Clone(a.raw),
	}
	if err := i.accept(id, a.clientID, a.has("client_id")); err != nil {
		return nil, err
	}
	answer.Remember()
	return id, nil
}

// checkForm refuses what is not sent to the server.
func (i *introspection) checkForm(token string) error {
	if len(token) > maxToken {
		return redoxauth.Errorf(redoxauth.ErrNoCredentials, "malformed", "the token has %d bytes, want at most %d, because longer ones are not sent to the introspection endpoint", len(token), maxToken)
	}
	if i.issuer == "" {
		return nil
	}
	if iss := jose.UnverifiedIssuer(token); iss != i.issuer && isJWT(token) {
		received := "absent or cannot be read"
		if iss != "" {
			received = diagnosis.Quote(iss)
		}
		return redoxauth.Errorf(redoxauth.ErrNoCredentials, "issuer", "the token is a JWT whose iss is %s, want %s (%s): those of other issuers are not sent to the introspection endpoint", received, diagnosis.Quote(i.issuer), issuerField)
	}
	return nil
}

// isJWT reports whether any reader could take token for a JWT. It is less strict than our
// parser: another server may accept a JWT that we reject, so it is not sent to this one.
func isJWT(token string) bool {
	if strings.Count(token, ".") != 2 {
		return false
	}
	head, _, _ := strings.Cut(strings.NewReplacer("+", "-", "/", "_").Replace(token), ".")
	var header map[string]json.RawMessage
	text, err := base64.RawURLEncoding.DecodeString(head)
	return err == nil && json.Unmarshal(text, &header) == nil && header != nil
}

// fetch is a [lookup.Fetch].
func (i *introspection) fetch(ctx context.Context, token string) (a *response, expiry time.Time, err error) {
	const field = "IntrospectionConfig.URL"
	resp, err := i.client.Do(ctx, i.url, i.header, url.Values{"token": {token}})
	switch {
	case err != nil:
		err = fmt.Errorf("%w (%s, IntrospectionConfig.Client)", err, field)
	case resp.Status == http.StatusBadRequest && saysInvalid(resp.Body):
		a = &response{inactive: "400 invalid_token"}
	case resp.Status == http.StatusUnauthorized, resp.Status == http.StatusForbidden:
		err = resp.Unexpected("200: the server does not accept the credentials of this API, or it may not introspect (" + i.proof + ")")
	case resp.Status != http.StatusOK:
		err = resp.Unexpected("200, or 400 with the error invalid_token (" + field + ")")
	default:
		if a, err = parseResponse(resp.Body); err != nil {
			err = resp.Unreadable(err, field)
		}
	}
	if err != nil {
		return nil, expiry, fmt.Errorf("introspection: %w", err)
	}
	if !a.active {
		return nil, expiry, redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "introspection: %s says %s, want active: true: the token has expired, was revoked, or is of another server (%s)", resp.URL, a.inactive, field)
	}
	return a, a.exp, nil
}

// explain is a [bearer.Explainer].
func (i *introspection) explain(r *http.Request, token string, to *diagnosis.Report) {
	if err := i.checkForm(token); err != nil {
		to.Error(err)
		if len(token) <= maxToken {
			to.Near("iss", jose.UnverifiedIssuer(token), []string{i.issuer}, issuerField)
		}
		return
	}
	a, ok := i.answers.Explain(r, token, to)
	if !ok {
		return
	}
	a.explain(i.issuer, i.audience, i.now(), to)
	i.explainClient(to, a.clientID, a.has("client_id"))
	if err := i.checkScopes(a.scopes); err != nil {
		to.Error(err)
		for _, scope := range a.scopes[:min(len(a.scopes), 64)] {
			to.Near("scope", scope, i.scopes, i.scopeField)
		}
	} else {
		to.Line("scope: %s, which is enough (%s)", diagnosis.List(a.scopes), i.scopeField)
	}
	if !slices.Contains(i.clientIDs, a.clientID) && slices.Contains(i.clientIDs, a.sub) {
		to.Hint("sub is %s, which is listed, and client_id is %s: client_id alone is compared (IntrospectionConfig.ClientIDs)", diagnosis.Quote(a.sub), a.said("client_id", a.clientID))
	}
}
