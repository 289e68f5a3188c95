package redoxtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
)

// Handshake does what the dashboard's "Verify & Save" does. It sends the token and a
// challenge to url. It returns an error unless the answer is 200 with the challenge in the
// body. With [http.MethodPost], Redox's default, token and challenge are in a JSON body;
// with [http.MethodGet] they are in the query.
func Handshake(ctx context.Context, url, token, method string) error {
	err := handshake(ctx, url, method, &token, nil)
	if err != nil {
		return fmt.Errorf("redoxtest: Handshake: %w", err)
	}
	return nil
}

// SignedHandshake is [Handshake] with the challenge alone and the proof of s. With a
// credential, it is what a destination without a verification token may get: Redox does not
// document how it proves that handshake. With a [VerificationToken], it is the form that has
// the token in the header.
func SignedHandshake(ctx context.Context, url string, s Signer, method string) error {
	err := handshake(ctx, url, method, nil, s)
	if err != nil {
		return fmt.Errorf("redoxtest: SignedHandshake: %w", err)
	}
	return nil
}

// handshake sends the token beside the challenge, or signs the request.
func handshake(ctx context.Context, url, method string, token *string, s Signer) error {
	challenge := newUUID()
	r, err := handshakeRequest(ctx, url, token, challenge, method)
	if err != nil {
		return err
	}
	r.Header.Set("Application-Name", "RedoxEngine")
	r.Header.Set("Content-Type", "application/json")
	r.Close = true // Redox sends "Connection: close"
	if s != nil {
		if err := s.Sign(r); err != nil {
			return err
		}
	}
	response, err := do(nil, r)
	if err != nil {
		return withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s, want 200", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if !bytes.Contains(body, []byte(challenge)) {
		return errors.New("the answer does not hold the challenge")
	}
	return nil
}

func handshakeRequest(ctx context.Context, url string, token *string, challenge, method string) (*http.Request, error) {
	switch method {
	case http.MethodPost:
		var body bytes.Buffer
		e := json.NewEncoder(&body)
		e.SetEscapeHTML(false) // JavaScript's JSON does not
		if err := e.Encode(struct {
			Token     *string `json:"verification-token,omitempty"`
			Challenge string  `json:"challenge"`
		}{token, challenge}); err != nil {
			return nil, err
		}
		return http.NewRequestWithContext(ctx, method, url, bytes.NewReader(bytes.TrimSpace(body.Bytes())))
	case http.MethodGet:
		r, err := http.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			return nil, err
		}
		query := "challenge=" + challenge
		if token != nil {
			query += "&verification-token=" + neturl.QueryEscape(*token)
		}
		if r.URL.RawQuery != "" {
			query = r.URL.RawQuery + "&" + query
		}
		r.URL.RawQuery = query
		return r, nil
	}
	return nil, fmt.Errorf("method %q is neither GET nor POST", method)
}

// withoutURL keeps the token in the query out of the error.
func withoutURL(err error) error {
	if e, ok := err.(*neturl.Error); ok {
		return e.Err
	}
	return err
}

// newUUID returns a random UUID ([RFC 9562, Section 5.4]). Redox uses such UUIDs for
// challenges and log IDs.
//
// [RFC 9562, Section 5.4]: https://www.rfc-editor.org/rfc/rfc9562#section-5.4
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
