package verifiertest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A challenge is one challenge in a WWW-Authenticate header (RFC 9110, Section 11.6.1).
type challenge struct {
	scheme string // lower case
	params map[string]string
}

func testChallenge(c *check) {
	v := c.suite.New()
	h := redoxauth.Middleware(v, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, r := range c.suite.refused() {
		w := c.serve(name, h, r)
		header := w.Header().Get("WWW-Authenticate")
		challenges, ok := parseChallenges(header)
		if header != "" && !ok {
			c.fail("%s: WWW-Authenticate cannot be parsed: %q", name, header)
			continue
		}
		if w.Code == http.StatusUnauthorized && len(challenges) == 0 {
			c.fail("%s: 401 without WWW-Authenticate", name)
		}
		if name == "absent" && w.Code == http.StatusUnauthorized {
			c.offersBearer(challenges)
		}
		for _, ch := range challenges {
			if ch.scheme == "bearer" {
				c.bearer(name, w.Code, ch)
			}
		}
	}
}

// offersBearer fails the test if a Verifier of bearer tokens sends no Bearer challenge.
func (c *check) offersBearer(challenges []challenge) {
	c.Helper()
	r := c.suite.Genuine()
	isBearer := strings.HasPrefix(kind("Authorization", r.Header.Get("Authorization")), bearer)
	if !isBearer || !slices.Equal(c.carriers(), []string{"Authorization"}) {
		return
	}
	if !slices.ContainsFunc(challenges, func(ch challenge) bool { return ch.scheme == "bearer" }) {
		c.fail("absent: no Bearer challenge, though the credential is a bearer token")
	}
}

// bearer fails the test unless a Bearer challenge follows RFC 6750, Section 3.
func (c *check) bearer(name string, status int, ch challenge) {
	c.Helper()
	if len(ch.params) == 0 {
		c.fail("%s: a Bearer challenge without a parameter", name)
	}
	got := ch.params["error"]
	switch {
	case name == "absent" && got != "":
		c.fail("%s: error=%q, though no token was sent", name, got)
	case !strings.HasPrefix(name, "forged "):
	case status == http.StatusUnauthorized && got != "invalid_token",
		status == http.StatusForbidden && got != "insufficient_scope",
		status == http.StatusBadRequest && got != "invalid_request":
		c.fail("%s: error=%q with status %d", name, got, status)
	}
}

// parseChallenges parses a WWW-Authenticate value strictly.
func parseChallenges(header string) ([]challenge, bool) {
	var all []challenge
	for _, item := range splitUnquoted(header) {
		item = strings.Trim(item, " \t")
		name, rest, _ := strings.Cut(item, " ")
		if !strings.Contains(name, "=") { // a new challenge begins
			if !isToken(name) {
				return nil, false
			}
			all = append(all, challenge{strings.ToLower(name), map[string]string{}})
			if item = strings.Trim(rest, " "); item == "" {
				continue
			}
		}
		key, value, ok := strings.Cut(item, "=")
		if quoted := len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"'; quoted {
			value = value[1 : len(value)-1]
		} else if !isToken(value) {
			return nil, false
		}
		key = strings.ToLower(key)
		if !ok || !isToken(key) || len(all) == 0 || !isPrintable(value) {
			return nil, false
		}
		params := all[len(all)-1].params
		if _, twice := params[key]; twice {
			return nil, false
		}
		params[key] = value
	}
	return all, true
}

// splitUnquoted splits at commas outside of quotes.
func splitUnquoted(s string) []string {
	quoted := false
	return strings.FieldsFunc(strings.ReplaceAll(s, `\"`, "''"), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ',' && !quoted
	})
}

func isToken(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~") == ""
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}
