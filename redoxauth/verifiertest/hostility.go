package verifiertest

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"
	"weak"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A probe is a request, and the secrets that no text about it may show.
type probe struct {
	*http.Request
	secrets []string
}

// probes returns Genuine and requests that every Verifier must refuse. The secrets of each are its
// own credentials, and those of the genuine request it was made from: the Verifier expects them.
func (c *check) probes() map[string]probe {
	all := map[string]probe{}
	add := func(name string, r, genuine *http.Request) {
		all[name] = probe{r, slices.Concat(c.suite.Secrets, wireSecrets(r), wireSecrets(genuine))}
	}
	for name, r := range c.suite.refused() {
		add(name, r, c.suite.Genuine())
	}
	add("genuine", c.suite.Genuine(), c.suite.Genuine())
	for _, part := range c.suite.Covers {
		genuine, changed := twice(c.suite.Genuine())
		add(part+" changed", change(changed, part), genuine)
	}
	for _, carrier := range c.carriers() {
		next := c.suite.Genuine()
		value := next.Header.Get(carrier)
		values := map[string][]string{"twice": {value, value}, "lengthened": {value + "x"}, "not ASCII": {value + "é"}, "with a NUL": {value + "\x00"}}
		for i, secret := range secretsIn(value, next.Header) {
			values[fmt.Sprintf("with secret %d changed", i)] = []string{mutate(value, secret, 0)}
		}
		for what, values := range values {
			genuine, changed := twice(next)
			next = genuine
			changed.Header[carrier] = values
			add(carrier+" "+what, changed, genuine)
		}
	}
	return all
}

func testSecrets(c *check) {
	v := c.suite.New()
	printed := false // what one request shows, the others show too
	for name, p := range c.probes() {
		r, again := twice(p.Request)
		if _, err := c.verify(name, v, r); err != nil {
			c.conceals("the error of "+name, fmt.Sprintf("%v %+v", err, err), p.secrets)
			for e := errors.Unwrap(err); e != nil; e = errors.Unwrap(e) {
				c.conceals("a wrapped error of "+name, fmt.Sprintf("%+v", e), p.secrets)
			}
		}
		var log bytes.Buffer
		h := redoxauth.Middleware(v, &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.New(slog.NewJSONHandler(&log, nil)))})(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		w := c.serve(name, h, again)
		c.conceals("the log line of "+name, log.String(), p.secrets)
		c.conceals("the answer to "+name, fmt.Sprint(w.Result().Header, w.Body), p.secrets)
		if !printed && holds(fmt.Sprintf("%v %+v", v, v), p.secrets) {
			printed = true
			c.fail("%%+v of the Verifier after %s holds a secret: keep it behind a pointer field", name)
		}
	}
}

// testExplain asks for an explanation before the decision: it must change nothing.
func testExplain(c *check) {
	v := c.suite.New()
	if _, ok := v.(interface{ Explain(*http.Request) string }); !ok {
		c.Skip("the Verifier has no method Explain(*http.Request) string")
	}
	for name, p := range c.probes() {
		r := p.Request
		body, _ := readBody(r)
		header := r.Header.Clone()
		c.conceals("the explanation of "+name, redoxauth.Explain(v, r), p.secrets)
		if !reflect.DeepEqual(r.Header, header) {
			c.fail("%s: Explain changed the headers", name)
		}
		_, err := c.verify(name, v, r)
		if (err == nil) != (name == "genuine") {
			c.fail("%s: after Explain: %v", name, err)
		}
		if got, err := readBody(r); err != nil || !bytes.Equal(got, body) {
			c.fail("%s: after Explain the body is %q, %v", name, got, err)
		}
	}
	for _, r := range []*http.Request{{}, {Method: http.MethodPost, URL: &url.URL{}}} {
		if text := redoxauth.Explain(v, r); strings.Contains(text, "panicked") {
			c.fail("%s", text)
		}
	}
}

// conceals fails the test if text holds a secret.
func (c *check) conceals(what, text string, secrets []string) {
	c.Helper()
	if holds(text, secrets) {
		c.fail("%s holds a secret", what)
	}
}

// holds reports whether text contains a secret: as it is, quoted, or as a list of bytes.
func holds(text string, secrets []string) bool {
	for _, secret := range secrets {
		quoted := fmt.Sprintf("%q", secret)
		listed := strings.Trim(fmt.Sprint([]byte(secret)), "[]")
		for _, form := range []string{secret, quoted[1 : len(quoted)-1], listed} {
			if strings.Contains(text, form) {
				return true
			}
		}
	}
	return false
}

func testHostile(c *check) {
	v := c.suite.New()
	random := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for _, carrier := range c.carriers() {
		next := c.suite.Genuine()
		again := func() (r *http.Request) { // the same body, because genuine may be its signature
			r, next = twice(next)
			return r
		}
		genuine := next.Header.Get(carrier)
		for what, value := range hostile(genuine, random) {
			r := again()
			r.Header.Set(carrier, value)
			c.refuses(carrier+" "+what, v, r)
		}
		for what, values := range map[string][2]string{
			"twice": {genuine, genuine}, "genuine and wrong": {genuine, "wrong"}, "wrong and genuine": {"wrong", genuine}, "genuine and empty": {genuine, ""},
		} {
			r := again()
			r.Header[carrier] = values[:]
			c.refuses(carrier+" "+what, v, r)
		}
		for range 64 {
			r := c.suite.Genuine()
			fresh := r.Header.Get(carrier)
			if secrets := secretsIn(fresh, r.Header); len(secrets) > 0 {
				secret := secrets[random.IntN(len(secrets))]
				r.Header.Set(carrier, mutate(fresh, secret, random.IntN(len(secret)-1)))
				c.refuses(carrier+" with one character changed", v, r)
			}
		}
	}
	for what, target := range map[string]string{"no RequestURI": "", "an odd RequestURI": "*", "a broken query": "/?%zz&=;&&a=%"} {
		r := c.suite.absent()
		r.RequestURI = target
		if _, query, ok := strings.Cut(target, "?"); ok {
			r.URL.RawQuery = query
		}
		c.refuses(what, v, r)
	}
}

// hostile returns wrong values of a carrier. The names say what is wrong.
func hostile(genuine string, random *rand.Rand) map[string]string {
	scheme, _, spaced := strings.Cut(genuine, " ")
	if !spaced {
		scheme = ""
	}
	values := map[string]string{
		"empty": "", "a space": " ", "the scheme alone": scheme, "the scheme and a space": scheme + " ",
		"lengthened": genuine + "x", "repeated": genuine + ", " + genuine, "not ASCII": genuine + "é", "not UTF-8": genuine + "\xff\xfe",
		"with a NUL": genuine + "\x00", "a megabyte longer": genuine + strings.Repeat("a", 1<<20),
		"a megabyte of dots": scheme + " " + strings.Repeat(".", 1<<20), "a megabyte of commas": scheme + " " + strings.Repeat(",", 1<<20),
		"a megabyte of equal signs": scheme + " " + strings.Repeat("=", 1<<20),
	}
	for i := range 32 { // cut anywhere
		cut := i * len(genuine) / 32
		values[fmt.Sprintf("cut to %d characters", cut)] = genuine[:cut]
	}
	values["cut by one character"] = genuine[:len(genuine)-1]
	for i := range 32 {
		b := make([]byte, random.IntN(200))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		values[fmt.Sprintf("random bytes %d", i)] = string(b)
		values[fmt.Sprintf("the scheme and random bytes %d", i)] = scheme + " " + string(b)
	}
	return values
}

// mutate changes the character of value that is at index at of a secret in it. The new
// character means something else in every encoding. So it is not the same letter in the other
// case. It must not be the last one of secret, where base64 may have bits without meaning.
func mutate(value, secret string, at int) string {
	at += strings.Index(value, secret)
	b := []byte(value)
	if strings.Trim(secret, "0123456789abcdef") == "" { // a z would make hexadecimal malformed
		b[at] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", b[at])]
	} else if b[at] == 'z' || b[at] == 'Z' {
		b[at] = 'q'
	} else {
		b[at] = 'z'
	}
	return string(b)
}

func testOwnHeader(c *check) {
	v := c.suite.New()
	for _, carrier := range c.carriers() {
		genuine := c.suite.Genuine().Header.Get(carrier)
		values := map[string][]string{"twice": {genuine, genuine}, "genuine and wrong": {genuine, "wrong"}}
		if carrier != "Authorization" { // which belongs to every Verifier that knows the scheme
			for what, value := range malformed {
				values[what] = []string{value}
			}
		}
		for what, values := range values {
			if values[0] == "" {
				continue // as good as absent
			}
			r := c.suite.Genuine()
			r.Header[carrier] = values
			if err := c.refuses(carrier+" "+what, v, r); isNoCredentials(err) {
				c.fail("%s %s: got ErrNoCredentials", carrier, what)
			}
		}
	}
}

func testConcurrent(c *check) {
	v := c.suite.New()
	const workers, each = 16, 4
	type result struct {
		id  *redoxauth.Identity
		err error
	}
	var genuine, forged []*http.Request
	names := c.suite.forged()
	for i := range workers * each {
		genuine = append(genuine, c.suite.Genuine())
		forged = append(forged, c.suite.Forged[names[i%len(names)]]())
	}
	accepted, refused := make([]result, len(genuine)), make([]result, len(forged))
	c.within("concurrent requests", func() {
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for i := w * each; i < (w+1)*each; i++ {
					accepted[i].id, accepted[i].err = try(v, genuine[i])
					refused[i].id, refused[i].err = try(v, forged[i])
					if accepted[i].id != nil {
						spoil(accepted[i].id) // the race detector notices shared memory
					}
				}
			})
		}
		wg.Wait()
	})
	seen := map[*redoxauth.Identity]bool{}
	for i := range accepted {
		if id := accepted[i].id; id == nil || seen[id] {
			c.fail("genuine: refused, or its Identity is that of another request: %v", accepted[i].err)
			return
		}
		seen[accepted[i].id] = true
		if refused[i].err == nil {
			c.fail("forged %s: accepted", names[i%len(names)])
			return
		}
	}
}

// try calls Verify. A panic in a goroutine would end the whole test binary.
func try(v redoxauth.Verifier, r *http.Request) (id *redoxauth.Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = nil, fmt.Errorf("panicked: %v", p)
		}
	}()
	return v.Verify(r)
}

// testMemory asks the garbage collector which header values of refused requests are still in
// use. The statistics of the runtime would count what other tests of the process allocate.
func testMemory(c *check) {
	const requests = 2048
	v := c.suite.New()
	for _, carrier := range c.carriers() {
		var values [requests]weak.Pointer[byte]
		r, next := twice(c.suite.Genuine())
		genuine := r.Header.Get(carrier)
		for i := range values {
			value := fmt.Sprintf("%s%d%s", genuine, i, strings.Repeat("a", 16<<(i%10))) // 16 bytes to 8 KiB
			values[i] = weak.Make(unsafe.StringData(value))
			r.Header.Set(carrier, value)
			c.refuses(carrier+" lengthened", v, r)
			r, next = twice(next)
		}
		for range 2 { // a sync.Pool keeps what is in it for one collection
			runtime.GC()
		}
		kept := 0
		for _, value := range values {
			if value.Value() != nil {
				kept++
			}
		}
		if kept > requests/2 {
			c.fail("%s: the values of %d of %d refused requests are still in memory", carrier, kept, requests)
		}
	}
	runtime.KeepAlive(v)
}
