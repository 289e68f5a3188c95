package clientcredentials

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/tokenendpoint"
)

// explain is the Facts of a tokenendpoint.Config.
func (g *grant) explain(_ context.Context, to *diagnosis.Report, q *tokenendpoint.Request) (client string) {
	id, text := q.Get("client_id"), q.Get("client_secret")
	if q.HasBasic {
		found := g.secrets.findBasic(q.Basic)
		to.Line("client authentication: %s", g.inBasic(found, q))
		if client = g.secrets.claimed(q.Basic); found != nil {
			client = found.client
		} else {
			g.hintBasic(to, q)
		}
	}
	if text != "" {
		found := g.secrets.findBody(id, text)
		to.Line("client authentication: %s", g.inBody(found, q))
		if client = id; found == nil {
			g.hint(to, "the body", id, text)
		}
	}
	switch {
	case !q.HasBasic && text == "":
		to.Line("client authentication: %s", g.nothing(q))
		client = id
	case q.HasBasic && id == "":
		to.Line("client_id: absent in the body, as allowed beside Basic")
	case text == "":
		to.Line("client_id: %s in the body, want that of Basic, or none", g.secrets.named(id))
	}
	for _, name := range []string{"client_assertion", "client_assertion_type", "assertion"} {
		if q.HasAny(name) {
			to.Line("%s: present, want it absent: this strategy takes secrets", name)
			to.Hint("%s arrived: package smartbackend takes client_assertion, package jwtbearer takes assertion", name)
		}
	}
	return client
}

// hintBasic tries what is often wrong in Basic.
func (g *grant) hintBasic(to *diagnosis.Report, q *tokenendpoint.Request) {
	value := strings.TrimSpace(q.Basic)
	raw := decoded(value)
	if raw == "" {
		if unpadded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "=")); err == nil && g.secrets.find(string(unpadded)) != nil {
			to.Hint("ID and secret are right when the base64 in Basic is read without padding, want base64 with padding")
		}
		if decoded, err := base64.URLEncoding.DecodeString(value); err == nil && g.secrets.find(string(decoded)) != nil {
			to.Hint("ID and secret are right when Basic is read as base64url, want base64 in its standard alphabet")
		}
		if len(value) <= maxBasic && g.secrets.find(value) != nil {
			to.Hint("Basic has ID and secret as they are, want base64 of them")
		}
		return
	}
	if whole, err := url.QueryUnescape(raw); err == nil && whole != raw && g.secrets.find(whole) != nil {
		to.Hint("ID and secret in Basic are right, but the colon between them is form-encoded too, want each encoded alone (RFC 6749, Section 2.3.1)")
	}
	if again := decoded(raw); again != "" && g.secrets.find(again) != nil {
		to.Hint("ID and secret in Basic are right when they are decoded from base64 twice, want base64 once")
	}
	for _, reading := range readings(raw) {
		id, text, _ := strings.Cut(reading, ":")
		if claimed := g.secrets.claimed(q.Basic); strings.HasPrefix(reading, claimed+":") {
			id, text = claimed, reading[len(claimed)+1:]
		}
		if g.hint(to, "Basic", id, text) {
			return
		}
	}
}

// hint tries what is often wrong with an ID and a secret that do not match, and reports whether
// it has found the cause.
func (g *grant) hint(to *diagnosis.Report, where, id, text string) bool {
	if len(id)+len(text) > maxBasic {
		return false
	}
	if g.secrets.find(text+":"+id) != nil {
		to.Hint("client ID and secret in %s are exchanged", where)
		return true
	}
	ids := []variant{{text: id}}
	for _, c := range g.clients {
		if len(ids) == 4 {
			break
		}
		switch {
		case c.ID == id:
		case strings.EqualFold(c.ID, id):
			to.Hint("the client ID in %s differs from %s only in case (EndpointConfig.Clients[].ID; Redox dashboard: clientId)", where, diagnosis.Quote(c.ID))
			ids = append(ids, variant{c.ID, "so written"})
		case config.Trim(id) == c.ID, strings.Trim(id, "\"'") == c.ID:
			to.Hint("the client ID in %s is %s when white space and quotes around it are removed (Redox dashboard: clientId)", where, diagnosis.Quote(c.ID))
			ids = append(ids, variant{c.ID, "so written"})
		case unescaped(id) == c.ID:
			to.Hint("the client ID in %s is the form-encoded %s", where, diagnosis.Quote(c.ID))
			ids = append(ids, variant{c.ID, "so written"})
		}
	}
	for _, id := range ids {
		if id.when != "" && g.secrets.find(id.text+":"+text) != nil {
			to.Hint("with the client ID %s the secret in %s is right", diagnosis.Quote(id.text), where)
			return true
		}
		for _, v := range variants(text) {
			if v.text != text && v.text != "" && g.secrets.find(id.text+":"+v.text) != nil {
				to.Hint("the secret in %s is right for client %s when %s (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)", where, diagnosis.Quote(id.text), v.when)
				return true
			}
		}
	}
	presented := sha256.Sum256([]byte(text))
	for i := range g.secrets {
		if s := &g.secrets[i]; s.alone == presented && s.client != id {
			to.Hint("the secret in %s is one of client %s", where, diagnosis.Quote(s.client))
		}
	}
	return false
}

// A variant is what a secret may have been before somebody copied or encoded it.
type variant struct{ text, when string }

// variants returns less than 20 of them.
func variants(text string) []variant {
	trimmed := config.Trim(text)
	all := []variant{
		{trimmed, "the white space around it, such as a line break, is removed"},
		{strings.Trim(trimmed, "\"'"), "the quotes around it are removed"},
		{unescaped(text), "it is form-decoded once more: it was URL-encoded twice, or before it was entered"},
		{url.QueryEscape(text), "it is form-encoded: the configured secret is in that form"},
		{url.PathEscape(text), "it is percent-encoded: the configured secret is in that form"},
		{strings.ReplaceAll(text, " ", "+"), "its spaces are read as \"+\": it was not form-encoded"},
		{base64.StdEncoding.EncodeToString([]byte(text)), "it is written in base64: the configured secret is in that form"},
		{base64.RawURLEncoding.EncodeToString([]byte(text)), "it is written in base64url: the configured secret is in that form"},
		{hex.EncodeToString([]byte(text)), "it is written in hex: the configured secret is in that form"},
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(trimmed); err == nil {
			all = append(all, variant{config.Trim(string(b)), "it is decoded from base64"})
		}
	}
	if b, err := hex.DecodeString(trimmed); err == nil {
		all = append(all, variant{config.Trim(string(b)), "it is decoded from hex"})
	}
	return all
}

// unescaped decodes a form-encoded text. It returns "" if it is none.
func unescaped(text string) string {
	decoded, err := url.QueryUnescape(text)
	if err != nil {
		return ""
	}
	return decoded
}
