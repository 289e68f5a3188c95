package verifiertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A check tests one promise.
type check struct {
	*testing.T
	suite   Suite
	promise string
}

// fail reports what was seen, and the promise that it breaks.
func (c *check) fail(format string, args ...any) {
	c.Helper()
	c.Errorf("%s\n\tpromise: %s", fmt.Sprintf(format, args...), c.promise)
}

// hang is the time after which a call is said to hang. It is longer than a token with an
// unknown kid waits for the fetch of its key.
const hang = 20 * time.Second

// within runs f. It ends the test if f hangs or panics.
func (c *check) within(what string, f func()) {
	c.Helper()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		f()
	}()
	select {
	case p := <-done:
		if p != nil {
			c.fail("%s: panicked: %v", what, p)
			c.FailNow()
		}
	case <-time.After(hang):
		c.fail("%s: did not return within %v", what, hang)
		c.FailNow()
	}
}

func (c *check) verify(what string, v redoxauth.Verifier, r *http.Request) (id *redoxauth.Identity, err error) {
	c.Helper()
	c.within(what, func() { id, err = v.Verify(r) })
	return id, err
}

// accepts fails the test unless v accepts r.
func (c *check) accepts(what string, v redoxauth.Verifier, r *http.Request) {
	c.Helper()
	id, err := c.verify(what, v, r)
	if id == nil || err != nil {
		c.fail("%s: refused: %v", what, err)
	}
}

// refuses fails the test unless v refuses r. It returns the error of v.
func (c *check) refuses(what string, v redoxauth.Verifier, r *http.Request) error {
	c.Helper()
	id, err := c.verify(what, v, r)
	if id != nil || err == nil {
		c.fail("%s: accepted", what)
		return errors.New("accepted")
	}
	return err
}

func (c *check) serve(what string, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	c.Helper()
	w := httptest.NewRecorder()
	c.within(what, func() { h.ServeHTTP(w, r) })
	return w
}

// accepting accepts everything.
var accepting = redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
	return &redoxauth.Identity{Strategy: "accepting"}, nil
})

// ended ends the context of r.
func ended(r *http.Request) *http.Request {
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	return r.WithContext(ctx)
}
