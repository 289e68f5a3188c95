package lambda_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

// gateway starts a server that does what the platform does. It makes an event of each
// request, passes the event as JSON to the function through Lambda's runtime, and sends the
// function's answer.
func gateway(t *testing.T, function any, event func(*http.Request, []byte) any) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		writeResponse(w, invoke(t, function, event(r, body)))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// invoke passes an event to a function through Lambda's runtime.
func invoke(t testing.TB, function, event any) (res events.APIGatewayProxyResponse) { // it has all fields of the others
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Error(err)
	}
	answer, err := lambda.NewHandler(function).Invoke(context.Background(), payload)
	if err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal(answer, &res); err != nil {
		t.Error(err)
	}
	return res
}

func writeResponse(w http.ResponseWriter, res events.APIGatewayProxyResponse) {
	for name, value := range res.Headers {
		w.Header().Set(name, value)
	}
	for name, values := range res.MultiValueHeaders {
		w.Header()[name] = values
	}
	w.WriteHeader(res.StatusCode)
	body := []byte(res.Body)
	if res.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(res.Body)
	}
	w.Write(body)
}

// restEvent returns the event of a REST API: path as it was sent, query decoded, all headers.
func restEvent(r *http.Request, body []byte) any {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	values, _ := url.ParseQuery(query)
	event := events.APIGatewayProxyRequest{
		HTTPMethod:                      r.Method,
		Path:                            path,
		Headers:                         last(headers(r)),
		MultiValueHeaders:               headers(r),
		QueryStringParameters:           last(values),
		MultiValueQueryStringParameters: values,
	}
	event.RequestContext.Path = "/stage" + path
	event.RequestContext.Stage = "stage"
	event.RequestContext.DomainName = r.Host
	event.RequestContext.Identity.SourceIP = "192.0.2.1"
	event.Body, event.IsBase64Encoded = encode(r, body)
	return event
}

// httpAPIEvent returns the event of an HTTP API: path decoded, query as it was sent,
// repeated headers joined. An example of a decoded path is in
// https://github.com/fastify/aws-lambda-fastify/issues/169.
func httpAPIEvent(r *http.Request, body []byte) any {
	event := payload2Event(r, body)
	event.RawPath = r.URL.Path
	event.RequestContext.HTTP.Path = r.URL.Path
	event.RequestContext.DomainName = r.Host
	event.RequestContext.Stage = "$default"
	return event
}

// functionURLEvent returns the event of a function URL. It differs from that of an HTTP API
// in the path, which is as it was sent, and in the domain. On loopback the domain is another,
// so the event has no stage there.
func functionURLEvent(r *http.Request, body []byte) any {
	event := payload2Event(r, body)
	event.RequestContext.DomainName = r.Host
	if r.Host == functionURL {
		event.RequestContext.Stage = "$default"
	}
	return event
}

const functionURL = "abcdefghijklmnop.lambda-url.eu-west-1.on.aws"

func payload2Event(r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RouteKey: "$default", RawPath: path, RawQueryString: query, Headers: map[string]string{}}
	for name, values := range headers(r) {
		if name == "Cookie" {
			event.Cookies = strings.Split(strings.Join(values, "; "), "; ")
			continue
		}
		event.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if values, _ := url.ParseQuery(query); len(values) > 0 {
		event.QueryStringParameters = map[string]string{}
		for name, v := range values {
			event.QueryStringParameters[name] = strings.Join(v, ",")
		}
	}
	event.RequestContext.HTTP.Method = r.Method
	event.RequestContext.HTTP.Path = path
	event.RequestContext.HTTP.SourceIP = "192.0.2.1"
	event.Body, event.IsBase64Encoded = encode(r, body)
	return event
}

// albEvent returns the event of a load balancer whose target group has multi-value headers:
// path and query as they were sent. albSingleEvent returns that of one without: of repeated
// names only the last value.
func albEvent(r *http.Request, body []byte) any {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	event := events.ALBTargetGroupRequest{
		HTTPMethod:                      r.Method,
		Path:                            path,
		MultiValueHeaders:               map[string][]string{},
		MultiValueQueryStringParameters: map[string][]string{},
	}
	for name, values := range headers(r) {
		event.MultiValueHeaders[strings.ToLower(name)] = values
	}
	for pair := range strings.SplitSeq(query, "&") {
		if pair != "" {
			name, value, _ := strings.Cut(pair, "=")
			event.MultiValueQueryStringParameters[name] = append(event.MultiValueQueryStringParameters[name], value)
		}
	}
	event.RequestContext.ELB.TargetGroupArn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/redox/abc"
	event.Body, event.IsBase64Encoded = encode(r, body)
	return event
}

func albSingleEvent(r *http.Request, body []byte) any {
	event := albEvent(r, body).(events.ALBTargetGroupRequest)
	event.Headers, event.MultiValueHeaders = last(event.MultiValueHeaders), nil
	event.QueryStringParameters, event.MultiValueQueryStringParameters = last(event.MultiValueQueryStringParameters), nil
	return event
}

func last(several map[string][]string) map[string]string {
	single := map[string]string{}
	for name, values := range several {
		single[name] = values[len(values)-1]
	}
	return single
}

func headers(r *http.Request) http.Header {
	h := r.Header.Clone()
	h.Set("Host", r.Host)
	h.Set("X-Forwarded-For", "203.0.113.9, 192.0.2.1")
	h.Del("Content-Length") // not every event has it
	return h
}

// encode leaves JSON as it is and encodes what may be binary, as API Gateway does.
func encode(r *http.Request, body []byte) (string, bool) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}
