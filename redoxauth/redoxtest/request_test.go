package redoxtest_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func TestNewRequestIsForHandlers(t *testing.T) {
	r := redoxtest.NewRequest(redoxtest.VerificationToken{Token: "secret"})
	if r.RequestURI == "" || r.Host == "" || r.Method != http.MethodPost || r.ContentLength <= 0 {
		t.Errorf("NewRequest: %q %q %q, %d bytes, want a server's request", r.Method, r.RequestURI, r.Host, r.ContentLength)
	}
	defer func() {
		if recover() == nil {
			t.Error("NewRequest with a Signer that fails did not panic")
		}
	}()
	redoxtest.NewRequest(failing{})
}

type failing struct{}

func (failing) Sign(*http.Request) error { return errors.New("no key") }
