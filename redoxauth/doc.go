// Package redoxauth verifies that a request comes from Redox.
//
// Redox (https://www.redoxengine.com) moves health data between organisations. It POSTs
// the data to a customer's HTTPS endpoint, a "destination". Redox proves itself in one of
// seven ways. Each is a package with a [Verifier]:
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
// This package has what they share: the Verifier, the [Identity] that it returns, the
// errors, and [Middleware] and [Check], which put a Verifier in front of a handler. It
// imports the standard library only.
//
// # Protect an endpoint
//
// Every Verifier has a method Wrap. Wrappers nest, and then all of them must accept. Here
// token is a Verifier of verifytoken, and signature is one of sigv4:
//
//	http.Handle("/redox", token.Handshake(token.Wrap(signature.Wrap(handler))))
//
// Handshake answers Redox's "Verify & Save". If a destination has a credential and no
// verification token, verifytoken.Challenge answers it:
//
//	http.Handle("/redox", signature.Wrap(verifytoken.Challenge(handler)))
//
// [Middleware] is Wrap with [Options]: limits for bodies, and Observe for logs and
// metrics. [Check] is for frameworks that do not use http.Handler. [AnyOf] and [AllOf]
// combine Verifiers. [InsecureReportOnly] tries one without refusing anything.
//
// # Put the wrapper first
//
// A body can be read once. Nothing in front of a wrapper or Check may read the body and not
// put it back: no [http.Request.ParseForm], no FormValue, no binding of a framework, no
// middleware that logs, decodes or cuts bodies. Otherwise a Verifier whose proof covers the
// body refuses every request with 500 and the Reason "body_consumed", because the sender is
// not at fault. It notices that fewer bytes are left than Content-Length says, that r.Body was
// closed or dropped, and that a body without a Content-Length was read to its end. It cannot
// notice that such a body was read in part, or that other bytes are in its place: then the
// signature does not verify. A Verifier that does not read the body, such as one of a token,
// accepts, and the handler finds what is left.
//
// # What a peer gets
//
//	kind              status  meaning
//	ErrNoCredentials  401     the request has no credential that this Verifier knows
//	ErrRejected       401     the credential is wrong, expired, replayed or for someone else
//	ErrForbidden      403     the credential is genuine, and lacks a scope
//	ErrMalformed      400     a header, the query or the body cannot be read
//	ErrTooLarge       413     the body is larger than Options.MaxBodyBytes
//	ErrUnavailable    503     something that the decision needs is down; with Retry-After
//	any other error   500     a fault of the Verifier; the request is refused
//
// The peer gets the status, a challenge and one fixed line. The operator gets the rest
// through [Options].Observe. No error holds a secret.
//
// # When a request is refused
//
// First read the log. [LogDecisions] writes a line for each decision: event, status, strategy,
// reason, and an error that says what arrived, what was expected, and which field of the Config
// or of Redox's dashboard decides. Then ask [Explain] about the request that Observe got. It
// makes every check, and gives hints; an example shows it on a private port. Last, run
// examples/inspect in a development environment: it prints the Config that accepts what Redox
// sends there.
//
// To try a Verifier on live traffic before it may refuse, put [InsecureReportOnly] behind a
// check that is enforced, until the log shows a day without refusals.
//
// # Alerts
//
// Every answer of 400 or more pauses the whole feed until a retry succeeds, also one of your
// handler. A [Decision] is made before the handler answers, so count both: decisions by Event,
// strategy and Reason, and outermost the status that was sent. The examples of [LogDecisions] and
// in examples/frameworks do. Alert on:
//
//   - a sent status of 503: a dependency of yours is down, a limit is reached, or a body is too
//     slow. The Reason says which. Without a refusal beside it, it is your handler's.
//   - a sent status of 500: your handler failed, there is a bug, or the wrapper stands in the
//     wrong place (Reason "body_consumed")
//   - a refusal with a Reason other than "missing" and "body_size": whoever sends a
//     credential is Redox or an attacker
//   - no accepted message for N minutes, where N depends on your feed. A message with a right
//     token and without a signature is refused with the Reason "missing", as a message of a
//     stranger is. With nested wrappers, give all of them Options with Observe, and count
//     what the innermost one accepts: the outer one has accepted before it decides.
//
// A refusal has no subject, because the request proved none. If [Identity].KeyID names an
// old secret long after a rotation, the dashboard was not changed. Decisions with the Event
// "report" refuse nobody: leave them out.
//
// # Limits of your server
//
// [Options] limit what this module reads. Your server limits the rest. Set these fields of
// [http.Server]:
//
//	ReadHeaderTimeout: 10 * time.Second
//	ReadTimeout:       2 * time.Minute // in which your slowest sender sends 40 MiB
//
// Without ReadTimeout, a peer that begins a body which nobody reads keeps its connection.
// BodyTimeout limits only bodies that a Verifier reads. ReadTimeout begins with the headers
// and holds for the handler's reads too, and this module leaves it in force. A body that
// takes longer is answered 503, so choose both times for the slowest genuine sender: 40 MiB in
// 60 s, the default of BodyTimeout, are 5.6 Mbit/s. Keep MaxHeaderBytes at its default of 1
// MiB, or lower it.
//
// MaxInFlight counts what Verifiers hold of bodies. Your handlers need memory too: io.ReadAll
// of a message may take more than the message again. A body that no Verifier reads before
// your handler is not counted. A Go program may take twice what it uses, because it collects
// garbage late. Set the environment variable GOMEMLIMIT
// ([runtime/debug.SetMemoryLimit]) to what the process may take: MaxInFlight, a quarter more,
// and what the rest needs. On a machine of 512 MiB, a MaxInFlight of 128 MiB is a good start.
//
// # Promises of a Verifier
//
// This section is for authors of Verifiers. The Verifiers of this module keep these
// promises. verifiertest.TestVerifier tests yours.
//
//  1. If your own header is present, decide, even if you cannot read it (400). In a shared
//     header, such as Authorization, decide only if scheme, form or issuer is yours.
//     Otherwise return ErrNoCredentials. Never return it after you compared a secret or a
//     signature. So AnyOf is safe, because a forgery gets no second try. It is cheap,
//     because a peer cannot make it run every Verifier. The order in AnyOf does not matter
//     between Verifiers of different credentials.
//  2. Fail closed, and with the right status. If something that the decision needs is
//     down, the answer is 503 and never 401.
//  3. The peer learns no reason, and no error holds a secret. %+v of the Verifier holds
//     none either: keep secrets behind a pointer.
//  4. A Verifier reads the body only through [Body], [HashBody] and [HashProvenBody], and
//     returns their errors as they are: a body that something in front has read is 500, and
//     not 401. The handler reads the bytes that were verified. No body is read before the
//     headers are well formed and name a configured key, and only if the proof covers it.
//  5. Verify is safe for concurrent use, honours the context of the request, does not
//     panic, and uses bounded memory for any request.
//  6. A Verifier works behind every router that passes on *http.Request. It ignores what
//     its proof does not cover, because proxies change requests. Two nested wrappers accept
//     the same requests as AllOf.
//  7. A 401 has a WWW-Authenticate header ([RFC 9110, Section 15.5.2]). Bearer challenges
//     follow [RFC 6750, Section 3].
//
// [RFC 9110, Section 15.5.2]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
// [RFC 6750, Section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
package redoxauth
