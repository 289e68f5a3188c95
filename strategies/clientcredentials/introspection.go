package clientcredentials

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// IntrospectionConfig configures [NewIntrospection]. URL, one of ClientID with
// ClientSecret and Client, and one of ClientIDs and InsecureAnyClient are required.
type IntrospectionConfig struct {
	// URL is the introspection endpoint, with https.
	URL string

	// ClientID and ClientSecret authenticate us there by HTTP Basic, form-encoded as
	// RFC 6749, Section 2.3.1, says. They are ours, not Redox's.
	ClientID, ClientSecret string

	// Client makes the requests; default one with http.DefaultTransport. Without a
	// ClientID it must authenticate by itself: with a TLS certificate, or with a bearer
	// token, as the clients that golang.org/x/oauth2 makes do. Redirects are not
	// followed, and a request takes at most 10 s.
	Client *http.Client

	// Issuer, if set, must be the answer's iss. Then a JWT that does not name it as iss,
	// or in which none can be read, being padded, say, or without a signature, is
	// [redoxauth.ErrNoCredentials], and is not sent to the endpoint.
	Issuer string

	// Audience are the names that the server has for this API: the answer's aud must
	// hold one. Without Audience it must have none; that the token is for us is then
	// left to the server, which knows who asks (RFC 7662, Section 4).
	Audience []string

	// ClientIDs are Redox's client IDs: the answer's client_id must be one.
	ClientIDs []string

	// InsecureAnyClient accepts every client of the server instead of ClientIDs.
	InsecureAnyClient bool

	// Scopes must all be in the answer's scope; an active token that lacks one is
	// [redoxauth.ErrForbidden].
	Scopes []string

	// CacheTTL is how long an answer is used, never past the token's expiry; default
	// 1 min, at most 1 h. A revoked token passes for as long, and Redox's messages
	// survive an outage of the endpoint for as long.
	CacheTTL time.Duration

	InsecureAllowHTTP bool // accept a URL with http

	Now func() time.Time // default time.Now
}

const (
	defaultCacheTTL = time.Minute
	maxCacheTTL     = time.Hour
	negativeTTL     = 5 * time.Second // a server may not know at once what it issued
	unknownPerMin   = 600
	maxToken        = 4 << 10
	maxAnswer       = 16 << 10
)

// NewIntrospection returns a Verifier of access tokens about which it asks an
// authorization server ([RFC 7662]), or all that is wrong with cfg. It does no network
// itself.
//
// It knows no shape: it sends the server every bearer token of at most 4 KiB, so in
// [redoxauth.AnyOf] it comes last. It remembers answers, not decisions: of the last 1024
// active tokens of ClientIDs for CacheTTL, and apart from them of 1024 others, inactive
// ones for 5 s. Other clients of the server push out none of ours. It makes at most 64
// calls at once, of which 32, and 600 a minute, are about tokens it does not know; over
// that, and when the server fails or answers nonsense, the answer is 503. A verification
// token in front ([redoxauth.AllOf]) keeps strangers from using that up.
//
// [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
func NewIntrospection(cfg IntrospectionConfig) (*Verifier, error) {
	if cfg.CacheTTL == 0 {
		cfg.CacheTTL = defaultCacheTTL
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	i := &introspection{
		policy:   newPolicy(cfg.ClientIDs, cfg.Scopes),
		issuer:   cfg.Issuer,
		audience: slices.Clone(cfg.Audience),
		now:      cfg.Now,
	}
	i.answers = lookup.New(lookup.Config{
		Positive:  cfg.CacheTTL,
		Negative:  min(negativeTTL, cfg.CacheTTL),
		PerMinute: unknownPerMin,
		Now:       cfg.Now,
	}, newEndpointClient(cfg).fetch)
	return &Verifier{bearer.New(strategy, i.decide)}, nil
}

func (c *IntrospectionConfig) check() error {
	var errs []error
	wrong := func(field, what string) { errs = append(errs, fmt.Errorf("%s: %s: %s", strategy, field, what)) }
	switch u, err := url.Parse(c.URL); {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		wrong("URL", "not an absolute URL")
	case u.Scheme == "http" && !c.InsecureAllowHTTP:
		wrong("URL", "not https")
	case u.User != nil || u.Fragment != "":
		wrong("URL", "with credentials or a fragment")
	}
	if (c.ClientID == "") != (c.ClientSecret == "") {
		wrong("ClientSecret", "ClientID and ClientSecret belong together")
	}
	if c.ClientID == "" && c.Client == nil {
		wrong("ClientID", "required, unless Client authenticates")
	}
	if slices.Contains(c.Audience, "") {
		wrong("Audience", "an empty name")
	}
	if c.CacheTTL < 0 || c.CacheTTL > maxCacheTTL {
		wrong("CacheTTL", "not from 0 to 1 h")
	}
	checkPolicy(c.ClientIDs, c.InsecureAnyClient, c.Scopes, wrong)
	return errors.Join(errs...)
}

// introspection decides about tokens by what the server said about them. Every
// decision is made anew.
type introspection struct {
	policy
	issuer   string
	audience []string
	answers  *lookup.Cache[*response]
	now      func() time.Time
}

func (i *introspection) decide(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if len(token) > maxToken {
		return nil, &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "malformed", Err: errors.New("a bearer token of more than 4 KiB")}
	}
	if i.issuer != "" {
		if iss := jose.UnverifiedIssuer(token); iss != i.issuer && isJWT(token) {
			return nil, &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "issuer", Err: fmt.Errorf("a JWT whose iss is, if it can be read, %+.128q", iss)}
		}
	}
	answer, err := i.answers.Get(ctx, token)
	if err != nil {
		return nil, err
	}
	a := answer.Value
	if err := a.check(i.issuer, i.audience, i.now()); err != nil {
		return nil, err
	}
	id := &redoxauth.Identity{
		Strategy: strategy, Issuer: a.iss, Scopes: slices.Clone(a.scopes),
		Expiry: a.exp, RawClaims: bytes.Clone(a.raw),
	}
	if err := i.allow(id, a.clientID, a.sub); err != nil {
		return nil, err
	}
	answer.Remember()
	return id, nil
}

// isJWT reports whether any reader might take token for a JWT. How strict we are about
// what we accept is no measure of what others accept, whose tokens are not ours to send.
func isJWT(token string) bool {
	if strings.Count(token, ".") != 2 {
		return false
	}
	head, _, _ := strings.Cut(strings.NewReplacer("+", "-", "/", "_").Replace(token), ".")
	var header map[string]json.RawMessage
	text, err := base64.RawURLEncoding.DecodeString(head)
	return err == nil && json.Unmarshal(text, &header) == nil && header != nil
}

// An endpointClient is the client of an introspection endpoint.
type endpointClient struct {
	url    string
	header http.Header
	client *lookup.Client
}

func newEndpointClient(cfg IntrospectionConfig) *endpointClient {
	r := http.Request{Header: http.Header{"Accept": {"application/json"}}}
	if cfg.ClientID != "" {
		r.SetBasicAuth(url.QueryEscape(cfg.ClientID), url.QueryEscape(cfg.ClientSecret))
	}
	return &endpointClient{cfg.URL, r.Header, lookup.NewClient(cfg.Client, maxAnswer)}
}

// fetch is a [lookup.Fetch].
func (c *endpointClient) fetch(ctx context.Context, token string) (*response, time.Time, error) {
	fail := func(err error) (*response, time.Time, error) {
		return nil, time.Time{}, fmt.Errorf("introspection: %w", err)
	}
	resp, err := c.client.Do(ctx, c.url, c.header, url.Values{"token": {token}})
	switch {
	case err != nil:
		return fail(err)
	case resp.Status == http.StatusUnauthorized, resp.Status == http.StatusForbidden:
		return fail(fmt.Errorf("status %d: the server does not let us ask", resp.Status))
	case resp.Status != http.StatusOK:
		return fail(fmt.Errorf("status %d", resp.Status))
	}
	a, err := parseResponse(resp.Body)
	if err != nil {
		return fail(err)
	}
	if !a.active {
		return nil, time.Time{}, refuse("inactive", "the authorization server says that the token is not active")
	}
	return a, a.exp, nil
}
