package verifytoken_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const uuid = "d9908e78-6a1c-4f4a-9c3e-0a4d5f4c8f0b"

// bare is a handshake whose proof is elsewhere.
const bare = `{"challenge":"` + uuid + `"}`

// document is the body that Redox documents: compact, in this order.
func document(token, challenge string) string {
	return `{"verification-token":"` + token + `","challenge":"` + challenge + `"}`
}

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Application-Name", "RedoxEngine")
	return r
}

func get(query string, tokens ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/redox?"+query, nil)
	for _, token := range tokens {
		r.Header.Add("verification-token", token)
	}
	return r
}

func withHeader(r *http.Request, token string) *http.Request {
	r.Header.Set("verification-token", token)
	return r
}

func chunked(r *http.Request) *http.Request {
	r.ContentLength = -1
	return r
}

// next fails the test if a handshake reaches it.
func next(t *testing.T) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a handshake reached the handler") })
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandshakeAnswersEveryDocumentedForm(t *testing.T) {
	both := url.Values{"challenge": {uuid}, "verification-token": {newToken}}.Encode()
	tests := []struct {
		name string
		r    *http.Request
	}{
		{"POST", post(document(newToken, uuid))},
		{"POST, the old token during a rotation", post(document(oldToken, uuid))},
		{"POST, members in another order", post(`{ "challenge": "` + uuid + `", "verification-token": "` + newToken + `" }` + "\n")},
		{"POST, another member", post(`{"x":[1,{}],"verification-token":"` + newToken + `","challenge":"` + uuid + `"}`)},
		{"POST, token in the header as well", withHeader(post(document(newToken, uuid)), newToken)},
		{"POST, chunked", chunked(post(document(newToken, uuid)))},
		{"POST, byte by byte", func() *http.Request {
			r := post(document(newToken, uuid))
			r.Body = io.NopCloser(iotest.OneByteReader(r.Body))
			return r
		}()},
		{"POST, the challenge alone, token in the header", withHeader(post(bare), newToken)},
		{"POST, the challenge alone, the old token", withHeader(post(bare), oldToken)},
		{"POST, token null, token in the header", withHeader(post(`{"verification-token":null,"challenge":"`+uuid+`"}`), newToken)},
		{"POST, token empty, token in the header", withHeader(post(document("", uuid)), newToken)},
		{"POST, the challenge alone, chunked", chunked(withHeader(post(" "+bare+"\n"), newToken))},
		{"POST, a byte order mark in front", post("\ufeff" + document(newToken, uuid))},
		{"POST, of 4 KiB", post(fmt.Sprintf("%4096s", document(newToken, uuid)))},
		{"POST, a byte order mark in front of the challenge alone", withHeader(post("\ufeff"+bare), newToken)},
		{"POST, token in the body, empty header", withHeader(post(document(newToken, uuid)), "")},
		// Adapters of frameworks may leave ContentLength zero.
		{"POST, length not known", func() *http.Request { r := post(document(newToken, uuid)); r.ContentLength = 0; return r }()},
		{"GET, both in the query", get(both)},
		{"GET, empty token in the query, token in the header", get("challenge="+uuid+"&verification-token=", newToken)},
		{"GET, another parameter, token in the header", get("feed=1&challenge="+uuid, newToken)},
		{"GET, token in the header", get("challenge="+uuid, newToken)},
		{"GET, token in both", get(both, newToken)},
	}
	v := newVerifier(t, newToken, oldToken)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := serve(v.Handshake(next(t)), tt.r)
			if w.Code != http.StatusOK || w.Body.String() != uuid {
				t.Errorf("got %d %q, want 200 and the challenge", w.Code, w.Body)
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
		})
	}
}

func TestHandshakeRefusesAndEchoesNothing(t *testing.T) {
	tests := []struct {
		name   string
		r      *http.Request
		want   error
		reason redoxauth.Reason
	}{
		{"POST, wrong token", post(document("wrong", uuid)), redoxauth.ErrRejected, "token"},
		{"POST, header disagrees", withHeader(post(document(newToken, uuid)), "wrong"), redoxauth.ErrRejected, "token"},
		{"POST, header holds the other configured token", withHeader(post(document(newToken, uuid)), oldToken), redoxauth.ErrRejected, "token"},
		{"POST, right header, wrong body", withHeader(post(document("wrong", uuid)), newToken), redoxauth.ErrRejected, "token"},
		{"POST, two headers", func() *http.Request {
			r := post(document(newToken, uuid))
			r.Header["Verification-Token"] = []string{newToken, newToken}
			return r
		}(), redoxauth.ErrMalformed, "malformed"},
		{"POST, two tokens", post(`{"verification-token":"wrong","verification-token":"` + newToken + `","challenge":"` + uuid + `"}`), redoxauth.ErrMalformed, "malformed"},
		{"POST, two challenges", post(`{"verification-token":"` + newToken + `","challenge":"a","challenge":"b"}`), redoxauth.ErrMalformed, "malformed"},
		{"POST, token is a number", post(`{"verification-token":1,"challenge":"` + uuid + `"}`), redoxauth.ErrMalformed, "malformed"},
		{"POST, challenge is an object", post(`{"verification-token":"` + newToken + `","challenge":{}}`), redoxauth.ErrMalformed, "malformed"},
		{"POST, empty challenge", post(document(newToken, "")), redoxauth.ErrMalformed, "challenge"},
		{"POST, long challenge", post(document(newToken, strings.Repeat("x", 1025))), redoxauth.ErrMalformed, "challenge"},
		// CRLF would split the answer of a careless receiver.
		{"POST, line break in the challenge", post(document(newToken, `a\r\nSet-Cookie: b`)), redoxauth.ErrMalformed, "challenge"},
		{"POST, the challenge alone, wrong header", withHeader(post(bare), "wrong"), redoxauth.ErrRejected, "token"},
		{"POST, token null, wrong header", withHeader(post(`{"verification-token":null,"challenge":"`+uuid+`"}`), "wrong"), redoxauth.ErrRejected, "token"},
		{"POST, token empty, wrong header", withHeader(post(document("", uuid)), "wrong"), redoxauth.ErrRejected, "token"},
		{"POST, the challenge alone, two headers", func() *http.Request {
			r := post(bare)
			r.Header["Verification-Token"] = []string{newToken, newToken}
			return r
		}(), redoxauth.ErrMalformed, "malformed"},
		{"POST, an empty header before the right one", func() *http.Request {
			r := post(bare)
			r.Header["Verification-Token"] = []string{"", newToken}
			return r
		}(), redoxauth.ErrMalformed, "malformed"},
		{"POST, two challenges alone", withHeader(post(`{"challenge":"a","challenge":"b"}`), newToken), redoxauth.ErrMalformed, "malformed"},
		{"POST, a number alone", withHeader(post(`{"challenge":1}`), newToken), redoxauth.ErrMalformed, "malformed"},
		{"POST, null before the token", post(`{"verification-token":null,"verification-token":"` + newToken + `","challenge":"` + uuid + `"}`), redoxauth.ErrMalformed, "malformed"},
		{"POST, the token before null", post(`{"verification-token":"` + newToken + `","verification-token":null,"challenge":"` + uuid + `"}`), redoxauth.ErrMalformed, "malformed"},
		{"POST, token is an object, right header", withHeader(post(`{"verification-token":{},"challenge":"`+uuid+`"}`), newToken), redoxauth.ErrMalformed, "malformed"},
		{"POST, empty challenge alone", withHeader(post(`{"challenge":""}`), newToken), redoxauth.ErrMalformed, "challenge"},
		{"POST, 1026 bytes of 513 letters", post(document(newToken, strings.Repeat("é", 513))), redoxauth.ErrMalformed, "challenge"},
		{"POST, long challenge alone", withHeader(post(`{"challenge":"`+strings.Repeat("x", 1025)+`"}`), newToken), redoxauth.ErrMalformed, "challenge"},
		{"POST, line break in a challenge alone", withHeader(post(`{"challenge":"a\nb"}`), newToken), redoxauth.ErrMalformed, "challenge"},
		{"GET, empty token in the query, wrong header", get("challenge="+uuid+"&verification-token=", "wrong"), redoxauth.ErrRejected, "token"},
		{"GET, an empty token before the right one", get("challenge=" + uuid + "&verification-token=&verification-token=" + newToken), redoxauth.ErrMalformed, "query"},
		{"GET, wrong token in the query", get("challenge=" + uuid + "&verification-token=wrong"), redoxauth.ErrRejected, "token"},
		{"GET, wrong token in the header", get("challenge="+uuid, "wrong"), redoxauth.ErrRejected, "token"},
		{"GET, query and header disagree", get("challenge="+uuid+"&verification-token="+newToken, oldToken), redoxauth.ErrRejected, "token"},
		{"GET, two challenges", get("challenge=a&challenge=b&verification-token=" + newToken), redoxauth.ErrMalformed, "query"},
		{"GET, two tokens", get("challenge=a&verification-token=wrong&verification-token=" + newToken), redoxauth.ErrMalformed, "query"},
		{"GET, bad escape", get("challenge=a&verification-token=" + newToken + "&x=%zz"), redoxauth.ErrMalformed, "query"},
		{"GET, two headers", get("challenge=a", newToken, newToken), redoxauth.ErrMalformed, "malformed"},
		{"GET, control character", get("challenge=%00&verification-token=" + newToken), redoxauth.ErrMalformed, "challenge"},
		{"GET, DEL", get("challenge=%7f&verification-token=" + newToken), redoxauth.ErrMalformed, "challenge"},
		{"POST, a control character that is not ASCII", post(document(newToken, "\u0085")), redoxauth.ErrMalformed, "challenge"},
		{"GET, not UTF-8", get("challenge=%ff&verification-token=" + newToken), redoxauth.ErrMalformed, "challenge"},
		// Who does not know the token learns nothing about the challenge.
		{"POST, wrong token and empty challenge", post(document("wrong", "")), redoxauth.ErrRejected, "token"},
		{"GET, wrong token and control character", get("challenge=%00&verification-token=wrong"), redoxauth.ErrRejected, "token"},
		{"POST, header disagrees and empty challenge", withHeader(post(document(newToken, "")), oldToken), redoxauth.ErrRejected, "token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got redoxauth.Decision
			v, err := verifytoken.New(verifytoken.Config{
				Tokens:  []string{newToken, oldToken},
				Observe: func(_ *http.Request, d redoxauth.Decision) { got = d },
			})
			if err != nil {
				t.Fatal(err)
			}
			w := serve(v.Handshake(next(t)), tt.r)
			if w.Code != redoxauth.StatusCode(tt.want) {
				t.Errorf("got %d, want %d", w.Code, redoxauth.StatusCode(tt.want))
			}
			if body := w.Body.String(); body != http.StatusText(w.Code)+"\n" {
				t.Errorf("got body %q, want one fixed line", body)
			}
			for name := range w.Header() {
				if !slices.Contains([]string{"Cache-Control", "Content-Type", "Www-Authenticate", "X-Content-Type-Options"}, name) {
					t.Errorf("the answer has the header %s: %q", name, w.Header()[name])
				}
			}
			verifiertest.CheckError(t, got.Err, tt.want, tt.reason)
			if got.Err != nil && strings.Contains(got.Err.Error(), newToken) {
				t.Errorf("the error shows the token: %v", got.Err)
			}
		})
	}
}

func TestHandshakePassesEverythingElseOnIntact(t *testing.T) {
	large := document(newToken, strings.Repeat("x", 5000))
	tests := []struct {
		name string
		r    *http.Request
		body string
	}{
		{"a message", withHeader(post(`{"Meta":{"DataModel":"PatientAdmin"}}`), newToken), `{"Meta":{"DataModel":"PatientAdmin"}}`},
		{"no JSON", post("MSH|^~\\&|"), "MSH|^~\\&|"},
		{"no body", post(""), ""},
		{"a nil body", func() *http.Request { r := post(""); r.Body = nil; return r }(), ""},
		{"JSON with something after it", post(document(newToken, uuid) + "{}"), document(newToken, uuid) + "{}"},
		{"JSON that breaks off", post(`{"verification-token":"x","challenge":"y"`), `{"verification-token":"x","challenge":"y"`},
		{"JSON that breaks off in a list", post(`{"verification-token":"` + newToken + `","challenge":"x","a":[[]`), `{"verification-token":"` + newToken + `","challenge":"x","a":[[]`},
		{"a list", post(`["verification-token","challenge"]`), `["verification-token","challenge"]`},
		{"a list of names and values", post(`["verification-token","` + newToken + `","challenge","x"]`), `["verification-token","` + newToken + `","challenge","x"]`},
		{"other case", post(`{"Verification-Token":"x","Challenge":"y"}`), `{"Verification-Token":"x","Challenge":"y"}`},
		{"nested", post(`{"a":` + document(newToken, uuid) + `}`), `{"a":` + document(newToken, uuid) + `}`},
		{"larger than a handshake", post(large), large},
		{"larger than a handshake, chunked", chunked(post(large)), large},
		{"GET without challenge", get("verification-token=" + newToken), ""},
		{"GET with a challenge and no token", get("challenge=" + uuid), ""},
		{"GET with an empty token", get("challenge=" + uuid + "&verification-token="), ""},
		{"GET with an empty header", get("challenge="+uuid, ""), ""},
		{"a challenge and no token", post(bare), bare},
		{"a challenge and no token, chunked", chunked(post(bare)), bare},
		{"a challenge and an empty header", withHeader(post(bare), ""), bare},
		{"a challenge and null", post(`{"challenge":"x","verification-token":null}`), `{"challenge":"x","verification-token":null}`},
		{"a challenge and an empty token", post(document("", uuid)), document("", uuid)},
		{"two challenges and no token", post(`{"challenge":"x","challenge":"y"}`), `{"challenge":"x","challenge":"y"}`},
		// A message has other members, and its token in the header.
		{"a message with a challenge", withHeader(post(`{"challenge":"x","Meta":{}}`), newToken), `{"challenge":"x","Meta":{}}`},
		{"a message with a challenge and a null token", withHeader(post(`{"challenge":"x","verification-token":null,"id":1}`), newToken), `{"challenge":"x","verification-token":null,"id":1}`},
		{"a message with a challenge and an empty token", withHeader(post(`{"challenge":"x","verification-token":"","id":1}`), newToken), `{"challenge":"x","verification-token":"","id":1}`},
		{"a message with a challenge that is no text", withHeader(post(`{"challenge":5,"id":1}`), newToken), `{"challenge":5,"id":1}`},
		{"a message with a byte order mark", withHeader(post("\ufeff"+`{"Meta":{}}`), newToken), "\ufeff" + `{"Meta":{}}`},
		{"two byte order marks", post("\ufeff\ufeff" + document(newToken, uuid)), "\ufeff\ufeff" + document(newToken, uuid)},
		{"other case alone", withHeader(post(`{"Challenge":"x"}`), newToken), `{"Challenge":"x"}`},
		{"a token alone", withHeader(post(`{"verification-token":"`+newToken+`"}`), newToken), `{"verification-token":"` + newToken + `"}`},
		{"no URL", func() *http.Request { r := get("challenge="+uuid, newToken); r.URL = nil; return r }(), ""},
		{"PUT", func() *http.Request { r := post(document(newToken, uuid)); r.Method = "PUT"; return r }(), document(newToken, uuid)},
	}
	v := newVerifier(t, newToken)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			called := false
			h := v.Handshake(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				called = true
				var body []byte
				if r.Body != nil {
					body, _ = io.ReadAll(r.Body)
				}
				if string(body) != tt.body {
					t.Errorf("got body of %d bytes %.80q, want %d bytes", len(body), body, len(tt.body))
				}
				w.WriteHeader(http.StatusAccepted)
			}))
			if w := serve(h, tt.r); !called || w.Code != http.StatusAccepted {
				t.Errorf("got %d, called %v, want it passed on", w.Code, called)
			}
		})
	}
}

func TestHandshakeReadsAtMost4KiB(t *testing.T) {
	var read int
	r := chunked(post(""))
	r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
		read += len(p)
		return len(p), nil // an endless body
	}))
	serve(newVerifier(t, newToken).Handshake(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), r)
	if read > 8<<10 {
		t.Errorf("read %d bytes before passing on", read)
	}
	r = post("")
	r.ContentLength = 4097
	r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
		t.Error("read the body of a message that declares more than a handshake has")
		return 0, io.EOF
	}))
	serve(newVerifier(t, newToken).Handshake(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), r)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A peer that declares a small body and does not send it must not hold the handler
// for longer than its context.
func TestHandshakeOfAStallingPeerEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	body, _ := io.Pipe()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/redox", body)
	r.ContentLength = 93
	cancel()
	w := serve(newVerifier(t, newToken).Handshake(next(t)), r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", w.Code)
	}
}

func TestChallengeOf1024BytesIsAnswered(t *testing.T) {
	long := strings.Repeat("x", 1024)
	w := serve(newVerifier(t, newToken).Handshake(next(t)), post(document(newToken, long)))
	if w.Code != http.StatusOK || w.Body.String() != long {
		t.Errorf("got %d and %d bytes, want 200 and the challenge", w.Code, w.Body.Len())
	}
}

// Redox documents no alphabet. What is no control character is repeated as it came, also if nobody
// can see it.
func TestChallengeOfOtherCharactersIsAnswered(t *testing.T) {
	v := newVerifier(t, newToken)
	for name, challenge := range map[string]string{
		"a space": "a b", "letters": "größe", "a no-break space": "a\u00a0b", "a zero-width space": "a\u200bb", "a byte order mark": "\ufeffa",
		"a line separator": "a\u2028b", "for private use": "\ue000", "not assigned": "\u0378", "more than 16 bits": "\U0001f3e5", "markup": "<a href='#'>",
	} {
		query := "challenge=" + url.QueryEscape(challenge)
		alone := `{"challenge":"` + challenge + `"}`
		h := redoxauth.Middleware(credential(true), nil)(verifytoken.Challenge(next(t)))
		for form, w := range map[string]*httptest.ResponseRecorder{
			"POST":                    serve(v.Handshake(next(t)), post(document(newToken, challenge))),
			"POST, token in a header": serve(v.Handshake(next(t)), withHeader(post(alone), newToken)),
			"GET":                     serve(v.Handshake(next(t)), get(query+"&verification-token="+newToken)),
			"POST, by a credential":   serve(h, genuine(post(alone))),
			"GET, by a credential":    serve(h, genuine(get(query))),
		} {
			if w.Code != http.StatusOK || w.Body.String() != challenge {
				t.Errorf("%s, %s: got %d %+q, want 200 and %+q", name, form, w.Code, w.Body, challenge)
			}
			// net/http would guess HTML.
			if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("%s, %s: Content-Type %q", name, form, got)
			}
		}
	}
}

// A small POST that did not arrive as a whole may have been a handshake, whatever its headers. The
// handler would take it for a message.
func TestSmallPOSTThatDoesNotArriveIsNoMessage(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		status int
	}{
		"breaks off": {io.ErrUnexpectedEOF, http.StatusBadRequest},
		"too slow":   {os.ErrDeadlineExceeded, http.StatusServiceUnavailable},
	} {
		for _, token := range []string{"", newToken} {
			r := withHeader(post(""), token)
			r.ContentLength = 93
			r.Body = io.NopCloser(iotest.ErrReader(tt.err))
			if w := serve(newVerifier(t, newToken).Handshake(next(t)), r); w.Code != tt.status {
				t.Errorf("%s, header %t: got %d, want %d", name, token != "", w.Code, tt.status)
			}
		}
	}
}

// The time for a handshake is that of any body, 60 s. It is not more because it needs no room
// in MaxInFlight.
func TestHandshakeThatStallsEndsAfterBodyTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, end := io.Pipe()
		defer end.Close()
		r := httptest.NewRequest(http.MethodPost, "/redox", body)
		r.ContentLength = 93
		var seen redoxauth.Decision
		v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: func(_ *http.Request, d redoxauth.Decision) { seen = d }})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		w := serve(v.Handshake(next(t)), r)
		if got := time.Since(start); w.Code != http.StatusServiceUnavailable || got != time.Minute || seen.Duration != got {
			t.Errorf("status %d after %v, observed as %v, want 503 after 1m0s", w.Code, got, seen.Duration)
		}
	})
}

// net/http has no other way to end a read than the deadline of the writer: without it a stranger
// holds the handler until http.Server.ReadTimeout, which is none by default.
func TestReadDeadlineOfTheWriterEndsAStall(t *testing.T) {
	v := newVerifier(t, newToken)
	for name, h := range map[string]http.Handler{
		"Handshake": v.Handshake(next(t)),
		"Challenge": verifytoken.Challenge(next(t)),
		"CheckHandshake": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _, err := v.CheckHandshake(w, r)
			redoxauth.WriteError(w, err)
		}),
	} {
		for _, limit := range []time.Duration{time.Second, time.Hour} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(redoxauth.NewContext(t.Context(), &redoxauth.Identity{}), limit)
				defer cancel()
				body, peer := io.Pipe()
				w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder(), set: func(deadline time.Time) {
					if deadline.Before(time.Now()) {
						peer.CloseWithError(os.ErrDeadlineExceeded)
					}
				}}
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/redox", io.NopCloser(body))
				r.ContentLength = 93
				start := time.Now()
				h.ServeHTTP(w, r)
				if got, want := time.Since(start), min(limit, time.Minute); got != want || w.Code != http.StatusServiceUnavailable {
					t.Errorf("%s: %d after %v, want 503 after %v", name, w.Code, got, want)
				}
			})
		}
	}
}

// A deadlineWriter has a read deadline, as the writers of net/http have.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	set func(time.Time)
}

func (w *deadlineWriter) SetReadDeadline(deadline time.Time) error {
	w.set(deadline)
	return nil
}

func TestHandshakeIsUnavailableWhileTokensAre(t *testing.T) {
	sealed := errors.New("vault is sealed")
	var observed error
	v, err := verifytoken.New(verifytoken.Config{
		TokensFunc: func(context.Context) ([]string, error) { return nil, sealed },
		Observe:    func(_ *http.Request, d redoxauth.Decision) { observed = d.Err },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*http.Request{
		"token in the body":   post(document(newToken, uuid)),
		"token in the header": withHeader(post(bare), newToken),
		"header disagrees":    withHeader(post(document(newToken, uuid)), oldToken),
		"empty challenge":     post(document(newToken, "")),
	} {
		w := serve(v.Handshake(next(t)), r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: got %d, Retry-After %q, want 503 with one", name, w.Code, w.Header().Get("Retry-After"))
		}
		if !errors.Is(observed, sealed) || !errors.Is(observed, redoxauth.ErrUnavailable) {
			t.Errorf("%s: observed %v, want the cause in it", name, observed)
		}
	}
}

func TestHandshakeIsObserved(t *testing.T) {
	var got redoxauth.Decision
	v, err := verifytoken.New(verifytoken.Config{
		Tokens:  []string{newToken, oldToken},
		Observe: func(_ *http.Request, d redoxauth.Decision) { got = d },
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(v.Handshake(next(t)), post(document(oldToken, uuid)))
	if got.Identity == nil || got.Identity.KeyID != "1" || got.Err != nil || got.Event != "handshake" || got.Status != http.StatusOK {
		t.Errorf("got %+v, want an accepted handshake with the position of the old token", got)
	}
	serve(v.Handshake(next(t)), post(document("wrong", uuid)))
	if got.Identity != nil || got.Event != "handshake" || got.Status != http.StatusUnauthorized {
		t.Errorf("got %+v, want a refused handshake", got)
	}
}

// Over real HTTP, in front of both kinds of wrapper.
func TestHandshakeOverHTTP(t *testing.T) {
	v := newVerifier(t, newToken)
	received := ""
	server := httptest.NewServer(v.Handshake(v.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received = string(body)
	}))))
	defer server.Close()
	send := func(body string, token string) int {
		r, _ := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(body))
		if token != "" {
			r.Header.Set("verification-token", token)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := send(document(newToken, uuid), ""); got != http.StatusOK || received != "" {
		t.Errorf("handshake: got %d, handler received %q", got, received)
	}
	if got := send(`{"a":1}`, newToken); got != http.StatusOK || received != `{"a":1}` {
		t.Errorf("message: got %d, handler received %q", got, received)
	}
	if got := send(`{"a":2}`, ""); got != http.StatusUnauthorized || received != `{"a":1}` {
		t.Errorf("without token: got %d, handler received %q", got, received)
	}
}

func FuzzHandshake(f *testing.F) {
	for _, body := range []string{
		document(newToken, uuid), document("wrong", uuid), bare, document("", uuid), `{"verification-token":null,"challenge":"a"}`,
		`{"verification-token":null}`, `{"challenge":"a","b":1}`, "[", `{"challenge":"a","challenge":"b"`, `{"challenge":"a","challenge":"b"}`,
	} {
		f.Add(body, "challenge=a&verification-token="+newToken, newToken)
		f.Add(body, "challenge=a", "")
		f.Add("\ufeff"+body, "", newToken)
	}
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, query, token string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request := func() *http.Request {
				r := httptest.NewRequest(method, "/redox", strings.NewReader(body))
				r.URL.RawQuery = query
				r.Header.Set("verification-token", token)
				return r
			}
			passed := func(w http.ResponseWriter, r *http.Request) {
				if b, err := io.ReadAll(r.Body); string(b) != body || err != nil {
					t.Errorf("passed on %q, %v, want %q", b, err, body)
				}
				w.WriteHeader(http.StatusAccepted)
			}
			sent := members(method, body, query)
			w := serve(v.Handshake(http.HandlerFunc(passed)), request())
			switch w.Code {
			case http.StatusAccepted:
			case http.StatusOK:
				beside := sent["verification-token"]
				if none := beside == nil || beside == ""; !(beside == newToken || none && token == newToken) {
					t.Errorf("%s %q %q %q: accepted without the token", method, query, token, body)
				}
				if w.Body.String() != sent["challenge"] {
					t.Errorf("%s %q %q: echoed %q", method, query, body, w.Body)
				}
			case http.StatusUnauthorized, http.StatusBadRequest:
			default:
				t.Errorf("got %d", w.Code)
			}

			r := request()
			explained, _, _ := strings.Cut(v.Explain(r), "\n")
			challenge, handled, err := v.CheckHandshake(nil, r)
			decided := err
			if !handled {
				_, decided = v.Verify(r)
			}
			if decided != nil && explained != decided.Error() || decided == nil && !strings.HasPrefix(explained, "verifytoken: accepted") {
				t.Errorf("%s %q %q: explained as %q, decided %v", method, query, body, explained, decided)
			}
			if want := w.Code != http.StatusAccepted; handled != want || redoxauth.StatusCode(err) != w.Code && handled || err == nil && handled && challenge != w.Body.String() {
				t.Errorf("CheckHandshake: %q, %v, %v; Handshake: %d %q", challenge, handled, err, w.Code, w.Body)
			}
			passed(httptest.NewRecorder(), r)

			inner := verifytoken.Challenge(http.HandlerFunc(passed))
			if w := serve(inner, request()); w.Code != http.StatusAccepted {
				t.Errorf("%s %q %q: Challenge answered %d to nobody", method, query, body, w.Code)
			}
			r = request()
			w = serve(inner, r.WithContext(redoxauth.NewContext(r.Context(), &redoxauth.Identity{})))
			if w.Code == http.StatusAccepted {
				continue
			}
			if w.Code != http.StatusOK || w.Body.String() != sent["challenge"] || w.Body.Len() == 0 {
				t.Errorf("%s %q %q: Challenge answered %d %q", method, query, body, w.Code, w.Body)
			}
			delete(sent, "challenge")
			if beside := sent["verification-token"]; beside == nil || beside == "" {
				delete(sent, "verification-token")
			}
			if method == http.MethodPost && len(sent) > 0 {
				t.Errorf("%q: Challenge took a message for a handshake", body)
			}
		}
	})
}

// members reads the query of a GET, or the object in the body of a POST, with the decoders
// that a careless receiver would use.
func members(method, body, query string) map[string]any {
	all := map[string]any{}
	if method == http.MethodPost {
		json.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &all)
		return all
	}
	values, _ := url.ParseQuery(query)
	for name := range values {
		all[name] = values.Get(name)
	}
	return all
}

// What strangers have in flight must not keep a genuine message or handshake out, even
// when they have used up the budget for bodies of unproven requests.
func TestHandshakeNeedsNoBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("buffers 160 MiB")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	arrived := make(chan error)
	holds := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		arrived <- redoxauth.HashBody(r, crc32.NewIEEE())
		<-ctx.Done()
		return nil, redoxauth.ErrRejected
	})
	for range 4 { // half of the default budget
		body := io.LimitReader(readerFunc(func(p []byte) (int, error) { return len(p), nil }), redoxauth.DefaultMaxBodyBytes)
		go redoxauth.Check(holds, nil, httptest.NewRequest(http.MethodPost, "/", body), nil)
	}
	for range 4 {
		if err := <-arrived; err != nil {
			t.Fatal(err)
		}
	}
	reads := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) { return nil, redoxauth.HashBody(r, crc32.NewIEEE()) })
	if _, err := redoxauth.Check(reads, nil, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x")), nil); redoxauth.StatusCode(err) != http.StatusServiceUnavailable {
		t.Fatalf("got %v: the budget is not used up", err)
	}
	v := newVerifier(t, newToken)
	if w := serve(v.Handshake(next(t)), post(document(newToken, uuid))); w.Code != http.StatusOK {
		t.Errorf("handshake: got %d, want 200", w.Code)
	}
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if w := serve(v.Handshake(v.Wrap(ok)), message(newToken)); w.Code != http.StatusOK {
		t.Errorf("message: got %d, want 200", w.Code)
	}
}

// encoding/json makes U+FFFD of what is not UTF-8, and the echo would not be exact.
func TestHandshakeEchoesExactlyOrNotAtAll(t *testing.T) {
	v := newVerifier(t, newToken)
	if w := serve(v.Handshake(v.Wrap(next(t))), post(document(newToken, "\xff"))); w.Code != http.StatusUnauthorized {
		t.Errorf("not UTF-8: got %d, want it passed on, and refused for want of the header", w.Code)
	}
	if w := serve(v.Handshake(next(t)), post(document(newToken, `\ud800`))); w.Code != http.StatusBadRequest {
		t.Errorf("lone surrogate: got %d, want 400", w.Code)
	}
}
