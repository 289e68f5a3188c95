package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// Everything that is wrong with the flags is said before anything is sent.
func TestFlagsAreCheckedFirst(t *testing.T) {
	const to = " -url http://127.0.0.1:1/"
	for args, want := range map[string][]string{
		"-strategy verifytoken -token t -url destination":                            {`-url "destination": want https:// or http://`},
		"-strategy verifytoken -token t -url https://":                               {"and a host"},
		"-strategy verifytoken -token t -region r" + to:                              {"-region is not used with -strategy verifytoken"},
		"-strategy verifytoken" + to:                                                 {"-token is required for -strategy verifytoken"},
		"-strategy sigv4 -token t" + to:                                              {"-access-key is required", "-secret is required", "-region is required", "-service is required", "-token is not used"},
		"-strategy sigv4,jwtbearer" + to:                                             {"the others share the header Authorization"},
		"-strategy handshake,verifytoken -token t" + to:                              {"want one, or verifytoken and one other"},
		"-strategy verifytoken,verifytoken -token t" + to:                            {"want one, or verifytoken and one other"},
		"-strategy verifytoken,sigv5 -token t" + to:                                  {`-strategy "sigv5" is not one of handshake, verifytoken, sigv4`},
		"-strategy verifytoken -token t -method GET" + to:                            {"-method GET is for handshakes"},
		"-strategy handshake -token t -method PUT" + to:                              {`-method "PUT": want POST or GET`},
		"-strategy handshake -token t -timeout 0s" + to:                              {"-timeout 0s"},
		"-strategy jwtbearer -issuer i -audience a" + to:                             {"-key or -secret is required for -strategy jwtbearer"},
		"-strategy verifytoken -token t more" + to:                                   {`unexpected argument "more"`},
		"-strategy verifytoken -token t -message /none/such" + to:                    {"/none/such"},
		"-strategy clientcredentials -client-id c -secret s -token-url /token" + to:  {`-token-url "/token": want https:// or http://, and a host`},
		"-strategy wif -audience a -subject-token /none -impersonation-url iam" + to: {`-impersonation-url "iam": want https:// or http://`},
		"-strategy wif -audience a -subject-token /none/such" + to:                   {"-subject-token: open /none/such"},
		"-strategy jwtbearer -issuer i -audience a -key /none/such" + to:             {"-key: open /none/such"},
		"-strategy jwtbearer -issuer i -audience a -secret s -algorithm RS256" + to:  {"-algorithm RS256 does not fit -secret: want HS256, HS384 or HS512"},
		"-strategy jwtbearer -issuer i -secret s" + to:                               {"-audience or -token-url is required for -strategy jwtbearer"},
		"-strategy jwtbearer -token-url http://h/ -secret s" + to:                    {"-issuer is required", "-subject is required for -strategy jwtbearer with -token-url"},
	} {
		var out bytes.Buffer
		err := run(strings.Fields(args), &out)
		if out.Len() > 0 {
			t.Errorf("%s: something was sent: %s", args, &out)
		}
		for _, want := range want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", args, err, want)
			}
		}
	}
}

// A token that is read from a file often ends in a line break, and no header can hold one.
func TestLineBreakInAHeader(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for token, want := range map[string]string{
		"theToken\n": "-token: a line break or another control character, at byte 9 of 9",
		"theToken":   "",
	} {
		t.Setenv("SENDAS_TOKEN", token)
		err := run(strings.Fields("-strategy verifytoken -url "+server.URL), &bytes.Buffer{})
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: got %v, want %q", token, err, want)
		}
	}
}

func TestSecretsComeFromTheEnvironment(t *testing.T) {
	t.Setenv("SENDAS_TOKEN", "theToken")
	t.Setenv("SENDAS_SECRET", "theSecret")
	s, err := parse(strings.Fields("-strategy verifytoken,sigv4 -access-key AK -region r -service s -url http://localhost/"))
	if err != nil || s.token != "theToken" || s.secret != "theSecret" {
		t.Errorf("got %v, %v", s, err)
	}
	if s, err := parse(strings.Fields("-strategy verifytoken -url http://localhost/")); err != nil || s.token != "theToken" {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestTwoProofsAtOnce(t *testing.T) {
	token := must(verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}}))
	signature := must(sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "theSecret", SessionToken: "theSession"}}, Region: "r", Service: "s",
	}))
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	server := httptest.NewServer(redoxauth.Middleware(redoxauth.AllOf(token, signature), nil)(verifytoken.Challenge(handler)))
	defer server.Close()
	args := "-access-key AK -region r -service s -session-token theSession -token theToken -secret theSecret -url " + server.URL + "/?verification-token=theToken"
	for _, strategies := range []string{"verifytoken,sigv4", "sigv4,verifytoken"} {
		var out bytes.Buffer
		if err := run(strings.Fields("-strategy "+strategies+" "+args), &out); err != nil {
			t.Errorf("%s: %v", strategies, err)
		}
		text := out.String()
		for _, want := range []string{
			"> POST http://", "?verification-token=[8 bytes]", "> Verification-Token: [8 bytes]", "> X-Amz-Security-Token: [10 bytes]",
			"Credential=AK/", "Signature=[64 bytes]", "> Content-Type: application/json", "> body: ", "202 Accepted", "Redox documents 200",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: want %q in\n%s", strategies, want, text)
			}
		}
		if strings.Contains(text, "theToken") || strings.Contains(text, "theSe") {
			t.Errorf("%s: a secret is in\n%s", strategies, text)
		}
	}
	if err := run(strings.Fields("-challenge -strategy verifytoken,sigv4 "+args), &bytes.Buffer{}); err != nil {
		t.Errorf("a challenge with both proofs: %v", err)
	}
	err := run(strings.Fields("-strategy sigv4 "+strings.Replace(args, "-token theToken", "", 1)), &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "Redox would pause the feed") {
		t.Errorf("one proof of two: got %v", err)
	}
}

// What is printed of token requests helps to configure the endpoint, and is no secret.
func TestRedaction(t *testing.T) {
	for got, want := range map[string]string{
		redactForm("grant_type=client_credentials&client_id=redox&client_secret=s3cr%20et&scope=a+b"): "grant_type=client_credentials&client_id=redox&client_secret=[7 bytes]&scope=a+b",
		describe("application/json", []byte(`{"client_id":"redox","client_secret":"s3cret"}`)):        `46 bytes: {"client_id":"redox","client_secret":"[6 bytes]"}`,
		describe("application/json", []byte(`{"Meta":{"Test":true},"Patient":{}}`)):                   "35 bytes",
		describe("application/json", []byte(`{"challenge":"c","verification-token":"s3cret"}`)):       `47 bytes: {"challenge":"c","verification-token":"[6 bytes]"}`,
		redactAuthorization("Basic cmVkb3g6czNjcmV0"):                                                 "Basic [16 bytes]",
		redactAuthorization("Bearer ya29.s3cret"):                                                     "Bearer [11 bytes]",
		redactAuthorization("Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJyZWRveCJ9.c2lnbmF0dXJl"):          `Bearer JWT {"alg":"RS256"} {"iss":"redox"} and a signature [12 bytes]`,
		redactAuthorization("Bearer not.a.JWT"):                                                       "Bearer [9 bytes]",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
