package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// pause is what Redox does with every status from 400 on: see "respond" in
// https://developer.redoxengine.com/redox-json-api/processing-requests/, and for the times
// https://developer.redoxengine.com/core-concepts/logs/.
const pause = "Redox would pause the feed, and send this message again before any other: at once, after 10 s, " +
	"and then at growing intervals of up to 2 minutes, until the answer is 200"

// verdict returns what the answer means for a feed; nil for 2xx.
func verdict(response *http.Response) error {
	status := response.StatusCode
	why := ""
	switch status {
	case http.StatusUnauthorized:
		why = "the destination does not accept the proof"
	case http.StatusForbidden:
		why = "the proof is genuine, but a scope is missing"
	case http.StatusBadRequest:
		why = "the destination cannot read the request, or the handler refused it"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fmt.Errorf("%s: the path or the method is not registered: compare the URL with the paths that the destination serves. %s", response.Status, pause)
	case http.StatusRequestEntityTooLarge:
		why = "the message is larger than the destination, or a proxy in front of it, accepts"
	case http.StatusServiceUnavailable:
		why = "the destination cannot decide now: something that it depends on is down, or a limit is reached"
	}
	switch {
	case status < 300:
		return nil
	case status < 400:
		return fmt.Errorf("%s: a redirect; Redox does not document what it does then: use the URL that the destination has itself", response.Status)
	case why == "" && status < 500:
		why = "something in front, or the handler, refused the message"
	case why == "":
		why = "a fault of the destination or of something in front"
	}
	return fmt.Errorf("%s: %s; the log of the destination has the reason, and redoxauth.Explain says what to change. %s", response.Status, why, pause)
}

// meaning returns err, of a message or a handshake that got no answer or a wrong one, and what
// that means.
func meaning(err error, handshake bool) error {
	var token *redoxtest.TokenError
	switch {
	case errors.As(err, &token):
		return fmt.Errorf("%w; the log of the token endpoint has the reason, and its Explain says what to change. Redox could not send anything without a token", err)
	case handshake:
		return fmt.Errorf(`%w; "Verify & Save" would fail, and no feed is paused. The log of the destination has the reason, and redoxauth.Explain says what to change`, err)
	}
	return fmt.Errorf("%w; there is no answer: look at the network, the address and TLS. Redox does not document what it does then, so expect the same as on 503: %s", err, pause)
}
