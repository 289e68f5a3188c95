// Package lambda puts a Verifier in front of an AWS Lambda function behind API Gateway.
//
// Wrap the function that you pass to the runtime, with the handshake outermost:
//
//	lambda.Start(HTTPAPIHandshake(token, HTTPAPI(v, nil, receive)))
//
// REST and RESTHandshake do the same for events of payload format 1.0. The function gets
// the Identity with redoxauth.FromContext(ctx), and the verified bytes are in the event.
// Route POST and GET to it, or "ANY", because the handshake has a POST form and a GET form.
// If the function is an http.Handler, receive is
// httpadapter.NewV2(handler).ProxyWithContext.
//
// # What the platform does to a request
//
// This matters only to SigV4, which covers the whole request. Tokens are not affected.
//
// Host is requestContext.domainName, or the variable GO_API_HOST ("https://host") of
// the proxy library. Redox must sign that name, or sigv4.Config.Hosts must list the name
// that Redox signs.
//
// The path begins with the stage, unless the stage is $default or there is a custom domain.
// A REST API removes the stage and leaves the rest as it was sent ([localstack #3942],
// [#7728]). The signature covers the stage, so set sigv4.Config.PathPrefix to "/stage".
//
// An HTTP API (not a REST API, not a function URL) decodes the path, in both payload
// formats and in spite of the name rawPath ([aws-lambda-fastify #169],
// [standard-server #93]). This package encodes the path again as Go does. So a path
// verifies if Go would write the same escapes, such as "%20". A path with "%2F", "%3F",
// "%23" or "%25", or with an unnecessary escape such as "%41", is 401 or 400. Choose a path
// of letters, digits, "-" and "/".
//
// In payload format 1.0 the query arrives decoded and unordered. This does no harm, because
// the canonical form of SigV4 encodes and sorts it.
//
// In payload format 2.0 repeated headers arrive joined by commas. Two Authorization headers
// become one malformed header (400), and two verification tokens become one wrong token
// (401). The proxy library splits all values at commas, which changes a signed
// "Accept: a, b". HTTPAPI joins them again. A handler behind httpadapter.NewV2 that is
// wrapped by Verifier.Wrap cannot do so.
//
// Lambda takes events of at most 6 MB. Redox sends messages of up to 40 MB; the platform
// refuses those that are larger than 6 MB.
//
// Behind an ALB use httpadapter.NewALB and Wrap. If Redox signs, use a URL without a query:
// the ALB does not decode the query, and the proxy library encodes it a second time.
//
// [localstack #3942]: https://github.com/localstack/localstack/pull/3942
// [#7728]: https://github.com/localstack/localstack/pull/7728
// [aws-lambda-fastify #169]: https://github.com/fastify/aws-lambda-fastify/issues/169
// [standard-server #93]: https://github.com/middleapi/standard-server/pull/93
package lambda

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A Handler is a Lambda function for an event E with the answer R.
type Handler[E, R any] = func(context.Context, E) (R, error)

// The functions of payload formats 1.0 and 2.0.
type (
	RESTHandler    = Handler[events.APIGatewayProxyRequest, events.APIGatewayProxyResponse]
	HTTPAPIHandler = Handler[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]
)

// REST calls next with an event of payload format 1.0 only if v accepts it.
func REST(v redoxauth.Verifier, opts *redoxauth.Options, next RESTHandler) RESTHandler {
	return func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		r, err := restRequest(ctx, event)
		if err == nil {
			r, err = redoxauth.Check(v, nil, r, opts)
		}
		if err != nil {
			w := core.NewProxyResponseWriter()
			redoxauth.WriteError(w, err)
			return w.GetProxyResponse()
		}
		return next(r.Context(), event)
	}
}

// HTTPAPI calls next with an event of payload format 2.0 only if v accepts it.
func HTTPAPI(v redoxauth.Verifier, opts *redoxauth.Options, next HTTPAPIHandler) HTTPAPIHandler {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		r, err := httpAPIRequest(ctx, event)
		if err == nil {
			r, err = redoxauth.Check(v, nil, r, opts)
		}
		if err != nil {
			w := core.NewProxyResponseWriterV2()
			redoxauth.WriteError(w, err)
			return w.GetProxyResponse()
		}
		return next(r.Context(), event)
	}
}

// RESTHandshake answers Redox's destination verification, and passes on everything else.
func RESTHandshake(token *verifytoken.Verifier, next RESTHandler) RESTHandler {
	return func(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		w := core.NewProxyResponseWriter()
		if r, err := restRequest(ctx, event); err != nil {
			redoxauth.WriteError(w, err)
		} else if !answers(token, w, r) {
			return next(ctx, event)
		}
		return w.GetProxyResponse()
	}
}

// HTTPAPIHandshake is RESTHandshake for payload format 2.0.
func HTTPAPIHandshake(token *verifytoken.Verifier, next HTTPAPIHandler) HTTPAPIHandler {
	return func(ctx context.Context, event events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		w := core.NewProxyResponseWriterV2()
		if r, err := httpAPIRequest(ctx, event); err != nil {
			redoxauth.WriteError(w, err)
		} else if !answers(token, w, r) {
			return next(ctx, event)
		}
		return w.GetProxyResponse()
	}
}

// answers reports whether r was a handshake. If so, it has answered it.
func answers(token *verifytoken.Verifier, w http.ResponseWriter, r *http.Request) bool {
	answered := true
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { answered = false })
	token.Handshake(next).ServeHTTP(w, r)
	return answered
}

func restRequest(ctx context.Context, event events.APIGatewayProxyRequest) (*http.Request, error) {
	var accessor core.RequestAccessor
	r, err := accessor.EventToRequestWithContext(ctx, event)
	return r, malformed(err)
}

func httpAPIRequest(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	var accessor core.RequestAccessorV2
	r, err := accessor.EventToRequestWithContext(ctx, event)
	if err != nil {
		return nil, malformed(err)
	}
	for name, value := range event.Headers { // the accessor has split the values
		r.Header.Set(name, value)
	}
	return r, nil
}

// malformed drops err, which quotes the query. The query may hold the token of a handshake.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return &redoxauth.Error{Kind: redoxauth.ErrMalformed, Reason: "path", Err: errors.New("the event is not a request")}
}
