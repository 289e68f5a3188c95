package verifytoken_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const (
	newToken = "n3wT0kenChosenByTheCustomer"
	oldToken = "0ldT0kenChosenByTheCustomer"
)

func newVerifier(t testing.TB, tokens ...string) *verifytoken.Verifier {
	t.Helper()
	v, err := verifytoken.New(verifytoken.Config{Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func message(tokens ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(`{"Meta":{}}`))
	for _, token := range tokens {
		r.Header.Add("verification-token", token)
	}
	return r
}

func TestNewRefusesConfig(t *testing.T) {
	list := func(context.Context) ([]string, error) { return []string{newToken}, nil }
	tests := []struct {
		name string
		cfg  verifytoken.Config
		want []string // parts of the message
	}{
		{"nothing", verifytoken.Config{}, []string{"Tokens: exactly one of Tokens and TokensFunc is required"}},
		{"empty list", verifytoken.Config{Tokens: []string{}}, []string{"Tokens: exactly one of Tokens and TokensFunc"}},
		{"both", verifytoken.Config{Tokens: []string{newToken}, TokensFunc: list}, []string{"Tokens: exactly one of Tokens and TokensFunc"}},
		{"every mistake at once",
			verifytoken.Config{Tokens: []string{"", " pasted", "pasted\n", "ok", "a\x00b", strings.Repeat("x", 4097), "\u200bpasted"}},
			[]string{"Tokens[0]: required", "Tokens[1]: white space", "Tokens[2]: white space", "Tokens[4]: control", "Tokens[5]: longer than 4096 bytes", "Tokens[6]: white space"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := verifytoken.New(tt.cfg)
			if err == nil || v != nil {
				t.Fatalf("got %v, %v, want an error", v, err)
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, "verifytoken: Tokens") {
					t.Errorf("got %q, want it to name package and field", line)
				}
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "pasted") {
				t.Errorf("the error shows a token: %q", err)
			}
		})
	}
}

func TestVerify(t *testing.T) {
	v := newVerifier(t, newToken, oldToken)
	tests := []struct {
		name   string
		tokens []string
		keyID  string
		want   error
		reason redoxauth.Reason
	}{
		{"the new token", []string{newToken}, "0", nil, ""},
		{"the old token, during a rotation", []string{oldToken}, "1", nil, ""},
		{"no header", nil, "", redoxauth.ErrNoCredentials, "missing"},
		{"an empty header", []string{""}, "", redoxauth.ErrRejected, "token"},
		{"a wrong token", []string{"wrong"}, "", redoxauth.ErrRejected, "token"},
		// CVE-2024-21491: a comparison cut to the shorter length.
		{"a prefix", []string{newToken[:10]}, "", redoxauth.ErrRejected, "token"},
		{"a longer one", []string{newToken + "x"}, "", redoxauth.ErrRejected, "token"},
		{"another case", []string{strings.ToUpper(newToken)}, "", redoxauth.ErrRejected, "token"},
		{"white space around it", []string{" " + newToken}, "", redoxauth.ErrRejected, "token"},
		{"not ASCII", []string{newToken + "\xff"}, "", redoxauth.ErrRejected, "token"},
		{"a megabyte", []string{strings.Repeat("x", 1<<20)}, "", redoxauth.ErrRejected, "token"},
		{"two headers, the first right", []string{newToken, "wrong"}, "", redoxauth.ErrMalformed, "malformed"},
		{"two headers, both right", []string{newToken, newToken}, "", redoxauth.ErrMalformed, "malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, err := v.Verify(message(tt.tokens...))
			if tt.want != nil {
				verifiertest.CheckError(t, err, tt.want, tt.reason)
				if !strings.HasPrefix(fmt.Sprint(err), "verifytoken: ") {
					t.Errorf("error %q does not name the strategy", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&redoxauth.Identity{Strategy: "verifytoken", KeyID: tt.keyID}, id); diff != "" {
				t.Errorf("identity (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensOf1To4096Bytes(t *testing.T) {
	for _, token := range []string{"x", strings.Repeat("x", 4096)} {
		v := newVerifier(t, token)
		if _, err := v.Verify(message(token)); err != nil {
			t.Errorf("a token of %d bytes: %v", len(token), err)
		}
		if text := v.Explain(message(token)); !strings.Contains(text, "equal to Config.Tokens[0]") {
			t.Errorf("a token of %d bytes: %s", len(token), text)
		}
	}
}

// The token of a bearer header is not ours, even if it is the right one: older Redox
// documentation shows both headers on every message.
func TestVerifyReadsItsOwnHeaderOnly(t *testing.T) {
	r := message()
	r.Header.Set("Authorization", "Bearer "+newToken)
	r.URL.RawQuery = "verification-token=" + newToken
	_, err := newVerifier(t, newToken).Verify(r)
	verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "missing")
}

func TestNothingPrintsAToken(t *testing.T) {
	v := newVerifier(t, newToken, oldToken)
	_, err := v.Verify(message("wrong-but-secret"))
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v", v, v, v), fmt.Sprintf("%v %+v %#v", err, err, err)} {
		for _, secret := range []string{newToken, oldToken, "wrong-but-secret"} {
			if strings.Contains(printed, secret) {
				t.Errorf("%q is printed: %s", secret, printed)
			}
		}
	}
}

func TestConfigIsCopied(t *testing.T) {
	tokens := []string{newToken}
	v := newVerifier(t, tokens...)
	tokens[0] = "changed"
	if _, err := v.Verify(message(newToken)); err != nil {
		t.Error(err)
	}
}

func TestTokensFuncRotatesWithoutRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, failure := []string{oldToken}, error(nil)
		v, err := verifytoken.New(verifytoken.Config{TokensFunc: func(context.Context) ([]string, error) { return tokens, failure }})
		if err != nil {
			t.Fatal(err)
		}
		verify := func(token string) error {
			_, err := v.Verify(message(token))
			return err
		}
		later := func(d time.Duration) {
			time.Sleep(d)
			verify(oldToken) // starts the call in the background
			synctest.Wait()
		}
		if err := verify(oldToken); err != nil {
			t.Fatal(err)
		}
		tokens = []string{newToken, oldToken}
		later(31 * time.Second)
		if err := errors.Join(verify(newToken), verify(oldToken)); err != nil {
			t.Errorf("during the rotation: %v", err)
		}
		tokens = []string{newToken, "pasted "} // not usable: the last good list stays
		later(31 * time.Second)
		if err := errors.Join(verify(newToken), verify(oldToken)); err != nil {
			t.Errorf("with a list that is not usable: %v", err)
		}
		failure = errors.New("vault is sealed")
		later(23 * time.Hour)
		if err := verify(newToken); err != nil {
			t.Errorf("within 24 h of failures: %v", err)
		}
		err = verify("newest")
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "token")
		if !strings.Contains(err.Error(), "; the list is 23h0m31s old, because the last call failed: Config.TokensFunc: vault is sealed") {
			t.Errorf("got %v, want it to say why the newest token is not known", err)
		}
		later(2 * time.Hour)
		verifiertest.CheckError(t, verify(newToken), redoxauth.ErrUnavailable, "secrets")
	})
}

// A request that has ended does not wait for the secret manager.
func TestTokensFuncIsWaitedForWithinTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := verifytoken.New(verifytoken.Config{TokensFunc: func(ctx context.Context) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err = v.Verify(message(newToken).WithContext(ctx))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		if got := time.Since(start); got != time.Second {
			t.Errorf("waited %v, want 1s", got)
		}
		time.Sleep(10 * time.Second) // the call ends
	})
}

// An operator reads these errors in the log, without the Config beside them.
func TestErrorsOfTokensFuncNameIt(t *testing.T) {
	for _, tt := range []struct {
		tokens []string
		err    error
		want   string
	}{
		{nil, errors.New("vault is sealed"), "Config.TokensFunc: vault is sealed"},
		{nil, nil, "Config.TokensFunc: empty list, want at least one entry"},
		{[]string{"ok", "pasted "}, nil, "Config.TokensFunc: [1]: white space around it"},
	} {
		v, err := verifytoken.New(verifytoken.Config{TokensFunc: func(context.Context) ([]string, error) { return tt.tokens, tt.err }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(message(newToken))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "secrets")
		if want := "verifytoken: cannot be decided now (secrets): " + tt.want; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	v := newVerifier(b, newToken)
	for name, r := range map[string]*http.Request{
		"accepted": message(newToken),
		"absent":   message(),
		"forged":   message("wrong"),
		"hostile":  message(strings.Repeat("x", 1<<20)),
	} {
		b.Run("verifytoken/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Verify(r)
			}
		})
	}
}

func TestZeroVerifierRefusesEverything(t *testing.T) {
	var v verifytoken.Verifier
	for _, tokens := range [][]string{{newToken}, {}, {newToken, newToken}} {
		_, err := v.Verify(message(tokens...))
		verifiertest.CheckError(t, err, nil, "internal")
	}
	accepts := redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return &redoxauth.Identity{}, nil })
	_, err := redoxauth.AnyOf(&v, accepts).Verify(message())
	verifiertest.CheckError(t, err, nil, "internal")
	for name, r := range map[string]*http.Request{
		"message":     message(newToken),
		"no header":   message(),
		"handshake":   post(document(newToken, uuid)),
		"two headers": get("challenge="+uuid, newToken, newToken),
		"malformed":   get("challenge=a&challenge=b", newToken),
	} {
		if w := serve(v.Handshake(v.Wrap(next(t))), r); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: status %d, want 500", name, w.Code)
		}
	}
}
