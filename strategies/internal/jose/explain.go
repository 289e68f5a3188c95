package jose

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// telling are claims that no check reads, and that show what kind of token this is.
var telling = []string{"azp", "cid", "appid", "client_id", "scope", "scp", "scopes", "roles", "permissions", "nonce", "at_hash", "c_hash"}

// An Unverified token is what a token says, whoever wrote it. It is for hints, and for nothing
// else.
type Unverified struct{ content *content }

// Claim returns a claim, as [Token.Claim] does, or one of azp, cid, appid, client_id, scope,
// scp, scopes, roles and permissions. Its nil has none.
func (u *Unverified) Claim(name string) Value {
	if u == nil {
		return ""
	}
	return u.content.body.Get(name)
}

// Scopes returns the scopes in a claim, as [Token.Identity] does.
func (u *Unverified) Scopes(claim string) []string {
	if u == nil {
		return nil
	}
	return (&Token{content: u.content}).scopes(claim)
}

// Present returns which of the claims the token has.
func (u *Unverified) Present(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return u.Claim(name) == "" })
}

// Explain adds what v makes of a token: a line for the header and for each check, and hints. It
// returns what the token says, for the checks of the strategy; nil if it cannot be read. It uses
// the keys that are loaded, and changes nothing.
func (v *Verifier) Explain(ctx context.Context, token string, to *diagnosis.Report) *Unverified {
	if v == nil || v.cfg.Keys == nil {
		return nil
	}
	err := checkForm(token)
	var c *content
	if err == nil {
		c, err = readContent(token, slices.Concat(v.claims, telling))
	}
	if err != nil {
		to.Error(v.unlessForeign(token, err))
		return nil
	}
	e := explanation{v, c, to, v.cfg.Now(), false}
	to.Line("header: alg %s, typ %s, kid %s", diagnosis.Text(c.alg, c.hasAlg), diagnosis.Text(c.typ, c.hasTyp), diagnosis.Text(c.kid, c.hasKid))
	e.issuer()
	e.check("typ: "+diagnosis.Text(c.typ, c.hasTyp), v.cfg.Fields.Types, v.typeError(c))
	e.signature(rotation.LoadedOnly(ctx), token)
	if v.cfg.MatchJKU && c.jku != "" {
		e.check("jku: "+c.jku.Said(), v.cfg.Fields.Keys, v.checkJKU(c))
	}
	for _, err := range c.readClaims() {
		e.fails(err)
	}
	e.claims()
	e.kind()
	return &Unverified{c}
}

func (v *Verifier) typeError(c *content) error {
	if v.acceptsType(c) {
		return nil
	}
	return v.wrongType(c)
}

// An explanation explains one token.
type explanation struct {
	v       *Verifier
	c       *content
	to      *diagnosis.Report
	now     time.Time
	refused bool
}

// check adds a line for one check: the error, or what is accepted and why.
func (e *explanation) check(accepted, field string, err error) {
	if err != nil {
		e.fails(err)
		return
	}
	e.to.Line("%s, accepted%s", accepted, diagnosis.Field(field))
}

func (e *explanation) fails(err error) {
	e.refused = true
	e.to.Error(err)
}

func (e *explanation) issuer() {
	cfg, iss := &e.v.cfg, e.c.iss
	if iss != "" && slices.Contains(cfg.Issuers, iss) {
		e.to.Line("iss: %s, as configured%s", diagnosis.Quote(iss), diagnosis.Field(cfg.Fields.Issuers))
		return
	}
	e.refused = true
	e.to.Line("iss is %s, want %s", e.c.body.Get("iss").Said(), e.v.issuers)
	e.to.Near("iss", iss, cfg.Issuers, cfg.Fields.Issuers)
	const v1, v2 = "https://sts.windows.net/", "https://login.microsoftonline.com/"
	for _, want := range cfg.Issuers {
		switch {
		case strings.HasPrefix(iss, v1) && strings.HasPrefix(want, v2):
			e.to.Hint("the token is one of Entra ID v1.0, and the issuer of v2.0 is configured: set requestedAccessTokenVersion to 2 in the manifest of the API, or configure what the token says")
		case strings.HasPrefix(iss, v2) && strings.HasPrefix(want, v1):
			e.to.Hint("the token is one of Entra ID v2.0, and the issuer of v1.0 is configured: configure what the token says")
		case strings.HasPrefix(iss, v2) && (strings.HasPrefix(want, v2+"common/") || strings.HasPrefix(want, v2+"organizations/") || strings.Contains(want, "{tenantid}")):
			e.to.Hint("the configured issuer stands for any tenant of Entra ID: configure that of your tenant, as the token says%s", diagnosis.Field(cfg.Fields.Issuers))
		case iss != "" && iss != want && strings.Replace(iss, "/auth/realms/", "/realms/", 1) == strings.Replace(want, "/auth/realms/", "/realms/", 1):
			e.to.Hint("Keycloak has /auth in front of /realms before version 17, and not since: configure what the token says%s", diagnosis.Field(cfg.Fields.Issuers))
		}
	}
	switch sub := e.c.body.Get("sub"); {
	case slices.Contains([]string{"accounts.google.com", "https://accounts.google.com"}, iss):
		e.to.Hint("iss is Google's: gcpjwt or wif verifies ID tokens of Google")
	case iss != "" && sub == e.c.body.Get("iss") && !cfg.OneAudience: // else this is a token endpoint
		e.to.Hint("iss and sub are equal, as in a client assertion (RFC 7523, SMART Backend Services): one belongs to a token endpoint (NewTokenEndpoint), which exchanges it for an access token")
	}
}

// kind names other kinds of tokens.
func (e *explanation) kind() {
	if !e.refused {
		return
	}
	u := &Unverified{e.c}
	if names := u.Present("nonce", "at_hash", "c_hash"); len(names) > 0 {
		e.to.Hint("the token has %s, as ID tokens have (OpenID Connect Core 1.0): the sender must send the access token", strings.Join(names, " and "))
	} else if types := e.v.cfg.Types; !e.v.acceptsType(e.c) && strings.HasPrefix(e.v.cfg.Fields.Types, "Config") {
		switch {
		case !e.c.hasTyp:
			e.to.Hint(`an empty string in %s accepts tokens without typ`, e.v.cfg.Fields.Types)
		case strings.EqualFold(e.c.typ, "JWT") && slices.Contains(types, "at+jwt"):
			e.to.Hint(`access tokens of Auth0, Entra ID and Keycloak have typ "JWT": if the issuer is one of them, list "JWT" in %s`, e.v.cfg.Fields.Types)
		}
	}
	if strings.EqualFold(strings.TrimPrefix(e.c.typ, "application/"), "at+jwt") && e.c.alg == "HS256" && !slices.Equal(e.v.cfg.Types, []string{"at+jwt"}) { // else this is the Verifier of one
		e.to.Hint("typ at+jwt with HS256 is what our own token endpoints issue: TokenEndpoint.Verifier verifies it")
	}
}

// signature says under which key the signature verifies, also if the token is refused for
// another reason.
func (e *explanation) signature(ctx context.Context, token string) {
	v, c := e.v, e.c
	if err := c.check(token, &v.cfg); err != nil {
		e.fails(err)
	} else {
		e.to.Line("alg: %s, accepted%s", diagnosis.Quote(c.alg), diagnosis.Field(v.cfg.Fields.Algorithms))
	}
	if a, ok := algorithms[c.alg]; !ok || len(v.cfg.Algorithms) > 0 && (a.secret > 0) != (algorithms[v.cfg.Algorithms[0]].secret > 0) {
		return
	}
	var seen []*Key
	q := c.search(token, &v.cfg, nil)
	q.seen = &seen
	key, err := v.cfg.Keys.Find(ctx, q)
	if err == nil {
		e.to.Line("signature: verifies under %s%s", key.describe(), diagnosis.Field(v.cfg.Fields.Keys))
		return
	}
	e.fails(err)
	if input, signature, err := q.split(); err == nil {
		e.otherKeys(q, seen, input, signature)
		e.otherSecrets(q, seen, input, signature)
	}
}

// otherKeys tries the keys that the kid or their alg excludes.
func (e *explanation) otherKeys(q *Search, seen []*Key, input, signature []byte) {
	most := 16
	for _, k := range seen {
		if _, secret := k.material.([]byte); secret || most == 0 || !k.fits(q.jws.alg) || slices.ContainsFunc(q.tried, k.same) {
			continue
		}
		if most--; k.verify(q.jws.alg, input, signature) {
			const verifies = "the signature verifies under %s, and "
			switch alg := diagnosis.Quote(q.jws.alg); {
			case !k.serves(q.jws.alg):
				e.to.Hint(verifies+"alg %s is not the alg of that key: change alg where the key is published or configured, or at the sender", k.describe(), alg)
			case !q.jws.hasKid:
				e.to.Hint(verifies+"the token has no kid, so only %d keys are tried: let the sender put the kid of that key into the header", k.describe(), maxTries)
			case k.hasKid && k.id == q.jws.kid:
				e.to.Hint(verifies+"other keys have the same kid: give each key a kid of its own, where the keys are published or configured, and at the sender", k.describe())
			default:
				e.to.Hint(verifies+"the token has %s: give both the same kid, where the key is published or configured, or at the sender", k.describe(), q.name())
			}
			return
		}
	}
}

// otherSecrets tries forms of the secrets that people confuse.
func (e *explanation) otherSecrets(q *Search, seen []*Key, input, signature []byte) {
	check := algorithms[q.jws.alg].check
	for _, k := range seen[:min(len(seen), 32)] {
		secret, ok := k.material.([]byte)
		if !ok {
			continue
		}
		if check.Verify(input, signature, secret) == nil {
			e.to.Hint("the signature verifies under the secret at position %s as it is: only alg is wrong", k.id)
			return
		}
		for _, form := range forms {
			other := form.of(secret)
			if len(other) == 0 || check.Verify(input, signature, other) != nil {
				continue
			}
			do := "configure the same bytes" + diagnosis.Field(q.cfg.Fields.Keys)
			var problems config.Problems
			if problems.Secrets("", [][]byte{other}); problems.Err() != nil { // New refuses it
				do = "enter it at the sender anew, without that"
			}
			e.to.Hint("the signature verifies if the secret at position %s is %s: the sender uses that form, so %s", k.id, form.name, do)
			return
		}
	}
}

var forms = []struct {
	name string
	of   func([]byte) []byte // nil: there is no such form
}{
	{"taken with a line break at its end", func(s []byte) []byte { return slices.Concat(s, []byte("\n")) }},
	{"taken with a line break (CR LF) at its end", func(s []byte) []byte { return slices.Concat(s, []byte("\r\n")) }},
	{"taken without the white space around it", bytes.TrimSpace},
	{"taken without the quotation marks around it", func(s []byte) []byte { return bytes.Trim(s, `"'`) }},
	{"taken with quotation marks around it", func(s []byte) []byte { return slices.Concat([]byte(`"`), s, []byte(`"`)) }},
	{"decoded from base64", func(s []byte) []byte {
		text := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(string(s)), "=")
		other, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return nil
		}
		return other
	}},
	{"decoded from hex", func(s []byte) []byte {
		other, err := hex.DecodeString(string(s))
		if err != nil {
			return nil
		}
		return other
	}},
	{"encoded as base64", func(s []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(s)) }},
	{"encoded as base64 without padding", func(s []byte) []byte { return []byte(base64.RawStdEncoding.EncodeToString(s)) }},
	{"encoded as base64url", func(s []byte) []byte { return []byte(base64.URLEncoding.EncodeToString(s)) }},
	{"encoded as base64url without padding", func(s []byte) []byte { return []byte(base64.RawURLEncoding.EncodeToString(s)) }},
	{"encoded as hex", func(s []byte) []byte { return []byte(hex.EncodeToString(s)) }},
	{"encoded as hex in upper case", func(s []byte) []byte { return bytes.ToUpper([]byte(hex.EncodeToString(s))) }},
	{"written in lower case", bytes.ToLower},
	{"written in upper case", bytes.ToUpper},
}

func (e *explanation) claims() {
	v, c, f, now := e.v, e.c, &e.v.cfg.Fields, e.now
	if err := checkBinding(c); err != nil {
		e.fails(err)
	}
	if c.body.Get("exp") == "" || !c.exp.IsZero() { // else readClaims has told
		err := v.checkExpiry(c, now)
		e.check("exp: "+e.distance(c.exp), f.Leeway, err)
		if ago := now.Sub(c.iat); err != nil && !c.iat.IsZero() && c.exp.Sub(c.iat) < time.Hour && isZone(ago) {
			e.to.Hint("iat is %v ago, to within two minutes a whole number of hours: if every token has it, the sender takes its local time for UTC; if not, the token is old", ago.Round(time.Second))
		}
	}
	for _, start := range []struct {
		name string
		date time.Time
	}{{"nbf", c.nbf}, {"iat", c.iat}} {
		name, date := start.name, start.date
		if date.IsZero() {
			continue
		}
		err := v.checkStart(name, date, now)
		e.check(name+": "+e.distance(date), f.Leeway, err)
		if ahead := date.Sub(now); err != nil && isZone(ahead) {
			e.to.Hint("%s is %v ahead, to within two minutes a whole number of hours: a sender that takes its local time for UTC writes that", name, ahead.Round(time.Second))
		}
	}
	if !c.exp.IsZero() && c.exp.Unix() <= MaxDate && diagnosis.Unit(c.iat.Unix()) == "" && v.cfg.MaxLifetime > 0 {
		e.check("lifetime: at most "+v.cfg.MaxLifetime.String(), f.MaxLifetime, v.checkLifetime(c, now))
	}
	e.audience()
	if _, ok := c.body.Get("sub").Text(); !ok && c.body.Get("sub") != "" {
		// readClaims has told
	} else if v.cfg.Subject != "" {
		e.check("sub: "+c.body.Get("sub").Said(), f.Subject, v.checkSubject(c))
		e.to.Near("sub", c.sub, []string{v.cfg.Subject}, f.Subject)
	} else if c.sub != "" || !slices.Contains(v.cfg.Required, "sub") { // else checkRequired tells
		e.to.Line("sub: %s, and any is accepted", c.body.Get("sub").Said())
	}
	for _, name := range v.cfg.Required {
		if err := v.checkRequired(c, name); err != nil {
			e.fails(err)
		}
	}
}

// isZone reports whether d may be the distance of a time zone from UTC.
func isZone(d time.Duration) bool {
	whole := d.Round(time.Hour)
	return 0 < whole && whole <= 14*time.Hour && (d-whole).Abs() < 2*time.Minute
}

func (e *explanation) distance(date time.Time) string {
	if ahead := date.Sub(e.now); ahead > 0 {
		return diagnosis.Time(date) + ", in " + ahead.Round(time.Second).String()
	}
	return diagnosis.Time(date) + ", " + e.now.Sub(date).Round(time.Second).String() + " ago"
}

func (e *explanation) audience() {
	cfg, aud := &e.v.cfg, e.c.aud
	if aud == nil && e.c.body.Get("aud") != "" {
		return // readClaims has told
	}
	err := e.v.checkAudience(aud)
	e.check("aud: "+e.c.body.Get("aud").Said(), cfg.Fields.Audience, err)
	if err == nil {
		return
	}
	u := &Unverified{e.c}
	for _, name := range aud[:min(len(aud), 8)] {
		e.to.Near("aud", name, cfg.Audience, cfg.Fields.Audience)
		for _, claim := range []string{"azp", "client_id", "cid", "appid"} {
			if id, _ := u.Claim(claim).Text(); id != "" && id == name {
				e.to.Hint("aud is the token's own client ID (%s), as in an ID token: the sender must ask for a token for this API", claim)
				break
			}
		}
		switch {
		case slices.Contains(cfg.Issuers, name) && slices.Contains(cfg.Audience, e.c.iss):
			e.to.Hint("iss and aud are exchanged, in the token or in the Config")
		case name == "":
		case name == e.c.iss:
			e.to.Hint("aud is the same as iss: aud must name the receiver")
		case name == e.c.sub:
			e.to.Hint("aud is the same as sub: aud must name the receiver")
		}
		for _, part := range strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == ',' }) {
			if part != name && slices.Contains(cfg.Audience, part) {
				e.to.Hint("aud has several values in one string, and %s is one of them: a token has them in an array", diagnosis.Quote(part))
			}
		}
	}
	for _, want := range cfg.Audience {
		for _, part := range strings.FieldsFunc(want, func(r rune) bool { return r == ' ' || r == ',' }) {
			if part != want && slices.Contains(aud, part) {
				e.to.Hint("the configured %s is a list in one string: configure each value on its own%s", diagnosis.Quote(want), diagnosis.Field(cfg.Fields.Audience))
			}
		}
	}
}
