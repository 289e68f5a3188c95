package jwtbearer

import (
	"context"
	"fmt"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// A grant verifies token requests that exchange an assertion for an access token.
type grant struct{ tokenendpoint.Assertions }

func newGrant(cfg EndpointConfig, p *config.Problems) *grant {
	g := &grant{tokenendpoint.Assertions{
		TokenURL:           cfg.TokenURL,
		AssertionAudiences: cfg.AssertionAudiences,
		Types:              []string{"JWT", "authorization-grant+jwt", ""},
		Required:           []string{"sub"},
		MaxLifetime:        time.Hour,
		Leeway:             cfg.Leeway,
		Replay:             cfg.Replay,
		Now:                cfg.Now,
		UnknownReason:      "issuer",
		IssuerField:        "Signers[].Issuer",
		SubjectField:       "Signers[].Subject",
		KeysField:          "Signers[].Keys",
		AlgorithmsBy:       "EndpointConfig.Signers[].Algorithms",
		LifetimeBy:         "fixed",
		Issuer:             cfg.Issuer,
		Audience:           cfg.Audience,
	}}
	g.Check(p)
	for i, s := range cfg.Signers {
		field := fmt.Sprintf("Signers[%d]", i)
		if s.Algorithms == nil {
			s.Algorithms = jose.Asymmetric()
		}
		if err := jose.CheckAlgorithms(s.Algorithms, false, jose.SourceOf(s.Keys)); err != nil {
			p.Add(field+".Algorithms", "%w", err)
		}
		g.Add(p, field, tokenendpoint.Client{ID: s.Issuer, Subject: s.Subject, Scopes: s.Scopes}, s.Keys, s.Algorithms)
	}
	return g
}

// prove is the Prove of a tokenendpoint.Config.
func (g *grant) prove(ctx context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
	if q.HasBasic || q.HasAny("client_secret", "client_assertion", "client_assertion_type") {
		return nil, tokenendpoint.Malformed("a client credential beside the assertion", "%s arrived, want the parameter assertion alone: no client authenticates here (Redox dashboard: noBasic)", g.credential(q))
	}
	if !q.HasAny("assertion") {
		return nil, tokenendpoint.Malformed("assertion is missing", "%s, want a signed JWT", q.Absence("assertion"))
	}
	return g.Verify(ctx, q.Get("assertion"))
}

// explain is the Facts of a tokenendpoint.Config.
func (g *grant) explain(ctx context.Context, to *diagnosis.Report, q *tokenendpoint.Request) string {
	if q.HasBasic || q.HasAny("client_secret", "client_assertion", "client_assertion_type") {
		to.Line("client authentication: %s arrived, want none (Redox dashboard: noBasic)", g.credential(q))
	} else {
		to.Line("client authentication: none, as required")
	}
	if q.HasAny("assertion") {
		return g.Explain(ctx, to, "assertion", q.Get("assertion"))
	}
	to.Line("assertion: absent, want a signed JWT")
	if q.HasAny("client_assertion") {
		to.Hint("the JWT is in client_assertion, want it in assertion; package smartbackend takes client_assertion")
	}
	return ""
}

// credential names the credential that is beside an assertion.
func (g *grant) credential(q *tokenendpoint.Request) string {
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		if q.HasAny(name) {
			return "the parameter " + name
		}
	}
	return "Authorization: Basic"
}
