package verifiertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/iotest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// bodyReader reads the body and accepts.
var bodyReader = redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
	if _, err := redoxauth.Body(r); err != nil {
		return nil, err
	}
	return &redoxauth.Identity{Strategy: "bodyreader"}, nil
})

// reads is an Observe that takes what it can get of the body. The handler must not miss it.
func reads(r *http.Request, _ redoxauth.Decision) {
	r.ParseForm()
	io.Copy(io.Discard, r.Body)
	r.Body.Close()
}

func testBody(c *check) {
	v := c.suite.New()
	for name, v := range map[string]redoxauth.Verifier{
		"alone": v, "in AnyOf": redoxauth.AnyOf(other, v),
		"in AllOf before another": redoxauth.AllOf(v, bodyReader), "in AllOf after another": redoxauth.AllOf(bodyReader, v),
	} {
		for source, wrap := range map[string]func(*http.Request){
			"at once":           func(*http.Request) {},
			"byte by byte":      func(r *http.Request) { r.Body = io.NopCloser(iotest.OneByteReader(r.Body)) },
			"of unknown length": func(r *http.Request) { r.ContentLength = -1 },
		} {
			what := name + ", body " + source
			// A handler reads through the request that Check returns. Frameworks read
			// through the request that they passed to Check.
			for _, kept := range []bool{false, true} {
				r := c.suite.Genuine()
				want, _ := readBody(r)
				wrap(r)
				var checked *http.Request
				var err error
				c.within(what, func() { checked, err = redoxauth.Check(v, nil, r, &redoxauth.Options{Observe: reads}) })
				if err != nil {
					c.fail("%s: refused: %v", what, err)
					continue
				}
				if kept {
					checked = r
				}
				if got, err := io.ReadAll(checked.Body); err != nil || !bytes.Equal(got, want) {
					c.fail("%s: %d bytes were sent, the handler reads %d (error: %v; through the request handed in: %t)", what, len(want), len(got), err, kept)
				}
			}
		}
	}
	r := c.suite.absent()
	r.Body, r.ContentLength = nil, 0
	c.refuses("absent, with nil Body", v, r)
	r = c.suite.Genuine()
	r.Body, r.ContentLength = nil, 0
	if _, err := c.verify("nil Body", v, r); (err == nil) == c.suite.covers("body") {
		c.fail("genuine headers with nil Body: got %v", err)
	}
}

// fronts are what middleware in front of a Verifier does to a body.
var fronts = map[string]struct {
	consumes bool
	change   func(r *http.Request, body []byte)
}{
	"read to its end":    {true, func(r *http.Request, _ []byte) { io.Copy(io.Discard, r.Body) }},
	"read in part":       {true, func(r *http.Request, _ []byte) { io.ReadFull(r.Body, make([]byte, 1)) }},
	"cut":                {true, func(r *http.Request, body []byte) { putBody(r, body[:len(body)-1]) }},
	"closed":             {true, func(r *http.Request, _ []byte) { r.Body = io.NopCloser(iotest.ErrReader(http.ErrBodyReadAfterClose)) }},
	"replaced by NoBody": {true, func(r *http.Request, _ []byte) { r.Body = http.NoBody }},
	"replaced by nil":    {true, func(r *http.Request, _ []byte) { r.Body = nil }},
	"parsed as a form": {true, func(r *http.Request, _ []byte) {
		putBody(r, nil)
		r.ContentLength, r.PostForm = -1, url.Values{"a": {"b"}}
	}},
	"read and put back":     {false, func(r *http.Request, body []byte) { r.ParseForm(); putBody(r, body) }},
	"put back without size": {false, func(r *http.Request, body []byte) { putBody(r, body); r.ContentLength = -1 }},
}

func putBody(r *http.Request, body []byte) { r.Body = io.NopCloser(bytes.NewReader(body)) }

func testBodyConsumed(c *check) {
	v := c.suite.New()
	for name, v := range map[string]redoxauth.Verifier{"alone": v, "in AnyOf": redoxauth.AnyOf(other, v), "in AllOf": redoxauth.AllOf(accepting, v)} {
		for front, f := range fronts {
			what := name + ", body " + front
			r := c.suite.Genuine()
			body, _ := readBody(r)
			r.ContentLength = int64(len(body))
			f.change(r, body)
			_, err := c.check(what, v, r, nil)
			var e *redoxauth.Error
			switch {
			case !f.consumes || !c.suite.covers("body"):
				if err != nil {
					c.fail("%s: refused: %v", what, err)
				}
			case err == nil:
				c.fail("%s: accepted", what)
			case redoxauth.StatusCode(err) != http.StatusInternalServerError, !errors.As(err, &e), e.Reason != "body_consumed":
				c.fail("%s: got %v, want an error of no kind with the reason body_consumed", what, err)
			}
		}
	}
}

// A countedBody counts the bytes that are read.
type countedBody struct {
	io.Reader
	n atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.n.Add(int64(n))
	return n, err
}

func (b *countedBody) Close() error { return nil }

// counted gives r a countedBody.
func counted(r *http.Request) *countedBody {
	body, _ := readBody(r)
	b := &countedBody{Reader: bytes.NewReader(body)}
	r.Body = b
	return b
}

func testBodyLimit(c *check) {
	v := c.suite.New()
	for length, declared := range map[string]bool{"declared": true, "unknown": false} {
		r := c.suite.Genuine()
		body, _ := readBody(r)
		const limit = 1
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body), io.LimitReader(zeros{}, 1<<20))), -1
		if declared {
			r.ContentLength = int64(len(body)) + 1<<20
		}
		_, err := c.check("body too large, length "+length, v, r, &redoxauth.Options{MaxBodyBytes: limit})
		reads := declared || c.suite.covers("body")
		if reads && !errors.Is(err, redoxauth.ErrTooLarge) {
			c.fail("body too large, length %s: got %v, want ErrTooLarge from Body", length, err)
		}
		if !reads && err != nil {
			c.fail("body too large, length %s, not read by the Verifier: got %v", length, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (c *check) check(what string, v redoxauth.Verifier, r *http.Request, o *redoxauth.Options) (checked *http.Request, err error) {
	c.Helper()
	c.within(what, func() { checked, err = redoxauth.Check(v, nil, r, o) })
	return checked, err
}

func testBodyUnread(c *check) {
	v := c.suite.New()
	unread := func(what string, r *http.Request) {
		c.Helper()
		body := counted(r)
		c.verify(what, v, r)
		if n := body.n.Load(); n > 0 {
			c.fail("%s: %d bytes of the body were read", what, n)
		}
	}
	unread("absent", c.suite.absent())
	for _, f := range foreign {
		if c.suite.covers("body") && c.suite.UnknownKey == nil && c.suite.claims(f) {
			continue // an HMAC over the body that names no key: only the body tells that it is wrong
		}
		unread("foreign "+f.name, f.add(c.suite.absent()))
	}
	for _, carrier := range c.carriers() {
		for what, value := range malformed {
			r := c.suite.Genuine()
			r.Header.Set(carrier, value)
			unread(carrier+" "+what, r)
		}
		r := c.suite.Genuine()
		r.Header.Add(carrier, r.Header.Get(carrier))
		unread(carrier+" twice", r)
	}
	if c.suite.UnknownKey != nil {
		c.refuses("unknown key", v, c.suite.UnknownKey())
		unread("unknown key", c.suite.UnknownKey())
	}
	if r := c.suite.Genuine(); declaresHash(r) {
		value := r.Header.Get("Authorization")
		for _, secret := range secretsIn(value, r.Header) {
			r.Header.Set("Authorization", mutate(value, secret, 0))
			unread("a wrong signature over a declared hash", r)
		}
	}
	if !c.suite.covers("body") {
		unread("genuine", c.suite.Genuine())
		for _, name := range c.suite.forged() {
			// In AnyOf, a forgery of another kind may cover the body.
			if forged := c.suite.Forged[name](); slices.Equal(kinds(forged), kinds(c.suite.Genuine())) {
				unread("forged "+name, forged)
			}
		}
	}
}

// declaresHash reports whether r has an AWS signature that covers the hash of the body as a header
// declares it, so that the headers alone tell whether the signature is right. Other hashes in
// headers prove nothing: a signature may cover the body itself.
func declaresHash(r *http.Request) bool {
	body, _ := readBody(r)
	return strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") &&
		r.Header.Get("X-Amz-Content-Sha256") == fmt.Sprintf("%x", sha256.Sum256(body))
}

// malformed are values that are no credential.
var malformed = map[string]string{"empty": "", "not ASCII": "\xff\xfeé", "with control characters": "a\x00b\x7fc"}

// A stalledBody sends its first bytes. Then it stalls until it is closed.
type stalledBody struct {
	first   io.Reader
	stalls  func() // called when it stalls
	end     chan struct{}
	close   func()
	readers atomic.Int32
}

func (b *stalledBody) Read(p []byte) (int, error) {
	b.readers.Add(1)
	defer b.readers.Add(-1)
	if n, err := b.first.Read(p); err == nil {
		return n, nil
	}
	b.stalls()
	<-b.end
	return 0, io.ErrUnexpectedEOF
}

func (b *stalledBody) Close() error {
	b.close()
	return nil
}

// stalled makes the body of r stall before its last byte, at most until the test ends. Then it
// calls stalls. It ends the test if the Verifier would only wait out the patience for what has
// failed already.
func (c *check) stalled(r *http.Request, stalls func()) *stalledBody {
	c.Helper()
	if c.whole.Failed() && c.readsItself() {
		c.whole.Logf("%s: not run to its end, because the Verifier reads r.Body itself, and nothing would end its Read of a body that stalls: "+
			"call redoxauth.Body or redoxauth.HashBody", c.Name())
		c.SkipNow()
	}
	body, _ := readBody(r)
	end := make(chan struct{})
	b := &stalledBody{first: bytes.NewReader(body[:len(body)-1]), stalls: stalls, end: end, close: sync.OnceFunc(func() { close(end) })}
	c.Cleanup(b.close)
	r.Body = b
	return b
}

// readsItself reports whether the Verifier reads r.Body itself. Then Body finds that bytes are
// missing.
func (c *check) readsItself() bool {
	v := c.suite.New()
	_, err := c.check("genuine, then Body", redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		attached := r.Body
		v.Verify(r)
		r.Body = attached
		_, err := redoxauth.Body(r)
		return &redoxauth.Identity{Strategy: "readsitself"}, err
	}), c.suite.Genuine(), nil)
	var e *redoxauth.Error
	return errors.As(err, &e) && e.Reason == "body_consumed"
}

func testSlowBody(c *check) {
	v := c.suite.New()
	// The time is over before the first byte, so no clock decides: a Verifier that reads the body
	// never gets all of it.
	h := redoxauth.Middleware(v, &redoxauth.Options{BodyTimeout: time.Nanosecond})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	want := http.StatusOK // the Verifier does not read the body
	if c.suite.covers("body") {
		want = http.StatusServiceUnavailable
	}
	r := c.suite.Genuine()
	c.stalled(r, func() {})
	if w := c.serve("a body that stalls", h, r); w.Code != want {
		c.fail("a body that stalls: status %d, want %d", w.Code, want)
	}
	r, _ = c.cancelled()
	_, err := c.verify("a body that stalls until the context ends", v, r)
	c.undecided("a body that stalls until the context ends", err)
}

// cancelled returns Genuine with a body that stalls. Its context ends at that moment.
func (c *check) cancelled() (*http.Request, *stalledBody) {
	ctx, cancel := context.WithCancel(context.Background())
	c.Cleanup(cancel)
	r := c.suite.Genuine().WithContext(ctx)
	return r, c.stalled(r, cancel)
}

func testNothingAfter(c *check) {
	r, body := c.cancelled()
	c.verify("a body that stalls until the context ends", c.suite.New(), r)
	if body.readers.Load() > 0 {
		c.fail("a body that stalls until the context ends: something still reads the body after Verify has returned")
	}
}

func testContext(c *check) {
	v := c.suite.New()
	_, err := c.verify("context done", v, ended(c.suite.Genuine()))
	if err != nil && !errors.Is(err, redoxauth.ErrUnavailable) {
		c.fail("genuine, context done: got %v, want ErrUnavailable or an Identity", err)
	}
	r := ended(c.suite.Genuine())
	c.stalled(r, func() {})
	_, err = c.verify("context done, body stalls", v, r)
	c.undecided("context done, body stalls", err)
	for name, r := range c.suite.refused() {
		c.refuses(name+", context done", v, ended(r))
	}
	c.accepts("genuine, after requests whose context was done", v, c.suite.Genuine())
}

// undecided fails the test unless err is right for a genuine request whose body never
// came.
func (c *check) undecided(what string, err error) {
	c.Helper()
	if c.suite.covers("body") && err == nil {
		c.fail("%s: accepted", what)
	}
	if err != nil && !errors.Is(err, redoxauth.ErrUnavailable) {
		c.fail("%s: got %v, want ErrUnavailable", what, err)
	}
}
