package redoxtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// senderFunc is a destination without a network.
type senderFunc func(message []byte) (status int, err error)

func (f senderFunc) Send(ctx context.Context, _ string, message []byte) (*http.Response, error) {
	status, err := f(message)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("answer"))}, nil
}

func feed(messages ...string) [][]byte {
	var all [][]byte
	for _, m := range messages {
		all = append(all, []byte(m))
	}
	return all
}

func TestDeliverPausesTheWholeFeedAndResumesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		gone := errors.New("connection refused")
		var received []string
		var attempts []redoxtest.Attempt
		destination := senderFunc(func(message []byte) (int, error) {
			switch since := time.Since(start); {
			case string(message) != "second", since >= 100*time.Second:
				received = append(received, string(message))
				return http.StatusOK, nil
			case since < 10*time.Second:
				return 0, gone
			}
			return http.StatusUnauthorized, nil
		})
		err := redoxtest.Deliver(t.Context(), destination, "", feed("first", "second", "third"), func(a redoxtest.Attempt) { attempts = append(attempts, a) })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"first", "second", "third"}, received); diff != "" {
			t.Errorf("received (-want +got):\n%s", diff)
		}
		want := []redoxtest.Attempt{
			{Message: 0, Try: 1, Status: 200},
			{Message: 1, Try: 1, Err: gone, Pause: 10 * time.Second},
			{Message: 1, Try: 2, Status: 401, Pause: 10 * time.Second},
			{Message: 1, Try: 3, Status: 401, Pause: 20 * time.Second},
			{Message: 1, Try: 4, Status: 401, Pause: 30 * time.Second},
			{Message: 1, Try: 5, Status: 401, Pause: 50 * time.Second},
			{Message: 1, Try: 6, Status: 200},
			{Message: 2, Try: 1, Status: 200},
		}
		if diff := cmp.Diff(want, attempts, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if got := time.Since(start); got != 120*time.Second {
			t.Errorf("took %v, want 2m0s", got)
		}
	})
}

func TestDeliverRetriesUntilTheContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var last redoxtest.Attempt
		err := redoxtest.Deliver(ctx, senderFunc(func([]byte) (int, error) { return http.StatusServiceUnavailable, nil }), "",
			feed("first", "second"), func(a redoxtest.Attempt) { last = a })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		want := redoxtest.Attempt{Message: 0, Try: 10, Status: 503, Pause: 120 * time.Second} // at 10+10+20+30+50+80+3×120 = 560 s
		if diff := cmp.Diff(want, last); diff != "" {
			t.Errorf("last attempt (-want +got):\n%s", diff)
		}
	})
}

func TestDeliverTakes2xxAndNothingElseForSuccess(t *testing.T) {
	for status, want := range map[int]string{200: "", 202: "", 204: "", 301: "neither success nor failure", 307: "neither success nor failure"} {
		err := redoxtest.Deliver(t.Context(), senderFunc(func([]byte) (int, error) { return status, nil }), "", feed("first"), nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d: got %v, want %q", status, err, want)
		}
	}
}

// If a mux redirects "/redox" to "/redox/", net/http would repeat the POST as a GET without
// a body. A test would not notice the fault.
func TestSendDoesNotFollowRedirects(t *testing.T) {
	reached := false
	mux := http.NewServeMux()
	mux.HandleFunc("/redox/", func(http.ResponseWriter, *http.Request) { reached = true })
	server := httptest.NewServer(mux)
	defer server.Close()
	response, err := redoxtest.VerificationToken{Token: "t"}.Send(t.Context(), server.URL+"/redox", redoxtest.PatientAdmin())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if reached || response.StatusCode/100 != 3 {
		t.Errorf("status %d, reached the handler: %t, want the redirect itself", response.StatusCode, reached)
	}
}

func TestDeliverTakesNoTimeInABubbleWithoutANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, calls := time.Now(), 0
		destination, err := newDestination("secret", func(string) { calls++ })
		if err != nil {
			t.Fatal(err)
		}
		down := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if time.Since(start) < time.Hour {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			destination.ServeHTTP(w, r)
		})
		redox := redoxtest.VerificationToken{Token: "secret", Client: &http.Client{Transport: calling{down}}}
		err = redoxtest.Deliver(t.Context(), redox, "https://destination.example/redox", feed("first", "second"), nil)
		if err != nil || calls != 2 || time.Since(start) < time.Hour {
			t.Errorf("%d messages arrived after %v, error %v, want 2 after an hour", calls, time.Since(start), err)
		}
	})
}
