package huma_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	redoxhuma "github.com/redoxauth/redoxauth-go/examples/frameworks/huma"
	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

type input struct {
	RawBody []byte
}

type output struct {
	Strategy string `header:"Strategy"`
	Body     []byte
}

func TestMiddleware(t *testing.T) {
	trial.RunHTTP(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) http.Handler {
		protect := func(next http.Handler) http.Handler {
			return token.Handshake(redoxauth.Middleware(v, opts)(verifytoken.Challenge(next)))
		}
		mux := http.NewServeMux()
		api := humago.New(mux, huma.DefaultConfig("test", "1.0.0"))
		for _, path := range []string{"/redox", "/redox/{below...}"} {
			mux.Handle("GET "+path, protect(http.NotFoundHandler()))
			huma.Register(api, huma.Operation{
				Method:          http.MethodPost,
				Path:            path,
				MaxBodyBytes:    -1,
				BodyReadTimeout: 2 * time.Minute,
				Middlewares:     huma.Middlewares{redoxhuma.Middleware(protect)},
			}, func(ctx context.Context, in *input) (*output, error) {
				return &output{trial.Strategy(ctx), in.RawBody}, nil
			})
		}
		return mux
	})
}

func TestFormReadInFrontOfMiddleware(t *testing.T) {
	trial.ReadInFront(t, func(v redoxauth.Verifier) string {
		mux := http.NewServeMux()
		api := humago.New(mux, huma.DefaultConfig("test", "1.0.0"))
		api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
			r, _ := humago.Unwrap(ctx)
			r.FormValue("a")
			next(ctx)
		})
		huma.Register(api, huma.Operation{
			Method:      http.MethodPost,
			Path:        "/redox",
			Middlewares: huma.Middlewares{redoxhuma.Middleware(redoxauth.Middleware(v, nil))},
		}, func(ctx context.Context, in *input) (*output, error) {
			return &output{trial.Strategy(ctx), in.RawBody}, nil
		})
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return server.URL
	}, http.StatusInternalServerError)
}

// What a middleware in front has put into the context reaches the handler.
func TestValuesOfMiddlewareInFront(t *testing.T) {
	type key struct{}
	accept := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		return &redoxauth.Identity{Strategy: "test"}, nil
	})
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("test", "1.0.0"))
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { next(huma.WithValue(ctx, key{}, "value")) })
	got := ""
	huma.Register(api, huma.Operation{
		Method:      http.MethodPost,
		Path:        "/redox",
		Middlewares: huma.Middlewares{redoxhuma.Middleware(redoxauth.Middleware(accept, nil))},
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		got = fmt.Sprint(ctx.Value(key{}), " ", trial.Strategy(ctx))
		return nil, nil
	})
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/redox", nil))
	if want := "value test"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A destination in an API of huma. The server of yours is an http.Server with time-outs.
func ExampleMiddleware() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	protect := func(next http.Handler) http.Handler { return token.Handshake(token.Wrap(next)) }
	type message struct {
		RawBody []byte // or Body, with a type of yours
	}
	receive := func(ctx context.Context, m *message) (*struct{}, error) {
		id, _ := redoxauth.FromContext(ctx)
		fmt.Println("a message from Redox, proven by", id.Strategy)
		return nil, nil
	}
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("My API", "1.0.0"))
	huma.Register(api, huma.Operation{
		Method:          http.MethodPost,
		Path:            "/redox",
		Middlewares:     huma.Middlewares{redoxhuma.Middleware(protect)},
		MaxBodyBytes:    -1,
		BodyReadTimeout: 2 * time.Minute,
	}, receive)
	mux.Handle("GET /redox", protect(http.NotFoundHandler())) // the handshake
	server := httptest.NewServer(mux)
	defer server.Close()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show(server.URL + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 204 No Content
	// 401 Unauthorized
}
