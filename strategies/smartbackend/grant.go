package smartbackend

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
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
		Dashboard:          "clientId",
		SubjectField:       "Clients[].ID",
		KeysField:          "Clients[].Keys",
		AlgorithmsBy:       "fixed by SMART App Launch",
		LifetimeBy:         "fixed by SMART App Launch",
		Issuer:             cfg.Issuer,
		Audience:           cfg.Audience,
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
			case !config.ValidScope(s): // tokenendpoint.New says what is wrong
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
		return nil, tokenendpoint.Malformed("a secret beside an assertion", "%s arrived, want client_assertion and client_assertion_type alone (Redox dashboard: noBasic, clientSecret)", secretIn(q))
	case secret:
		return nil, unproven(q, redoxauth.ErrRejected, "client", secretIn(q)+" arrived, and secrets are not accepted: want a client_assertion, signed with the client's key")
	case assertion == "" && kind == "":
		return nil, unproven(q, redoxauth.ErrNoCredentials, "missing", "no assertion: "+q.Absence("client_assertion")+", want a signed JWT")
	case assertion == "":
		return nil, tokenendpoint.Malformed("client_assertion is missing", "%s, want a signed JWT", q.Absence("client_assertion"))
	case kind == "":
		return nil, tokenendpoint.Malformed("client_assertion_type is missing", "%s, want %q", q.Absence("client_assertion_type"), assertionType)
	case kind != assertionType: // RFC 6749, Section 5.2: "an unsupported parameter value"
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: it is %s, want %q (fixed by SMART App Launch)",
			tokenendpoint.InvalidRequest("this client_assertion_type is not supported"), diagnosis.Quote(kind), assertionType)
	}
	p, err := g.Verify(ctx, assertion)
	switch {
	case err != nil:
		return nil, err
	case client != "" && client != p.Client:
		return nil, tokenendpoint.WrongCredential(p.Client, redoxauth.ErrRejected, "client",
			"client_id is %s, want %s or none, as iss of the assertion is (Redox dashboard: clientId)", diagnosis.Quote(client), diagnosis.Quote(p.Client))
	case !q.HasAny("scope"):
		return nil, redoxauth.Errorf(redoxauth.ErrForbidden, "scope", "client %s: %s, want some of EndpointConfig.Clients[].Scopes (Redox dashboard: scopes)", diagnosis.Quote(p.Client), q.Absence("scope"))
	}
	return p, nil
}

// unproven refuses a client that sends no assertion.
func unproven(q *tokenendpoint.Request, kind error, reason redoxauth.Reason, why string) error {
	return tokenendpoint.WrongCredential(q.Get("client_id"), kind, reason, "client_id is %s: %s", q.Said("client_id"), why)
}

// explain is the Facts of a tokenendpoint.Config.
func (g *grant) explain(ctx context.Context, to *diagnosis.Report, q *tokenendpoint.Request) (issuer string) {
	if q.HasBasic || q.HasAny("client_secret") {
		to.Line("secret: %s arrived, want none (Redox dashboard: noBasic, clientSecret)", secretIn(q))
		to.Hint("a secret arrived: smartbackend takes a signed assertion only, and package clientcredentials takes secrets")
	} else {
		to.Line("secret: none, as required")
	}
	switch kind := q.Get("client_assertion_type"); {
	case kind == assertionType:
		to.Line("client_assertion_type: %q, as required", kind)
	default:
		to.Line("client_assertion_type: %s, want %q (fixed by SMART App Launch)", q.Said("client_assertion_type"), assertionType)
		to.Near("client_assertion_type", kind, []string{assertionType}, "the value that SMART App Launch fixes")
	}
	if q.HasAny("client_assertion") {
		issuer = g.Explain(ctx, to, "client_assertion", q.Get("client_assertion"))
	} else {
		to.Line("client_assertion: absent, want a signed JWT")
		if q.HasAny("assertion") {
			to.Hint("the JWT is in assertion, want it in client_assertion; package jwtbearer takes assertion")
		}
	}
	switch client := q.Get("client_id"); {
	case client == "":
		to.Line("client_id: absent, as allowed")
	case client == issuer:
		to.Line("client_id: %s, as iss of the assertion", diagnosis.Quote(client))
	case issuer == "":
		to.Line("client_id: %s", diagnosis.Quote(client))
	default:
		to.Line("client_id: %s, want %s, as iss of the assertion, or none (Redox dashboard: clientId)", diagnosis.Quote(client), diagnosis.Quote(issuer))
		to.Near("client_id", client, []string{issuer}, "iss of the assertion")
	}
	return issuer
}

// secretIn says where a secret is.
func secretIn(q *tokenendpoint.Request) string {
	if q.HasBasic {
		return "Authorization: Basic"
	}
	return "the parameter client_secret"
}
