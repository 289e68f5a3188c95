package sigv4_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const testBody = `{"Meta":{"DataModel":"PatientAdmin","EventType":"Arrival"}}`

// testConfig accepts what testSigner signs.
func testConfig() sigv4.Config {
	return sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: testSigner.key, SecretAccessKey: testSigner.secret}},
		Region:      testSigner.region,
		Service:     testSigner.service,
		Now:         func() time.Time { return testDate },
	}
}

func newVerifier(t testing.TB, cfg sigv4.Config) *sigv4.Verifier {
	t.Helper()
	v, err := sigv4.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// request returns a POST of testBody as a server receives it.
func request(target string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader([]byte(testBody)))
	r.Host = "api.example.test"
	r.Header.Set("Content-Type", "application/json")
	return r
}

func reasonOf(err error) redoxauth.Reason {
	var e *redoxauth.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Reason
}
