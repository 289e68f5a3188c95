package smartbackend

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/token"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// challenge is for a failed assertion: a 401 must name a scheme, and there is none for
// assertions.
const challenge = `Redox realm="redox"`

// A grant knows the clients of a TokenEndpoint, by ID.
type grant map[string]client

type client struct {
	assertions *token.Assertions
	scopes     []string
}

func newGrant(cfg EndpointConfig) (grant, error) {
	terms := &token.Terms{
		Strategy:    strategy,
		TokenURL:    cfg.TokenURL,
		Audiences:   slices.Clone(cfg.Audiences),
		Types:       []string{"JWT", "client-authentication+jwt", ""},
		Required:    []string{"jti"},
		MatchJKU:    true,
		MaxLifetime: maxLifetime,
		Leeway:      cfg.Leeway,
		Replay:      cfg.Replay,
		Now:         cfg.Now,
		Refuse: func(issuer string, err *redoxauth.Error) *token.Refusal {
			return token.InvalidClient(issuer, challenge, err)
		},
	}
	errs := []error{terms.Complete()}
	wrong := func(field, what string) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", strategy, field, what))
	}
	if len(cfg.Clients) == 0 {
		wrong("Clients", "required")
	}
	g := make(grant)
	for i, c := range cfg.Clients {
		field := fmt.Sprintf("Clients[%d]", i)
		if what := token.Unfit(c.ID, token.MaxName); what != "" {
			wrong(field+".ID", what)
		}
		if _, twice := g[c.ID]; twice {
			wrong(field+".ID", "the ID of an earlier client")
		}
		if len(c.Scopes) == 0 {
			wrong(field+".Scopes", "required")
		}
		if slices.ContainsFunc(c.Scopes, func(s string) bool { return !isScope(s) }) || !token.FitScopes(c.Scopes) {
			wrong(field+".Scopes", "not SMART scopes, or more than 4 KiB of them")
		}
		if c.Keys == nil {
			wrong(field+".Keys", "required")
			continue
		}
		g[c.ID] = client{terms.Of(c.ID, c.ID, jose.SourceOf(c.Keys), algorithms), slices.Clone(c.Scopes)}
	}
	return g, errors.Join(errs...)
}

// Prove implements [token.Grant].
func (g grant) Prove(ctx context.Context, q *token.Request) (*token.Proof, error) {
	assertion, kind := q.Get("client_assertion"), q.Get("client_assertion_type")
	asserted := assertion != "" || kind != ""
	secret := q.HasBasic || q.HasAny("client_secret")
	named := q.Get("client_id")
	switch {
	case asserted && secret:
		return nil, token.Malformed("a secret beside an assertion")
	case q.HasBasic:
		return nil, unproven(named, `Basic realm="redox"`, redoxauth.ErrRejected, "secrets are not accepted")
	case secret:
		return nil, unproven(named, challenge, redoxauth.ErrRejected, "secrets are not accepted")
	case !asserted:
		return nil, unproven(named, challenge, redoxauth.ErrNoCredentials, "no assertion")
	case assertion == "":
		return nil, token.Malformed("client_assertion is missing")
	case kind == "":
		return nil, token.Malformed("client_assertion_type is missing")
	case kind != assertionType:
		return nil, unproven(named, challenge, redoxauth.ErrRejected, "unknown client_assertion_type")
	}
	// Who presents an assertion of no client is told at once: there is no key whose
	// check could take the same time, and a client ID is no secret.
	id := jose.UnverifiedIssuer(assertion)
	c, ok := g[id]
	if !ok {
		return nil, invalidClient(id, challenge, redoxauth.ErrRejected, token.Unknown(id, "client"))
	}
	if named != "" && named != id {
		err := fmt.Errorf("iss is %s, but client_id %s", token.Quote(id), token.Quote(named))
		return nil, invalidClient(id, challenge, redoxauth.ErrRejected, err)
	}
	t, use, err := c.assertions.Verify(ctx, assertion)
	if err != nil {
		return nil, err
	}
	if !q.HasAny("scope") {
		return nil, token.InvalidScope(id)
	}
	return &token.Proof{Client: id, Subject: id, KeyID: t.KeyID, Allowed: c.scopes, Use: use}, nil
}

// unproven refuses a client that presents no assertion.
func unproven(named, challenge string, kind error, why string) error {
	return invalidClient(named, challenge, kind, fmt.Errorf("client_id is %s: %s", token.Quote(named), why))
}

func invalidClient(claimed, challenge string, kind, why error) error {
	reason := redoxauth.Reason("client")
	if kind == redoxauth.ErrNoCredentials {
		reason = "missing"
	}
	return token.InvalidClient(claimed, challenge, &redoxauth.Error{Kind: kind, Reason: reason, Err: why})
}

// Known implements [token.Grant].
func (g grant) Known(client, subject string) bool {
	_, ok := g[client]
	return ok && client == subject
}

// Narrow implements [token.Grant].
func (g grant) Narrow(allowed, requested []string) []string {
	var granted []string
	for _, s := range narrow(parseScopes(allowed), parseScopes(requested)) {
		granted = append(granted, s.text)
	}
	return granted
}

// Covers implements [token.Grant].
func (g grant) Covers(granted []string, required string) bool {
	return coverOf(parseScopes(granted)).includes(parseScope(required))
}
