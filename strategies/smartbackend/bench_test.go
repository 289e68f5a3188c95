package smartbackend_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

func BenchmarkIssue(b *testing.B) {
	for _, key := range []redoxtest.Key{rs384, es384} {
		b.Run(key.Algorithm, func(b *testing.B) {
			e := newEndpoint(b, func(c *smartbackend.EndpointConfig) {
				c.Replay = store(func(string, string, time.Time) (bool, error) { return true, nil })
			})
			p := parameters(assertion(b, sender(func(s *redoxtest.SMARTBackend) { s.Key = key })))
			b.ReportAllocs()
			for b.Loop() {
				if w := serve(e, tokenRequest(p)); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	e := newEndpoint(b)
	token := e.ask(b, signed(b), "200").Token
	v := e.verifier(b, "system/*.rs")
	for _, c := range []struct{ name, authorization string }{
		{"accepted", "Bearer " + token},
		{"absent", ""},
		{"forged", "Bearer " + token[:len(token)-4] + "AAAA"},
		{"hostile", "Bearer " + strings.Repeat("a.", 1<<16) + "a"},
	} {
		b.Run("smartbackend/"+c.name, func(b *testing.B) {
			r := httptest.NewRequest("POST", "/redox", nil)
			if c.authorization != "" {
				r.Header.Set("Authorization", c.authorization)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r); (err == nil) != (c.name == "accepted") {
					b.Fatal(err)
				}
			}
		})
	}
}
