package clientcredentials_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// lacks checks that text has all parts: what arrived, what was expected, and which field
// decides.
func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("lacks %q:\n%s", part, text)
		}
	}
}

var introspectionTime = time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)

// explained verifies and explains a message, and checks that Explain makes no call, shows no part
// of the token, and tells the same decision.
func explained(t *testing.T, cfg clientcredentials.IntrospectionConfig, w *wire, token string) (text string, decision error) {
	t.Helper()
	cfg.Now = func() time.Time { return introspectionTime }
	v := newIntrospection(t, cfg)
	_, err := v.Verify(message(token))
	calls := w.calls.Load()
	text = redoxauth.Explain(v, message(token))
	wantCalls(t, w, calls)
	for i := 0; i+12 <= len(token); i++ {
		if part := token[i : i+12]; strings.Contains(text, part) || strings.Contains(fmt.Sprint(err), part) {
			t.Fatalf("%q of the token is shown:\n%v\n%s", part, err, text)
		}
	}
	return text, err
}

func TestIntrospectionRefusalsSayWhatToChange(t *testing.T) {
	type config = clientcredentials.IntrospectionConfig
	at := func(d time.Duration) string { return fmt.Sprint(introspectionTime.Add(d).Unix()) }
	issuer := func(c *config) { c.Issuer = "https://as.example" }
	for _, test := range []struct {
		name   string
		config func(*config)
		answer string
		want   []string // of the error
		tells  []string // Explain
	}{
		{"not active", nil, `{"active":false}`, []string{asURL + " says active is false, want active: true", "expired", "(IntrospectionConfig.URL)"}, nil},
		{"active absent", nil, `{"error":"invalid_request"}`, []string{"active is absent, want active: true"}, nil},
		{"active a string", nil, `{"active":"true"}`, []string{"active is of another type than true and false"}, nil},
		{"client_id", nil, with("client_id", `"other"`), []string{`client_id is "other", want "` + clientID + `" (IntrospectionConfig.ClientIDs; Redox dashboard: clientId)`}, nil},
		{"client_id absent", nil, with("client_id", ""), []string{`client_id is absent, want "` + clientID + `" (IntrospectionConfig.ClientIDs`}, nil},
		{"client_id empty", nil, with("client_id", `""`), []string{`client_id is empty, want "`}, nil},
		{"client_id in sub", nil, with("client_id", `"other","sub":"`+clientID+`"`), []string{`client_id is "other"`}, []string{`- sub is "` + clientID + `", which is listed, and client_id is "other"`}},
		{"client_id in other case", nil, with("client_id", `"`+strings.ToUpper(clientID)+`"`), []string{`client_id is "REDOX-CLIENT:1"`}, []string{"differ only in upper and lower case"}},
		{"aud", nil, with("aud", `"https://other.example"`), []string{`aud is "https://other.example", want "` + destination + `" (IntrospectionConfig.Audience; Redox dashboard: audience or resource)`}, nil},
		{"aud absent", nil, with("aud", ""), []string{`aud is absent, want "` + destination + `" (IntrospectionConfig.Audience`}, []string{"- the answer has no aud"}},
		{"aud empty", nil, with("aud", "[]"), []string{`aud is empty, want "`}, nil},
		{"aud with a slash", nil, with("aud", `"`+destination+`/"`), []string{`aud is "` + destination + `/"`}, []string{"differ only in the slash at the end"}},
		{"aud, but none is configured", func(c *config) { c.Audience = nil }, good, []string{`aud is "` + destination + `", want none, because IntrospectionConfig.Audience is empty`}, nil},
		{"the client ID as the audience", func(c *config) { c.Audience = []string{clientID} }, good, []string{`want "` + clientID + `" (IntrospectionConfig.Audience`}, []string{`- IntrospectionConfig.Audience lists the client ID "` + clientID + `", which belongs into IntrospectionConfig.ClientIDs`}},
		{"iss", issuer, with("iss", `"https://as.example/"`), []string{`iss is "https://as.example/", want "https://as.example" (IntrospectionConfig.Issuer)`}, []string{"differ only in the slash at the end"}},
		{"iss absent", issuer, with("", ""), []string{`iss is absent, want "https://as.example" (IntrospectionConfig.Issuer)`}, []string{"- the answer has no iss"}},
		{"scope", nil, with("scope", `"read"`), []string{`scope is "read", want "write" (IntrospectionConfig.Scopes; Redox dashboard: scopes)`}, nil},
		{"scope absent", nil, with("scope", ""), []string{`scope is absent, want "write" (IntrospectionConfig.Scopes`}, nil},
		{"token_type", nil, with("token_type", `"DPoP"`), []string{`token_type is "DPoP", want "Bearer"`}, nil},
		{"refresh token", nil, with("token_use", `"refresh_token"`), []string{`token_use is "refresh_token", want an access token`}, nil},
		{"cnf", nil, with("cnf", `{}`), []string{"(cnf)", "want a bearer token without cnf"}, nil},
		{"expired", nil, with("exp", at(-3*time.Hour)), []string{"expired 3h0m0s ago by this server's clock (exp 2026-11-29T06:00:00Z, now 2026-11-29T09:00:00Z, leeway 1m0s)"}, nil},
		{"not yet valid", nil, with("nbf", at(time.Hour)), []string{"valid in 1h0m0s by this server's clock (nbf 2026-11-29T10:00:00Z, now 2026-11-29T09:00:00Z, leeway 1m0s)"}, nil},
		{"exp in milliseconds", nil, with("exp", fmt.Sprint(introspectionTime.UnixMilli())), []string{"exp is 1795942800000, which looks like milliseconds: want seconds since 1970"}, nil},
		{"nbf in milliseconds", nil, with("nbf", fmt.Sprint(introspectionTime.UnixMilli())), []string{"nbf is 1795942800000, which looks like milliseconds: want seconds since 1970"}, nil},
		{"exp beyond all years", nil, with("exp", "253402300800"), []string{"exp is 253402300800, want seconds since 1970, up to the year 9999"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, test.answer)
			cfg := introspectionConfig(w)
			if test.config != nil {
				test.config(&cfg)
			}
			text, err := explained(t, cfg, w, opaque)
			lacks(t, fmt.Sprint(err), test.want...)
			lacks(t, text, test.tells...)
			var e *redoxauth.Error
			if !errors.As(err, &e) || !strings.Contains(text, "\n"+e.Err.Error()+"\n") {
				t.Errorf("Explain has no line with the refusal %v:\n%s", err, text)
			}
			if first, _, _ := strings.Cut(text, "\n"); first != err.Error() && !strings.Contains(first, "it says that the token expired") {
				t.Errorf("first line %q, want %q", first, err)
			}
		})
	}
}

// The operator must see which server said what, and whose fault that is.
func TestErrorsSayWhatTheIntrospectionEndpointSaid(t *testing.T) {
	bearer := func(c *clientcredentials.IntrospectionConfig) { c.ClientID, c.ClientSecret = "", "" }
	for _, test := range []struct {
		name   string
		config func(*clientcredentials.IntrospectionConfig)
		status int
		media  string
		body   string
		want   []string
	}{
		{"invalid_token", nil, 400, "", `{"error":"invalid_token"}`, []string{asURL + " says 400 invalid_token, want active: true"}},
		{"invalid_client", nil, 400, "", `{"error":"invalid_client"}`, []string{asURL + " answered 400 Bad Request with the error invalid_client, want 200", "(IntrospectionConfig.URL)"}},
		{"a token in an error", nil, 400, "", `{"error":"invalid_client secret-token"}`, []string{asURL + " answered 400 Bad Request, want 200"}},
		{"401", nil, 401, "", "", []string{asURL + " answered 401 Unauthorized, want 200: the server does not accept the credentials of this API", "(IntrospectionConfig.ClientID and ClientSecret)"}},
		{"403", nil, 403, "", "", []string{asURL + " answered 403 Forbidden", "or it may not introspect", "(IntrospectionConfig.ClientID and ClientSecret)"}},
		{"401 to a bearer token", bearer, 401, "", "", []string{"answered 401 Unauthorized", "(what IntrospectionConfig.Client sends)"}},
		{"404", nil, 404, "", "", []string{asURL + " answered 404 Not Found, want 200", "(IntrospectionConfig.URL)"}},
		{"500", nil, 500, "", "", []string{asURL + " answered 500 Internal Server Error"}},
		{"HTML", nil, 200, "text/html; charset=utf-8", "<!DOCTYPE html>", []string{asURL + ` answered 200 with the Content-Type "text/html; charset=utf-8" and HTML or XML`, "want a JSON object (IntrospectionConfig.URL)"}},
		{"empty", nil, 200, "", "", []string{"with the Content-Type absent and an empty body"}},
		{"signed", nil, 200, "application/token-introspection+jwt", "eyJ.e30.c2ln", []string{"a signed answer (RFC 9701), which is not read here"}},
		{"exp a string", nil, 200, "application/json", with("exp", `"4102444800"`), []string{"exp is of another type, want a number: seconds since 1970"}},
		{"sub a number", nil, 200, "application/json", with("sub", `1`), []string{"sub is of another type, want a string"}},
		{"aud of other things", nil, 200, "application/json", with("aud", `[1]`), []string{"aud is of another type, want a string or an array of strings"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &wire{serve: func(r *http.Request) (*http.Response, error) {
				resp := response(r, test.status, test.body)
				if resp.Header = (http.Header{}); test.media != "" {
					resp.Header.Set("Content-Type", test.media)
				}
				return resp, nil
			}}
			cfg := introspectionConfig(w)
			if test.config != nil {
				test.config(&cfg)
			}
			text, err := explained(t, cfg, w, opaque)
			lacks(t, fmt.Sprint(err), test.want...)
			lacks(t, text, test.want...)
		})
	}
}

func TestTokensThatAreNotSentAreExplained(t *testing.T) {
	segment := base64.RawURLEncoding.EncodeToString
	jwt := segment([]byte(`{"alg":"RS256"}`)) + "." + segment([]byte(`{"iss":"https://as.example/"}`)) + "." + segment([]byte("the signature of a token"))
	w := answering(http.StatusOK, good)
	cfg := introspectionConfig(w)
	cfg.Issuer = "https://as.example"
	text, err := explained(t, cfg, w, jwt)
	lacks(t, fmt.Sprint(err), `the token is a JWT whose iss is "https://as.example/", want "https://as.example" (IntrospectionConfig.Issuer)`)
	lacks(t, text, "differ only in the slash at the end")
	lacks(t, text, "\nthe token is a JWT whose iss is")
	for length, want := range map[int]bool{4 << 10: true, 4<<10 + 1: false} { // a longer token is not read
		text, err = explained(t, cfg, w, jwt+strings.Repeat("A", length-len(jwt)))
		verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "")
		if hint := strings.Contains(text, "differ only in the slash at the end"); hint != want {
			t.Errorf("%d bytes: a hint: %v, want %v:\n%s", length, hint, want, text)
		}
	}
	_, err = explained(t, cfg, w, segment([]byte(`{"alg":"RS256"}`))+"."+segment([]byte(`{}`))+"."+segment([]byte("the signature of a token")))
	lacks(t, fmt.Sprint(err), "the token is a JWT whose iss is absent or cannot be read, want")
	_, err = explained(t, cfg, w, strings.Repeat("a", 5000))
	lacks(t, fmt.Sprint(err), "the token has 5000 bytes, want at most 4096")
	wantCalls(t, w, 0)
	text, err = explained(t, cfg, w, opaque)
	if err != nil {
		t.Error(err)
	}
	lacks(t, text, "clientcredentials: accepted: ", "introspection ("+asURL+"): the answer is 0s old, and used for 1m0s", `iss: "https://as.example", as configured`, `aud: "`+destination+`", as configured`, `client_id: "`+clientID+`", as configured`, "which is enough")
}

// A line tells what each check finds, and a hint is given only if it fits.
func TestAnswersAreExplained(t *testing.T) {
	type config = clientcredentials.IntrospectionConfig
	const (
		tokenType = "token_type: absent, as it may be"
		iss       = `iss: "https://as.example", not compared (IntrospectionConfig.Issuer is empty)`
		noIss     = "iss: absent, not compared (IntrospectionConfig.Issuer is empty)"
		exp       = "exp: 2100-01-01T00:00:00Z, not expired"
		noExp     = "exp: absent, as it may be"
		aud       = `aud: "` + destination + `", as configured (IntrospectionConfig.Audience; Redox dashboard: audience or resource)`
		client    = `client_id: "` + clientID + `", as configured (IntrospectionConfig.ClientIDs; Redox dashboard: clientId)`
		scope     = `scope: ["read" "write"], which is enough (IntrospectionConfig.Scopes; Redox dashboard: scopes)`
	)
	issuer := func(c *config) { c.Issuer = "https://as.example" }
	for _, test := range []struct {
		name   string
		config func(*config)
		answer string
		lines  []string
		hints  []string
	}{
		{"accepted", nil, good, []string{tokenType, iss, exp, aud, client, scope}, nil},
		{"accepted, an issuer", issuer, good, []string{tokenType, `iss: "https://as.example", as configured (IntrospectionConfig.Issuer)`, exp, aud, client, scope}, nil},
		{"accepted, fewer members", nil, with("token_type", `"Bearer"`), []string{`token_type: "Bearer", as it may be`, noIss, noExp, aud, client, scope}, nil},
		{"accepted, sub is the client", nil, with("sub", `"`+clientID+`"`), []string{tokenType, noIss, noExp, aud, client, scope}, nil},
		{"accepted, any client", func(c *config) { c.ClientIDs, c.InsecureAnyClient = nil, true }, with("client_id", `"x"`), []string{tokenType, noIss, noExp, aud, `client_id: "x", and any is accepted (IntrospectionConfig.InsecureAnyClient)`, scope}, nil},
		{"another issuer", issuer, with("iss", `"https://x.example"`), []string{tokenType, `iss is "https://x.example", want "https://as.example" (IntrospectionConfig.Issuer)`, noExp, aud, client, scope}, nil},
		{"another audience", nil, with("aud", `"x"`), []string{tokenType, noIss, noExp, `aud is "x", want "` + destination + `" (IntrospectionConfig.Audience; Redox dashboard: audience or resource)`, client, scope}, nil},
		{"another client, which sub is too", nil, with("client_id", `"x","sub":"x"`), []string{tokenType, noIss, noExp, aud, `client_id is "x", want "` + clientID + `" (IntrospectionConfig.ClientIDs; Redox dashboard: clientId)`, scope}, nil},
		{"a scope in another case", nil, with("scope", `"read Write"`), []string{tokenType, noIss, noExp, aud, client, `scope is ["read" "Write"], want "write" (IntrospectionConfig.Scopes; Redox dashboard: scopes)`},
			[]string{`scope "Write" and the configured "write" (IntrospectionConfig.Scopes; Redox dashboard: scopes) differ only in upper and lower case`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := answering(http.StatusOK, test.answer)
			cfg := introspectionConfig(w)
			if test.config != nil {
				test.config(&cfg)
			}
			text, _ := explained(t, cfg, w, opaque)
			text, hints, _ := strings.Cut(text, "\nhints:\n- ")
			_, lines, _ := strings.Cut(text, "the answer is 0s old, and used for 1m0s\n")
			want := [2]string{strings.Join(test.lines, "\n"), strings.Join(test.hints, "\n- ")}
			if diff := cmp.Diff(want, [2]string{strings.TrimSpace(lines), strings.TrimSpace(hints)}); diff != "" {
				t.Errorf("lines and hints (-want +got):\n%s", diff)
			}
		})
	}
}

// An endpoint that stalls is named, with the time that it had.
func TestErrorSaysThatTheEndpointDidNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newIntrospection(t, introspectionConfig(&wire{serve: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}}))
		_, err := v.Verify(message(opaque))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
		lacks(t, fmt.Sprint(err), asURL, "no answer")
		synctest.Wait() // until that call has ended
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = v.Verify(message(opaque).WithContext(ctx))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "canceled")
		lacks(t, fmt.Sprint(err), "the request ended before the answer of introspection ("+asURL+")")
		time.Sleep(time.Minute)
	})
}

// Explain asks nobody about a token that was not asked about, and uses up no call.
func TestExplainOfIntrospectionAsksNobody(t *testing.T) {
	w := answering(http.StatusOK, good)
	v := newIntrospection(t, introspectionConfig(w))
	for range 1000 {
		lacks(t, redoxauth.Explain(v, message(opaque)), "cannot be decided now (unavailable): introspection ("+asURL+"): not asked yet about this token, and Explain asks nobody\n")
	}
	wantCalls(t, w, 0)
	if _, err := v.Verify(message(opaque)); err != nil {
		t.Errorf("after 1000 explanations: %v", err)
	}
	for _, r := range []*http.Request{{}, {Header: http.Header{"Authorization": {"Bearer x"}}}} {
		if text := v.Explain(r); !strings.HasPrefix(text, "clientcredentials: ") {
			t.Errorf("text %q", text)
		}
	}
}
