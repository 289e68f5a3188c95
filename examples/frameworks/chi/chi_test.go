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
				trial.Unreadable(w, err)
				return
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

// chi runs the middleware of a group, and of With, only for the methods that are routed.
func TestGroupWithoutGetLosesTheHandshake(t *testing.T) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		t.Fatal(err)
	}
	receive := func(http.ResponseWriter, *http.Request) { t.Error("reached the handler") }
	for name, tt := range map[string]struct {
		routes func(chi.Router)
		get    int // the status of the GET form
	}{
		"Route": {func(r chi.Router) {
			r.Route("/redox", func(r chi.Router) {
				r.Use(token.Handshake, token.Wrap)
				r.Post("/", receive)
			})
		}, http.StatusOK},
		"Group with Post and Get": {func(r chi.Router) {
			r.Group(func(r chi.Router) {
				r.Use(token.Handshake, token.Wrap)
				r.Post("/redox", receive)
				r.Get("/redox", http.NotFound)
			})
		}, http.StatusOK},
		"Group with Post alone": {func(r chi.Router) {
			r.Group(func(r chi.Router) {
				r.Use(token.Handshake, token.Wrap)
				r.Post("/redox", receive)
			})
		}, http.StatusMethodNotAllowed},
		"With and Post alone": {func(r chi.Router) {
			r.With(token.Handshake, token.Wrap).Post("/redox", receive)
		}, http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			r := chi.NewRouter()
			tt.routes(r)
			server := httptest.NewServer(r)
			defer server.Close()
			if err := redoxtest.Handshake(t.Context(), server.URL+"/redox", "theToken", http.MethodPost); err != nil {
				t.Errorf("POST: %v", err)
			}
			res, err := http.Get(server.URL + "/redox?challenge=abc&verification-token=theToken")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.get {
				t.Errorf("GET: got status %d, want %d", res.StatusCode, tt.get)
			}
		})
	}
}

// A destination on a router of its own. The server of yours is an http.Server with time-outs.
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
	server := httptest.NewServer(r)
	defer server.Close()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show(server.URL + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 200 OK
	// 401 Unauthorized
}

// A destination in a group of other routes. The group needs the GET route, or chi answers the
// GET form of the handshake 405.
func Example_group() {
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
	r.Group(func(r chi.Router) {
		r.Use(token.Handshake, token.Wrap)
		r.Post("/redox", receive)
		r.Get("/redox", http.NotFound) // for the handshake, which answers first
	})
	server := httptest.NewServer(r)
	defer server.Close()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show(server.URL + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 200 OK
	// 401 Unauthorized
}
