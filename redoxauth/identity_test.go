package redoxauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func TestClaims(t *testing.T) {
	id := &redoxauth.Identity{RawClaims: json.RawMessage(`{"sub":"redox","npi":"1234567890"}`)}
	var claims struct{ NPI string }
	if err := id.Claims(&claims); err != nil || claims.NPI != "1234567890" {
		t.Errorf("got %+v, %v", claims, err)
	}
	if err := id.Claims(new(int)); err == nil {
		t.Error("claims into an int: no error")
	}
	if err := new(redoxauth.Identity).Claims(&claims); err == nil {
		t.Error("a proof without claims: no error")
	}
}

// The fields of a struct match names in any case, and encoding/json takes the last one. So
// a claim set in which two names match could say another thing than what was verified.
func TestClaimsRefusesNamesThatDifferOnlyInCase(t *testing.T) {
	for claims, ambiguous := range map[string]bool{
		`{"sub":"redox","SUB":"evil"}`:                        true,
		`{"SUB":"evil","sub":"redox"}`:                        true,
		`{"sub":"redox","sub":"evil"}`:                        true,
		`{"sub":"redox","s\u0075B":"evil"}`:                   true,
		`{"sub":"redox","ſub":"evil"}`:                        true, // U+017F, which folds to s
		`{"sub":"redox","kid":"1","\u212aid":"2"}`:            true, // the Kelvin sign, which folds to k
		`{"ς":1,"Σ":2}`:                                       true, // Greek, for struct tags in other languages
		`{"sub":"redox","act":{"sub":"a","Sub":"b"}}`:         true,
		`{"sub":"redox","list":[1,[{"x":{"a":1,"A":null}}]]}`: true,
		`{"sub":"redox","\ud800":1,"\udfff":2}`:               true, // both decode to U+FFFD
		`{"act":{"sub":"a"},"sub":"redox","SUB":"evil"}`:      true,
		`{"aud":["a",{}],"sub":"redox","SUB":"evil"}`:         true,

		`{"sub":"redox"}`: false,
		`{"sub":"redox","act":{"sub":"SUB","act":{"Sub":"b"}},"list":[{"sub":1},{"SUB":2}],"aud":["sub","SUB"]}`: false,
		`{"sub":"redox","subs":1,"su":2,"s_ub":3,"s-ub":4,"śub":5,"":6}`:                                         false,
		` {"sub" : "redox", "exp" : 1e999, "n" : 9007199254740993 } `:                                            false,
	} {
		id := &redoxauth.Identity{RawClaims: json.RawMessage(claims)}
		var got struct{ Sub string }
		err := id.Claims(&got)
		if ambiguous && (err == nil || got.Sub != "" || !strings.HasPrefix(err.Error(), "redoxauth: ambiguous claims: the names ")) {
			t.Errorf("%s: got %+v, %v, want an error and nothing decoded", claims, got, err)
		}
		if !ambiguous && (err != nil || got.Sub != "redox") {
			t.Errorf("%s: got %+v, %v", claims, got, err)
		}
	}
	err := (&redoxauth.Identity{RawClaims: json.RawMessage(`{"sub":"redox","SUB":"evil"}`)}).Claims(new(any))
	if want := `the names "sub" and "SUB" are equal, or differ only in case`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClaimsThatAreNoJSON(t *testing.T) {
	for _, claims := range []string{``, `{`, `{"sub":"redox"`, `{"sub":"redox"}}`, `{1:2}`, strings.Repeat(`[`, 1e6)} {
		id := &redoxauth.Identity{RawClaims: json.RawMessage(claims)}
		if err := id.Claims(new(any)); err == nil {
			t.Errorf("%.20s: no error", claims)
		}
	}
}

// FuzzClaims: what Claims decodes does not depend on the order of the members.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"redox","SUB":"evil"}`, `{"sub":"redox","kid":"1","nested":{"s":"1","list":[{"sub":"a"}]}}`, `{"ſ":"1","K":"2"}`, `{"k\u0130d":1,"kid":2}`, `{"\u212aid":"x"}`, `{"sub":{},"sub":[]}`, `{"list":[{"s":"a","ſ":"b"}]}`, `{"nested":null,"Nested":{}}`, "{\"\xff\":1,\"\xfe\":2}",
	} {
		f.Add([]byte(seed))
	}
	type nested struct {
		S, K, Kid, Sub string
		Ü              string `json:"ü"`
		Other          any
	}
	type claims struct {
		nested
		Nested nested
		List   []nested
		Map    map[string]nested
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var forward, backward claims
		if (&redoxauth.Identity{RawClaims: data}).Claims(&forward) != nil {
			return
		}
		turned := reversed(t, data)
		if err := json.Unmarshal(turned, &backward); err != nil {
			t.Fatalf("%q, members reversed: %v", data, err)
		}
		if diff := cmp.Diff(forward, backward, cmp.AllowUnexported(claims{})); diff != "" {
			t.Errorf("%q depends on the order of its members:\n%s", data, diff)
		}
	})
}

// reversed returns JSON with the members of every object in reverse order.
func reversed(t *testing.T, data []byte) json.RawMessage {
	data = bytes.TrimSpace(data)
	if data[0] != '{' && data[0] != '[' {
		return data
	}
	var parts []string
	d := json.NewDecoder(bytes.NewReader(data))
	d.Token()
	for d.More() {
		name := ""
		if data[0] == '{' {
			token, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			quoted, _ := json.Marshal(token)
			name = string(quoted) + ":"
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, name+string(reversed(t, value)))
	}
	if data[0] == '{' {
		slices.Reverse(parts)
	}
	return fmt.Appendf(nil, "%c%s%c", data[0], strings.Join(parts, ","), data[len(data)-1])
}

func TestContextCarriesTheInnermostIdentity(t *testing.T) {
	if id, ok := redoxauth.FromContext(context.Background()); ok || id != nil {
		t.Errorf("empty context: %+v, %t", id, ok)
	}
	if id, ok := redoxauth.FromContext(redoxauth.NewContext(context.Background(), nil)); ok {
		t.Errorf("nil identity: %+v, %t, want none", id, ok)
	}
	outer, inner := &redoxauth.Identity{Strategy: "outer"}, &redoxauth.Identity{Strategy: "inner"}
	ctx := redoxauth.NewContext(redoxauth.NewContext(context.Background(), outer), inner)
	if id, ok := redoxauth.FromContext(ctx); !ok || id != inner {
		t.Errorf("got %+v, %t, want the inner one", id, ok)
	}
}

func TestIdentityString(t *testing.T) {
	long := strings.Repeat("a", 200)
	for want, id := range map[string]*redoxauth.Identity{
		"no identity":             nil,
		`verifytoken, key ID "0"`: {Strategy: "verifytoken", KeyID: "0"},
		`jwtbearer, subject "redox\n", issuer "https://as.example", key ID "k1", scopes "a b", expires 2026-11-29T06:00:00Z`: {
			Strategy: "jwtbearer", Subject: "redox\n", Issuer: "https://as.example", KeyID: "k1", Scopes: []string{"a", "b"},
			Expiry: time.Date(2026, 11, 29, 7, 0, 0, 0, time.FixedZone("", 3600)), RawClaims: json.RawMessage(`{"name":"Doe"}`),
		},
		long[:128] + "…":                            {Strategy: long},
		`sigv4, subject "` + long[:128] + `\u2026"`: {Strategy: "sigv4", Subject: long},
	} {
		if got := id.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
