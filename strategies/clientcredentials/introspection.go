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

// IntrospectionConfig configures [NewIntrospection]. URL, one of ClientID with
// ClientSecret and Client, and one of ClientIDs and InsecureAnyClient are required.
type IntrospectionConfig struct {
	// URL is the https URL of the introspection endpoint.
	URL string

	// ClientID and ClientSecret authenticate this API at the endpoint by HTTP Basic,
	// form-encoded (RFC 6749, Section 2.3.1). They are not those of Redox.
	ClientID, ClientSecret string

	// Client makes the requests; default one with http.DefaultTransport. Without a
	// ClientID it must authenticate itself, with a TLS certificate or with a bearer
	// token. The clients of golang.org/x/oauth2 do the latter. The Verifier uses a copy,
	// which follows no redirect. A request takes at most 10 s.
	Client *http.Client

	// Issuer is optional. If it is set, the answer's iss must be equal to it. Then opaque
	// tokens and JWTs of the Issuer are sent to the endpoint. A JWT of another issuer is
	// [redoxauth.ErrNoCredentials]. A JWT whose iss cannot be read, because it has no
	// signature or is padded, is not sent either.
	Issuer string

	// Audience lists the names of this API at the authorization server. The answer's aud
	// must contain one of them. Without Audience the answer must have no aud. Then the
	// server must check that the token is for this API: it knows who asks (RFC 7662,
	// Section 4).
	Audience []string

	// ClientIDs lists the client IDs of Redox. The answer's client_id must be one of
	// them.
	ClientIDs []string

	// InsecureAnyClient accepts every client of the server; ClientIDs must be empty.
	InsecureAnyClient bool

	// Scopes are all required in the answer's scope. An active token without one of them
	// is [redoxauth.ErrForbidden].
	Scopes []string

	// CacheTTL is how long an answer is used, but never past the token's expiry; default
	// 1 min, at most 1 h. A revoked token is accepted for that long. Messages with a
	// token that was asked about before are accepted for that long during an outage of
	// the endpoint.
	CacheTTL time.Duration

	// Peer returns who sent a request. It rations the calls about new tokens: see
	// [NewIntrospection]. By default it is the address of the connection. A request with
	// the header X-Forwarded-For or Forwarded comes from a stranger then, because the
	// address is the proxy's. Behind a proxy set Peer to the last address of
	// X-Forwarded-For, which your own proxy appended (see the example): the sender chooses
	// what stands before it. An address counts without port, and an IPv6 address by its
	// /64. "" means that nobody knows. Peer must be safe for concurrent use.
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

// NewIntrospection returns a Verifier. Its error names everything that is wrong with cfg. It
// makes no request. The Verifier asks an authorization server about access tokens
// ([RFC 7662]).
//
// The Verifier recognises no shape: it sends every bearer token of at most 4 KiB to the
// server. So it comes last in [redoxauth.AnyOf].
//
// It remembers answers, not decisions. It keeps answers about the last 1024 accepted tokens
// for CacheTTL. Apart from them it keeps 1024 other answers; an inactive token is remembered
// for 5 s. Tokens of other clients push out no accepted token.
//
// A token is refused if the server answers 200 and active is anything but true, or 400 and
// the error is "invalid_token". When the server answers anything else, or does not answer, or
// its answer cannot be read, the message is answered 503. A 401 or 403 is about ClientID and
// ClientSecret, or the credential of Client, whatever its body says.
//
// # When a token is refused
//
// The error says what the server answered, what was expected, and which field decides. "inactive"
// is the server's word: the token has expired, was revoked, or is of another server.
// "unavailable" with 401 or 403 is about ClientID and ClientSecret, and with 404 or HTML about
// URL. "busy" is about strangers, or about Peer behind a proxy. [Verifier.Explain] tells more,
// about every check, with the answer that the server gave last.
//
// # Calls about new tokens are rationed
//
// Anybody can invent tokens, and only the server can tell. So calls about tokens that were
// not accepted before are rationed by sender (IntrospectionConfig.Peer):
//
//   - A peer is known for a day after it sent an accepted token. Strangers cannot use up
//     the calls of known peers: together these have 600 calls a minute, and at least 16 at
//     once. The last 1024 known peers are remembered.
//   - All other peers are strangers. Together they have 600 calls a minute, and 32 at
//     once. They are sorted into 256 buckets by a secret hash. One bucket gets at most an
//     eighth of the calls, and has one call a minute of its own. So a genuine new peer gets
//     its first call, unless a stranger is in its bucket or 32 calls are in progress.
//
// Above these limits the answer is 503 with the reason "busy". A token that was accepted
// before is asked about at any time, within 64 calls at once. A call that several requests
// wait for counts once. Failed calls do not count, up to a minute's calls.
//
// Behind a proxy, all connections come from the proxy. So Peer is required there: without it
// everybody is a stranger, in one bucket. If the proxy adds no header, all peers have its
// address. Then strangers share the calls of Redox.
//
// The strongest set-up is to require the verification token first:
//
//	redoxauth.AllOf(token, introspection)
//
// Then strangers cost no call at all.
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
