// Package lambda puts a Verifier in front of an AWS Lambda function behind API Gateway, a
// function URL or an Application Load Balancer (ALB).
//
// Wrap the function that you pass to the runtime, with the handshake outermost:
//
//	lambda.Start(HTTPAPIHandshake(token, HTTPAPI(v, nil, receive)))
//
// HTTPAPI is for HTTP APIs and function URLs (payload format 2.0), REST is for REST APIs
// (payload format 1.0), ALB for load balancers. The function gets the Identity with
// redoxauth.FromContext(ctx), and the verified bytes are in the event. Route POST and GET to
// it, or "ANY", because the handshake has a POST form and a GET form.
//
// If you have an http.Handler, wrap it as you would in a server:
//
//	lambda.Start(ServeHTTPAPI(token.Handshake(v.Wrap(handler))))
//	lambda.Start(ServeHTTPAPI(v.Wrap(verifytoken.Challenge(handler)))) // no verification token
//
// Do not use the adapters of aws-lambda-go-api-proxy for it. They join path and query and
// parse them again, split header values at commas, encode the query of an ALB twice, and log
// a URL that they cannot parse, with the verification token that its query may have.
//
// # What the platform does to a request
//
// A path with "?" or "#", a query with "#", and what else could be read in two ways, is
// answered 400 before anything parses it. The rest of this section matters only to SigV4,
// which covers the whole request. Tokens are not affected.
//
// Host is requestContext.domainName; of an ALB, the header Host. Redox must sign that name,
// or sigv4.Config.Hosts must list the name that Redox signs.
//
// The path begins with the stage, unless the stage is $default or there is a custom domain.
// A REST API removes the stage from "path" (requestContext.path still has it) and leaves the
// rest as it was sent ([localstack #3942], [#7728]). The signature covers the stage, so set
// sigv4.Config.PathPrefix to "/stage". An HTTP API with a custom domain removes its API
// mapping: set PathPrefix to "/mapping".
//
// An HTTP API decodes the path, in both payload formats and in spite of the name rawPath
// ([aws-lambda-fastify #169], [standard-server #93]). This package encodes it again, as
// browsers and most clients do: spaces and Unicode are escaped, "+", "!", ":", "@" and the
// like are not. So "/a%20b" and "/a+b" verify. A path that was signed with another spelling,
// such as "%41", "%2B" or "%2F", does not: 401. One with "%3F", "%23" or "%25" is 400,
// because the event does not tell it from another path. With payload format 1.0 the event
// does not even tell that it comes from an HTTP API: use 2.0. REST APIs, function URLs and
// ALBs keep the escapes, and every path verifies except one with dot segments. If you can
// choose, take a path of letters, digits, "-" and "/".
//
// In payload format 1.0 the query arrives decoded and unordered. This does no harm, because
// the canonical form of SigV4 encodes and sorts it. An ALB leaves it encoded
// ([Lambda functions as targets]), and so must the function that reads the event; handlers
// behind ServeALB get it right. Without the target group's multi-value headers, an ALB keeps
// only the last of repeated parameters and headers, and a signature over all of them is 401.
//
// In payload format 2.0 repeated headers arrive joined by commas. Two Authorization headers
// become one malformed header (400), and two verification tokens become one wrong token
// (401).
//
// A body that is not UTF-8 must arrive in base64. A REST API does so only for its binary
// media types; otherwise the body is changed, and 401.
//
// API Gateway passes on bodies of at most 6 MB, a load balancer 1 MB. Redox sends messages of
// up to 40 MB; the platform refuses those that are larger.
//
// The events have the same value in several fields, such as queryStringParameters beside
// rawQueryString. The platform makes all of them from one request. This package relies on it.
//
// [localstack #3942]: https://github.com/localstack/localstack/pull/3942
// [#7728]: https://github.com/localstack/localstack/pull/7728
// [aws-lambda-fastify #169]: https://github.com/fastify/aws-lambda-fastify/issues/169
// [standard-server #93]: https://github.com/middleapi/standard-server/pull/93
// [Lambda functions as targets]: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
package lambda

import (
	"context"
	"io"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A Handler is a Lambda function for an event E with the answer R.
type Handler[E, R any] = func(context.Context, E) (R, error)

// The functions of payload formats 1.0 and 2.0, and of load balancers.
type (
	RESTHandler    = Handler[events.APIGatewayProxyRequest, events.APIGatewayProxyResponse]
	HTTPAPIHandler = Handler[events.APIGatewayV2HTTPRequest, events.APIGatewayV2HTTPResponse]
	ALBHandler     = Handler[events.ALBTargetGroupRequest, events.ALBTargetGroupResponse]
)

// REST calls next with an event of payload format 1.0 only if v accepts it.
func REST(v redoxauth.Verifier, opts *redoxauth.Options, next RESTHandler) RESTHandler {
	return check(v, opts, restRequest, restAnswer, next)
}

// HTTPAPI calls next with an event of payload format 2.0 only if v accepts it.
func HTTPAPI(v redoxauth.Verifier, opts *redoxauth.Options, next HTTPAPIHandler) HTTPAPIHandler {
	return check(v, opts, httpAPIRequest, httpAPIAnswer, next)
}

// ALB calls next with an event of a load balancer only if v accepts it.
func ALB(v redoxauth.Verifier, opts *redoxauth.Options, next ALBHandler) ALBHandler {
	return check(v, opts, albRequest, albAnswer, next)
}

// RESTHandshake answers Redox's destination verification, and passes on everything else.
func RESTHandshake(token *verifytoken.Verifier, next RESTHandler) RESTHandler {
	return handshake(token, restRequest, restAnswer, next)
}

// HTTPAPIHandshake is RESTHandshake for payload format 2.0.
func HTTPAPIHandshake(token *verifytoken.Verifier, next HTTPAPIHandler) HTTPAPIHandler {
	return handshake(token, httpAPIRequest, httpAPIAnswer, next)
}

// ALBHandshake is RESTHandshake for load balancers.
func ALBHandshake(token *verifytoken.Verifier, next ALBHandler) ALBHandler {
	return handshake(token, albRequest, albAnswer, next)
}

// ServeREST answers events of payload format 1.0 with an http.Handler.
func ServeREST(h http.Handler) RESTHandler { return serve(h, restRequest, restAnswer) }

// ServeHTTPAPI answers events of payload format 2.0 with an http.Handler.
func ServeHTTPAPI(h http.Handler) HTTPAPIHandler { return serve(h, httpAPIRequest, httpAPIAnswer) }

// ServeALB answers events of a load balancer with an http.Handler.
func ServeALB(h http.Handler) ALBHandler { return serve(h, albRequest, albAnswer) }

func check[E, R any](v redoxauth.Verifier, opts *redoxauth.Options, request requestOf[E], answer answerOf[R], next Handler[E, R]) Handler[E, R] {
	return func(ctx context.Context, event E) (R, error) {
		r, err := request(ctx, event)
		if err == nil {
			r, err = redoxauth.Check(v, nil, r, opts)
		}
		if err != nil {
			var w recorder
			redoxauth.WriteError(&w, err)
			return answer(&w), nil
		}
		return next(r.Context(), event)
	}
}

func handshake[E, R any](token *verifytoken.Verifier, request requestOf[E], answer answerOf[R], next Handler[E, R]) Handler[E, R] {
	return func(ctx context.Context, event E) (R, error) {
		r, err := request(ctx, event)
		challenge, handled := "", false
		if err == nil {
			challenge, handled, err = token.CheckHandshake(nil, r)
		}
		var w recorder
		switch {
		case err != nil:
			redoxauth.WriteError(&w, err)
		case handled:
			h := w.Header()
			h.Set("Content-Type", "text/plain; charset=utf-8")
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			h.Set("Content-Security-Policy", "default-src 'none'")
			io.WriteString(&w, challenge)
		default:
			return next(ctx, event)
		}
		return answer(&w), nil
	}
}

func serve[E, R any](h http.Handler, request requestOf[E], answer answerOf[R]) Handler[E, R] {
	return func(ctx context.Context, event E) (R, error) {
		var w recorder
		if r, err := request(ctx, event); err != nil {
			redoxauth.WriteError(&w, err)
		} else {
			h.ServeHTTP(&w, r)
		}
		return answer(&w), nil
	}
}
