package clientcredentials

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// A grant verifies token requests whose client proves itself with a secret.
type grant struct {
	secrets secrets
	clients []tokenendpoint.Client
	want    string // the accepted client IDs, for errors
}

func newGrant(clients []Client, p *config.Problems) *grant {
	g := &grant{}
	var samples []sample
	var ids []string
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
		ids = append(ids, c.ID)
	}
	g.want = diagnosis.OneOf(ids) + " (EndpointConfig.Clients[].ID; Redox dashboard: clientId)"
	return g
}

// prove is the Prove of a tokenendpoint.Config. It compares everything that was sent
// before it looks at what was wrong.
func (g *grant) prove(_ context.Context, q *tokenendpoint.Request) (*tokenendpoint.Proof, error) {
	id, secret := q.Get("client_id"), q.Get("client_secret")
	if q.HasAny("client_assertion", "client_assertion_type", "assertion") && (q.HasBasic || secret != "") {
		return nil, tokenendpoint.Malformed("an assertion beside a secret", "want a secret alone: client_assertion, client_assertion_type and assertion absent")
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
		return nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: it is %s, want %s, whose secret is in Basic (Redox dashboard: clientId)",
			tokenendpoint.InvalidRequest("client_id names another client"), g.secrets.named(id), diagnosis.Quote(found.client))
	}
	return &tokenendpoint.Proof{Client: found.client, Subject: found.client, KeyID: strconv.Itoa(found.position)}, nil
}

// refuse returns the error of a request with one credential or none.
func (g *grant) refuse(q *tokenendpoint.Request) error {
	id := q.Get("client_id")
	switch {
	case q.HasBasic:
		id = g.secrets.claimed(q.Basic)
		return tokenendpoint.WrongCredential(id, redoxauth.ErrRejected, "client", "%s", g.inBasic(nil, q))
	case q.HasAny("client_secret"):
		return tokenendpoint.WrongCredential(id, redoxauth.ErrRejected, "client", "%s", g.inBody(nil, q))
	}
	return tokenendpoint.WrongCredential(id, redoxauth.ErrNoCredentials, "missing", "%s", g.nothing(q))
}

// notBoth returns the error of a request with two credentials. It counts as a wrong one,
// because a guesser could send two at once.
func (g *grant) notBoth(q *tokenendpoint.Request, inBasic, inBody *secret) error {
	return tokenendpoint.WrongCredential(g.secrets.claimed(q.Basic), redoxauth.ErrMalformed, "client", "%w: %s; %s",
		tokenendpoint.InvalidRequest("two client authentications that are not both right for one client"), g.inBasic(inBasic, q), g.inBody(inBody, q))
}

// inBasic tells the operator what Basic has.
func (g *grant) inBasic(found *secret, q *tokenendpoint.Request) string {
	text := decoded(q.Basic)
	switch {
	case q.Basic == "":
		return "in Basic: empty, want base64 of ID:secret"
	case text == "":
		return "in Basic: no base64 of at most 8 KiB, want base64 of ID:secret (Redox dashboard: noBasic)"
	case !strings.Contains(text, ":"):
		return "in Basic: base64 of a text without a colon, want base64 of ID:secret"
	}
	return "in Basic: " + g.verdict(found, g.secrets.claimed(q.Basic), strings.HasSuffix(text, ":"))
}

// inBody tells the operator what the body has.
func (g *grant) inBody(found *secret, q *tokenendpoint.Request) string {
	id := q.Get("client_id")
	if id == "" {
		return "in the body: client_secret without a client ID: " + q.Absence("client_id") + ", want " + g.want
	}
	return "in the body: " + g.verdict(found, id, !q.HasAny("client_secret"))
}

// nothing tells the operator of a request without a secret.
func (g *grant) nothing(q *tokenendpoint.Request) string {
	why := "no Authorization header"
	if q.OtherScheme {
		why = "an Authorization header of another scheme than Basic"
	}
	if q.HasAny("client_assertion", "assertion") {
		why += ", and an assertion, which this strategy does not take (packages smartbackend and jwtbearer do)"
	}
	client := "no client ID and no secret"
	if id := q.Get("client_id"); id != "" {
		client = g.verdict(nil, id, true)
	}
	return client + "; there is " + why + ", " + q.Absence("client_id", "client_secret") + ", want HTTP Basic or both parameters (Redox dashboard: noBasic)"
}

// verdict tells the operator what was presented. It takes as long for an unknown client as
// for a wrong secret.
func (g *grant) verdict(found *secret, id string, absent bool) string {
	known, misplaced := g.secrets.look(id)
	adjective := "wrong"
	if absent {
		adjective = "no"
	}
	switch {
	case found != nil:
		return "a right secret of client " + diagnosis.Quote(found.client)
	case misplaced:
		return "a secret in the place of the client ID, want " + g.want
	case id == "":
		return "no client ID, want " + g.want
	case known:
		return adjective + " secret of client " + diagnosis.Quote(id) + ", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)"
	}
	return "unknown client " + diagnosis.Quote(id) + ", want " + g.want
}
