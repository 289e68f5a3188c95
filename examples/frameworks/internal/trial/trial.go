// Package trial plays Redox and its attackers against a destination in any framework. It
// sends handshakes, genuine messages and forged messages over HTTP on loopback.
package trial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A Destination starts a server on loopback, until the test ends. The server has token's
// handshake, then v, and then a handler on /redox and all paths below. The handler reads
// the body as handlers of the framework do. It answers with these bytes, and with what
// [Strategy] returns in the header Strategy.
type Destination func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) (url string)

// Strategy returns the strategy of the Identity that a handler found in ctx.
func Strategy(ctx context.Context) string {
	id, ok := redoxauth.FromContext(ctx)
	if !ok {
		return "nobody"
	}
	return id.Strategy
}

const (
	token   = "theToken"
	maxBody = 64 << 10
)

// RunAll plays [Run] and [WithoutToken], other targets than the signed one, strangers that
// stall, malformed requests, and a message of 40 MiB.
func RunAll(t *testing.T, start Destination) {
	runAll(t, start)
	t.Run("raw", func(t *testing.T) { raw(t, start) })
	t.Run("largest message", func(t *testing.T) { largest(t, start) })
}

func runAll(t *testing.T, start Destination) {
	Run(t, start, nil)
	t.Run("without token", func(t *testing.T) { WithoutToken(t, start) })
	t.Run("targets", func(t *testing.T) { targets(t, start) })
	t.Run("strangers", func(t *testing.T) { strangers(t, start) })
}

// Run plays all cases. If this framework answers a case with another status than net/http,
// lost holds that status.
func Run(t *testing.T, start Destination, lost map[string]int) {
	verifiers := newVerifiers(t)
	header := verifiers["verifytoken"].(*verifytoken.Verifier)
	urls := map[string]string{}
	for strategy, v := range verifiers {
		urls[strategy] = start(t, header, v, &redoxauth.Options{MaxBodyBytes: maxBody, RetryAfter: 7 * time.Second})
	}
	t.Run("handshake", func(t *testing.T) { handshake(t, urls["sigv4"]) })
	played := map[string]bool{}
	for _, c := range cases() {
		played[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			if status, ok := lost[c.name]; ok {
				c.want = status
			}
			c.play(t, urls[c.strategy])
		})
	}
	for name := range lost {
		if !played[name] {
			t.Errorf("no case %q", name)
		}
	}
}

// handshake plays every form of the handshake, and the same with a wrong proof.
func handshake(t *testing.T, url string) {
	url += "/redox"
	ctx := t.Context()
	right, wrong := redoxtest.VerificationToken{Token: token}, redoxtest.VerificationToken{Token: "another"}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if err := redoxtest.Handshake(ctx, url, token, method); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		if err := redoxtest.SignedHandshake(ctx, url, right, method); err != nil {
			t.Errorf("%s, token in the header: %v", method, err)
		}
		if err := redoxtest.Handshake(ctx, url, "another", method); err == nil {
			t.Errorf("%s: a wrong token was answered with the challenge", method)
		}
		if err := redoxtest.SignedHandshake(ctx, url, wrong, method); err == nil {
			t.Errorf("%s: a wrong token in the header was answered with the challenge", method)
		}
	}
	res, err := right.Send(ctx, url, []byte(`{"challenge":"<b>"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "<b>" {
		t.Errorf("got %q, %v, want exactly the challenge", body, err)
	}
	for name, want := range map[string]string{
		"Content-Type":            "text/plain; charset=utf-8",
		"X-Content-Type-Options":  "nosniff",
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s of the answer: got %q, want %q", name, got, want)
		}
	}
}

// WithoutToken plays the handshake of a destination that has a credential and no verification
// token.
func WithoutToken(t *testing.T, start Destination) {
	verifiers := newVerifiers(t)
	url := start(t, verifiers["verifytoken"].(*verifytoken.Verifier), verifiers["sigv4"], nil) + "/redox"
	guessed := signer
	guessed.SecretKey = "guessed"
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if err := redoxtest.SignedHandshake(t.Context(), url, signer, method); err != nil {
			t.Errorf("%s, no token: %v", method, err)
		}
		if err := redoxtest.SignedHandshake(t.Context(), url, guessed, method); err == nil {
			t.Errorf("%s, no token: a wrong signature was answered with the challenge", method)
		}
	}
}

// play sends one message and checks the answer.
func (c trial) play(t *testing.T, url string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/redox"+c.path, bytes.NewReader(c.message))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if c.before != nil {
		c.before(r)
	}
	if c.sender != nil {
		if err := c.sender.Sign(r); err != nil {
			t.Fatal(err)
		}
	}
	if c.after != nil {
		c.after(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != c.want {
		t.Fatalf("got status %d, want %d; body %.80q", res.StatusCode, c.want, body)
	}
	if c.want == http.StatusOK {
		if !bytes.Equal(body, c.message) {
			t.Errorf("the handler read %d bytes that are not the %d sent", len(body), len(c.message))
		}
		if got := res.Header.Get("Strategy"); got != c.strategy {
			t.Errorf("the handler found the identity of %q, want %q", got, c.strategy)
		}
		return
	}
	if want := http.StatusText(c.want) + "\n"; string(body) != want {
		t.Errorf("got body %q, want %q", body, want)
	}
	if c.want == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate") // RFC 9110, Section 15.5.2
	}
	if c.want == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "7" {
		t.Errorf("got Retry-After %q, want 7", res.Header.Get("Retry-After"))
	}
}

func newVerifiers(t *testing.T) map[string]redoxauth.Verifier {
	header, err := verifytoken.New(verifytoken.Config{Tokens: []string{token}})
	if err != nil {
		t.Fatal(err)
	}
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: signer.AccessKey, SecretAccessKey: signer.SecretKey}},
		Region:      signer.AWSRegion,
		Service:     signer.ServiceName,
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(bearer.Key))
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "redox", Audience: []string{"destination"}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]redoxauth.Verifier{
		"verifytoken": header,
		"sigv4":       signature,
		"jwtbearer":   jwt,
		"outage": redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
			return nil, &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "keys", Err: errors.New("the key server is down")}
		}),
	}
}
