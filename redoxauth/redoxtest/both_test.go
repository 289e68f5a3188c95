package redoxtest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestBothSendsTwoProofs(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer server.Close()
	token, signature := redoxtest.VerificationToken{Token: "t"}, redoxtest.SigV4{AccessKey: "AK", SecretKey: "s", AWSRegion: "r", ServiceName: "s"}
	response, err := redoxtest.Both(token, signature).Send(t.Context(), server.URL, redoxtest.PatientAdmin())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got.Get("Verification-Token") != "t" || got.Get("Authorization") == "" {
		t.Errorf("the request has the headers %v, want both proofs", got)
	}
}

func TestBothFailsIfOneProofFails(t *testing.T) {
	broken := errors.New("no key")
	fails := signerFunc(func(*http.Request) error { return broken })
	token := redoxtest.VerificationToken{Token: "t"}
	for _, p := range []redoxtest.Pair{redoxtest.Both(fails, token), redoxtest.Both(token, fails)} {
		if err := p.Sign(httptest.NewRequest("POST", "/", nil)); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}
