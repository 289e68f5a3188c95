package sigv4_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

func TestConformance(t *testing.T) {
	for _, declared := range []bool{false, true} {
		redox := redoxtest.SigV4{AccessKey: testSigner.key, SecretKey: testSigner.secret, AWSRegion: testSigner.region,
			ServiceName: testSigner.service, DeclarePayloadHash: declared, Now: func() time.Time { return testDate }}
		forged := redoxtest.ForgedRequests(redox.Forgeries())
		t.Run(map[bool]string{false: "hash not declared", true: "hash declared"}[declared], func(t *testing.T) {
			verifiertest.TestVerifier(t, verifiertest.Suite{
				New:        func() redoxauth.Verifier { return newVerifier(t, testConfig()) },
				Genuine:    func() *http.Request { return redoxtest.NewRequest(redox) },
				Forged:     forged,
				UnknownKey: forged["unknown key"],
				Covers:     []string{"method", "host", "path", "query", "body", "header:Content-Type"},
				Secrets:    []string{testSigner.secret},
			})
		})
	}
}
