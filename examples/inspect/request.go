package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A request is what arrived, with its body in memory.
type request struct {
	*http.Request
	body []byte
}

// again returns the request as it arrived, for a Verifier to try.
func (q *request) again(ctx context.Context) *http.Request {
	r := q.Request.Clone(ctx)
	r.Body = http.NoBody
	if len(q.body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(q.body))
	}
	return r
}

// describe says what arrived, without values that may be secret.
func (q *request) describe(f *finding) {
	f.say("%s %s to host %s over %s", quote(q.Method), quote(q.URL.EscapedPath()), quote(q.Host), q.Proto)
	if names := slices.Sorted(maps.Keys(q.URL.Query())); len(names) > 0 {
		f.say("query parameters (values not shown): %s", quoteAll(names))
	}
	body := fmt.Sprintf("body: %d bytes (not shown)", len(q.body))
	for _, name := range []string{"Content-Type", "Content-Encoding", "User-Agent", "Application-Name"} {
		if v := q.Header.Get(name); v != "" {
			body += fmt.Sprintf(", %s %s", name, quote(v))
		}
	}
	f.say("%s", body)
	f.say("headers: %s", quoteAll(slices.Sorted(maps.Keys(q.Header))))
}

// quote shows a value of a peer on a terminal.
func quote(s string) string {
	const limit = 256
	if len(s) > limit {
		return fmt.Sprintf("%+q... (%d bytes)", s[:limit], len(s))
	}
	return fmt.Sprintf("%+q", s)
}

func quoteAll(list []string) string {
	const limit = 32
	var quoted []string
	for _, s := range list[:min(limit, len(list))] {
		quoted = append(quoted, quote(s))
	}
	if len(list) > limit {
		quoted = append(quoted, fmt.Sprintf("and %d more", len(list)-limit))
	}
	return strings.Join(quoted, ", ")
}

// tokens returns the verification token, and the bearer token unless it is the same.
func (q *request) tokens() (verification, bearer string) {
	verification = q.Header.Get("Verification-Token")
	scheme, bearer, _ := strings.Cut(q.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return verification, ""
	}
	return verification, strings.TrimSpace(bearer)
}
