package redoxauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
			map[string]any{"level": "WARN", "msg": "redox request refused", "status": 401.0, "strategy": "sigv4", "reason": "signature", "error": "sigv4: credentials rejected (signature)"},
		},
		"our own outage": {
			redoxauth.Decision{Err: &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Strategy: "wif", Reason: "keys", Err: errors.New("connection refused")}},
			map[string]any{"level": "ERROR", "msg": "redox request refused", "status": 503.0, "strategy": "wif", "reason": "keys", "error": "wif: cannot be decided now (keys): connection refused"},
		},
		"a bug": {
			redoxauth.Decision{Err: errors.New("no kind")},
			map[string]any{"level": "ERROR", "msg": "redox request refused", "status": 500.0, "error": "no kind"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.d.Event, tt.d.Duration = "message", time.Millisecond
			if tt.d.Err != nil {
				tt.d.Status = redoxauth.StatusCode(tt.d.Err)
			}
			for k, v := range request {
				tt.want[k] = v
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
