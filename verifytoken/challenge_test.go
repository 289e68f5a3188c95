package verifytoken_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A credential stands for a strategy: "Authorization: genuine" is accepted. Some strategies
// read the body, as a signature does, and some do not.
func credential(readsBody bool) redoxauth.Verifier {
	return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if r.Header.Get("Authorization") != "genuine" {
			return nil, redoxauth.ErrNoCredentials
		}
		if readsBody {
			if err := redoxauth.HashBody(r, crc32.NewIEEE()); err != nil {
				return nil, err
			}
		}
		return &redoxauth.Identity{Strategy: "credential"}, nil
	})
}

func genuine(r *http.Request) *http.Request {
	r.Header.Set("Authorization", "genuine")
	return r
}

// "(Optional) Create an auth credential or verification token" is a step of Redox's page
// https://docs.redoxengine.com/permalink/5FMTxkOE7yrDCBgiqfV3Z7: a destination may have a
// credential alone.
func TestChallengeAnswersAcceptedRequests(t *testing.T) {
	for name, request := range map[string]func() *http.Request{
		"POST":                    func() *http.Request { return post(bare) },
		"POST, token null":        func() *http.Request { return post(`{"verification-token":null,"challenge":"` + uuid + `"}`) },
		"POST, token empty":       func() *http.Request { return post(document("", uuid)) },
		"POST, white space":       func() *http.Request { return post("\n{ \"challenge\" : \"" + uuid + "\" }\n") },
		"POST, chunked":           func() *http.Request { return chunked(post(bare)) },
		"POST, token in a header": func() *http.Request { return withHeader(post(bare), newToken) },
		"GET":                     func() *http.Request { return get("challenge=" + uuid) },
		"GET, empty token":        func() *http.Request { return get("challenge=" + uuid + "&verification-token=") },
		"GET, another parameter":  func() *http.Request { return get("feed=1&challenge=" + uuid) },
	} {
		for _, readsBody := range []bool{true, false} {
			h := redoxauth.Middleware(credential(readsBody), nil)(verifytoken.Challenge(next(t)))
			w := serve(h, genuine(request()))
			if w.Code != http.StatusOK || w.Body.String() != uuid {
				t.Errorf("%s: got %d %q, want 200 and the challenge", name, w.Code, w.Body)
			}
			for name, want := range map[string]string{
				"Content-Type":            "text/plain; charset=utf-8",
				"X-Content-Type-Options":  "nosniff",
				"Cache-Control":           "no-store",
				"Content-Security-Policy": "default-src 'none'",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if w := serve(h, request()); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), uuid) {
				t.Errorf("%s, no credential: got %d %q, want 401 and no challenge", name, w.Code, w.Body)
			}
		}
	}
}

func TestChallengePassesEverythingElseOn(t *testing.T) {
	long := strings.Repeat("x", 1025)
	large := `{"challenge":"` + strings.Repeat("x", 5000) + `"}`
	for name, tt := range map[string]struct {
		r    *http.Request
		body string
	}{
		"a message":                        {post(`{"Meta":{}}`), `{"Meta":{}}`},
		"a message with a challenge":       {post(`{"challenge":"x","Meta":{}}`), `{"challenge":"x","Meta":{}}`},
		"a message with null":              {post(`{"challenge":"x","verification-token":null,"a":1}`), `{"challenge":"x","verification-token":null,"a":1}`},
		"a token that nobody checked":      {post(document("x", "y")), document("x", "y")},
		"a token that is a number":         {post(`{"challenge":"x","verification-token":0}`), `{"challenge":"x","verification-token":0}`},
		"a challenge that is a number":     {post(`{"challenge":1}`), `{"challenge":1}`},
		"a challenge that is null":         {post(`{"challenge":null}`), `{"challenge":null}`},
		"two challenges":                   {post(`{"challenge":"x","challenge":"y"}`), `{"challenge":"x","challenge":"y"}`},
		"two tokens":                       {post(`{"challenge":"x","verification-token":null,"verification-token":""}`), `{"challenge":"x","verification-token":null,"verification-token":""}`},
		"other case":                       {post(`{"Challenge":"x"}`), `{"Challenge":"x"}`},
		"an empty challenge":               {post(`{"challenge":""}`), `{"challenge":""}`},
		"a long challenge":                 {post(`{"challenge":"` + long + `"}`), `{"challenge":"` + long + `"}`},
		"a line break":                     {post(`{"challenge":"a\r\nb"}`), `{"challenge":"a\r\nb"}`},
		"a lone surrogate":                 {post(`{"challenge":"\ud800"}`), `{"challenge":"\ud800"}`},
		"a list":                           {post(`["challenge"]`), `["challenge"]`},
		"a list of two":                    {post(`["challenge","x"]`), `["challenge","x"]`},
		"a string":                         {post(`"challenge"`), `"challenge"`},
		"something after it":               {post(bare + bare), bare + bare},
		"JSON that breaks off":             {post(`{"challenge":"x"`), `{"challenge":"x"`},
		"larger than a handshake":          {post(large), large},
		"the same, chunked":                {chunked(post(large)), large},
		"no body":                          {post(""), ""},
		"PUT":                              {func() *http.Request { r := post(bare); r.Method = "PUT"; return r }(), bare},
		"GET without a challenge":          {get("a=b"), ""},
		"GET with two":                     {get("challenge=x&challenge=y"), ""},
		"GET with an empty one":            {get("challenge="), ""},
		"GET with a control character":     {get("challenge=%0a"), ""},
		"GET with a malformed query":       {get("challenge=x&a=%zz"), ""},
		"GET with a challenge in a body":   {func() *http.Request { r := post(bare); r.Method = "GET"; return r }(), bare},
		"POST with a challenge in a query": {func() *http.Request { r := post("{}"); r.URL.RawQuery = "challenge=x"; return r }(), "{}"},
		"no URL":                           {func() *http.Request { r := get("challenge=x"); r.URL = nil; return r }(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			called := false
			h := verifytoken.Challenge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				called = true
				if body, err := io.ReadAll(r.Body); string(body) != tt.body || err != nil {
					t.Errorf("got body %.80q, %v, want %.80q", body, err, tt.body)
				}
			}))
			w := serve(redoxauth.Middleware(credential(false), nil)(h), genuine(tt.r))
			if !called || w.Body.Len() > 0 {
				t.Errorf("got %d %q, called %v, want it passed on", w.Code, w.Body, called)
			}
		})
	}
}

// Without a wrapper around it, Challenge would answer anybody.
func TestChallengeAnswersNobodyWithoutAnIdentity(t *testing.T) {
	for name, r := range map[string]*http.Request{"POST": post(bare), "GET": get("challenge=" + uuid), "with a token": withHeader(post(bare), newToken)} {
		r.Body = &unread{r.Body, t}
		called := false
		w := serve(verifytoken.Challenge(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })), r)
		if !called || strings.Contains(w.Body.String(), uuid) {
			t.Errorf("%s: got %q, called %v, want it passed on", name, w.Body, called)
		}
	}
}

// An unread body fails the test when it is read.
type unread struct {
	io.ReadCloser
	t *testing.T
}

func (u *unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestChallengeRefusesABodyThatBreaksOff(t *testing.T) {
	r := genuine(post(bare))
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"challenge":`), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })))
	if w := serve(redoxauth.Middleware(credential(false), nil)(verifytoken.Challenge(next(t))), r); w.Code != http.StatusBadRequest {
		t.Errorf("got %d, want 400", w.Code)
	}
}

// One chain serves every setting of the dashboard: a token, a credential, or both.
func TestEverySettingPassesVerifyAndSave(t *testing.T) {
	v := newVerifier(t, newToken)
	server := httptest.NewServer(v.Handshake(redoxauth.Middleware(credential(true), nil)(verifytoken.Challenge(next(t)))))
	defer server.Close()
	proof := signer(func(r *http.Request) { genuine(r) })
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		for name, err := range map[string]error{
			"token beside the challenge": redoxtest.Handshake(t.Context(), server.URL, newToken, method),
			"token in the header":        redoxtest.SignedHandshake(t.Context(), server.URL, redoxtest.VerificationToken{Token: newToken}, method),
			"credential":                 redoxtest.SignedHandshake(t.Context(), server.URL, proof, method),
			"both": redoxtest.SignedHandshake(t.Context(), server.URL, signer(func(r *http.Request) {
				withHeader(genuine(r), newToken)
			}), method),
		} {
			if err != nil {
				t.Errorf("%s, %s: %v", method, name, err)
			}
		}
		for name, err := range map[string]error{
			"wrong token":                           redoxtest.Handshake(t.Context(), server.URL, "wrong", method),
			"wrong token in the header":             redoxtest.SignedHandshake(t.Context(), server.URL, redoxtest.VerificationToken{Token: "wrong"}, method),
			"no proof":                              redoxtest.SignedHandshake(t.Context(), server.URL, signer(func(*http.Request) {}), method),
			"wrong token beside a right credential": redoxtest.SignedHandshake(t.Context(), server.URL, signer(func(r *http.Request) { withHeader(genuine(r), "wrong") }), method),
		} {
			if err == nil || !strings.Contains(err.Error(), "401") {
				t.Errorf("%s, %s: got %v, want 401", method, name, err)
			}
		}
	}
}

type signer func(*http.Request)

func (s signer) Sign(r *http.Request) error {
	s(r)
	return nil
}

// What is passed on keeps its body, however it is sent, through both wrappers.
func TestBodiesArriveIntact(t *testing.T) {
	bodies := map[string]string{
		"small":              `{"Meta":{"DataModel":"PatientAdmin"}}`,
		"with a challenge":   `{"challenge":"x","Meta":{}}`,
		"no JSON":            "MSH|^~\\&|",
		"4096 bytes":         `{"challenge":"` + strings.Repeat("x", 4096-16) + `"}`,
		"4097 bytes":         `{"challenge":"` + strings.Repeat("x", 4097-16) + `"}`,
		"a megabyte":         `{"a":"` + strings.Repeat("x", 1<<20) + `"}`,
		"a challenge, large": `{"challenge":"x"` + strings.Repeat(" ", 5000) + `}`,
	}
	v := newVerifier(t, newToken)
	for _, readsBody := range []bool{true, false} {
		server := httptest.NewUnstartedServer(v.Handshake(redoxauth.Middleware(credential(readsBody), nil)(verifytoken.Challenge(
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				w.Header().Set("Protocol", r.Proto)
				w.Header().Set("Sum", r.Trailer.Get("Sum"))
				w.Write(body)
			})))))
		server.EnableHTTP2 = true
		server.StartTLS()
		defer server.Close()
		roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			// A client that gets no "100 Continue" does not send the body.
			client := &http.Client{Transport: &http.Transport{
				TLSClientConfig:       &tls.Config{RootCAs: roots},
				ForceAttemptHTTP2:     protocol == "HTTP/2.0",
				ExpectContinueTimeout: time.Hour,
			}}
			defer client.CloseIdleConnections()
			for name, body := range bodies {
				for _, way := range []string{"", "chunked", "expect"} {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					defer cancel()
					r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					sum := ""
					switch way {
					case "chunked":
						sum = "1234"
						r.ContentLength, r.Trailer = -1, http.Header{"Sum": {sum}}
					case "expect":
						r.Header.Set("Expect", "100-continue")
					}
					answer, err := client.Do(genuine(r))
					if err != nil {
						t.Fatalf("%s %s %s: %v", protocol, name, way, err)
					}
					got, err := io.ReadAll(answer.Body)
					answer.Body.Close()
					if err != nil || answer.StatusCode != http.StatusOK || !bytes.Equal(got, []byte(body)) {
						t.Errorf("%s %s %s: got %d, %d bytes, %v, want the %d bytes that were sent", protocol, name, way, answer.StatusCode, len(got), err, len(body))
					}
					if got := answer.Header.Get("Sum"); got != sum {
						t.Errorf("%s %s %s: got the trailer %q, want %q", protocol, name, way, got, sum)
					}
					if got := answer.Header.Get("Protocol"); got != protocol {
						t.Fatalf("sent by %s, want %s", got, protocol)
					}
				}
			}
		}
	}
}
