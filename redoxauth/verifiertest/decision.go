package verifiertest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func isNoCredentials(err error) bool { return errors.Is(err, redoxauth.ErrNoCredentials) }

func testGenuine(c *check) {
	v := c.suite.New()
	for range 2 { // two messages
		c.accepts("genuine", v, c.suite.Genuine())
	}
	for name, r := range c.suite.refused() {
		id, err := c.verify(name, v, r)
		if id != nil && err != nil {
			c.fail("%s: both an Identity and an error", name)
		}
		if id == nil && err == nil {
			c.fail("%s: neither an Identity nor an error", name)
		}
		if err != nil && redoxauth.StatusCode(err) == http.StatusInternalServerError {
			c.fail("%s: the error is of no kind: %v", name, err)
		}
	}
}

func testIdentity(c *check) {
	v := c.suite.New()
	first, again := twice(c.suite.Genuine())
	id, err := c.verify("genuine", v, first)
	if err != nil || id == nil {
		c.fail("genuine: refused: %v", err)
		return
	}
	if id.Strategy == "" {
		c.fail("the Identity has no Strategy")
	}
	if id.RawClaims != nil && !strings.HasPrefix(strings.TrimSpace(string(id.RawClaims)), "{") || id.RawClaims != nil && !json.Valid(id.RawClaims) {
		c.fail("RawClaims is not a JSON object: %q", id.RawClaims)
	}
	want := *id
	want.Scopes, want.RawClaims = slices.Clone(id.Scopes), slices.Clone(id.RawClaims)
	spoil(id)
	id2, err := c.verify("genuine again", v, again)
	var e *redoxauth.Error
	if errors.As(err, &e) && e.Reason == "replayed" {
		return // the proof is single-use, so two requests cannot share an Identity
	}
	if err != nil || id2 == nil {
		c.fail("the same proof again: refused: %v", err)
		return
	}
	if id == id2 || !reflect.DeepEqual(*id2, want) {
		c.fail("the second Identity shares memory with the first: a handler that changes one changes both")
	}
}

// spoil changes everything that a handler can change in its Identity.
func spoil(id *redoxauth.Identity) {
	id.Strategy, id.Subject, id.Issuer, id.KeyID = "spoilt", "spoilt", "spoilt", "spoilt"
	for i := range id.Scopes {
		id.Scopes[i] = "spoilt"
	}
	for i := range id.RawClaims {
		id.RawClaims[i] = ' '
	}
}

// twice returns two requests with the same proof.
func twice(r *http.Request) (first, second *http.Request) {
	body, _ := readBody(r)
	second = r.Clone(r.Context())
	setBody(second, body)
	return r, second
}

func testCovered(c *check) {
	v := c.suite.New()
	for _, part := range c.suite.Covers {
		changed := change(c.suite.Genuine(), part)
		if err := c.refuses(part+" changed", v, changed); isNoCredentials(err) {
			c.fail("%s changed: ErrNoCredentials, so another Verifier in AnyOf may accept it", part)
		}
		name, isHeader := headerName(part)
		if isHeader {
			r := c.suite.Genuine()
			r.Header.Del(name)
			c.refuses(part+" removed", v, r)
			r = c.suite.Genuine()
			r.Header.Add(name, r.Header.Get(name))
			c.refuses(part+" duplicated", v, r)
		}
		if part == "body" {
			body, _ := readBody(c.suite.Genuine())
			for _, b := range [][]byte{nil, body[:len(body)-1], append(slices.Clone(body), ' ')} {
				r := c.suite.Genuine()
				setBody(r, b)
				c.refuses("body cut, extended or emptied", v, r)
			}
		}
	}
}

func testUncovered(c *check) {
	v := c.suite.New()
	for _, part := range parts {
		if !c.suite.covers(part) {
			c.accepts(part+" changed (does Covers lack it?)", v, change(c.suite.Genuine(), part))
		}
	}
	for _, name := range []string{"X-Request-Id", "X-Forwarded-For", "Via", "Traceparent"} {
		r := c.suite.Genuine()
		r.Header.Add(name, "by-a-proxy")
		c.accepts("with a header "+name, v, r)
	}
	claimed := c.suite.claimed()
	for _, f := range foreign {
		r := c.suite.Genuine()
		if r.Header.Get(f.header) != "" || slices.ContainsFunc(claimed, func(k string) bool { return strings.HasPrefix(k, f.header) }) {
			continue // this Verifier claims the header
		}
		r.Header.Set(f.header, f.value)
		c.accepts("beside a foreign "+f.name, v, r)
	}
}

func testAbsent(c *check) {
	err := c.refuses("absent", c.suite.New(), c.suite.absent())
	if !isNoCredentials(err) {
		c.fail("absent: got %v, want ErrNoCredentials", err)
	}
}

func testForeign(c *check) {
	v := c.suite.New()
	for _, f := range foreign {
		err := c.refuses(f.name, v, f.add(c.suite.absent()))
		if !c.suite.claims(f) && !isNoCredentials(err) {
			c.fail("%s: got %v, want ErrNoCredentials (a Verifier that does take it needs a forgery of it in Forged)", f.name, err)
		}
	}
}

func testForged(c *check) {
	v := c.suite.New()
	for _, name := range c.suite.forged() {
		if err := c.refuses(name, v, c.suite.Forged[name]()); isNoCredentials(err) {
			c.fail("%s: got ErrNoCredentials", name)
		}
		c.refuses(name+", in AnyOf before a Verifier that accepts everything",
			redoxauth.AnyOf(v, accepting), c.suite.Forged[name]())
	}
}

// other verifies a credential that no other Verifier knows.
var other = redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
	switch r.Header.Get("X-Verifiertest-Other") {
	case "":
		return nil, &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Strategy: "other"}
	case "right":
		return &redoxauth.Identity{Strategy: "other"}, nil
	}
	return nil, &redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: "other"}
})

func withOther(r *http.Request, credential string) *http.Request {
	r.Header.Set("X-Verifiertest-Other", credential)
	return r
}

func testAnyOf(c *check) {
	v := c.suite.New()
	for order, any := range map[string]redoxauth.Verifier{"first: ": redoxauth.AnyOf(v, other), "second: ": redoxauth.AnyOf(other, v)} {
		c.accepts(order+"genuine", any, c.suite.Genuine())
		c.accepts(order+"the other's credential", any, withOther(c.suite.absent(), "right"))
		if err := c.refuses(order+"the other's credential, wrong", any, withOther(c.suite.absent(), "wrong")); !errors.Is(err, redoxauth.ErrRejected) {
			c.fail("%sthe other's credential, wrong: got %v, want ErrRejected", order, err)
		}
		if err := c.refuses(order+"absent", any, c.suite.absent()); !isNoCredentials(err) {
			c.fail("%sabsent: got %v, want ErrNoCredentials", order, err)
		}
		for _, name := range c.suite.forged() {
			c.refuses(order+name, any, c.suite.Forged[name]())
		}
	}
}

func testStatus(c *check) {
	v := c.suite.New()
	reached := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true })
	handlers := map[string]http.Handler{"Middleware": redoxauth.Middleware(v, nil)(next)}
	if w, ok := v.(interface {
		Wrap(http.Handler) http.Handler
	}); ok {
		handlers["Wrap"] = w.Wrap(next)
	}
	for wrapper, h := range handlers {
		for name, r := range c.suite.refused() {
			w := c.serve(wrapper+": "+name, h, r)
			if reached {
				c.fail("%s: %s: reached the handler", wrapper, name)
				reached = false
			}
			switch w.Code {
			case http.StatusUnauthorized:
			case http.StatusForbidden, http.StatusBadRequest:
				if name != "absent" {
					continue
				}
				fallthrough
			default:
				c.fail("%s: %s: status %d", wrapper, name, w.Code)
			}
		}
		if w := c.serve(wrapper+": genuine", h, c.suite.Genuine()); w.Code != http.StatusOK || !reached {
			c.fail("%s: genuine: status %d, reached the handler: %t", wrapper, w.Code, reached)
		}
		reached = false
	}
}

// routers do to a request what routers and middleware in front of a Verifier do.
var routers = map[string]func(next http.Handler) http.Handler{
	"http.ServeMux": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Pattern = "/{rest...}"
			r.SetPathValue("rest", strings.TrimPrefix(r.URL.Path, "/"))
			next.ServeHTTP(w, r)
		})
	},
	"a router that keeps the route in the context": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), new(int), "route")))
		})
	},
	"a middleware that copies the request": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r.Clone(r.Context())) })
	},
	"a middleware that wraps the ResponseWriter": func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
		})
	},
	"http.MaxBytesHandler": func(next http.Handler) http.Handler { return http.MaxBytesHandler(next, 1<<30) },
}

func testRouters(c *check) {
	for name, router := range routers {
		// A new Verifier for each, because some ration the calls about tokens of strangers.
		h := redoxauth.Middleware(c.suite.New(), nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		requests, twins := c.suite.refused(), c.suite.refused()
		requests["genuine"], twins["genuine"] = c.suite.Genuine(), c.suite.Genuine()
		for what, r := range requests {
			behind, alone := c.serve(name+": "+what, router(h), r), c.serve(what, h, twins[what])
			if behind.Code != alone.Code {
				c.fail("%s: %s: status %d, and %d without it", name, what, behind.Code, alone.Code)
			}
		}
	}
}

func testNesting(c *check) {
	v := c.suite.New()
	accept, wrap := redoxauth.Middleware(accepting, nil), redoxauth.Middleware(v, nil)
	var seen string
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		body, err := readBody(r)
		if id == nil || err != nil {
			c.fail("the handler finds no Identity or no body: %v", err)
			return
		}
		seen = id.Strategy + " " + string(body[:min(len(body), 1)])
	})
	for _, order := range []struct {
		name           string
		nested, member http.Handler
	}{
		{"outside", wrap(accept(handler)), redoxauth.Middleware(redoxauth.AllOf(v, accepting), nil)(handler)},
		{"inside", accept(wrap(handler)), redoxauth.Middleware(redoxauth.AllOf(accepting, v), nil)(handler)},
	} {
		requests, twins := c.suite.refused(), c.suite.refused()
		requests["genuine"], twins["genuine"] = c.suite.Genuine(), c.suite.Genuine()
		for name := range requests {
			seen = ""
			nested := c.serve(order.name+": nested: "+name, order.nested, requests[name])
			seenNested := seen
			seen = ""
			all := c.serve(order.name+": AllOf: "+name, order.member, twins[name])
			if nested.Code != all.Code || seenNested != seen || nested.Header().Get("WWW-Authenticate") != all.Header().Get("WWW-Authenticate") {
				c.fail("%s: %s: nested answers %d and AllOf %d, the handler sees %q and %q, the challenges are %q and %q", order.name, name,
					nested.Code, all.Code, seenNested, seen, nested.Header().Get("WWW-Authenticate"), all.Header().Get("WWW-Authenticate"))
			}
			if ok := nested.Code == http.StatusOK; ok != (name == "genuine") {
				c.fail("%s: nested: %s: status %d", order.name, name, nested.Code)
			}
		}
	}
}
