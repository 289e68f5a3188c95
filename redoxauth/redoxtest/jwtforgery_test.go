package redoxtest_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestForgedJWTsAreWhatTheyAreCalled(t *testing.T) {
	key := redoxtest.NewKey("1", "RS256")
	genuine := must((&redoxtest.JWTBearer{Key: key, Issuer: "i", Audience: []string{"a"}, Now: at(instant)}).Token())
	forgeries := must(redoxtest.ForgeJWT(genuine, key, instant))
	signed := map[string]func(o opened) bool{ // reports what is wrong with a token under the genuine key
		"expired":                 func(o opened) bool { return o.claims["exp"].(float64) < float64(instant.Unix()) },
		"no exp":                  func(o opened) bool { return o.claims["exp"] == nil },
		"exp a string":            func(o opened) bool { _, ok := o.claims["exp"].(string); return ok },
		"not yet valid":           func(o opened) bool { return o.claims["nbf"].(float64) > float64(instant.Unix()) },
		"issued in the future":    func(o opened) bool { return o.claims["iat"].(float64) > float64(instant.Unix()) },
		"other audience":          func(o opened) bool { return o.claims["aud"] != "a" },
		"no audience":             func(o opened) bool { return o.claims["aud"] == nil },
		"empty list of audiences": func(o opened) bool { return cmp.Equal(o.claims["aud"], []any{}) },
		"crit unknown":            func(o opened) bool { return o.header["crit"] != nil },
		"b64 false":               func(o opened) bool { return o.header["b64"] == false },
	}
	seen := map[string]bool{genuine: true}
	for name, token := range forgeries {
		if seen[token] {
			t.Errorf("%s: the genuine token, or another forgery", name)
		}
		seen[token] = true
		wrong, ok := signed[name]
		delete(signed, name)
		if ok {
			if o := open(t, token, key); !wrong(o) {
				t.Errorf("%s: nothing is wrong", name)
			}
			continue
		}
		parts := strings.Split(token, ".")
		if check(key, []byte(parts[0]+"."+parts[1]), decode(t, parts[2])) == nil {
			t.Errorf("%s: the signature is genuine", name)
		}
	}
	if len(signed) != 0 {
		t.Errorf("not forged: %v", slices.Sorted(maps.Keys(signed)))
	}
	header := func(name string) (h map[string]any) {
		if err := json.Unmarshal(decode(t, strings.Split(forgeries[name], ".")[0]), &h); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return h
	}
	for name, want := range map[string]map[string]any{
		"alg none":            {"alg": "none", "kid": "1", "typ": "JWT"},
		"other key":           {"alg": "RS256", "kid": "1", "typ": "JWT"},
		"jku of the attacker": {"alg": "RS256", "kid": "1", "typ": "JWT", "jku": "https://attacker.invalid/jwks.json"},
		"kid a path":          {"alg": "RS256", "kid": "../../../../dev/null", "typ": "JWT"},
	} {
		if diff := cmp.Diff(want, header(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// CVE-2015-9235: a verifier that takes the public key as an HMAC secret would accept
	// this token.
	open(t, forgeries["HS256 under the public key as PEM"], redoxtest.Key{Algorithm: "HS256", Secret: key.PEM()})
}

func TestForgeJWTWithoutTheKey(t *testing.T) {
	key := redoxtest.NewKey("1", "HS256")
	genuine := must(key.Token(nil, map[string]any{"iss": "i"}))
	with, without := must(redoxtest.ForgeJWT(genuine, key, instant)), must(redoxtest.ForgeJWT(genuine, redoxtest.Key{}, instant))
	if len(without) == 0 || len(without) >= len(with) {
		t.Errorf("%d forgeries without the key, %d with it", len(without), len(with))
	}
	for _, token := range []string{"", "a.b.c", "ya29.x", genuine[:strings.LastIndex(genuine, ".")+1]} {
		if got, err := redoxtest.ForgeJWT(token, key, instant); err == nil {
			t.Errorf("%q: %d forgeries, want an error", token, len(got))
		}
	}
}
