package lambda_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	redoxlambda "github.com/redoxauth/redoxauth-go/examples/frameworks/lambda"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestREST(t *testing.T) {
	trial.Run(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
		receive := func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
			return events.APIGatewayProxyResponse{
				StatusCode:      http.StatusOK,
				Headers:         map[string]string{"Strategy": trial.Strategy(ctx)},
				Body:            event.Body,
				IsBase64Encoded: event.IsBase64Encoded,
			}, nil
		}
		return gateway(t, redoxlambda.RESTHandshake(token, redoxlambda.REST(v, opts, receive)), restEvent)
	}, nil)
}

func TestHTTPAPI(t *testing.T) {
	trial.Run(t, httpAPI(httpAPIEvent), decodedPath)
}

func TestFunctionURL(t *testing.T) {
	trial.Run(t, httpAPI(functionURLEvent), joinedHeaders)
}

// joinedHeaders are statuses of requests with two headers of one name. HTTP APIs and
// function URLs join the two values; see the package comment.
var joinedHeaders = map[string]int{
	"verifytoken: credential sent twice":                     http.StatusUnauthorized,
	"verifytoken: altered credential beside the genuine one": http.StatusUnauthorized,
}

var decodedPath = with(joinedHeaders, "signature, escaped slash in the path", http.StatusUnauthorized)

func with(statuses map[string]int, name string, status int) map[string]int {
	statuses = maps.Clone(statuses)
	statuses[name] = status
	return statuses
}

func httpAPI(event func(*http.Request, []byte) any) trial.Destination {
	return func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
		receive := func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			return events.APIGatewayV2HTTPResponse{
				StatusCode:      http.StatusOK,
				Headers:         map[string]string{"Strategy": trial.Strategy(ctx)},
				Body:            event.Body,
				IsBase64Encoded: event.IsBase64Encoded,
			}, nil
		}
		return gateway(t, redoxlambda.HTTPAPIHandshake(token, redoxlambda.HTTPAPI(v, opts, receive)), event)
	}
}

func TestALB(t *testing.T) {
	trial.Run(t, alb(albEvent), nil)
}

// Without multi-value headers the last of several values is all that arrives.
func TestALBWithoutMultiValueHeaders(t *testing.T) {
	lost := map[string]int{
		"signature, query":           http.StatusUnauthorized, // has a parameter twice
		"signature, repeated header": http.StatusUnauthorized,
	}
	for _, strategy := range []string{"verifytoken", "sigv4", "jwtbearer"} {
		lost[strategy+": credential sent twice"] = http.StatusOK
		lost[strategy+": altered credential beside the genuine one"] = http.StatusUnauthorized
	}
	trial.Run(t, alb(albSingleEvent), lost)
}

func alb(event func(*http.Request, []byte) any) trial.Destination {
	return func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
		receive := func(ctx context.Context, event events.ALBTargetGroupRequest) (events.ALBTargetGroupResponse, error) {
			return events.ALBTargetGroupResponse{
				StatusCode:      http.StatusOK,
				Headers:         map[string]string{"Strategy": trial.Strategy(ctx)},
				Body:            event.Body,
				IsBase64Encoded: event.IsBase64Encoded,
			}, nil
		}
		return gateway(t, redoxlambda.ALBHandshake(token, redoxlambda.ALB(v, opts, receive)), event)
	}
}

// An http.Handler with the wrappers of a server gets the same.
func TestServe(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(http.Handler) any
		event func(*http.Request, []byte) any
		lost  map[string]int
	}{
		"REST":         {func(h http.Handler) any { return redoxlambda.ServeREST(h) }, restEvent, nil},
		"HTTP API":     {func(h http.Handler) any { return redoxlambda.ServeHTTPAPI(h) }, httpAPIEvent, decodedPath},
		"function URL": {func(h http.Handler) any { return redoxlambda.ServeHTTPAPI(h) }, functionURLEvent, joinedHeaders},
		"ALB":          {func(h http.Handler) any { return redoxlambda.ServeALB(h) }, albEvent, nil},
	} {
		t.Run(name, func(t *testing.T) {
			start := func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) string {
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Strategy", trial.Strategy(r.Context()))
					io.Copy(w, r.Body)
				})
				return gateway(t, test.serve(token.Handshake(redoxauth.Middleware(v, opts)(verifytoken.Challenge(handler)))), test.event)
			}
			trial.Run(t, start, test.lost)
			trial.WithoutToken(t, start)
		})
	}
}

// A handler behind Serve reads the request as it does in a server.
func TestServedRequest(t *testing.T) {
	const target = "/redox/a%2Fb/%C3%A9?q=x%20y%2B%26&q=&r"
	for name, test := range map[string]struct {
		serve func(http.Handler) any
		event func(*http.Request, []byte) any
	}{
		"REST":         {func(h http.Handler) any { return redoxlambda.ServeREST(h) }, restEvent},
		"function URL": {func(h http.Handler) any { return redoxlambda.ServeHTTPAPI(h) }, functionURLEvent},
		"ALB":          {func(h http.Handler) any { return redoxlambda.ServeALB(h) }, albEvent},
	} {
		t.Run(name, func(t *testing.T) {
			sent := httptest.NewRequest(http.MethodPut, target, http.NoBody)
			sent.Host = functionURL
			sent.Header.Set("Content-Type", "application/json")
			sent.Header.Set("Cookie", "a=1; b=2")
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got := []any{r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.Query(), r.Host, r.Header["Host"], r.RemoteAddr, r.ContentLength, string(body), r.Header["Cookie"]}
				want := []any{"PUT", "/redox/a/b/é", "/redox/a%2Fb/%C3%A9", sent.URL.Query(), functionURL, []string(nil), "192.0.2.1:0", int64(5), "hello", []string{"a=1; b=2"}}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			})
			res := invoke(t, test.serve(handler), test.event(sent, []byte("hello")))
			if res.StatusCode != http.StatusOK {
				t.Errorf("got status %d, want 200", res.StatusCode)
			}
		})
	}
}

// A REST API removes the stage from the path. The signature covers the stage.
func TestStageOfARESTAPI(t *testing.T) {
	v := newSigV4(t, sigv4.Config{PathPrefix: "/prod"})
	receive := func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
	}
	for path, want := range map[string]int{"/redox": http.StatusOK, "/prod/redox": http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "/prod/redox", http.NoBody)
		if err := signer.Sign(r); err != nil {
			t.Fatal(err)
		}
		event := restEvent(r, nil).(events.APIGatewayProxyRequest)
		event.Path = path
		if res, err := redoxlambda.REST(v, nil, receive)(t.Context(), event); err != nil || res.StatusCode != want {
			t.Errorf("%s: got status %d, %v, want %d", path, res.StatusCode, err, want)
		}
	}
}

// A destination behind an HTTP API.
func ExampleHTTPAPI() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	receive := func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		id, _ := redoxauth.FromContext(ctx)
		fmt.Println("a message from Redox, proven by", id.Strategy)
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
	}
	function := redoxlambda.HTTPAPIHandshake(token, redoxlambda.HTTPAPI(token, nil, receive)) // for lambda.Start

	// API Gateway
	call := func(method, query, token, body string) {
		event := events.APIGatewayV2HTTPRequest{RawPath: "/redox", RawQueryString: query, Headers: map[string]string{"verification-token": token}, Body: body}
		event.RequestContext.HTTP.Method = method
		answer, err := function(context.Background(), event)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %q\n", answer.StatusCode, answer.Body)
	}
	call(http.MethodPost, "", "", `{"verification-token":"theToken","challenge":"abc"}`)
	call(http.MethodGet, "challenge=abc&verification-token=theToken", "", "")
	call(http.MethodPost, "", "theToken", `{"Meta":{"DataModel":"PatientAdmin"}}`)
	call(http.MethodPost, "", "another", `{"Meta":{"DataModel":"PatientAdmin"}}`)
	// Output:
	// 200 "abc"
	// 200 "abc"
	// a message from Redox, proven by verifytoken
	// 200 ""
	// 401 "Unauthorized\n"
}
