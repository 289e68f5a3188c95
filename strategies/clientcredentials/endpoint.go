package clientcredentials

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

// An EndpointConfig configures a [TokenEndpoint].
type EndpointConfig struct {
	Clients []Client // required

	// Issuer and Audience, both required, are iss and aud of the tokens: names of the
	// token endpoint and of the destination, usually their URLs, of at most 512 bytes. A
	// token request may name its audience or resource, and then it must be this Audience.
	Issuer, Audience string

	// TokenSecrets, required, sign the tokens: each of 32 random bytes or more, the
	// same list on every replica. The first signs, all verify. Rotate on all replicas
	// from [old, new] to [new, old], and after Lifetime to [new].
	TokenSecrets [][]byte

	// Lifetime of the tokens; default 5 min, from 1 s to 24 h. A token is accepted
	// until 60 s past it.
	Lifetime time.Duration

	// Observe is called once for every token request. The error of its Decision has
	// the Kind that the refusal means; the status of the answer is that of RFC 6749.
	Observe func(*http.Request, redoxauth.Decision)

	Now func() time.Time // default time.Now
}

// A Client may request tokens.
type Client struct {
	ID string // required, at most 512 bytes

	// Secrets, at least one, each of at most 1 KiB, are all accepted: put the new one
	// before the old one, change the dashboard, take the old one out when the Identity
	// that Observe sees no longer has its position as KeyID: of Basic and body, the
	// higher. They should be random: the endpoint slows nobody down.
	Secrets []string

	// Scopes are what it may request. A token holds those of them that were requested;
	// without the parameter scope, all.
	Scopes []string
}

// A TokenEndpoint is the token URL of the client credentials grant, for a destination
// that has no authorization server ([RFC 6749, Section 4.4]). It is safe for
// concurrent use.
//
// It takes POST alone, with a form or a JSON object of at most 64 KiB that arrives
// within 10 s. The client authenticates by Basic or in the body, or by both if both
// are right and name one client. It answers
//
//	200  the token
//	400  invalid_request: a parameter twice or missing, credentials in the URL, two
//	     credentials that disagree, an assertion beside a secret
//	400  unsupported_grant_type, invalid_scope (none of them can be granted, or more
//	     than 200 are requested), invalid_target (another audience or resource)
//	401  invalid_client: no credential, an unknown client or a wrong secret
//	405, 413, 415  invalid_request: not POST, too large, of another media type
//	429  invalid_client: more than 100 wrong credentials of one client from one address
//	     within a minute; a right one is never refused for it
//	503  temporarily_unavailable: the body did not arrive in time, or 32 MiB of bodies
//	     are arriving
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
type TokenEndpoint struct{ endpoint *token.Endpoint }

var _ http.Handler = (*TokenEndpoint)(nil)

// NewTokenEndpoint returns the TokenEndpoint of cfg, or all that is wrong with cfg.
func NewTokenEndpoint(cfg EndpointConfig) (*TokenEndpoint, error) {
	g, clientsErr := newGrant(cfg.Clients)
	e, err := token.New(token.Config{
		Strategy:     strategy,
		Issuer:       cfg.Issuer,
		Audience:     cfg.Audience,
		TokenSecrets: cfg.TokenSecrets,
		Lifetime:     cfg.Lifetime,
		MaxLifetime:  24 * time.Hour,
		GrantType:    "client_credentials",
		JSON:         true,
		Grant:        g,
		Observe:      cfg.Observe,
		Now:          cfg.Now,
	})
	if err := errors.Join(clientsErr, err); err != nil {
		return nil, err
	}
	return &TokenEndpoint{e}, nil
}

// ServeHTTP answers a token request.
func (t *TokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.endpoint.ServeHTTP(w, r)
}

// Verifier returns a Verifier of the tokens that t issues, and any endpoint of this
// package with the same TokenSecrets, Issuer and Audience. A token must have all the
// scopes, else the error is [redoxauth.ErrForbidden]; its client must still be
// configured here. The Identity's Subject is the client ID, its KeyID the position of
// the secret in TokenSecrets.
func (t *TokenEndpoint) Verifier(scopes ...string) *Verifier {
	return &Verifier{t.endpoint.Verifier(scopes)}
}

const strategy = "clientcredentials"

// A grant knows the clients of a TokenEndpoint.
type grant struct {
	token.PlainScopes
	scopes  map[string][]string // by client ID
	secrets secrets
}

func newGrant(clients []Client) (*grant, error) {
	g := &grant{scopes: make(map[string][]string)}
	var samples []sample
	var errs []error
	wrong := func(field, what string) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", strategy, field, what))
	}
	if len(clients) == 0 {
		wrong("Clients", "required")
	}
	for i, c := range clients {
		field := fmt.Sprintf("Clients[%d]", i)
		if what := token.Unfit(c.ID, token.MaxName); what != "" {
			wrong(field+".ID", what)
		}
		if _, twice := g.scopes[c.ID]; twice {
			wrong(field+".ID", "the ID of an earlier client")
		}
		if len(c.Secrets) == 0 {
			wrong(field+".Secrets", "required")
		}
		for j, s := range c.Secrets {
			if what := token.Unfit(s, maxSecret); what != "" {
				wrong(fmt.Sprintf("%s.Secrets[%d]", field, j), what)
			}
			this := sampleOf(c.ID, s)
			if slices.ContainsFunc(samples, this.alike) {
				wrong(fmt.Sprintf("%s.Secrets[%d]", field, j), "with the ID and a colon before it, may be read as an earlier client's")
			}
			samples = append(samples, this)
			g.secrets.add(c.ID, s, j)
		}
		if !token.FitScopes(c.Scopes) {
			wrong(field+".Scopes", "not scope tokens, or more than 4 KiB of them")
		}
		g.scopes[c.ID] = slices.Clone(c.Scopes)
	}
	return g, errors.Join(errs...)
}

// Known implements [token.Grant].
func (g *grant) Known(client, subject string) bool {
	_, ok := g.scopes[client]
	return ok && client == subject
}

// Prove implements [token.Grant]. What was sent is compared in full before it is told
// apart what was wrong.
func (g *grant) Prove(_ context.Context, q *token.Request) (*token.Proof, error) {
	id, secret := q.Get("client_id"), q.Get("client_secret")
	if q.HasAny("client_assertion", "client_assertion_type", "assertion") && (q.HasBasic || secret != "") {
		return nil, token.Malformed("an assertion beside a secret")
	}
	inBasic, inBody := g.secrets.findBasic(q.Basic), g.secrets.findBody(id, secret)
	found := inBody
	switch {
	case q.HasBasic && secret != "":
		if inBasic == nil || inBody == nil || inBasic.client != inBody.client {
			return nil, g.notBoth(q, inBasic, inBody)
		}
		if inBasic.position > inBody.position { // the older one, so that its use is seen
			found = inBasic
		}
	case q.HasBasic:
		found = inBasic
	}
	switch {
	case found == nil:
		return nil, g.refuse(q)
	case id != "" && id != found.client:
		f := token.Malformed("client_id names another client")
		f.Err.Err = fmt.Errorf("client_id is %s beside the secret of client %s", token.Quote(id), token.Quote(found.client))
		return nil, f
	}
	return &token.Proof{
		Client: found.client, Subject: found.client, KeyID: strconv.Itoa(found.position),
		Allowed: g.scopes[found.client],
	}, nil
}

// refuse refuses one credential, or none.
func (g *grant) refuse(q *token.Request) error {
	id := q.Get("client_id")
	err := &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "client"}
	wrong := "wrong"
	switch {
	case q.HasBasic:
		id = g.secrets.claimed(q.Basic)
	case !q.HasAny("client_secret"):
		err.Kind, err.Reason, wrong = redoxauth.ErrNoCredentials, "missing", "no"
	}
	err.Err = errors.New(g.secrets.verdict(nil, id, wrong))
	return token.InvalidClient(id, `Basic realm="redox"`, err)
}

// notBoth refuses two credentials. It counts, for a guesser could send two at once.
func (g *grant) notBoth(q *token.Request, inBasic, inBody *secret) error {
	claimed := g.secrets.claimed(q.Basic)
	f := token.Malformed("two client authentications that are not both right for one client")
	f.Wrong, f.Client, f.Err.Reason = true, claimed, "client"
	f.Err.Err = fmt.Errorf("in Basic: %s; in the body: %s",
		g.secrets.verdict(inBasic, claimed, "wrong"), g.secrets.verdict(inBody, q.Get("client_id"), "wrong"))
	return f
}
