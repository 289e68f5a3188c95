// Package redoxtest plays Redox in tests. It sends what Redox would send, and what an
// attacker would send instead.
//
// # Senders
//
// A sender is one authentication setting of the Redox dashboard. It is a struct with the
// dashboard's fields, and needs no constructor:
//
//	dashboard                                   sender
//	verification token                          VerificationToken{…}
//	AWS Signature Version 4                     SigV4{…}
//	JWT Bearer                                  &JWTBearer{…}
//	OAuth 2.0 2-legged                          &ClientCredentials{…}
//	SMART Backend                               &SMARTBackend{…}
//	OAuth 2.0 2-legged with JWT for GCP         &GCPJWT{…}
//	Google Workload Identity Federation         &WIF{…}
//
// Each is a [Sender] and a [Signer]. Those with "&" are pointers, because they keep a token.
// [Both] sends two proofs in one request.
// [Handshake] is the dashboard's "Verify & Save"; [SignedHandshake] is that of a destination
// without a verification token.
// [Deliver] sends a feed in order and retries as Redox does, so a test can see a feed
// pause and resume.
//
// # Tests without Redox
//
// Send a message to a handler on an [httptest.Server]:
//
//	server := httptest.NewServer(handler)
//	sender := redoxtest.VerificationToken{Token: "secret"}
//	response, err := sender.Send(ctx, server.URL+"/redox", redoxtest.PatientAdmin())
//
// Or sign a request and give it to the handler directly:
//
//	r := httptest.NewRequest("POST", "/redox", bytes.NewReader(redoxtest.PatientAdmin()))
//	err := sender.Sign(r)
//
// # Forgeries
//
// The method Forgeries of a sender lists what an attacker may send instead. For GCPJWT and
// WIF it is [Google.Forgeries]. Each [Forgery] is a Sender and a Signer too. If a token
// endpoint refuses, which is right too, there is no response, but a [TokenError]:
//
//	for _, f := range sender.Forgeries() {
//		status := 0
//		response, err := f.Send(ctx, server.URL+"/redox", redoxtest.PatientAdmin())
//		var refused *redoxtest.TokenError
//		if errors.As(err, &refused) {
//			status = refused.StatusCode
//		} else if err == nil {
//			response.Body.Close()
//			status = response.StatusCode
//		}
//		// want status f.Status
//	}
//
// [ForgedRequests] gives them to a verifiertest.Suite.
//
// A token of an unknown key makes a Verifier fetch keys again, and wait up to 5 s until it may.
// So in tests set Cooldown of keyset.RemoteConfig to [time.Millisecond]. Package gcpjwt and
// package wif have no such field: their forgeries take 5 to 15 s.
//
// # Servers
//
// These servers run on loopback: [KeyServer] for public keys, [AuthorizationServer] for
// access tokens and introspection, and [Google]. They rotate their keys, count their
// calls, and fail on demand with an [Outage].
//
// # What is not known
//
// The package is written from the specifications and from what Redox documents. It shares
// no code with the verifiers. Redox does not document everything. The comments of the
// senders say where they guess, and their fields allow the alternatives.
package redoxtest

import (
	"context"
	"net/http"
)

// A Sender sends messages to a destination, authenticated by one setting of the Redox
// dashboard. The senders of this package are safe for concurrent use. Their fields must
// not change while they are used.
type Sender interface {
	// Send POSTs message to url with proof of its origin. As with [http.Client.Do], an
	// answer of any status is not an error, and the caller must close the body. Send does
	// not follow redirects.
	Send(ctx context.Context, url string, message []byte) (*http.Response, error)
}

// A Signer adds proof of origin to a request. If the proof is a token, the Signer first
// fetches it from its authorization server, or uses the token that it has. The request is
// one to send, or one for a handler (see [httptest.NewRequest]). Its context bounds the
// call, and its body stays readable.
//
// Sign a request after its body is complete, because a signature may cover the body. Every
// call of a sample message, such as [PatientAdmin], returns other bytes. So call it once for
// each request, and keep its result if you need the bytes again.
type Signer interface {
	Sign(r *http.Request) error
}
