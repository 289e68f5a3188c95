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

// running is a TokenEndpoint on loopback, and the sender that it knows.
func running(t testing.TB) (*smartbackend.TokenEndpoint, *redoxtest.SMARTBackend) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	url := server.URL + "/token"
	e := newTokenEndpoint(t, func(c *smartbackend.EndpointConfig) { c.TokenURL, c.Now = url, nil })
	mux.Handle("/token", e)
	mux.Handle("/redox", verifier(t, e, "system/*.rs").Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	return e, &redoxtest.SMARTBackend{URL: url, ClientID: "redox", Key: es384}
}

func TestVerifierKeepsThePromises(t *testing.T) {
	e, s := running(t)
	verifiertest.TestVerifier(t, verifiertest.Suite{
		New:     func() redoxauth.Verifier { return verifier(t, e, "system/*.rs") },
		Genuine: func() *http.Request { return redoxtest.NewRequest(s) },
		Forged:  redoxtest.ForgedRequests(s.Forgeries()),
		Secrets: []string{string(tokenSecret)},
	})
}

func TestSenderDelivers(t *testing.T) {
	_, s := running(t)
	url := s.URL[:len(s.URL)-len("/token")] + "/redox"
	for range 3 {
		response, err := s.Send(t.Context(), url, redoxtest.FHIRBundle())
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 200 {
			t.Errorf("status %d", response.StatusCode)
		}
	}
}
