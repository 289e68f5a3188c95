package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A printer prints each request that it sends, without secrets. It keeps the last one and its
// answer, which the errors of the senders do not have.
type printer struct {
	http.RoundTripper
	out      io.Writer
	request  *http.Request  // nil: nothing was sent
	response *http.Response // nil: there was no answer
}

func (p *printer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	target := *r.URL
	target.RawQuery = redactForm(target.RawQuery)
	fmt.Fprintf(p.out, "> %s %s\n", r.Method, &target)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(p.out, "> %s: %s\n", name, redactHeader(name, value))
		}
	}
	fmt.Fprintf(p.out, "> body: %s\n", describe(r.Header.Get("Content-Type"), body))
	p.request, p.response = r, nil
	response, err := p.RoundTripper.RoundTrip(r)
	p.response = response
	return response, err
}

// describe returns the parameters of a token request or a handshake, and of all else the length.
func describe(contentType string, body []byte) string {
	length := fmt.Sprintf("%d bytes", len(body))
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		return length + ": " + redactForm(string(body))
	}
	var members map[string]string
	if json.Unmarshal(body, &members) != nil { // a message has objects in it
		return length
	}
	for name, value := range members {
		members[name] = redactParameter(name, value)
	}
	text, _ := json.Marshal(members) // of strings: it cannot fail
	return length + ": " + string(text)
}

// redactForm keeps the order.
func redactForm(form string) string {
	pairs := strings.Split(form, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		decoded, err := url.QueryUnescape(value)
		if shown := redactParameter(name, decoded); err != nil || shown != decoded {
			pairs[i] = name + "=" + shown
		}
	}
	return strings.Join(pairs, "&")
}

// shown are the parameters whose values are no secrets.
var shown = []string{"grant_type", "client_id", "scope", "audience", "resource", "client_assertion_type", "challenge",
	"subject_token_type", "requested_token_type"}

func redactParameter(name, value string) string {
	switch {
	case value == "" || slices.Contains(shown, name):
		return value
	case strings.HasSuffix(name, "assertion") || strings.HasSuffix(name, "_token"):
		return redactToken(value)
	}
	return redacted(value)
}

func redactHeader(name, value string) string {
	switch name {
	case "Authorization":
		return redactAuthorization(value)
	case "Verification-Token", "X-Amz-Security-Token":
		return redacted(value)
	}
	return value
}

func redactAuthorization(value string) string {
	scheme, rest, _ := strings.Cut(value, " ")
	switch scheme {
	case "AWS4-HMAC-SHA256":
		head, signature, _ := strings.Cut(rest, "Signature=")
		return scheme + " " + head + "Signature=" + redacted(signature)
	case "Bearer":
		return scheme + " " + redactToken(rest)
	}
	return scheme + " " + redacted(rest)
}

// redactToken shows the header and the claims of a JWT, and of other tokens the length.
func redactToken(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return redacted(token)
	}
	var shown []string
	for _, part := range parts[:2] {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !json.Valid(text) {
			return redacted(token)
		}
		shown = append(shown, string(text))
	}
	return fmt.Sprintf("JWT %s %s and a signature %s", shown[0], shown[1], redacted(parts[2]))
}

func redacted(secret string) string { return fmt.Sprintf("[%d bytes]", len(secret)) }
