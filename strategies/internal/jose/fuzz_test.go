package jose_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwa"
	jwxjwk "github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// FuzzReadObject compares the scanner with encoding/json. What the scanner accepts,
// encoding/json accepts too, with the same members. What it refuses is refused there too, or
// breaks a rule of the scanner alone. The scanner checks members that it does not keep in
// the same way.
func FuzzReadObject(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(o.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := jose.ReadObject(data)
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil && err == nil {
			t.Fatalf("accepted %q, which encoding/json refuses", data)
		}
		got, keptErr := jose.ReadObject(data, slices.Collect(maps.Keys(want))...)
		if (err == nil) != (keptErr == nil) {
			t.Fatalf("%q: error %v, and with all members kept %v", data, err, keptErr)
		}
		if err != nil {
			if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && json.Valid(data) && utf8.Valid(data) && !surrogate.Match(data) && keepsRules(json.NewDecoder(bytes.NewReader(data)), 0, 0) {
				t.Fatalf("refused %q: %v", data, err)
			}
			return
		}
		if !keepsRules(json.NewDecoder(bytes.NewReader(data)), 0, 0) {
			t.Fatalf("accepted %q", data)
		}
		if len(got) != len(want) {
			t.Fatalf("%d members of %q, want %d", len(got), data, len(want))
		}
		for name, raw := range want {
			v := got.Get(name)
			if string(v) != string(bytes.TrimSpace(raw)) {
				t.Fatalf("member %q of %q is %q, want %q", name, data, v, raw)
			}
			var text string
			if s, ok := v.Text(); ok && (json.Unmarshal(raw, &text) != nil || s != text) {
				t.Fatalf("the text of %q is %q, want %q", v, s, text)
			}
		}
		again, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jose.ReadObject(again); err != nil {
			t.Fatalf("refused %q, which is %q written again: %v", again, data, err)
		}
	})
}

var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

// keepsRules reports whether the next value is at most 32 deep, has no name twice in one
// object, and has at most 256 names in objects that are open.
func keepsRules(d *json.Decoder, names, depth int) bool {
	d.UseNumber()
	token, _ := d.Token()
	seen := map[string]bool{}
	switch token {
	case json.Delim('{'):
		for d.More() {
			name, _ := d.Token()
			if !keepsRules(d, names+len(seen), depth+1) || seen[name.(string)] || names+len(seen) == 256 {
				return false
			}
			seen[name.(string)] = true
		}
	case json.Delim('['):
		for d.More() {
			if !keepsRules(d, names, depth+1) {
				return false
			}
		}
	default:
		return true
	}
	d.Token()
	return depth < 32
}

// FuzzToken compares the parser of the compact form with jwx. A token with an issuer here is
// a JWS with the same issuer there.
func FuzzToken(f *testing.F) {
	f.Add(signed(nil, nil))
	for _, token := range forms() {
		f.Add(token)
	}
	v := jose.New(config())
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(t.Context(), token); err == nil && token != signed(nil, nil) {
			t.Fatalf("accepted %q", token)
		}
		issuer := jose.UnverifiedIssuer(token)
		if issuer == "" {
			return
		}
		m, err := jws.Parse([]byte(token), jws.WithCompact())
		if err != nil {
			t.Fatalf("parsed %q, which jwx refuses: %v", token, err)
		}
		var claims map[string]any
		if err := json.Unmarshal(m.Payload(), &claims); err != nil || claims["iss"] != issuer {
			t.Fatalf("issuer %q, jwx: %v (%v)", issuer, claims["iss"], err)
		}
	})
}

// FuzzSigned signs anything. What is accepted here, jwx accepts with the same key and the
// same claims.
func FuzzSigned(f *testing.F) {
	f.Add(`{"alg":"HS256"}`, object(goodClaims))
	f.Add(`{"alg":"HS256","typ":"application/jwt","kid":""}`, `{"iss":"redox","aud":["https://customer.example/redox"],"exp":1700000000.5,"x":[{"y":null}]}`)
	for _, o := range objects {
		f.Add(`{"alg":"HS256"}`, o.json)
		f.Add(o.json, object(goodClaims))
	}
	cfg := config()
	cfg.Algorithms = []string{"HS256"}
	cfg.Keys = secrets(f, keys().secret)
	v := jose.New(cfg)
	clock := jwt.WithClock(jwt.ClockFunc(func() time.Time { return now }))
	f.Fuzz(func(t *testing.T, header, claims string) {
		token := sign("HS256", keys().secret, header, claims)
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			return
		}
		var parameters map[string]any
		if err := json.Unmarshal([]byte(header), &parameters); err != nil {
			t.Fatalf("accepted the header %q: %v", header, err)
		}
		for name := range parameters {
			if name != "alg" && name != "typ" && name != "kid" {
				return // jwx reads what is ignored here, and may refuse it
			}
		}
		want, err := jwt.Parse([]byte(token), jwt.WithKey(jwa.HS256, keys().secret), clock, jwt.WithAcceptableSkew(time.Minute+time.Second))
		if err != nil {
			t.Fatalf("accepted %q %q, which jwx refuses: %v", header, claims, err)
		}
		// jwx cuts fractions off.
		if got.Issuer != want.Issuer() || got.Subject != want.Subject() || got.JTI != want.JwtID() || got.Expiry.Unix() != want.Expiration().Unix() {
			t.Fatalf("claims of %q differ: %+v, jwx: %+v", claims, got, want)
		}
		if aud, _ := got.Claim("aud").Texts(); !slices.Equal(aud, want.Audience()) {
			t.Fatalf("aud of %q is %q, jwx: %q", claims, aud, want.Audience())
		}
		if raw := got.Identity("test", "").RawClaims; string(raw) != claims {
			t.Fatalf("claims %q, want %q", raw, claims)
		}
	})
}

// FuzzParseJWKS compares the keys with those of jwx, which must read each key from the same
// JSON, with the same key ID.
func FuzzParseJWKS(f *testing.F) {
	for _, key := range []map[string]any{
		jwk(keys().rsa, map[string]any{"kid": "1", "alg": "RS256", "use": "sig"}), jwk(keys().p256, map[string]any{"key_ops": []string{"verify"}}),
		jwk(keys().p521, nil), jwk(keys().ed, map[string]any{"kid": ""}), {"kty": "oct", "k": "AAAA"},
		jwk(keys().ed, map[string]any{"kid": 7, "alg": null, "use": ""}), jwk(keys().rsa, map[string]any{"d": "AQAB"}),
	} {
		f.Add(object(key))
	}
	f.Fuzz(func(t *testing.T, key string) {
		kept, dropped, err := jose.ParseJWKS([]byte(`{"keys":[` + key + `]}`))
		if err != nil {
			return
		}
		for _, line := range dropped {
			if len(line) > 1024 {
				t.Fatalf("dropped: %d bytes", len(line))
			}
		}
		if len(kept) != 1 || len(dropped) != 0 {
			return
		}
		var list []map[string]json.RawMessage
		if err := json.Unmarshal([]byte("["+key+"]"), &list); err != nil {
			t.Fatalf("kept %q: %v", key, err)
		}
		if len(list) > 1 { // the same key twice
			return
		}
		members := list[0]
		if surrogate.Match(members["kid"]) || !utf8.Valid(members["kid"]) { // jwx replaces it
			return
		}
		hasKid := strings.HasPrefix(string(members["kid"]), `"`)
		if !hasKid { // anything but a string counts as absent
			delete(members, "kid")
		}
		bare := map[string]json.RawMessage{}
		for _, name := range []string{"kty", "kid", "crv", "n", "e", "x", "y"} { // what else there is jwx reads, and may refuse
			if raw, ok := members[name]; ok && string(raw) != "null" {
				bare[name] = raw
			}
		}
		b, err := json.Marshal(bare)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := jwxjwk.ParseKey(b)
		if err != nil {
			t.Fatalf("kept %q, which jwx refuses: %v", key, err)
		}
		id := "0" // the position of a key without kid
		if hasKid {
			id = theirs.KeyID()
		}
		if private, err := jwxjwk.IsPrivateKey(theirs); private || err != nil || id != kept[0].ID() {
			t.Fatalf("kept %q: private %v (%v), kid %q, jwx: %q", key, private, err, kept[0].ID(), theirs.KeyID())
		}
	})
}
