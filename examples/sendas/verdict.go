package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

const (
	// pause is what Redox does with every status from 400 on: see "respond" in
	// https://developer.redoxengine.com/redox-json-api/processing-requests/, and for the times
	// https://developer.redoxengine.com/core-concepts/logs/.
	pause = "Redox would pause the feed, and send this message again before any other: at once, after 10 s, " +
		"and then at growing intervals of up to 2 minutes, until the answer is 200"
	unverified = `"Verify & Save" would fail, and no feed is paused`
)

// cause returns why the destination answers a status from 300 on, and what to do. Only where a
// Verifier or the handler may have decided, a log has the reason.
func cause(status int) string {
	why := ""
	switch {
	case status < 400:
		return "a redirect; Redox does not document what it does then: use the URL that the destination has itself"
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "the path or the method is not registered: compare the URL with the paths that the destination serves, and register them without a method"
	case status == http.StatusUnauthorized:
		why = "the destination does not accept the proof"
	case status == http.StatusForbidden:
		why = "the proof is genuine, but a scope is missing"
	case status == http.StatusBadRequest:
		why = "the destination cannot read the request, or the handler refused it"
	case status == http.StatusRequestEntityTooLarge:
		why = "the message is larger than the destination, or a proxy in front of it, accepts"
	case status == http.StatusServiceUnavailable:
		why = "the destination cannot decide now: something that it depends on is down, or a limit is reached; examples/inspect answers every message so"
	case status < 500:
		why = "something in front, or the handler, refused the request"
	default:
		why = "a fault of the destination or of something in front"
	}
	return why + "; the log of the destination has the reason, and redoxauth.Explain says what to change"
}

// handshakeFailure returns err, of a handshake, with what to do.
func (s *settings) handshakeFailure(err error, p *printer) error {
	switch {
	case p.response == nil || !p.asked(s.url):
		return failure(err, s.url, p, unverified)
	case p.response.StatusCode >= 300:
		return fmt.Errorf("%w: %s. %s", err, cause(p.response.StatusCode), unverified)
	case s.isHandshake():
		return fmt.Errorf("%w: the handler took it for a message: put the Handshake of verifytoken outermost. %s", err, unverified)
	}
	return fmt.Errorf("%w: the handler took it for a message: put verifytoken.Challenge innermost. %s", err, unverified)
}

// failure returns err, of a request without an answer or of a token request, with what to do.
func failure(err error, destination string, p *printer, consequence string) error {
	var token *redoxtest.TokenError
	const network = "there is no answer: look at the network, the address and TLS"
	switch {
	case p.request == nil: // a mistake in the flags, which err names
		return err
	case p.response == nil && p.asked(destination):
		return fmt.Errorf("%w; %s. %s", err, network, consequence)
	case p.response == nil:
		err = fmt.Errorf("%w; %s of -token-url", err, network)
	case errors.As(err, &token) && token.StatusCode >= 400 && token.StatusCode != http.StatusNotFound && token.StatusCode != http.StatusMethodNotAllowed:
		err = fmt.Errorf("%w; the log of the token endpoint has the reason, and its Explain says what to change", err)
	default:
		err = fmt.Errorf("%w; compare -token-url with the path of the token endpoint", err)
	}
	return fmt.Errorf("%w. Redox could not send anything without a token", err)
}

// asked reports whether the last request went to the destination, and not to a token endpoint.
func (p *printer) asked(destination string) bool {
	u, err := url.Parse(destination)
	return err == nil && p.request.URL.Host == u.Host && p.request.URL.Path == u.Path
}
