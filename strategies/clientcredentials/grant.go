package clientcredentials

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// A grant verifies token requests whose client proves itself with a secret.
type grant struct {
	secrets secrets
	clients []tokenendpoint.Client
}

func newGrant(clients []Client, p *config.Problems) *grant {
	g := &grant{}
	var samples []sample
	for i, c := range clients {
		field := fmt.Sprintf("Clients[%d].Secrets", i)
		if len(c.Secrets) == 0 {
			p.Add(field, "required")
		}
		for j, s := range c.Secrets {
			field := fmt.Sprintf("%s[%d]", field, j)
			p.Name(field, s, maxSecret)
			this := sampleOf(c.ID, s)
			if slices.ContainsFunc(samples, this.alike) {
				p.Add(field, "in HTTP Basic, ID and secret could be read as those of an earlier client")
			}
			samples = append(samples, this)
			g.secrets.add(c.ID, s, j)
		}
		g.clients = append(g.clients, tokenendpoint.Client{ID: c.ID, Subject: c.ID, Scopes: c.Scopes})
	}
	return g
}

// prove is the Prove of a tokenendpoint.Config. It compares everything that was sent
// before it looks at what was wrong.
func (g *grant) prove(_ context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
	id, secret := q.Get("client_id"), q.Get("client_secret")
	if q.HasAny("client_assertion", "client_assertion_type", "assertion") && (q.HasBasic || secret != "") {
		return nil, tokenendpoint.Malformed("an assertion beside a secret")
	}
	inBasic, inBody := g.secrets.findBasic(q.Basic), g.secrets.findBody(id, secret)
	found := inBody
	switch {
	case q.HasBasic && secret != "":
		if inBasic == nil || inBody == nil || inBasic.client != inBody.client {
			return nil, g.notBoth(q, inBasic, inBody)
		}
		if inBasic.position > inBody.position { // the older one, so that the operator sees its use
			found = inBasic
		}
	case q.HasBasic:
		found = inBasic
	}
	switch {
	case found == nil:
		return nil, g.refuse(q)
	case id != "" && id != found.client:
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: it is %s, and the secret is of client %q",
			tokenendpoint.InvalidRequest("client_id names another client"), tokenendpoint.Quote(id), found.client)
	}
	return &tokenendpoint.Proof{Client: found.client, Subject: found.client, KeyID: strconv.Itoa(found.position)}, nil
}

// refuse returns the error of a request with one credential or none.
func (g *grant) refuse(q *tokenendpoint.Request) error {
	id, kind, reason, adjective := q.Get("client_id"), redoxauth.ErrRejected, redoxauth.Reason("client"), "wrong"
	switch {
	case q.HasBasic:
		id = g.secrets.claimed(q.Basic)
	case !q.HasAny("client_secret"):
		kind, reason, adjective = redoxauth.ErrNoCredentials, "missing", "no"
	}
	return tokenendpoint.WrongCredential(id, kind, reason, "%s", g.secrets.verdict(nil, id, adjective))
}

// notBoth returns the error of a request with two credentials. It counts as a wrong one,
// because a guesser could send two at once.
func (g *grant) notBoth(q *tokenendpoint.Request, inBasic, inBody *secret) error {
	claimed := g.secrets.claimed(q.Basic)
	return tokenendpoint.WrongCredential(claimed, redoxauth.ErrMalformed, "client", "%w: in Basic: %s; in the body: %s",
		tokenendpoint.InvalidRequest("two client authentications that are not both right for one client"),
		g.secrets.verdict(inBasic, claimed, "wrong"), g.secrets.verdict(inBody, q.Get("client_id"), "wrong"))
}
