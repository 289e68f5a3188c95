package smartbackend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

const (
	grantType     = "client_credentials"
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxLifetime   = 5 * time.Minute // of assertions and of access tokens
)

var algorithms = []string{"RS384", "ES384"}

// A grant verifies token requests whose client proves itself with an assertion.
type grant struct{ tokenendpoint.Assertions }

func newGrant(cfg EndpointConfig, p *config.Problems) *grant {
	g := &grant{tokenendpoint.Assertions{
		TokenURL:           cfg.TokenURL,
		AssertionAudiences: cfg.AssertionAudiences,
		Types:              []string{"JWT", "client-authentication+jwt", ""},
		Required:           []string{"jti"},
		OneKey:             true,
		MatchJKU:           true,
		MaxLifetime:        maxLifetime,
		Leeway:             cfg.Leeway,
		Replay:             cfg.Replay,
		Now:                cfg.Now,
		UnknownReason:      "client",
		IssuerField:        "Clients[].ID",
	}}
	g.Check(p)
	for i, c := range cfg.Clients {
		field := fmt.Sprintf("Clients[%d]", i)
		if len(c.Scopes) == 0 {
			p.Add(field+".Scopes", "required")
		}
		for j, s := range c.Scopes {
			context, _, isPlace := strings.Cut(s, "/")
			field := fmt.Sprintf("%s.Scopes[%d]", field, j)
			switch {
			case !isPlace || parseScope(s).context != "":
			case !slices.Contains(contexts, context):
				p.Add(field, "%q is not a system/, patient/ or user/ scope", s)
			default:
				p.Add(field, "%q is not a SMART scope such as \"system/Patient.rs\", with the letters in the order %q", s, letters)
			}
		}
		if err := jose.CheckAlgorithms(algorithms, false, jose.SourceOf(c.Keys)); err != nil {
			p.Add(field+".Keys", "%w", err)
		}
		g.Add(p, field, tokenendpoint.Client{ID: c.ID, Subject: c.ID, Scopes: c.Scopes}, c.Keys, algorithms)
	}
	return g
}

// prove is the Prove of a tokenendpoint.Config.
func (g *grant) prove(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
	assertion, kind, client := q.Get("client_assertion"), q.Get("client_assertion_type"), q.Get("client_id")
	secret := q.HasBasic || q.HasAny("client_secret")
	switch {
	case secret && q.HasAny("client_assertion", "client_assertion_type"):
		return nil, tokenendpoint.Malformed("a secret beside an assertion")
	case secret:
		return nil, unproven(client, redoxauth.ErrRejected, "client", "secrets are not accepted")
	case assertion == "" && kind == "":
		return nil, unproven(client, redoxauth.ErrNoCredentials, "missing", "no assertion")
	case assertion == "":
		return nil, tokenendpoint.Malformed("client_assertion is missing")
	case kind == "":
		return nil, tokenendpoint.Malformed("client_assertion_type is missing")
	case kind != assertionType: // RFC 6749, Section 5.2: "an unsupported parameter value"
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: it is %s, want %s",
			tokenendpoint.InvalidRequest("this client_assertion_type is not supported"), tokenendpoint.Quote(kind), assertionType)
	}
	p, err := g.Verify(ctx, assertion)
	switch {
	case err != nil:
		return nil, err
	case client != "" && client != p.Client:
		return nil, tokenendpoint.WrongCredential(p.Client, redoxauth.ErrRejected, "client",
			"iss is %q, but client_id %s", p.Client, tokenendpoint.Quote(client))
	case !q.HasAny("scope"):
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %q: the parameter scope is missing", p.Client)
	}
	return p, nil
}

// unproven refuses a client that sends no assertion.
func unproven(client string, kind error, reason redoxauth.Reason, why string) error {
	return tokenendpoint.WrongCredential(client, kind, reason, "client_id is %s: %s", tokenendpoint.Quote(client), why)
}
