package google_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// BenchmarkVerify measures repeated use of one token, as Redox sends it with many messages,
// and what a stranger can cause without a call to Google.
func BenchmarkVerify(b *testing.B) {
	id := idToken(b, nil, nil)
	parts := strings.Split(id, ".")
	long := strings.Repeat("a", 300<<10)
	for _, bench := range []struct {
		name   string
		token  string
		status int
	}{
		{"accepted/access", "ya29.good", http.StatusOK},
		{"accepted/id", id, http.StatusOK},
		{"absent", "", http.StatusUnauthorized},
		{"forged/access", "ya29.c.invented-0123456789abcdef", http.StatusUnauthorized},
		{"forged/id", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), http.StatusUnauthorized},
		{"hostile/access", "ya29." + long + long + long, http.StatusUnauthorized},
		{"hostile/id", long + "." + long + "." + long, http.StatusUnauthorized},
	} {
		b.Run("google/"+bench.name, func(b *testing.B) {
			f := newFake(b)
			f.answers["ya29.good"] = info(nil)
			v := f.verifier(nil)
			r := request(bench.token)
			if bench.token == "" {
				r.Header.Del("Authorization")
			}
			if _, err := v.Verify(request(id)); err != nil { // fetches the keys
				b.Fatal(err)
			}
			if _, err := v.Verify(r); redoxauth.StatusCode(err) != bench.status {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				v.Verify(r)
			}
		})
	}
}
