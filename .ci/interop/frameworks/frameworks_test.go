// Package frameworks_test puts the middleware of redoxauth and verifytoken in front of, and
// inside, frameworks that need no adapter. Frameworks that need one, or have an example, are
// in examples/frameworks. The exception is fasthttpadaptor, an adapter that loses headers: see
// TestFastHTTPAdaptor.
package frameworks_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/gorilla/mux"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/julienschmidt/httprouter"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const theToken = "theToken"

var (
	token  = redoxtest.VerificationToken{Token: theToken}
	signer = redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "a secret of thirty-two characters", ServiceName: "redox", AWSRegion: "eu-west-1"}
	bearer = &redoxtest.JWTBearer{Key: redoxtest.NewKey("1", "ES256"), Issuer: "redox", Audience: []string{"destination"}}
)

// A sender is one of Redox, with what verifies it and what an attacker sends instead.
type sender struct {
	redoxtest.Sender
	verifier  redoxauth.Verifier
	forgeries []redoxtest.Forgery
}

func senders(t *testing.T) map[string]sender {
	t.Helper()
	header, err := verifytoken.New(verifytoken.Config{Tokens: []string{theToken}})
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: signer.AccessKey, SecretAccessKey: signer.SecretKey}},
		Region:      signer.AWSRegion,
		Service:     signer.ServiceName,
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(bearer.Key))
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "redox", Audience: []string{"destination"}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]sender{
		"verifytoken": {token, header, token.Forgeries()},
		"sigv4":       {signer, signature, signer.Forgeries()},
		"jwtbearer":   {bearer, jwt, bearer.Forgeries()},
	}
}

// wrap is the handshake and the Verifier, as every handler of net/http gets them.
func wrap(t *testing.T, v redoxauth.Verifier) func(http.Handler) http.Handler {
	t.Helper()
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{theToken}})
	if err != nil {
		t.Fatal(err)
	}
	return func(next http.Handler) http.Handler {
		return token.Handshake(redoxauth.Middleware(v, nil)(next))
	}
}

// echo answers with the message, and with who sent it.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Strategy", strategy(r.Context()))
	w.Write(body)
})

func strategy(ctx context.Context) string {
	id, ok := redoxauth.FromContext(ctx)
	if !ok {
		return "nobody"
	}
	return id.Strategy
}

// handlers has a destination at /redox in each framework.
var handlers = map[string]func(wrap func(http.Handler) http.Handler) http.Handler{
	"gorilla/mux": func(wrap func(http.Handler) http.Handler) http.Handler {
		r := mux.NewRouter()
		redox := r.PathPrefix("/redox").Subrouter()
		redox.Use(wrap)
		redox.NewRoute().Methods("GET", "POST").Handler(echo) // a method that is not routed gets no middleware
		return r
	},
	"httprouter": func(wrap func(http.Handler) http.Handler) http.Handler {
		r := httprouter.New()
		for _, path := range []string{"/redox", "/redox/*below"} {
			r.Handler("GET", path, wrap(echo))
			r.Handler("POST", path, wrap(echo))
		}
		return r
	},
	// The URL of the destination is that of a procedure, which takes any JSON.
	"connect": func(wrap func(http.Handler) http.Handler) http.Handler {
		procedure := connect.NewUnaryHandler("/redox", func(ctx context.Context, r *connect.Request[structpb.Struct]) (*connect.Response[structpb.Struct], error) {
			answer := connect.NewResponse(r.Msg)
			answer.Header().Set("Strategy", strategy(ctx))
			return answer, nil
		})
		mux := http.NewServeMux()
		mux.Handle("/redox", wrap(procedure))
		mux.Handle("/redox/", wrap(procedure))
		return mux
	},
	// A handler as protoc-gen-grpc-gateway writes it for a server in the same process.
	"grpc-gateway": func(wrap func(http.Handler) http.Handler) http.Handler {
		gateway := runtime.NewServeMux()
		err := gateway.HandlePath("POST", "/redox", func(w http.ResponseWriter, r *http.Request, _ map[string]string) {
			inbound, outbound := runtime.MarshalerForRequest(gateway, r)
			ctx, err := runtime.AnnotateIncomingContext(r.Context(), gateway, r, "/redox.Messages/Receive")
			var message structpb.Struct
			if err == nil {
				err = inbound.NewDecoder(r.Body).Decode(&message)
			}
			if err != nil {
				runtime.HTTPError(r.Context(), gateway, outbound, w, r, err)
				return
			}
			w.Header().Set("Strategy", strategy(ctx))
			runtime.ForwardResponseMessage(ctx, gateway, outbound, w, r, &message)
		})
		if err != nil {
			panic(err)
		}
		return wrap(gateway)
	},
}

func serve(t *testing.T, http2 bool, handler http.Handler) (url string, client *http.Client) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	if http2 {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL + "/redox", s.Client()
}

func TestMessages(t *testing.T) {
	for name, handler := range handlers {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Parallel()
				play(t, nil, func(t *testing.T, v redoxauth.Verifier) (string, *http.Client) {
					return serve(t, protocol == "HTTP/2.0", handler(wrap(t, v)))
				})
			})
		}
	}
}

// fasthttpadaptor hands on only the last of repeated headers. So the Verifier does not notice a
// second credential, and refuses a signature over repeated headers.
func TestFastHTTPAdaptor(t *testing.T) {
	t.Parallel()
	lost := map[string]int{"repeated header": 401, "credential sent twice": 200, "altered credential beside the genuine one": 401}
	play(t, lost, func(t *testing.T, v redoxauth.Verifier) (string, *http.Client) {
		return serveFast(t, wrap(t, v)(echo)), http.DefaultClient
	})
}

func serveFast(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fasthttp.Server{Handler: fasthttpadaptor.NewFastHTTPHandler(handler)}
	go s.Serve(l)
	t.Cleanup(func() { l.Close() }) // its Shutdown races with contexts of requests that have ended
	return "http://" + l.Addr().String() + "/redox"
}

// play sends handshakes, messages and forgeries of every sender. lost has what gets another
// status here.
func play(t *testing.T, lost map[string]int, start func(*testing.T, redoxauth.Verifier) (url string, client *http.Client)) {
	for name, s := range senders(t) {
		t.Run(name, func(t *testing.T) {
			url, client := start(t, s.verifier)
			send := func(signer redoxtest.Signer, message []byte, notes ...string) *http.Response {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(message))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				for _, note := range notes {
					r.Header.Add("X-Note", note)
				}
				if err := signer.Sign(r); err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { response.Body.Close() })
				return response
			}
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				for value, want := range map[string]bool{theToken: true, "another": false} {
					if err := handshake(t, client, url, value, method); (err == "") != want {
						t.Errorf("handshake by %s with the token %q: %s", method, value, err)
					}
				}
			}
			large := []byte(`{"a":"` + strings.Repeat("é", 512<<10) + `"}`)
			for _, message := range [][]byte{redoxtest.PatientAdmin(), large} {
				response := send(s.Sender.(redoxtest.Signer), message)
				body, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Strategy") != name || !sameJSON(body, message) {
					t.Errorf("got %d, %s, %v, %q, %.80q", response.StatusCode, response.Proto, err, response.Header.Get("Strategy"), body)
				}
			}
			check := func(what string, got *http.Response, want int) {
				t.Helper()
				if status, ok := lost[what]; ok {
					want = status
				}
				if got.StatusCode != want {
					t.Errorf("%s: got %d, want %d", what, got.StatusCode, want)
				}
			}
			if name == "sigv4" {
				check("repeated header", send(signer, redoxtest.PatientAdmin(), "one", "two"), http.StatusOK)
			}
			for _, f := range s.forgeries {
				check(f.Name, send(f, redoxtest.PatientAdmin()), f.Status)
			}
		})
	}
}

// handshake is [redoxtest.Handshake] with a client of one's own.
func handshake(t *testing.T, client *http.Client, url, value, method string) (wrong string) {
	t.Helper()
	const challenge = "a-challenge"
	body, query := `{"verification-token":"`+value+`","challenge":"`+challenge+`"}`, ""
	if method == http.MethodGet {
		body, query = "", "?challenge="+challenge+"&verification-token="+value
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url+query, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if string(answer) != challenge {
		return response.Status
	}
	return ""
}

func sameJSON(a, b []byte) bool {
	var left, right structpb.Struct
	return protojson.Unmarshal(a, &left) == nil && protojson.Unmarshal(b, &right) == nil && proto.Equal(&left, &right)
}
