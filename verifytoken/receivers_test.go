package verifytoken_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// The mistakes of public receivers of Redox messages, one test each: our code must
// survive what they do not.

// tidepool-org/clinic, a Flask receiver: an unset secret matches an absent one.
func TestUnsetTokenCannotBeConfigured(t *testing.T) {
	for _, tokens := range [][]string{nil, {}, {""}, {newToken, ""}} {
		if _, err := verifytoken.New(verifytoken.Config{Tokens: tokens}); err == nil {
			t.Errorf("%q: accepted, want an error", tokens)
		}
	}
}

// tidepool-org/clinic, vital-software/scala-redox: an empty token on the handshake.
func TestEmptyTokenNeverMatches(t *testing.T) {
	v := newVerifier(t, newToken)
	for _, r := range []*http.Request{
		post(document("", uuid)), get("challenge=" + uuid + "&verification-token="), get("challenge="+uuid, ""),
		withHeader(post(document("", uuid)), ""), withHeader(post(bare), ""),
	} {
		if w := serve(v.Handshake(v.Wrap(next(t))), r); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), uuid) {
			t.Errorf("%s: got %d %q, want 401 and no challenge", r.Method, w.Code, w.Body)
		}
	}
}

// RedoxEngine/redox-sample-nodejs, vital-software/scala-redox: the challenge is echoed
// although nobody showed the token.
func TestChallengeIsNotEchoedWithoutToken(t *testing.T) {
	v := newVerifier(t, newToken)
	for _, r := range []*http.Request{
		get("challenge=" + uuid), post(`{"challenge":"` + uuid + `"}`), get("challenge=" + uuid + "&verification-token=dev_token"),
	} {
		if w := serve(v.Handshake(v.Wrap(next(t))), r); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), uuid) {
			t.Errorf("%s %s: got %d %q, want 401 and no challenge", r.Method, r.URL, w.Code, w.Body)
		}
	}
}

// minhajuddinkhan/gatewaygo, an Express receiver: no return after the error is
// written, so the handler runs all the same.
func TestHandlerDoesNotRunAfterRefusal(t *testing.T) {
	v := newVerifier(t, newToken)
	for _, r := range []*http.Request{message(), message("wrong"), message(newToken, newToken)} {
		if w := serve(v.Wrap(next(t)), r); w.Code < 400 {
			t.Errorf("got %d, want a refusal", w.Code)
		}
	}
}

// A Flask receiver answers errors with 200, a Rails one checks the handshake only:
// Redox would take the message for delivered, or anybody's message would be taken.
func TestMessageWithoutTokenIsNever200(t *testing.T) {
	v := newVerifier(t, newToken)
	if w := serve(v.Handshake(v.Wrap(next(t))), post(`{"Meta":{}}`)); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", w.Code)
	}
}

// A Python Lambda takes any body with the two members for a handshake, also a message.
func TestLargeMessageWithHandshakeMembersIsAMessage(t *testing.T) {
	v := newVerifier(t, newToken)
	body := `{"verification-token":"` + newToken + `","challenge":"` + uuid + `","data":"` + strings.Repeat("x", 4096) + `"}`
	if w := serve(v.Handshake(v.Wrap(next(t))), post(body)); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d, want 401: the header is missing", w.Code)
	}
}

// vital-software/scala-redox, a Lambda and a Remix receiver write tokens to their logs.
func TestLogShowsNoToken(t *testing.T) {
	var log bytes.Buffer
	observe := redoxauth.LogDecisions(slog.New(slog.NewJSONHandler(&log, nil)))
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	h := v.Handshake(redoxauth.Middleware(v, &redoxauth.Options{Observe: observe})(http.NotFoundHandler()))
	for _, r := range []*http.Request{
		post(document(newToken, uuid)), post(document("wr0ng", uuid)),
		get("challenge=" + uuid + "&verification-token=" + newToken), get("challenge=" + uuid + "&verification-token=wr0ng"),
		message(newToken), message("wr0ng"), message(newToken, newToken),
	} {
		serve(h, r)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 7 {
		t.Fatalf("got %d lines, want one for each request:\n%s", lines, &log)
	}
	for _, secret := range []string{newToken, "wr0ng", uuid} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows %q:\n%s", secret, &log)
		}
	}
}

// WaterfallClinicViaRedox trusts the header application-name, which anybody can send.
func TestApplicationNameProvesNothing(t *testing.T) {
	r := message()
	r.Header.Set("Application-Name", "RedoxEngine")
	_, err := newVerifier(t, newToken).Verify(r)
	verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "missing")
}

// A FastAPI receiver accepts a token or an HMAC: the weaker one is enough. Token and
// credential is AllOf.
func TestTokenDoesNotReplaceACredential(t *testing.T) {
	v := newVerifier(t, newToken)
	credential := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) {
		return nil, redoxauth.ErrNoCredentials
	})
	_, err := redoxauth.AllOf(v, credential).Verify(message(newToken))
	if got := redoxauth.StatusCode(err); got != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", got)
	}
}
