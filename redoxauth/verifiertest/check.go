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
	whole   *testing.T // of all promises
	suite   Suite
	promise string
}

// fail reports what was seen, and the promise that it breaks.
func (c *check) fail(format string, args ...any) {
	c.Helper()
	c.Errorf("%s\n\tpromise: %s", fmt.Sprintf(format, args...), c.promise)
}

// patience is how long a call may take before it is said to hang. It decides only how soon the
// message comes: a call that returns at all, such as one that waits 10 s for a key, is far below
// it. testing/synctest would need no limit, but a Verifier may hold connections to a server, and
// with those the clock of a bubble stands still.
var patience = time.Minute

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
	case <-time.After(patience):
		c.fail("%s: did not return within %v", what, patience)
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
