package google_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	}
}

// During an outage known tokens and keys keep working, and other tokens are answered 503. The
// outage is not remembered.
func TestAnOutageOfGoogleRefusesNothing(t *testing.T) {
	outages := map[string]func(*http.Request) (*http.Response, error){
		"connection refused": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"broken off": func(r *http.Request) (*http.Response, error) {
			resp := respond(r, http.StatusOK, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"aud":`), failing{}))
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
		"HTML":                 {http.StatusOK, "<!DOCTYPE html><title>Sign in</title>"},
		"empty":                {http.StatusOK, ""},
		"null":                 {http.StatusOK, "null"},
		"array":                {http.StatusOK, "[]"},
		"cut off":              {http.StatusOK, info(nil).body[:40]},
		"more after it":        {http.StatusOK, info(nil).body + "{}"},
		"no content":           {http.StatusNoContent, ""},
		"created":              {http.StatusCreated, info(nil).body},
		"huge":                 {http.StatusOK, `{"x":"` + strings.Repeat("x", 16<<10) + `"}`},
		"huge white space":     {http.StatusOK, info(nil).body + strings.Repeat(" ", 16<<10)},
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

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestTokenInfoThatHangsIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.fail(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		v := f.verifier(func(c *google.Config) { c.Now = time.Now })
		begin := time.Now()
		_, err := decide(t, v, "ya29.good")
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
		if waited := time.Since(begin); waited != 10*time.Second {
			t.Errorf("waited %v, want 10s", waited)
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = v.Verify(request("ya29.good").WithContext(ctx))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		time.Sleep(10 * time.Second) // lets the call end
	})
}
