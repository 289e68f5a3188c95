package verifiertest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// readAll is the body as a Verifier reads it that does not know Body.
func readAll(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body)
	return body
}

// macOver is a macVerifier that reads the body in a way of its own.
func macOver(read func(*http.Request) ([]byte, error)) verifiertest.Suite {
	return macSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		id, signature, err := parseMAC(r)
		if err != nil {
			return nil, err
		}
		if id != macKeyID {
			return nil, macError(redoxauth.ErrRejected, "unknown_key")
		}
		body, err := read(r)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(signature, mac([]byte(macKey), r, body)) {
			return nil, macError(redoxauth.ErrRejected, "signature")
		}
		return &redoxauth.Identity{Strategy: "mac"}, nil
	}))
}

func addBody(add adder) {
	add("handler reads verified bytes", "consumes the body", macOver(func(r *http.Request) ([]byte, error) { return readAll(r), nil })) // go-playground/webhooks
	add("handler reads verified bytes", "leaves another body", macOver(func(r *http.Request) ([]byte, error) {
		body := readAll(r)
		r.Body = io.NopCloser(bytes.NewReader(bytes.TrimSuffix(body, []byte("}"))))
		return body, nil
	}))
	add("body within the limit", "a large body is rejected", macOver(func(r *http.Request) ([]byte, error) {
		body, err := redoxauth.Body(r)
		if err != nil {
			return nil, macError(redoxauth.ErrRejected, "body_size")
		}
		return body, nil
	}))
	add("headers before body", "reads the body first", macSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := redoxauth.Body(r); err != nil {
			return nil, err
		}
		return newMAC().Verify(r)
	})))
	add("headers before body", "reads the body for an unknown key", macSuite(redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, _, err := parseMAC(r); err == nil {
			redoxauth.Body(r)
		}
		return newMAC().Verify(r)
	})))
	add("headers before body", "reads a body it does not cover", tokenSuite(redoxauth.AllOf(newToken("Verification-Token"), redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if _, err := redoxauth.Body(r); err != nil {
			return nil, err
		}
		return &redoxauth.Identity{Strategy: "token"}, nil
	}))))
	add("slow body ends", "waits for the body for ever", macOver(func(r *http.Request) ([]byte, error) { return readAll(r), nil }))
	add("context honoured", "waits whatever the context says", macOver(func(r *http.Request) ([]byte, error) {
		return redoxauth.Body(r.WithContext(context.WithoutCancel(r.Context())))
	}))
	add("context honoured", "rejects when the context is done", macOver(func(r *http.Request) ([]byte, error) {
		if r.Context().Err() != nil {
			return nil, macError(redoxauth.ErrRejected, "canceled")
		}
		return redoxauth.Body(r)
	}))
}
