package chi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	redoxchi "github.com/redoxauth/redoxauth-go/examples/frameworks/chi"
	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestDestination(t *testing.T) {
	trial.RunHTTP(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) http.Handler {
		r := chi.NewRouter()
		r.Mount("/redox", redoxchi.Destination(token, v, opts, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.Header().Set("Strategy", trial.Strategy(r.Context()))
			w.Write(body)
		}))
		return r
	})
}

// A GET that is no handshake is for the Verifier first, then for the router.
func TestGetOfASender(t *testing.T) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		t.Fatal(err)
	}
	handler := redoxchi.Destination(token, token, nil, func(http.ResponseWriter, *http.Request) { t.Error("reached the handler") })
	for value, want := range map[string]int{"another": http.StatusUnauthorized, "theToken": http.StatusMethodNotAllowed} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set("Verification-Token", value)
		handler.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("token %q: got status %d, want %d", value, w.Code, want)
		}
	}
}

func ExampleDestination() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	receive := func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("a message from Redox, proven by", id.Strategy)
	}
	r := chi.NewRouter()
	r.Mount("/redox", redoxchi.Destination(token, token, nil, receive))

	message := httptest.NewRequest(http.MethodPost, "/redox", http.NoBody)
	if err := (redoxtest.VerificationToken{Token: "theToken"}).Sign(message); err != nil {
		fmt.Println(err)
		return
	}
	r.ServeHTTP(httptest.NewRecorder(), message)
	// Output: a message from Redox, proven by verifytoken
}
