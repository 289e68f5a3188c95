package redoxauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// logged returns what LogDecisions writes about one decision.
func logged(t *testing.T, r *http.Request, d redoxauth.Decision) map[string]any {
	t.Helper()
	var out bytes.Buffer
	redoxauth.LogDecisions(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))(r, d)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	delete(line, "time")
	return line
}

func TestLogDecisions(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/redox/adt?verification-token=secret", nil)
	const help = "redoxauth.Explain(verifier, r) tells what to change"
	request := map[string]any{"event": "message", "method": "POST", "path": "/redox/adt", "remote": "192.0.2.1:1234", "duration": float64(time.Millisecond)}
	for name, tt := range map[string]struct {
		d    redoxauth.Decision
		want map[string]any
	}{
		"accepted": {
			redoxauth.Decision{Identity: &redoxauth.Identity{Strategy: "sigv4", Subject: "AKIDEXAMPLE", KeyID: "0"}},
			map[string]any{"level": "INFO", "msg": "redox request accepted", "strategy": "sigv4", "subject": "AKIDEXAMPLE", "key_id": "0"},
		},
		"refused": {
			redoxauth.Decision{Err: &redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: "sigv4", Reason: "signature"}},
			map[string]any{"level": "WARN", "msg": "redox request refused", "status": 401.0, "strategy": "sigv4", "reason": "signature", "error": "sigv4: credentials rejected (signature)", "help": help},
		},
		"our own outage": {
			redoxauth.Decision{Err: &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "wif", Reason: "keys", Err: errors.New("connection refused")}},
			map[string]any{"level": "ERROR", "msg": "redox request refused", "status": 503.0, "strategy": "wif", "reason": "keys", "error": "wif: cannot be decided now (keys): connection refused", "help": help},
		},
		"a report": {
			redoxauth.Decision{Event: "report", Err: &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "wif", Reason: "keys"}},
			map[string]any{"level": "WARN", "msg": "redox request would be refused", "event": "report", "status": 503.0, "strategy": "wif", "reason": "keys", "error": "wif: cannot be decided now (keys)", "help": help},
		},
		"a report, accepted": {
			redoxauth.Decision{Event: "report", Identity: &redoxauth.Identity{Strategy: "sigv4"}},
			map[string]any{"level": "INFO", "msg": "redox request would be accepted", "event": "report", "strategy": "sigv4", "subject": "", "key_id": ""},
		},
		"a token request": {
			redoxauth.Decision{Event: "token_request", Err: &redoxauth.Error{Kind: redoxauth.ErrForbidden, Strategy: "smartbackend", Reason: "scope"}, Status: 400},
			map[string]any{"level": "WARN", "msg": "redox request refused", "event": "token_request", "status": 400.0, "strategy": "smartbackend", "reason": "scope", "error": "smartbackend: insufficient scope (scope)", "help": "the token endpoint's Explain(r) tells what to change"},
		},
		"a bug": {
			redoxauth.Decision{Err: errors.New("no kind")},
			map[string]any{"level": "ERROR", "msg": "redox request refused", "status": 500.0, "error": "no kind", "help": help},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.d.Event == "" {
				tt.d.Event = "message"
			}
			tt.d.Duration = time.Millisecond
			if tt.d.Err != nil && tt.d.Status == 0 {
				tt.d.Status = redoxauth.StatusCode(tt.d.Err)
			}
			for k, v := range request {
				if tt.want[k] == nil {
					tt.want[k] = v
				}
			}
			if diff := cmp.Diff(tt.want, logged(t, r, tt.d)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogShowsNeitherQueryNorCredential(t *testing.T) {
	const secret = "c2VjcmV0LXRva2Vu"
	r := httptest.NewRequest(http.MethodGet, "/redox?challenge=c&verification-token="+secret, nil)
	for _, header := range []string{"Verification-Token", "Authorization", "X-Amz-Security-Token", "Cookie", "User-Agent"} {
		r.Header.Set(header, "Bearer "+secret)
	}
	var out bytes.Buffer
	opts := &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.New(slog.NewTextHandler(&out, nil)))}
	for _, err := range []error{nil, redoxauth.ErrRejected, redoxauth.ErrUnavailable, errors.New("x")} {
		redoxauth.Check(verifier("test", err), nil, r, opts)
	}
	redoxauth.Check(redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { panic(r.Header) }), nil, r, opts)
	if lines := strings.Count(out.String(), "\n"); lines != 5 {
		t.Errorf("%d lines, want 5", lines)
	}
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "challenge=") {
		t.Errorf("the log shows the query or a credential:\n%s", &out)
	}
}

// A peer must not be able to fill the log, or to write lines of its own.
func TestLogIsBounded(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.URL.Path = "/" + strings.Repeat("a", 1<<20) + "\n"
	long := strings.Repeat("b", 1<<20)
	line := logged(t, r, redoxauth.Decision{Identity: &redoxauth.Identity{Subject: long, KeyID: long}})
	for key, value := range line {
		if s, ok := value.(string); ok && len(s) > 300 {
			t.Errorf("%s has %d bytes", key, len(s))
		}
	}
	var out bytes.Buffer
	r.URL.Path = "/\nlevel=INFO msg=\"redox request accepted\""
	redoxauth.LogDecisions(slog.New(slog.NewTextHandler(&out, nil)))(r, redoxauth.Decision{Err: redoxauth.ErrRejected})
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("%d lines, want 1:\n%s", n, &out)
	}
}

// A terminal that shows the log must not obey it: a JSON handler of log/slog leaves escape
// sequences of one character (U+009B) and those that turn the writing around (U+202E) as they are.
func TestLogShowsControlCharactersEscaped(t *testing.T) {
	const evil = "/a\u009b2J\u202e\x1b[2J\x7f\n\xff"
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.URL.Path, r.Method, r.RemoteAddr = evil, evil, evil
	for _, d := range []redoxauth.Decision{
		{Err: redoxauth.Errorf(redoxauth.ErrRejected, "token", "%s", evil)},
		{Identity: &redoxauth.Identity{Subject: evil, KeyID: evil}},
	} {
		for key, value := range logged(t, r, d) {
			if s, ok := value.(string); ok && strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) || c == unicode.ReplacementChar }) {
				t.Errorf("%s is %+q", key, s)
			}
		}
	}
	for path, want := range map[string]string{
		"/größe \"a\\b\"":        "/größe \"a\\b\"",
		"/\u009b2J":              `/\u009b2J`,
		"/\u202e":                `/\u202e`,
		"/\xff":                  `/\xff`,
		strings.Repeat("a", 256): strings.Repeat("a", 256),
		strings.Repeat("a", 257): strings.Repeat("a", 256) + "…",
	} {
		r.URL.Path = path
		if got := logged(t, r, redoxauth.Decision{Identity: &redoxauth.Identity{}})["path"]; got != want {
			t.Errorf("path %q is shown as %q, want %q", path, got, want)
		}
	}
}

// Another framework may build a request without a URL.
func TestLogOfARequestWithoutURL(t *testing.T) {
	if got := logged(t, &http.Request{}, redoxauth.Decision{Err: redoxauth.ErrRejected}); got["path"] != "" || got["level"] != "WARN" {
		t.Errorf("got %v, want a warning with an empty path", got)
	}
}

func TestLogLineIsBounded(t *testing.T) {
	var log bytes.Buffer
	observe := redoxauth.LogDecisions(slog.New(slog.NewJSONHandler(&log, nil)))
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	long := strings.Repeat("x", 1<<20)
	r.Method, r.RemoteAddr = long, long
	observe(r, redoxauth.Decision{Err: &redoxauth.Error{Kind: redoxauth.ErrRejected, Err: errors.New(long)}})
	if log.Len() > 4096 {
		t.Errorf("a line of %d bytes", log.Len())
	}
}

// lines returns how many lines LogDecisions wrote, and the attributes of the last one.
func lines(t *testing.T, log *bytes.Buffer) (n int, last map[string]any) {
	t.Helper()
	text := strings.TrimSuffix(log.String(), "\n")
	log.Reset()
	if text == "" {
		return 0, nil
	}
	all := strings.Split(text, "\n")
	if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil {
		t.Fatal(err)
	}
	return len(all), last
}

// A flood of refusals fills no disk, and hides neither an accepted request nor another reason.
func TestLogOfAFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		observe := redoxauth.LogDecisions(slog.New(slog.NewJSONHandler(&log, nil)))
		refuse := func(event redoxauth.Event, strategy string, reason redoxauth.Reason) {
			observe(post(""), redoxauth.Decision{Event: event, Status: 401, Err: &redoxauth.Error{Kind: redoxauth.ErrRejected, Strategy: strategy, Reason: reason}})
		}
		for range 1000 {
			refuse("message", "sigv4", "signature")
			time.Sleep(time.Millisecond / 2)
		}
		if n, last := lines(t, &log); n != 10 || last["suppressed"] != nil || last["help"] != nil {
			t.Errorf("%d lines of 1000 refusals in 0.5 s, the last is %v, want 10 without suppressed and help", n, last)
		}
		refuse("message", "sigv4", "host")
		refuse("message", "jwtbearer", "signature")
		refuse("report", "sigv4", "signature")
		if n, last := lines(t, &log); n != 3 || last["help"] == nil {
			t.Errorf("%d lines of three other kinds, the last is %v, want 3, each with help", n, last)
		}
		for range 100 {
			observe(post(""), redoxauth.Decision{Event: "message", Identity: &redoxauth.Identity{Strategy: "sigv4"}})
		}
		if n, _ := lines(t, &log); n != 100 {
			t.Errorf("%d lines of 100 accepted requests", n)
		}
		time.Sleep(time.Second / 2)
		refuse("message", "sigv4", "signature")
		if n, last := lines(t, &log); n != 1 || last["suppressed"] != 990.0 {
			t.Errorf("a second later: %d lines, %v, want one with suppressed=990", n, last)
		}
		time.Sleep(time.Minute)
		refuse("message", "sigv4", "signature")
		if n, last := lines(t, &log); n != 1 || last["suppressed"] != nil || last["help"] != nil {
			t.Errorf("a minute later: %d lines, %v, want one without suppressed and help", n, last)
		}
		// A Verifier makes up a reason for each request: memory and lines stay bounded.
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 100_000 {
			refuse("message", "own", redoxauth.Reason(fmt.Sprint(i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if n, _ := lines(t, &log); n > 300 {
			t.Errorf("%d lines of 100000 reasons", n)
		}
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("%d bytes are kept", grown)
		}
		refuse("message", "sigv4", "signature")
		if n, last := lines(t, &log); n != 1 || last["suppressed"] != nil {
			t.Errorf("amid other reasons: %d lines of a known one, %v, want one without suppressed", n, last)
		}
	})
}

func TestLogDecisionsIsSafeForConcurrentUse(t *testing.T) {
	observe := redoxauth.LogDecisions(slog.New(slog.DiscardHandler))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				observe(post(""), redoxauth.Decision{Err: redoxauth.Errorf(redoxauth.ErrRejected, redoxauth.Reason(fmt.Sprint(i%2)), "")})
			}
		})
	}
	wg.Wait()
}
