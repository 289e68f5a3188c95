package verifytoken_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// What it decides is held against Handshake in FuzzHandshake.
func TestCheckHandshakeLeavesTheBody(t *testing.T) {
	v := newVerifier(t, newToken)
	for name, tt := range map[string]struct {
		r         *http.Request
		body      string
		challenge string
		handled   bool
		want      error
	}{
		"handshake":         {post(document(newToken, uuid)), document(newToken, uuid), uuid, true, nil},
		"token in a header": {withHeader(post(bare), newToken), bare, uuid, true, nil},
		"GET":               {get("challenge="+uuid, newToken), "", uuid, true, nil},
		"wrong token":       {post(document("wrong", uuid)), document("wrong", uuid), "", true, redoxauth.ErrRejected},
		"malformed":         {post(document(newToken, "")), document(newToken, ""), "", true, redoxauth.ErrMalformed},
		"no token":          {post(bare), bare, "", false, nil},
		"a message":         {withHeader(post(`{"Meta":{}}`), newToken), `{"Meta":{}}`, "", false, nil},
		"a large message":   {withHeader(chunked(post(strings.Repeat("x", 9000))), newToken), strings.Repeat("x", 9000), "", false, nil},
	} {
		challenge, handled, err := v.CheckHandshake(nil, tt.r)
		if challenge != tt.challenge || handled != tt.handled || (err == nil) != (tt.want == nil) {
			t.Errorf("%s: got %q, %v, %v, want %q, %v, %v", name, challenge, handled, err, tt.challenge, tt.handled, tt.want)
		}
		if tt.want != nil && redoxauth.StatusCode(err) != redoxauth.StatusCode(tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if body, err := io.ReadAll(tt.r.Body); string(body) != tt.body || err != nil {
			t.Errorf("%s: the body is %.80q, %v afterwards, want %.80q", name, body, err, tt.body)
		}
	}
}

// Observe sees handshakes, each once, and no body: the next reader needs it.
func TestCheckHandshakeIsObserved(t *testing.T) {
	var seen []redoxauth.Decision
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: func(r *http.Request, d redoxauth.Decision) {
		if body, err := io.ReadAll(r.Body); len(body) > 0 || err != nil {
			t.Errorf("Observe got the body %q, %v", body, err)
		}
		seen = append(seen, d)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		r      *http.Request
		status int // 0: no handshake
	}{
		"handshake":   {withHeader(post(bare), newToken), http.StatusOK},
		"wrong token": {withHeader(post(bare), "wrong"), http.StatusUnauthorized},
		"a message":   {withHeader(post("{}"), newToken), 0},
		"no token":    {post(bare), 0},
	} {
		seen = nil
		body := tt.r.ContentLength
		_, handled, err := v.CheckHandshake(nil, tt.r)
		if rest, _ := io.ReadAll(tt.r.Body); int64(len(rest)) != body {
			t.Errorf("%s: %d bytes are left of %d", name, len(rest), body)
		}
		if tt.status == 0 {
			if handled || len(seen) > 0 {
				t.Errorf("%s: got %v, %v, want it passed on", name, handled, seen)
			}
			continue
		}
		if len(seen) != 1 || seen[0].Event != "handshake" || seen[0].Status != tt.status || seen[0].Err != err || (seen[0].Identity == nil) != (err != nil) {
			t.Errorf("%s: got %+v, %v, want one decision with status %d", name, seen, err, tt.status)
		}
	}
}

// Without a writer the context and 60 s bound the read of a body whose Close ends a Read.
func TestCheckHandshakeEndsWithoutAWriter(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			body, peer := io.Pipe()
			go io.WriteString(peer, `{"challenge":`)
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/redox", body)
			r.ContentLength = 93
			start := time.Now()
			_, handled, err := newVerifier(t, newToken).CheckHandshake(nil, r)
			if !handled || redoxauth.StatusCode(err) != http.StatusServiceUnavailable {
				t.Errorf("got %v, %v, want 503", handled, err)
			}
			if got, want := time.Since(start), min(limit, time.Minute); got != want {
				t.Errorf("it took %v, want %v", got, want)
			}
			peer.Close()
		})
	}
}

// Requests that code made, and not a server, may have no URL.
func TestHandshakeWithoutAURL(t *testing.T) {
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: redoxauth.LogDecisions(slog.New(slog.DiscardHandler))})
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[int]*http.Request{
		http.StatusOK:           post(document(newToken, uuid)),
		http.StatusUnauthorized: post(document("wrong", uuid)),
		http.StatusAccepted:     get("challenge="+uuid, newToken),
	} {
		r.URL = nil
		if w := serve(v.Handshake(verifytoken.Challenge(accepted)), r); w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
	}
}

var accepted = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })

// If something in front has read the body, no handshake can be found. That is the fault of
// the application. A message may need no body: its token is in the header.
func TestHandshakeWhoseBodyIsConsumed(t *testing.T) {
	var seen []redoxauth.Decision
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: func(_ *http.Request, d redoxauth.Decision) { seen = append(seen, d) }})
	if err != nil {
		t.Fatal(err)
	}
	h := v.Handshake(v.Wrap(verifytoken.Challenge(accepted)))
	for name, front := range map[string]func(*http.Request){
		"read":    func(r *http.Request) { io.Copy(io.Discard, r.Body) },
		"dropped": func(r *http.Request) { r.Body = http.NoBody },
		"closed":  func(r *http.Request) { r.Body.Close() },
		"nil":     func(r *http.Request) { r.Body = nil },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			front(r)
			h.ServeHTTP(w, r)
		}))
		defer server.Close()
		for _, length := range []int64{int64(len(bare)), -1} {
			if name != "read" && name != "closed" && length < 0 {
				continue // nothing shows that there was a body
			}
			for token, want := range map[string]int{"": http.StatusInternalServerError, newToken: http.StatusAccepted, "wrong": http.StatusUnauthorized} {
				r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(bare))
				if err != nil {
					t.Fatal(err)
				}
				r.ContentLength = length
				if token != "" {
					withHeader(r, token)
				}
				seen = nil
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != want {
					t.Errorf("%s, length %d, token %q: got %d, want %d", name, length, token, answer.StatusCode, want)
				}
				if token == "" {
					if len(seen) != 1 {
						t.Fatalf("%s: got %v, want one decision", name, seen)
					}
					verifiertest.CheckError(t, seen[0].Err, nil, "body_consumed")
				}
			}
		}
	}
}

// Middleware in front that decompresses or trims a body often leaves Content-Length as it was.
// The message has its body then, only a shorter one, and nobody has consumed it.
func TestHandshakePassesShortenedBodiesOn(t *testing.T) {
	v := newVerifier(t, newToken)
	const text = `{"Meta":{}}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, text)
	z.Close()
	for name, tt := range map[string]struct {
		sent  string
		front func(io.Reader) (io.Reader, error)
	}{
		"decompressed": {zipped.String(), func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"trimmed": {"\ufeff" + text, func(r io.Reader) (io.Reader, error) {
			data, err := io.ReadAll(r)
			return strings.NewReader(strings.TrimPrefix(string(data), "\ufeff")), err
		}},
	} {
		for wrapped, h := range map[string]http.Handler{
			"Handshake": v.Handshake(v.Wrap(echo)),
			"Challenge": v.Wrap(verifytoken.Challenge(echo)),
			"nobody":    v.Handshake(echo), // such as another proof
		} {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := tt.front(r.Body)
				if err != nil {
					t.Error(err)
				}
				r.Body = io.NopCloser(body)
				h.ServeHTTP(w, r)
			}))
			defer server.Close()
			r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(tt.sent))
			if err != nil {
				t.Fatal(err)
			}
			if wrapped != "nobody" {
				withHeader(r, newToken)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK || string(body) != text || err != nil {
				t.Errorf("%s, %s: got %d %q, %v, want 200 %q", name, wrapped, answer.StatusCode, body, err, text)
			}
		}
	}
}

var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })

// An empty body is no consumed one.
func TestHandshakePassesEmptyBodiesOn(t *testing.T) {
	v := newVerifier(t, newToken)
	server := httptest.NewServer(v.Handshake(redoxauth.Middleware(credential(true), nil)(verifytoken.Challenge(accepted))))
	defer server.Close()
	for _, body := range []io.Reader{nil, strings.NewReader(""), io.MultiReader()} { // the last is chunked
		r, err := http.NewRequest(http.MethodPost, server.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(genuine(r))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusAccepted {
			t.Errorf("got %d, want 202", answer.StatusCode)
		}
	}
}
