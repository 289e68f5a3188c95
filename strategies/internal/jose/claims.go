package jose

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// content is what a token says. It is shared by all requests that send the token, so it
// is not modified once its claims are read.
type content struct {
	*JWS
	body   object
	iss    string // "" if there is none, or if it is no string
	claims claims // of a token whose signature verified
}

// claims are the registered ones of RFC 7519, Section 4.1.
type claims struct {
	sub, jti      string
	aud           []string
	exp, nbf, iat time.Time // zero: absent
}

// read reads a JWT, of whose claims nobody has vouched for any.
func read(token string) (*content, error) {
	j, err := ParseJWS(token)
	if err != nil {
		return nil, err
	}
	c := &content{JWS: j}
	if c.body, err = parseObject(j.Payload); err != nil {
		return nil, refuse("malformed", "claims: "+err.Error())
	}
	if v, ok := c.body.get("iss"); ok {
		c.iss, _ = v.text()
	}
	return c, nil
}

// readClaims reads the claims of a token whose signature verified.
func (c *content) readClaims() error {
	r := &c.claims
	for _, m := range c.body {
		ok := true
		switch m.name {
		case "sub":
			r.sub, ok = m.raw.text()
		case "jti":
			r.jti, ok = m.raw.text()
		case "aud":
			r.aud, ok = m.raw.texts()
			if ok && len(r.aud) == 0 {
				return refuse("audience", "aud is empty")
			}
		case "exp":
			r.exp, ok = m.raw.date()
		case "nbf":
			r.nbf, ok = m.raw.date()
		case "iat":
			r.iat, ok = m.raw.date()
		}
		if !ok {
			return refuse("malformed", "the claim "+m.name+" is of another type")
		}
	}
	return nil
}

func (v *Verifier) checkClaims(c *content, now time.Time) error {
	if c.body.has("cnf") {
		// RFC 7800. To take such a token as a mere bearer would drop its binding.
		return refuse("binding", "the token is bound to a key: cnf")
	}
	if err := v.checkTime(&c.claims, now); err != nil {
		return err
	}
	if err := v.checkAudience(c.claims.aud); err != nil {
		return err
	}
	if s := v.cfg.Subject; s != "" && c.claims.sub != s {
		return refuse("subject", "sub is "+quote(c.claims.sub))
	}
	for _, name := range v.cfg.Required {
		if raw, ok := c.body.get(name); !ok || raw == "null" || raw == `""` {
			return refuse("malformed", "the claim "+name+" is missing")
		}
	}
	return nil
}

func (v *Verifier) checkTime(c *claims, now time.Time) error {
	leeway := v.cfg.Leeway
	if c.exp.IsZero() {
		return refuse("lifetime", "the claim exp is missing")
	}
	if !now.Before(c.exp.Add(leeway)) {
		return refuse("expired", fmt.Sprintf("expired %v ago", now.Sub(c.exp).Round(time.Second)))
	}
	if now.Before(c.nbf.Add(-leeway)) {
		return refuse("not_yet_valid", fmt.Sprintf("valid in %v", c.nbf.Sub(now).Round(time.Second)))
	}
	if now.Before(c.iat.Add(-leeway)) {
		return refuse("not_yet_valid", fmt.Sprintf("issued in %v", c.iat.Sub(now).Round(time.Second)))
	}
	start, most := c.iat, v.cfg.MaxLifetime
	if start.IsZero() {
		start, most = now, most+leeway
	}
	if life := c.exp.Sub(start); v.cfg.MaxLifetime > 0 && life > most {
		return refuse("lifetime", fmt.Sprintf("valid for %v, more than %v", life.Round(time.Second), v.cfg.MaxLifetime))
	}
	return nil
}

func (v *Verifier) checkAudience(aud []string) error {
	if len(v.cfg.Audience) == 0 {
		if len(aud) > 0 {
			return refuse("audience", "aud is "+quote(strings.Join(aud, " "))+", but none is configured")
		}
		return nil
	}
	if v.cfg.OneAudience && len(aud) > 1 {
		return refuse("audience", "aud has more than one value")
	}
	for _, name := range aud {
		if slices.Contains(v.cfg.Audience, name) {
			return nil
		}
	}
	return refuse("audience", "aud is "+quote(strings.Join(aud, " ")))
}
