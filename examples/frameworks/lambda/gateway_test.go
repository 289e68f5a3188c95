package lambda_test

import (
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

// gateway starts a server that does what API Gateway does. It makes an event of each
// request, passes the event as JSON to the function through Lambda's runtime, and sends the
// function's answer.
func gateway(t *testing.T, function any, event func(*http.Request, []byte) any) (url string) {
	handler := lambda.NewHandler(function)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		payload, err := json.Marshal(event(r, body))
		if err != nil {
			t.Error(err)
		}
		answer, err := handler.Invoke(r.Context(), payload)
		if err != nil {
			t.Error(err)
		}
		var res events.APIGatewayProxyResponse // it has all fields of the other
		if err := json.Unmarshal(answer, &res); err != nil {
			t.Error(err)
		}
		writeResponse(w, res)
	}))
	t.Cleanup(server.Close)
	return server.URL
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
	path, _, _ := strings.Cut(r.RequestURI, "?")
	query, _ := url.ParseQuery(r.URL.RawQuery)
	event := events.APIGatewayProxyRequest{
		HTTPMethod:                      r.Method,
		Path:                            path,
		MultiValueHeaders:               headers(r),
		MultiValueQueryStringParameters: query,
	}
	event.RequestContext.DomainName = r.Host
	event.Body, event.IsBase64Encoded = encode(r, body)
	return event
}

// httpAPIEvent returns the event of an HTTP API: path decoded, query as it was sent,
// repeated headers joined. An example of a decoded path is in
// https://github.com/fastify/aws-lambda-fastify/issues/169.
func httpAPIEvent(r *http.Request, body []byte) any {
	event := functionURLEvent(r, body).(events.APIGatewayV2HTTPRequest)
	event.RawPath = r.URL.Path
	return event
}

// functionURLEvent returns the event of a function URL. It differs from that of an HTTP API
// in the path, which is as it was sent.
func functionURLEvent(r *http.Request, body []byte) any {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, RawQueryString: query, Headers: map[string]string{}}
	for name, values := range headers(r) {
		event.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	event.RequestContext.DomainName = r.Host
	event.RequestContext.HTTP.Method = r.Method
	event.RequestContext.HTTP.Path = event.RawPath
	event.Body, event.IsBase64Encoded = encode(r, body)
	return event
}

func headers(r *http.Request) http.Header {
	h := r.Header.Clone()
	h.Set("Host", r.Host)
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
