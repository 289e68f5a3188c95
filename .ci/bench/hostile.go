package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// hostileContests are what a stranger can make us read before anything is verified. Of
// several inputs, the one that allocates the most is shown. The limit is a check of its
// JSON syntax.
func hostileContests() []contest {
	return []contest{
		hostileContest("hostile token request, 64 KiB", 64<<10, 4, tokenRequests(64<<10)),
		hostileContest("hostile jwt, 16 KiB", 16<<10, 4, tokens(16<<10)),
	}
}

// A hostile input is refused by its op.
type hostile struct {
	name string
	json string
	op   func()
}

func hostileContest(name string, size int, most float64, inputs []hostile) contest {
	worst, allocated := inputs[0], uint64(0)
	for _, h := range inputs {
		if _, bytes := allocations(h.op); bytes > allocated {
			worst, allocated = h, bytes
		}
	}
	text := []byte(worst.json)
	return contest{name, size, []contender{
		{"json.Valid of it", func() { json.Valid(text) }, nil},
		{fmt.Sprintf("redoxauth, the worst of %d: %s", len(inputs), worst.name), worst.op, []goal{{"B a byte", most}}},
	}}
}

func tokenRequests(size int) []hostile {
	endpoint := newTokenEndpoint()
	var all []hostile
	for name, object := range hostileObjects(size, `"grant_type":"client_credentials"`, "scope") {
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(object))
		all = append(all, hostile{name, object, func() {
			c := *r
			c.Body = io.NopCloser(strings.NewReader(object))
			w := httptest.NewRecorder()
			endpoint.ServeHTTP(w, &c)
			switch w.Code {
			case http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests:
			default:
				panic(w.Code)
			}
		}})
	}
	return all
}

func tokens(size int) []hostile {
	v := newJWTBearer(redoxtest.JWKS(signingKey()))
	encode := base64.RawURLEncoding.EncodeToString
	const header, claims = `"alg":"RS256"`, `"iss":"` + issuer + `"`
	var all []hostile
	add := func(name, object, token string) {
		r := httptest.NewRequest(http.MethodPost, "/redox", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		all = append(all, hostile{name, object, func() {
			if _, err := v.Verify(r); err == nil {
				panic("accepted")
			}
		}})
	}
	room := (size - 100) * 3 / 4
	for name, object := range hostileObjects(room, header, "kid") {
		add("header, "+name, object, encode([]byte(object))+"."+encode([]byte("{"+claims+"}"))+".AA")
	}
	for name, object := range hostileObjects(room, claims, "sub") {
		add("claims, "+name, object, encode([]byte("{"+header+"}"))+"."+encode([]byte(object))+".AA")
	}
	return all
}

// hostileObjects are JSON objects of size bytes. They begin with the members that genuine
// ones have, and go on with what costs much to read. name is a member that is read.
func hostileObjects(size int, members, name string) map[string]string {
	fill := func(begin string, unit func(i int) string, end string) string {
		var b strings.Builder
		b.WriteString(begin)
		for i := 0; ; i++ {
			u := unit(i)
			if b.Len()+len(u)+len(end) > size {
				break
			}
			b.WriteString(u)
		}
		return b.String() + end
	}
	same := func(u string) func(int) string { return func(int) string { return u } }
	begin := "{" + members + ","
	return map[string]string{
		"many members":           fill(begin, func(i int) string { return fmt.Sprintf(`"%x":0,`, i) }, `"":0}`),
		"one name many times":    fill(begin, same(`"":0,`), `"":0}`),
		"names with an escape":   fill(begin, func(i int) string { return fmt.Sprintf(`"\n%x":0,`, i) }, `"":0}`),
		"names of escapes":       fill(begin, func(i int) string { return escaped(fmt.Sprintf("%x", i)) }, `"":0}`),
		"a long name of escapes": fill(begin+`"`, same(`\n`), `":0}`),
		"a long value":           fill(begin+`"`+name+`":"`, same(`\n`), `"}`),
		"many objects":           fill(begin+`"a":[`, same(`{"a":0},`), `0]}`),
		"deep arrays":            fill(begin+`"a":[`, same(strings.Repeat("[", 29)+strings.Repeat("]", 29)+","), `0]}`),
		"deep objects":           fill(begin+`"a":[`, same(strings.Repeat(`{"a":`, 29)+"0"+strings.Repeat("}", 29)+","), `0]}`),
	}
}

// escaped is a member whose name has an escape for each character of s.
func escaped(s string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `"` + b.String() + `":0,`
}
