// Package redoxauth verifies that a request comes from [Redox], which POSTs health data to your
// HTTPS endpoint, a "destination". Here a verification token protects a handler:
//
//	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"..."}})
//	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.Default())})
//	http.Handle("/redox", token.Handshake(protect(handler)))
//
// Redox proves itself in one of seven ways. Each is a package with a [Verifier]:
//
//	Redox dashboard                             package
//	verification token                          verifytoken
//	AWS Signature Version 4                     strategies/sigv4
//	JWT Bearer                                  strategies/jwtbearer
//	OAuth 2.0 2-legged                          strategies/clientcredentials
//	SMART Backend                               strategies/smartbackend
//	OAuth 2.0 2-legged with JWT for GCP         strategies/gcpjwt
//	Google Workload Identity Federation         strategies/wif
//
// This package has what they share, and imports the standard library only.
//
// # How wrappers nest
//
// Every Verifier has a method Wrap, which is [Middleware] with the default [Options]: it logs
// nothing. Nested wrappers must all accept. Here signature is a Verifier of sigv4:
//
//	http.Handle("/redox", token.Handshake(token.Wrap(signature.Wrap(handler))))  // token and signature
//	http.Handle("/redox", signature.Wrap(verifytoken.Challenge(handler)))        // signature alone
//
// Handshake, or verifytoken.Challenge, answers "Verify & Save" in the dashboard.
//
// A body can be read once. So nothing in front of a wrapper may read it and not put it back:
// no [http.Request.ParseForm], no binding of a framework, no middleware that logs or decodes
// bodies. Otherwise a Verifier whose proof covers the body refuses every request: with 500 and
// the Reason "body_consumed", or with 401 if it cannot notice. A Verifier of a token does not
// read the body. It accepts, and the handler gets an empty body, or the rest of one. If the
// handler then answers 200, the message is lost.
//
// # What a peer gets
//
// The peer gets the status, the header WWW-Authenticate, and one fixed line. If it still sends, it
// may see a broken connection instead. The operator gets the rest through Options.Observe. No
// error holds a secret.
//
//	kind              status  meaning
//	ErrNoCredentials  401     the request has no credential that this Verifier knows
//	ErrRejected       401     the credential is wrong, expired, replayed or for someone else
//	ErrForbidden      403     the credential is genuine, and lacks a scope
//	ErrMalformed      400     a header, the query or the body cannot be read
//	ErrTooLarge       413     the body is larger than Options.MaxBodyBytes
//	ErrUnavailable    503     something that the decision needs is down; with Retry-After
//	any other error   500     a fault of the Verifier, or something in front has read the body
//
// # Settings
//
//   - Demand two proofs, or accept either: [AllOf], [AnyOf]
//   - Limit bodies: [Options]
//   - Log decisions and count them: [LogDecisions]
//   - Try a Verifier on live traffic: [InsecureReportOnly]; move from a check of your own:
//     examples/migration
//   - Use a framework without http.Handler: [Check], examples/frameworks
//   - Several destinations, a proxy, a handler that stores: Example_paths, Example_proxy and
//     Example_store on pkg.go.dev
//   - Test your server: package redoxtest; write a Verifier: package verifiertest
//
// # When a request is refused
//
// The error in the log says what arrived, what was expected, and which field of the Config or
// of the dashboard decides. [Explain] says more. examples/inspect, in a development
// environment, prints the Config that accepts what Redox sends.
//
// # Alerts
//
// Every answer of 400 or more pauses the whole feed until a retry succeeds, also one of your
// handler. A [Decision] is made before the handler answers. So count both: decisions by Event,
// strategy and Reason, and, around Middleware, the status that was sent. The module
// redoxprometheus does so, and has these rules. Alert on:
//
//   - a sent 503: the Reason says which dependency is down or which limit is reached. Without a
//     refusal, the 503 is your handler's.
//   - a sent 500: your handler failed, there is a bug, or the Reason is "body_consumed"
//   - a refusal with a Reason other than "missing", "malformed", "challenge", "query",
//     "body_size", "body_read" and "body_timeout", which strangers cause without a credential
//   - 400 or 413 sent for 10 minutes: Redox repeats a message, or a stranger goes on
//   - no accepted message for N minutes, as your feed demands. Give Observe to all nested
//     wrappers, and count what the innermost accepts: a message without its second proof is
//     refused with "missing", as a stranger's is.
//
// Leave out the Event "report", which refuses nobody.
//
// # Limits of your server
//
// Options limit what this module reads. Limit the rest in [http.Server], and keep its
// MaxHeaderBytes:
//
//	ReadHeaderTimeout: 10 * time.Second,
//	ReadTimeout:       2 * time.Minute, // in which your slowest sender sends 40 MiB
//
// ReadTimeout begins with the headers, and limits Verifiers and your handler. Without it, a
// peer keeps its connection if it begins a body that nobody reads. Options.BodyTimeout limits
// Verifiers alone. With the default of 60 s, a sender of 40 MiB needs 5.6 Mbit/s.
//
// MaxInFlight counts bodies that Verifiers read: those of SigV4 and of token requests. A Verifier
// of a token reads none, so your handler bounds how many it holds at once.
//
// Set GOMEMLIMIT ([runtime/debug.SetMemoryLimit]) to Options.MaxInFlight, a quarter more, and
// the needs of your handlers: io.ReadAll in your handler may need more memory than the message
// itself, on top of it. For a machine of 512 MiB, 128 MiB is a good MaxInFlight.
//
// [Redox]: https://www.redoxengine.com
package redoxauth
