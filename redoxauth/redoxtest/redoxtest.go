// Package redoxtest is a Redox for tests: it sends what Redox would send.
//
// # Senders
//
// A sender is one authentication setting of the Redox dashboard. It is a struct with
// the dashboard's fields, ready to use without a constructor:
//
//	dashboard                                   sender
//	verification token                          VerificationToken
//	AWS Signature Version 4                     SigV4
//	JWT Bearer                                  JWTBearer
//	OAuth 2.0 2-legged                          ClientCredentials
//	SMART Backend                               SMARTBackend
//	OAuth 2.0 2-legged with JWT for GCP         GCPJWT
//	Google Workload Identity Federation         WIF
//
// Each is a [Sender] and a [Signer]. [Handshake] is the dashboard's "Verify & Save",
// and [Deliver] sends a feed in order and retries as Redox does, so that a test sees a
// feed pause and resume.
//
// # Tests without Redox
//
// Play a genuine and a forged message against a handler on an [httptest.Server]:
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
// # Servers
//
// What a token needs besides Redox runs on loopback: [KeyServer] for public keys,
// [AuthorizationServer] for access tokens and introspection, and [Google]. They rotate
// their keys, count their calls, and fail on demand with an [Outage]. [Forgeries] makes
// of a genuine JWT what attackers would.
//
// # What is not known
//
// The package is written from the specifications and from what Redox documents, on
// code that shares nothing with the verifiers. Redox does not document everything:
// the senders' comments say where they guess, and have fields for the alternatives.
package redoxtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// A Sender delivers messages to a destination, authenticated as one setting of the
// Redox dashboard says. The senders of this package are safe for concurrent use, and
// their fields must not change while they are used.
type Sender interface {
	// Send POSTs message to url with proof of its origin. As with [http.Client.Do],
	// an answer of any status is no error, and the caller closes its body. Redirects
	// are not followed.
	Send(ctx context.Context, url string, message []byte) (*http.Response, error)
}

// A Signer adds proof of origin to a request, within the request's context. A sender
// whose proof is a token fetches it from its authorization server first, or uses the
// one it has. The request is either one to send, or one for a handler, as
// [httptest.NewRequest] makes; its body stays readable.
type Signer interface {
	Sign(r *http.Request) error
}

// send is the Send of every sender.
func send(ctx context.Context, client *http.Client, url string, message []byte, s Signer) (*http.Response, error) {
	r, err := signed(ctx, url, message, s)
	if err != nil {
		return nil, err
	}
	return do(client, r)
}

// signed returns a signed POST with the headers that Redox is known to send.
func signed(ctx context.Context, url string, message []byte, s Signer) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return nil, fmt.Errorf("redoxtest: %w", err)
	}
	r.Header.Set("Content-Type", contentType(message))
	r.Header.Set("Application-Name", "RedoxEngine")
	return r, s.Sign(r)
}

// do sends r.
func do(client *http.Client, r *http.Request) (*http.Response, error) {
	return noRedirects(client).Do(r)
}

// noRedirects returns a copy of client, or of the default, that does not follow
// redirects: what Redox does with one is not documented, and net/http would turn a
// POST into a GET without body.
func noRedirects(client *http.Client) *http.Client {
	if client == nil {
		client = http.DefaultClient
	}
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}
