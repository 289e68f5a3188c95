package redoxtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
)

// NewRequest returns a POST of [PatientAdmin] as a handler receives it, signed by s. Like
// [httptest.NewRequest], it panics on an error.
func NewRequest(s Signer) *http.Request {
	message := PatientAdmin()
	r := httptest.NewRequest(http.MethodPost, "https://destination.example/redox?feed=1", bytes.NewReader(message))
	r.Header.Set("Content-Type", contentType(message))
	r.Header.Set("Application-Name", "RedoxEngine")
	if err := s.Sign(r); err != nil {
		panic("redoxtest: NewRequest: " + err.Error())
	}
	return r
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
// redirects. Redox does not document what it does with a redirect, and net/http may turn a
// POST into a GET without a body.
func noRedirects(client *http.Client) *http.Client {
	if client == nil {
		client = http.DefaultClient
	}
	c := *client
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// readBody reads the body of r and leaves it readable.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("redoxtest: body: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return nil, fmt.Errorf("redoxtest: body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}

// setBody replaces the body of r.
func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
}

// changeBody changes one byte in the middle.
func changeBody(r *http.Request) {
	body, _ := readBody(r) // cannot fail: Sign has read it
	body = append([]byte(nil), body...)
	if len(body) == 0 {
		body = []byte("x")
	} else {
		body[len(body)/2] ^= 1
	}
	setBody(r, body)
}

// setTarget changes the path and the query of r. If r is for a handler, it changes the
// request line too.
func setTarget(r *http.Request, path, query string) {
	u := *r.URL
	u.Path, u.RawPath, u.RawQuery = path, "", query
	r.URL = &u
	if r.RequestURI != "" {
		r.RequestURI = u.RequestURI()
	}
}
