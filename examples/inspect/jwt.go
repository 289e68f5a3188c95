package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A jwt is a token whose signature nobody has checked.
type jwt struct{ header, claims map[string]any }

// parseJWT returns nil if text is no JWT.
func parseJWT(text string) *jwt {
	parts := strings.Split(text, ".")
	if len(text) > 16<<10 || len(parts) != 3 {
		return nil
	}
	var t jwt
	if !decodePart(parts[0], &t.header) || !decodePart(parts[1], &t.claims) || t.text("alg") == "" {
		return nil
	}
	return &t
}

func decodePart(part string, v *map[string]any) bool {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	return err == nil && json.Unmarshal(b, v) == nil && *v != nil
}

// text returns a member of the header that is a string.
func (t *jwt) text(name string) string { s, _ := t.header[name].(string); return s }

// claim returns a claim that is a string.
func (t *jwt) claim(name string) string { s, _ := t.claims[name].(string); return s }

// list returns a claim that is a string, or an array of strings.
func (t *jwt) list(name string) []string {
	switch v := t.claims[name].(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
		return list
	}
	return nil
}

// scopes returns a claim that lists scopes.
func (t *jwt) scopes(name string) []string {
	var all []string
	for _, s := range t.list(name) {
		all = append(all, fields(s)...)
	}
	return all
}

// fields returns nil if text has no words: a Config leaves such a field out.
func fields(text string) []string { return append([]string(nil), strings.Fields(text)...) }

// lifetime returns exp − iat, or what is left of it without iat.
func (t *jwt) lifetime(now time.Time) time.Duration {
	exp, _ := t.claims["exp"].(float64)
	iat, ok := t.claims["iat"].(float64)
	if !ok {
		iat = float64(now.Unix())
	}
	return time.Duration(min(max(exp-iat, -1e9), 1e9)) * time.Second
}

// describe says what an operator needs of a token. Other claims may be about a person, so it
// gives only their names.
func (t *jwt) describe(f *finding, name, indent string, now time.Time) {
	line := func(of map[string]any, names ...string) string {
		var fields []string
		for _, name := range names {
			switch v := of[name].(type) {
			case nil:
				fields = append(fields, name+" absent")
			case string:
				fields = append(fields, name+" "+quote(v))
			case []any:
				fields = append(fields, name+" "+quote(fmt.Sprint(v...)))
			default:
				fields = append(fields, name+" is not a string")
			}
		}
		return strings.Join(fields, ", ")
	}
	aud := "absent"
	if list := t.list("aud"); list != nil {
		aud = quoteAll(list)
	}
	say := func(format string, args ...any) { f.say(indent+format, args...) }
	say("%s: a JWT, whose signature is not checked here", name)
	say("  header: %s", line(t.header, "alg", "kid", "jku", "typ"))
	say("  claims: %s, aud %s", line(t.claims, "iss", "sub"), aud)
	var others []string
	for _, name := range []string{"azp", "client_id", "cid", "appid", "scope", "scp", "roles", "email", "tenant"} {
		if t.claims[name] != nil && (name != "email" || isAccount(t.claim(name))) {
			others = append(others, name)
		}
	}
	if others != nil {
		say("  claims: %s", line(t.claims, others...))
	}
	jti := "jti absent"
	if t.claims["jti"] != nil {
		jti = "jti present"
	}
	say("  times: %s, %s, %s; %s", t.time("iat", now), t.time("exp", now), t.time("nbf", now), jti)
	if _, ok := t.claims["exp"].(float64); ok {
		say("  life time: %s", t.lifetime(now))
	}
	shown := append(others, "iss", "sub", "aud", "iat", "exp", "nbf", "jti")
	if rest := slices.DeleteFunc(slices.Sorted(maps.Keys(t.claims)), func(c string) bool { return slices.Contains(shown, c) }); len(rest) > 0 {
		say("  other claims (values not shown): %s", quoteAll(rest))
	}
}

func (t *jwt) time(name string, now time.Time) string {
	v, ok := t.claims[name].(float64)
	switch {
	case t.claims[name] == nil:
		return name + " absent"
	case !ok:
		return name + " is not a number"
	case v > 1e11:
		return name + " looks like milliseconds: the standard wants seconds"
	}
	ago := now.Sub(time.Unix(int64(v), 0)).Round(time.Second)
	if ago < 0 {
		return fmt.Sprintf("%s in %s", name, -ago)
	}
	return fmt.Sprintf("%s %s ago", name, ago)
}

func isAccount(email string) bool { return strings.HasSuffix(email, ".gserviceaccount.com") }
