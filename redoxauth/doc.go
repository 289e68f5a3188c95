// Package redoxauth lets a server be sure that a request comes from Redox.
//
// Redox (https://www.redoxengine.com) moves health data between organisations and
// POSTs it to a customer's HTTPS endpoint, a "destination". It proves itself in one
// of seven ways, and each way is a package that exports a [Verifier]:
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
// This package holds what they share: the Verifier, the [Identity] it yields, the
// errors, and [Middleware] and [Check], which put a Verifier in front of a handler.
// It imports the standard library only.
//
// # Protect an endpoint
//
// Every Verifier has a method Wrap; wrappers nest, and all of them must accept:
//
//	http.Handle("/redox", token.Handshake(token.Wrap(signature.Wrap(handler))))
//
// [Middleware] is the same with [Options]: limits on bodies, and Observe for logs and
// metrics. [Check] is for frameworks that do not speak http.Handler. [AnyOf] and
// [AllOf] combine Verifiers.
//
// # What a Verifier must promise
//
// These promises hold for every Verifier of this module. A Verifier of your own must
// keep them too; verifiertest.TestVerifier tests them.
//
//  1. Not mine has an edge. Before a secret or a signature is compared, a Verifier may
//     answer [ErrNoCredentials]; after it, never. It claims only what is unmistakably
//     its own: its own header, even one that it cannot read (400), or a shared header, as
//     Authorization, with its own scheme, shape or issuer. This makes AnyOf safe (a forgery gets no second try) and cheap (a peer
//     cannot make us run every Verifier).
//  2. Fail closed, and tell whose fault it is. 401 is nobody or a wrong proof, 403 a
//     genuine one that lacks a scope, 400 a malformed carrier, 413 too large a body, 503
//     what cannot be decided now because something of ours is down. A dependency that
//     is down is never 401: Redox pauses the whole feed on any answer of 400 or more
//     and retries, and an operator must be able to see why.
//  3. The peer learns a status, a challenge and one fixed line. The operator learns
//     the rest through [Options].Observe; no secret is in any error.
//  4. The body is read only through [Body] and [HashBody]. The handler reads the
//     bytes that were verified. No body is read before the headers are well formed and
//     name a configured key.
//  5. Verify is safe for concurrent use, honours the request's context, never panics,
//     and keeps memory bounded whatever is sent.
//  6. It works behind any router that hands on *http.Request, and nesting two wrappers
//     accepts the same as AllOf.
//  7. A 401 carries WWW-Authenticate ([RFC 9110, Section 15.5.2]); bearer challenges
//     follow [RFC 6750, Section 3].
//
// # What a peer sees on failure
//
//	kind              status  meaning
//	ErrNoCredentials  401     nothing was sent that this Verifier knows
//	ErrRejected       401     the proof is wrong, expired, replayed or for somebody else
//	ErrForbidden      403     the proof is genuine, but lacks a scope
//	ErrMalformed      400     carriers that contradict each other or cannot be read
//	ErrTooLarge       413     the body is larger than Options.MaxBodyBytes
//	ErrUnavailable    503     it cannot be decided now; with Retry-After
//	any other error   500     a fault of the Verifier; closed all the same
//
// # Limits of your server
//
// The library bounds what it reads itself ([Options]). The rest is the server's: set
// ReadHeaderTimeout and IdleTimeout of [http.Server], and ReadTimeout if 40 MB can arrive
// within it, or peers that send nothing keep connections open. Leave MaxHeaderBytes at
// its default of 1 MiB or lower it.
//
// # What to alert on
//
// Any refusal of Redox pauses the feed. Alert on 503 (a dependency of yours is down), on
// 500 (a bug), and on refusals whose Reason is not "missing": somebody who tries a
// credential is Redox or an attacker. A refusal names no subject, because none is proven. An
// [Identity].KeyID that names an old secret long after a rotation says that the
// dashboard was not changed.
//
// [RFC 9110, Section 15.5.2]: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
// [RFC 6750, Section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
package redoxauth
