package smartbackend_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

func TestVerifierKeepsThePromises(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	url := server.URL + "/token"
	e := newEndpoint(t, func(c *smartbackend.EndpointConfig) { c.TokenURL, c.Now = url, nil })
	mux.Handle("/token", e)
	s := &redoxtest.SMARTBackend{URL: url, ClientID: "redox", Key: es384}
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return e.verifier(t, "system/*.rs") },
		Genuine: func() *http.Request { return redoxtest.NewRequest(s) },
		Forged:  redoxtest.ForgedRequests(s.Forgeries()),
		Secrets: []string{string(tokenSecret)},
	})
}
