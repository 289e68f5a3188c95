package google_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

func TestAccessTokenThatGoogleDoesNotKnowIsRefused(t *testing.T) {
	for _, body := range []string{
		`{"error":"invalid_token","error_description":"Invalid Value"}`,
		"{\n  \"error_description\": \"Invalid Value\"\n}\n", // googleapis/google-api-go-client#403
	} {
		f := newFake(t)
		f.answers["ya29.bad"] = reply{http.StatusBadRequest, body}
		_, err := decide(t, f.verifier(nil), "ya29.bad")
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "inactive")
		if err != nil && strings.Contains(err.Error(), "federated") {
			t.Errorf("the error tells of federated tokens, which cannot arrive: %v", err)
		}
	}
}

// During an outage known tokens and keys keep working, and other tokens are answered 503. The
// outage is not remembered.
func TestAnOutageOfGoogleRefusesNothing(t *testing.T) {
	outages := map[string]func(*http.Request) (*http.Response, error){
		"connection refused": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"broken off": func(r *http.Request) (*http.Response, error) {
			resp := respond(r, http.StatusOK, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"aud":`), iotest.ErrReader(io.ErrUnexpectedEOF)))
			return resp, nil
		},
		"panic": func(*http.Request) (*http.Response, error) { panic("in a transport") },
		"redirect": func(r *http.Request) (*http.Response, error) {
			resp := respond(r, http.StatusTemporaryRedirect, "")
			resp.Header.Set("Location", "https://evil.example/tokeninfo")
			return resp, nil
		},
	}
	for name, answer := range map[string]reply{
		"throttled":            {http.StatusTooManyRequests, `{"error":"invalid_token"}`},
		"server error":         {http.StatusInternalServerError, `{"error":"invalid_token"}`},
		"unavailable":          {http.StatusServiceUnavailable, ""},
		"forbidden":            {http.StatusForbidden, `{"error":"invalid_token"}`},
		"unauthorized":         {http.StatusUnauthorized, `{"error":"invalid_token"}`},
		"our request is wrong": {http.StatusBadRequest, `{"error":"invalid_request","error_description":"Invalid Value"}`},
		"400 with HTML":        {http.StatusBadRequest, "<html>invalid_token</html>"},
		"400 without a word":   {http.StatusBadRequest, "{}"},
		"400 with another":     {http.StatusBadRequest, `{"error":["invalid_token"]}`},
		"200 with an error":    {http.StatusOK, `{"error":"invalid_token"}`},
		"HTML":                 {http.StatusOK, "<!DOCTYPE html><title>Sign in</title>"},
		"empty":                {http.StatusOK, ""},
		"null":                 {http.StatusOK, "null"},
		"array":                {http.StatusOK, "[]"},
		"cut off":              {http.StatusOK, info(nil).body[:40]},
		"more after it":        {http.StatusOK, info(nil).body + "{}"},
		"no content":           {http.StatusNoContent, ""},
		"created":              {http.StatusCreated, info(nil).body},
		"huge":                 {http.StatusOK, `{"x":"` + strings.Repeat("x", 16<<10) + `"}`},
		"huge white space":     {http.StatusOK, fmt.Sprintf("%-*s", 16<<10+1, info(nil).body)},
	} {
		outages[name] = func(r *http.Request) (*http.Response, error) { return respond(r, answer.status, answer.body), nil }
	}
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.answers["ya29.known"], f.answers["ya29.good"] = info(nil), info(nil)
			known := []string{"ya29.known", idToken(t, nil, nil)}
			v := f.verifier(nil)
			for _, during := range []bool{false, true} {
				for _, token := range known {
					if _, err := decide(t, v, token); err != nil {
						t.Errorf("a known token, during the outage %v: %v", during, err)
					}
				}
				f.fail(outage)
			}
			_, err := decide(t, v, "ya29.good")
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
			_, err = decide(t, f.verifier(nil), known[1])
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "keys")
			f.fail(nil)
			if _, err := decide(t, v, "ya29.good"); err != nil {
				t.Errorf("after the outage: %v", err)
			}
		})
	}
}

// Who handles an error can tell what went wrong, such as context.DeadlineExceeded.
func TestErrorOfAnOutageWrapsItsCause(t *testing.T) {
	cause := errors.New("connection refused")
	f := newFake(t)
	f.fail(func(*http.Request) (*http.Response, error) { return nil, cause })
	v := f.verifier(nil)
	for reason, token := range map[redoxauth.Reason]string{"unavailable": "ya29.good", "keys": idToken(t, nil, nil)} {
		_, err := decide(t, v, token)
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, reason)
		if !errors.Is(err, cause) {
			t.Errorf("%s: %v does not wrap its cause", reason, err)
		}
	}
}

// The end of a request says nothing about its token, and ends no call that others may wait for.
func TestARequestThatEndsMeanwhileIsNotRefused(t *testing.T) {
	f, answer := newFake(t), make(chan struct{})
	f.answers["ya29.good"] = info(nil)
	v := f.verifier(func(c *google.Config) { c.Client.Transport = delayed{f, answer} })
	tokens := []string{"ya29.good", idToken(t, nil, nil)}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, token := range tokens {
		id, err := v.Verify(request(token).WithContext(ended))
		if id != nil {
			t.Errorf("accepted as %v", id)
		}
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
	}
	close(answer)
	for _, token := range tokens {
		if _, err := decide(t, v, token); err != nil {
			t.Errorf("the next request: %v", err)
		}
	}
	if f.calls() != 1 || f.fetches != 1 {
		t.Errorf("%d calls and %d fetches, want 1 and 1", f.calls(), f.fetches)
	}
}

// A delayed fake answers when until is closed.
type delayed struct {
	*fake
	until chan struct{}
}

func (d delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	<-d.until
	return d.fake.RoundTrip(r)
}
