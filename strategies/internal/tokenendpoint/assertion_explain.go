package tokenendpoint

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// maxOthers bounds the clients whose keys Explain tries, beside those of the claimed one. Each
// costs at most four signatures.
const maxOthers = 8

// Explain adds to x what an assertion says. It returns its issuer, or "".
func (a *Assertions) Explain(ctx context.Context, x *Report, parameter, assertion string) string {
	jws, err := jose.ParseJWS(assertion)
	if err != nil {
		x.Fact("%s: %d bytes that are no JWT which can be read: %v", parameter, len(assertion), cause(err))
		a.misread(x, parameter, assertion)
		return ""
	}
	x.Fact("%s: a JWT of %d bytes", parameter, len(assertion))
	head, _, _ := strings.Cut(assertion, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(head)
	header, err1 := jose.ReadObject(raw, "alg", "typ", "kid", "jku")
	claims, err2 := jose.ReadObject([]byte(jws.Payload), "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "cnf")
	if err := errors.Join(err1, err2); err != nil {
		x.Fact("%s: its claims cannot be read: %v", parameter, err)
		return ""
	}
	issuer, _ := claims.Get("iss").Text()
	s, known := a.issuers[issuer]
	a.header(x, header, s)
	a.parties(x, claims, s, issuer)
	a.times(x, claims)
	jti := shown(claims.Get("jti"))
	switch _, isText := claims.Get("jti").Text(); {
	case isText && jti != `""`:
		x.Fact("jti: %s; the replay store is not asked, so whether it was used before is not known (EndpointConfig.Replay)", jti)
	case slices.Contains(a.Required, "jti"):
		x.Fact("jti: %s, want a string that is new in each assertion", jti)
	default:
		x.Fact("jti: %s; then the assertion is accepted for %v after its iat (EndpointConfig.Leeway and 1m0s)", jti, maxAge+a.Leeway)
	}
	if claims.Get("cnf") != "" {
		x.Fact("cnf: present, want it absent: the assertion is bound to a key")
	}
	a.signature(ctx, x, jws, assertion, header, s, issuer)
	if !known {
		return ""
	}
	return issuer
}

// misread adds hints for an assertion that is no JWT.
func (a *Assertions) misread(x *Report, parameter, assertion string) {
	trimmed := strings.Trim(assertion, " \t\r\n\"")
	if trimmed != assertion && a.issuers[jose.UnverifiedIssuer(trimmed)] != nil {
		x.Hint("%s is a JWT when the white space and the quotes around it are removed", parameter)
	}
	if bare, ok := strings.CutPrefix(trimmed, "Bearer "); ok && jose.UnverifiedIssuer(bare) != "" {
		x.Hint("%s is a JWT after the word Bearer, want the JWT alone", parameter)
	}
	unpadded := strings.NewReplacer("=", "", "+", "-", "/", "_").Replace(trimmed)
	if unpadded != trimmed && a.issuers[jose.UnverifiedIssuer(unpadded)] != nil {
		x.Hint("%s is written in base64 with padding, or in its standard alphabet, want base64url without padding (RFC 7515, Section 2)", parameter)
	}
}

func (a *Assertions) header(x *Report, header jose.Object, s *signer) {
	algorithms := "" // of an unknown signer
	alg, _ := header.Get("alg").Text()
	if s != nil {
		algorithms = fmt.Sprintf(", want %s (%s)", OneOf(s.algorithms), a.AlgorithmsBy)
		if slices.Contains(s.algorithms, alg) {
			algorithms = ", as accepted"
		}
	}
	x.Fact("header: alg %s%s", shown(header.Get("alg")), algorithms)
	types := ", want " + typesOf(a.Types)
	typ, isText := header.Get("typ").Text()
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	if header.Get("typ") == "" && slices.Contains(a.Types, "") || isText && typ != "" && slices.ContainsFunc(a.Types, func(t string) bool { return strings.EqualFold(t, typ) }) {
		types = ", as accepted"
	}
	x.Fact("header: typ %s%s", shown(header.Get("typ")), types)
	x.Fact("header: kid %s", shown(header.Get("kid")))
	jku := header.Get("jku")
	switch text, _ := jku.Text(); {
	case jku == "":
		x.Fact("header: jku absent, as allowed")
	case !a.MatchJKU || s == nil:
		x.Fact("header: jku %s, which is never followed", shown(jku))
	case s.keys.URL() == "":
		x.Fact("header: jku %s, want it absent: the keys are configured, or their URL is not known yet (EndpointConfig.%s)", shown(jku), a.KeysField)
	case text == s.keys.URL():
		x.Fact("header: jku %s, as configured", shown(jku))
	default:
		x.Fact("header: jku %s, want %s, the URL of the keys (EndpointConfig.%s)", shown(jku), Quote(s.keys.URL()), a.KeysField)
		x.Near("jku", text, s.keys.URL(), "the URL of the keys")
	}
}

// typesOf says which values of typ are accepted.
func typesOf(types []string) string {
	named := slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "" })
	if len(named) < len(types) {
		return OneOf(named) + " or none"
	}
	return OneOf(named)
}

// parties explains iss, sub and aud.
func (a *Assertions) parties(x *Report, claims jose.Object, s *signer, issuer string) {
	sub, _ := claims.Get("sub").Text()
	if s != nil {
		x.Fact("iss: %s, as configured (EndpointConfig.%s)", Quote(issuer), a.IssuerField)
	} else {
		x.Fact("iss: %s, want %s", shown(claims.Get("iss")), a.want)
		for _, c := range a.Clients {
			x.Near("iss", issuer, c.ID, fmt.Sprintf("%s %s", a.IssuerField, Quote(c.ID)))
		}
		if a.issuers[sub] != nil {
			x.Hint("sub is a configured issuer, and iss is not: iss must be %s", Quote(sub))
		}
		switch {
		case issuer == "":
		case slices.Contains(a.AssertionAudiences, issuer):
			x.Hint("iss is the token URL, where the name of the sender is expected")
		case issuer == a.Issuer:
			x.Hint("iss is EndpointConfig.Issuer, the name of this server, where the name of the sender is expected")
		}
	}
	switch {
	case s == nil:
		x.Fact("sub: %s", shown(claims.Get("sub")))
	case s.client.Subject == "" && sub != "":
		x.Fact("sub: %s; any is accepted (EndpointConfig.%s)", Quote(sub), a.SubjectField)
	case s.client.Subject == "":
		x.Fact("sub: %s, want a name (EndpointConfig.%s)", shown(claims.Get("sub")), a.SubjectField)
	case sub == s.client.Subject:
		x.Fact("sub: %s, as configured (EndpointConfig.%s)", Quote(sub), a.SubjectField)
	default:
		x.Fact("sub: %s, want %s (EndpointConfig.%s)", shown(claims.Get("sub")), Quote(s.client.Subject), a.SubjectField)
		x.Near("sub", sub, s.client.Subject, "EndpointConfig."+a.SubjectField)
	}
	aud, ok := claims.Get("aud").Texts()
	accepted := slices.ContainsFunc(aud, func(s string) bool { return slices.Contains(a.AssertionAudiences, s) })
	want := fmt.Sprintf("want %s alone (EndpointConfig.AssertionAudiences, by default TokenURL)", OneOf(a.AssertionAudiences))
	switch {
	case claims.Get("aud") == "":
		x.Fact("aud: absent, %s", want)
	case !ok:
		x.Fact("aud: neither a string nor an array of strings, %s", want)
	case accepted && len(aud) == 1:
		x.Fact("aud: %s, as configured (EndpointConfig.AssertionAudiences, by default TokenURL)", Quote(aud[0]))
	default:
		x.Fact("aud: %s, %s", list(aud), want)
	}
	for _, got := range aud[:min(len(aud), maxListed)] {
		switch {
		case accepted:
		case got == a.Issuer:
			x.Hint("aud is EndpointConfig.Issuer, where the token URL is expected: some senders write the issuer, as RFC 10070 says; add it to EndpointConfig.AssertionAudiences")
		case got == a.Audience:
			x.Hint("aud is EndpointConfig.Audience, the destination, where the token URL is expected")
		}
		for _, want := range a.AssertionAudiences {
			if !accepted {
				x.Near("aud", got, want, "EndpointConfig.AssertionAudiences (by default TokenURL)")
			}
		}
	}
}

// times explains exp, iat and nbf.
func (a *Assertions) times(x *Report, claims jose.Object) {
	now := a.Now()
	exp, hasExp := claims.Get("exp").Date()
	iat, hasIat := claims.Get("iat").Date()
	for _, name := range []string{"exp", "iat", "nbf"} {
		at, ok := claims.Get(name).Date()
		verdict := ""
		switch {
		case claims.Get(name) == "" && name == "exp":
			verdict = ", want seconds since 1970"
		case claims.Get(name) == "":
			verdict = ", as allowed"
		case !ok:
			verdict = ", want a number of seconds since 1970"
		case at.Unix() > jose.MaxDate/100 && plausible(time.UnixMilli(at.Unix()), now):
			verdict = fmt.Sprintf(": %d looks like milliseconds, want seconds since 1970", at.Unix())
			x.Hint("%s is in milliseconds, want seconds since 1970 (RFC 7519, Section 2)", name)
		case at.Unix() > jose.MaxDate:
			verdict = fmt.Sprintf(": %d, want seconds since 1970, up to the year 9999", at.Unix())
		case name == "exp" && !now.Before(at.Add(a.Leeway)):
			verdict = fmt.Sprintf(": %s: expired (EndpointConfig.Leeway %v)", date(at, now), a.Leeway)
		case name != "exp" && now.Before(at.Add(-a.Leeway)):
			verdict = fmt.Sprintf(": %s: not yet valid (EndpointConfig.Leeway %v)", date(at, now), a.Leeway)
		default:
			verdict = ": " + date(at, now)
		}
		if claims.Get(name) == "" {
			verdict = ": absent" + verdict
		}
		x.Fact("%s%s", name, verdict)
	}
	if !hasExp || exp.Unix() > jose.MaxDate {
		return
	}
	life, most := exp.Sub(now), a.MaxLifetime+a.Leeway
	from := "from now"
	if hasIat && exp.Sub(iat) > life {
		life, from = exp.Sub(iat), "from iat"
	}
	verdict := "as accepted"
	if life > most {
		verdict = "too long"
	}
	x.Fact("lifetime: %v %s to exp, %s: at most %v (%s) and EndpointConfig.Leeway %v", life.Round(time.Second), from, verdict, a.MaxLifetime, a.LifetimeBy, a.Leeway)
}

// plausible reports whether a date is within ten years of now.
func plausible(at, now time.Time) bool {
	return at.Sub(now).Abs() < 10*365*24*time.Hour
}

// signature explains under which keys the signature verifies.
func (a *Assertions) signature(ctx context.Context, x *Report, jws *jose.JWS, assertion string, header jose.Object, s *signer, issuer string) {
	under := func(s *signer, algorithms []string) error {
		_, err := jws.Verify(ctx, assertion, &jose.Config{Keys: s.keys, Algorithms: algorithms, OneKey: a.OneKey}, nil)
		return err
	}
	if s != nil {
		err := under(s, s.algorithms)
		if err == nil {
			x.Fact("signature: verifies under a key of %s (EndpointConfig.%s)", Quote(issuer), a.KeysField)
			return
		}
		x.Fact("signature: %v (EndpointConfig.%s of %s)", cause(err), a.KeysField, Quote(issuer))
		if under(s, jose.Asymmetric()) == nil {
			x.Hint("the signature verifies under a key of %s, and only alg %s is not accepted: want %s (%s)", Quote(issuer), shown(header.Get("alg")), OneOf(s.algorithms), a.AlgorithmsBy)
			return
		}
	} else {
		x.Fact("signature: not checked, because no client has the issuer")
	}
	for _, c := range a.Clients[:min(len(a.Clients), maxOthers)] {
		if other := a.issuers[c.ID]; other != nil && other != s {
			if under(other, other.algorithms) == nil {
				x.Hint("the signature verifies under a key of %s: is that the sender? Its iss must be %[1]s", Quote(c.ID))
			}
		}
	}
}

// cause returns what an error says, without its kind.
func cause(err error) error {
	var e *redoxauth.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// shown writes a claim or a header parameter.
func shown(v jose.Value) string {
	text, ok := v.Text()
	switch {
	case v == "":
		return "absent"
	case ok && text == "":
		return `""`
	case ok:
		return Quote(text)
	}
	return "of another type than a string"
}
