package redoxtest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// goroutines counts the goroutines that have a frame of what.
func goroutines(t *testing.T, what string) (n int) {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Fatal(err)
	}
	for stack := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(stack, what) {
			n++
		}
	}
	return n
}

func awaitNone(t *testing.T, what string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		n := goroutines(t, what)
		if n == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d goroutines are left", n)
		case <-time.After(time.Millisecond):
		}
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	const frame = "redoxtest.(*server)" // of the goroutines that serve a request
	awaitNone(t, frame)                 // of other tests, which end after their servers
	for _, o := range []redoxtest.Outage{redoxtest.Hang(), redoxtest.Slow(time.Hour), redoxtest.Huge()} {
		s := redoxtest.NewGoogle()
		inside := make(chan struct{})
		s.Fail(func(next http.Handler) http.Handler {
			failing := o(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(inside)
				failing.ServeHTTP(w, r)
			})
		})
		done := make(chan struct{})
		go func() {
			defer close(done)
			r, err := http.NewRequestWithContext(context.Background(), "POST", s.TokenURL, strings.NewReader("a=b"))
			if err != nil {
				t.Error(err)
				return
			}
			if response, err := http.DefaultClient.Do(r); err == nil {
				io.Copy(io.Discard, response.Body) // until the server closes
				response.Body.Close()
			}
		}()
		<-inside
		if goroutines(t, frame) == 0 {
			t.Fatal("the goroutine that serves is not seen")
		}
		s.Close()
		<-done
	}
	awaitNone(t, frame)
}

func TestServersInMemoryAndBehindTLS(t *testing.T) {
	s := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES256"))
	defer s.Close()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", s.JWKSURL, nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"kid":"1"`) {
		t.Errorf("in memory: %d %s", w.Code, w.Body)
	}
	secure := httptest.NewTLSServer(s)
	defer secure.Close()
	response, err := secure.Client().Get(secure.URL + "/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != 200 || s.Fetches() != 2 {
		t.Errorf("behind TLS: %d, %d fetches", response.StatusCode, s.Fetches())
	}
}
