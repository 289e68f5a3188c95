package lambda_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	redoxlambda "github.com/redoxauth/redoxauth-go/examples/frameworks/lambda"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
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
	lost := maps.Clone(joinedHeaders)
	lost["signature, escaped slash in the path"] = http.StatusUnauthorized
	trial.Run(t, httpAPI(httpAPIEvent), lost)
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

// A REST API removes the stage from the path. The signature covers the stage.
func TestStageOfARESTAPI(t *testing.T) {
	const key, secret, service, region = "AKIDEXAMPLE", "a secret of thirty-two characters", "redox", "eu-west-1"
	v, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: key, SecretAccessKey: secret}},
		Region:      region,
		Service:     service,
		PathPrefix:  "/prod",
	})
	if err != nil {
		t.Fatal(err)
	}
	receive := func(context.Context, events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: http.StatusOK}, nil
	}
	for path, want := range map[string]int{"/redox": http.StatusOK, "/prod/redox": http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "/prod/redox", http.NoBody)
		if err := (redoxtest.SigV4{AccessKey: key, SecretKey: secret, ServiceName: service, AWSRegion: region}).Sign(r); err != nil {
			t.Fatal(err)
		}
		event := restEvent(r, nil).(events.APIGatewayProxyRequest)
		event.Path = path
		if res, err := redoxlambda.REST(v, nil, receive)(t.Context(), event); err != nil || res.StatusCode != want {
			t.Errorf("%s: got status %d, %v, want %d", path, res.StatusCode, err, want)
		}
	}
}

// After an HTTP API has decoded a path, it may no longer be a valid path. That is the fault
// of the peer, so the function must not fail.
func TestEventsThatAreNoRequest(t *testing.T) {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		t.Fatal(err)
	}
	receive := func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		t.Error("reached the function")
		return events.APIGatewayV2HTTPResponse{}, nil
	}
	event := events.APIGatewayV2HTTPRequest{RawPath: "/redox/%", Headers: map[string]string{"verification-token": "theToken"}}
	for name, handler := range map[string]redoxlambda.HTTPAPIHandler{
		"HTTPAPI":          redoxlambda.HTTPAPI(token, nil, receive),
		"HTTPAPIHandshake": redoxlambda.HTTPAPIHandshake(token, receive),
	} {
		res, err := handler(t.Context(), event)
		if err != nil || res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got status %d, %v, want 400", name, res.StatusCode, err)
		}
	}
	rest, err := redoxlambda.REST(token, nil, nil)(t.Context(), events.APIGatewayProxyRequest{Path: "/redox", Body: "!", IsBase64Encoded: true})
	if err != nil || rest.StatusCode != http.StatusBadRequest {
		t.Errorf("REST: got status %d, %v, want 400", rest.StatusCode, err)
	}
}

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
	handler := redoxlambda.HTTPAPIHandshake(token, redoxlambda.HTTPAPI(token, nil, receive)) // for lambda.Start

	event := events.APIGatewayV2HTTPRequest{RawPath: "/redox", Headers: map[string]string{"verification-token": "theToken"}, Body: "{}"}
	event.RequestContext.HTTP.Method = http.MethodPost
	if _, err := handler(context.Background(), event); err != nil {
		fmt.Println(err)
	}
	// Output: a message from Redox, proven by verifytoken
}
