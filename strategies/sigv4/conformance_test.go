package sigv4_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

func TestConformance(t *testing.T) {
	for _, declared := range []bool{false, true} {
		redox := redoxtest.SigV4{AccessKey: testSigner.key, SecretKey: testSigner.secret, AWSRegion: testSigner.region,
			ServiceName: testSigner.service, DeclarePayloadHash: declared, Now: func() time.Time { return testDate }}
		signedBy := func(change func(*redoxtest.SigV4)) func() *http.Request {
			return func() *http.Request {
				s := redox
				change(&s)
				r := request("/redox/events?b=2&a=1")
				if err := s.Sign(r); err != nil {
					t.Fatal(err)
				}
				return r
			}
		}
		t.Run(map[bool]string{false: "hash not declared", true: "hash declared"}[declared], func(t *testing.T) {
			verifiertest.TestVerifier(t, verifiertest.Suite{
				New: func() redoxauth.Verifier {
					v, err := sigv4.New(testConfig())
					if err != nil {
						t.Fatal(err)
					}
					return v
				},
				Genuine: signedBy(func(*redoxtest.SigV4) {}),
				Forged: map[string]func() *http.Request{
					"secret":        signedBy(func(s *redoxtest.SigV4) { s.SecretKey = "a guess at the secret" }),
					"region":        signedBy(func(s *redoxtest.SigV4) { s.AWSRegion = "eu-west-1" }),
					"service":       signedBy(func(s *redoxtest.SigV4) { s.ServiceName = "lambda" }),
					"session token": signedBy(func(s *redoxtest.SigV4) { s.SessionToken = "an unexpected session token" }),
					"old": signedBy(func(s *redoxtest.SigV4) {
						s.Now = func() time.Time { return testDate.Add(-time.Hour) }
					}),
				},
				UnknownKey: signedBy(func(s *redoxtest.SigV4) { s.AccessKey = "AKIDNOBODY" }),
				Covers:     []string{"method", "host", "path", "query", "body", "header:Content-Type"},
				Secrets:    []string{testSigner.secret},
			})
		})
	}
}
