package token_test

import (
	"context"
	"io"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// A stalled body ends after 10 s, or with its request.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			cancel, want time.Duration
		}{
			{want: 10 * time.Second},
			{cancel: 3 * time.Second, want: 3 * time.Second},
		} {
			stalled, write := io.Pipe()
			r := httptest.NewRequest("POST", "/token", stalled)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if c.cancel > 0 {
				ctx, cancel := context.WithTimeout(r.Context(), c.cancel)
				defer cancel()
				r = r.WithContext(ctx)
			}
			start := time.Now()
			w := serve(endpoint(t, config()), r)
			checkAnswer(t, w, 503, "temporarily_unavailable")
			if got := time.Since(start); got != c.want {
				t.Errorf("ended after %v, want %v", got, c.want)
			}
			if w.Header().Get("Connection") != "close" {
				t.Error("the connection stays open")
			}
			write.Close()
		}
	})
}
