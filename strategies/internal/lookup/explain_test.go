package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// loaded asks like Explain.
func (w *world) loaded(r *http.Request, token string) error {
	return use(r.WithContext(rotation.LoadedOnly(r.Context())), w.Cache, token)
}

func (w *world) explain(r *http.Request, token string) string {
	var to diagnosis.Report
	w.Explain(r, token, &to)
	return to.Text("")
}

func TestLoadedOnlyAsksNobody(t *testing.T) {
	w := newWorld(t, nil)
	peer := from("192.0.2.1:1")
	for range 1000 { // more than the calls of a minute
		err := w.loaded(peer, "good")
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
		if want := service + ": not asked yet about this token, and Explain asks nobody"; !strings.HasSuffix(err.Error(), want) {
			t.Fatalf("error %v, want %q", err, want)
		}
		w.explain(peer, "good")
	}
	wantCalls(t, w.remote, 0)
	if err := use(peer, w.Cache, "good"); err != nil {
		t.Fatal(err)
	}
	if err := w.loaded(peer, "good"); err != nil {
		t.Errorf("a remembered answer: %v", err)
	}
	use(peer, w.Cache, "bad")
	verifiertest.CheckError(t, w.loaded(peer, "bad"), redoxauth.ErrRejected, "inactive")
	w.now = w.now.Add(11 * time.Second)
	err := w.loaded(peer, "bad")
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	if want := service + ": the answer about this token is not used any more, because it is 11s old, and was used for 10s, and Explain asks nobody"; !strings.HasSuffix(fmt.Sprint(err), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	wantCalls(t, w.remote, 2)
}

// Else strangers would share the calls of a peer that nobody has accepted, and the calls that
// Explain uses up would be missing later.
func TestLoadedOnlyChangesNothing(t *testing.T) {
	w := newWorld(t, nil)
	stranger, peer := from("198.51.100.1:1"), from("192.0.2.1:1")
	use(stranger, w.Cache, "good stranger") // it is answered, and not accepted
	for range 10 {
		if err := w.loaded(peer, "good stranger"); err != nil {
			t.Fatal(err)
		}
		a, err := w.Get(peer.WithContext(rotation.LoadedOnly(peer.Context())), "good stranger")
		if err != nil {
			t.Fatal(err)
		}
		a.Remember()
	}
	if text := w.explain(peer, "good stranger"); !strings.Contains(text, "as one of a stranger") {
		t.Errorf("Explain made a peer known:\n%s", text)
	}
	use(peer, w.Cache, w.new("good"))
	if text := w.explain(peer, "good stranger"); !strings.Contains(text, "as one of a known peer") {
		t.Errorf("the peer of an accepted token is unknown:\n%s", text)
	}
	// The answer that was explained last is still the oldest, and is pushed out first.
	for range 1023 {
		w.now = w.now.Add(200 * time.Millisecond)
		use(peer, w.Cache, w.new("bad"))
		w.loaded(peer, "good stranger")
		w.explain(peer, "good stranger")
	}
	if err := w.loaded(peer, "good stranger"); err != nil {
		t.Fatalf("pushed out too early: %v", err)
	}
	use(peer, w.Cache, w.new("bad"))
	verifiertest.CheckError(t, w.loaded(peer, "good stranger"), redoxauth.ErrUnavailable, "unavailable")
}

func TestLoadedOnlyTellsTheLastFailure(t *testing.T) {
	w := newWorld(t, nil)
	use(from("192.0.2.1:1"), w.Cache, "good, remembered")
	w.err = errors.New("connection refused")
	use(from("192.0.2.1:1"), w.Cache, "good")
	if err := w.loaded(from("192.0.2.1:1"), "good, remembered"); err != nil {
		t.Errorf("a remembered answer: %v", err)
	}
	err := w.loaded(from("192.0.2.1:1"), "good")
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "unavailable")
	if want := service + ": no answer about this token, and Explain asks nobody; the last call, about any token, failed: connection refused"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// A call that ends late may know more than that, such as that the service cannot be dialed.
func TestLoadedOnlyTellsWhyACallTookTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(func(ctx context.Context, _ string) (string, time.Time, error) {
			<-ctx.Done()
			return "", time.Time{}, errors.New("dialing as.example")
		})
		ask(t.Context(), c, "good")
		synctest.Wait()
		err := ask(rotation.LoadedOnly(t.Context()), c, "good")
		if want := "the last call, about any token, failed: dialing as.example"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	})
}

// Explain tells of the newest answer, also of one that Get does not use, and Get with LoadedOnly
// uses the same ones as Get.
func TestExplainTellsOfTheLastAnswer(t *testing.T) {
	peer := from("192.0.2.1:1")
	for _, test := range []struct {
		name, token string
		before      func(w *world, start time.Time)
		want        string
		ok, used    bool
	}{
		{"none", "good", func(*world, time.Time) {},
			"no answer about this token is known here", false, false},
		{"positive", "good", func(w *world, _ time.Time) {
			use(peer, w.Cache, "good")
			w.now = w.now.Add(3 * time.Second)
		}, "the answer is 3s old, and used for 5m0s", true, true},
		{"positive, not accepted", "good stranger", func(w *world, _ time.Time) {
			use(peer, w.Cache, "good stranger")
			w.now = w.now.Add(5*time.Minute - 1)
		}, "the answer is 5m0s old, and used for 5m0s", true, true},
		{"positive, too old", "good", func(w *world, _ time.Time) {
			use(peer, w.Cache, "good")
			w.now = w.now.Add(5 * time.Minute)
		}, "what follows is about the last answer, which is not used any more, because it is 5m0s old, and was used for 5m0s", true, false},
		{"positive, expired since", "good", func(w *world, start time.Time) {
			w.expiry = func() time.Time { return start.Add(time.Minute) }
			use(peer, w.Cache, "good")
			w.now = w.now.Add(time.Minute)
		}, "what follows is about the last answer, which is not used any more, because it says that the token expired at 2033-05-18T03:34:20Z", true, false},
		{"positive, expired before", "good", func(w *world, start time.Time) {
			w.expiry = func() time.Time { return start }
			use(peer, w.Cache, "good")
		}, "what follows is about the last answer, which is not used any more, because it says that the token expired at 2033-05-18T03:33:20Z", true, false},
		{"negative", "bad", func(w *world, _ time.Time) {
			use(peer, w.Cache, "bad")
			w.now = w.now.Add(3 * time.Second)
		}, "the answer is 3s old, and used for 10s\nredoxauth: credentials rejected (inactive)", false, true},
		{"negative, too old", "bad", func(w *world, _ time.Time) {
			use(peer, w.Cache, "bad")
			w.now = w.now.Add(10 * time.Second)
		}, "what follows is about the last answer, which is not used any more, because it is 10s old, and was used for 10s\nredoxauth: credentials rejected (inactive)", false, false},
		{"revoked", "good", func(w *world, _ time.Time) {
			use(peer, w.Cache, "good")
			w.now, w.err = w.now.Add(5*time.Minute), errRevoked
			use(peer, w.Cache, "good")
		}, "the answer is 0s old, and used for 10s\nredoxauth: credentials rejected (inactive)", false, true},
		{"expired, asked again", "good", func(w *world, start time.Time) {
			w.expiry = func() time.Time { return start.Add(time.Minute) }
			use(peer, w.Cache, "good")
			w.now, w.expiry = w.now.Add(time.Minute), func() time.Time { return start.Add(30 * time.Second) }
			use(peer, w.Cache, "good")
		}, "what follows is about the last answer, which is not used any more, because it says that the token expired at 2033-05-18T03:33:50Z", true, false},
		{"expired, asked again, and the clock set back", "good", func(w *world, start time.Time) {
			w.expiry = func() time.Time { return start.Add(time.Minute) }
			use(peer, w.Cache, "good")
			w.now = w.now.Add(time.Minute)
			use(peer, w.Cache, "good")
			w.now = w.now.Add(-2 * time.Second)
		}, "what follows is about the last answer, which is not used any more, because it is -2s old, and was used for 5m0s", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			test.before(w, w.now)
			var to diagnosis.Report
			value, ok := w.Explain(peer, test.token, &to)
			_, got, _ := strings.Cut(to.Text(""), "within a day\n")
			if want := service + ": " + test.want + "\n"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if ok != test.ok || ok && value != "about "+test.token {
				t.Errorf("value %q, ok %v, want %v", value, ok, test.ok)
			}
			calls := w.calls.Load()
			err := w.loaded(peer, test.token)
			if errors.Is(err, redoxauth.ErrUnavailable) == test.used {
				t.Errorf("error %v, used %v", err, test.used)
			}
			use(peer, w.Cache, test.token)
			if asked := w.calls.Load() != calls; asked == test.used {
				t.Errorf("Get asked: %v, used %v", asked, test.used)
			}
		})
	}
}

func TestExplainEndsNoAnswer(t *testing.T) {
	w := newWorld(t, nil)
	peer := from("192.0.2.1:1")
	if err := use(peer, w.Cache, "good"); err != nil {
		t.Fatal(err)
	}
	start := w.now
	w.now = start.Add(-time.Minute)
	w.explain(peer, "good")
	verifiertest.CheckError(t, w.loaded(peer, "good"), redoxauth.ErrUnavailable, "unavailable")
	w.now = start.Add(time.Minute)
	if err := use(peer, w.Cache, "good"); err != nil {
		t.Error(err)
	}
	wantCalls(t, w.remote, 1)
}

func TestExplainTellsWhoSentTheRequest(t *testing.T) {
	direct, forwarded := from("192.0.2.1:1"), from("192.0.2.1:1")
	forwarded.Header.Set("Forwarded", "for=203.0.113.9")
	for _, test := range []struct {
		name string
		peer func(*http.Request) string
		r    *http.Request
		want string
		hint string
	}{
		{"address", nil, direct, `"192.0.2.1", the address of the connection (Config.Peer is nil)`, ""},
		{"proxy", nil, forwarded, "unknown: the request has the header Forwarded and Config.Peer is nil, so all who come through the proxy count as one stranger",
			"\nhints:\n- the request came through a proxy (Forwarded), and Config.Peer is nil: so strangers can use up the calls about new tokens. Set Peer to the last address of the header\n"},
		{"Peer", func(*http.Request) string { return "203.0.113.9" }, forwarded, `"203.0.113.9" (Config.Peer)`, ""},
		{"Peer panics", func(*http.Request) string { panic("s3cret") }, forwarded, "Config.Peer panicked: string", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := "\npeer: " + test.want + `
a call about a new token counts as one of a stranger, because no token of this peer was accepted within a day
service (https://as.example): no answer about this token is known here
` + test.hint
			if got := newWorld(t, test.peer).explain(test.r, "good"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestBusyTellsHowThePeerIsKnown(t *testing.T) {
	forwarded := from("192.0.2.1:1")
	forwarded.Header.Set("X-Forwarded-For", "203.0.113.9")
	for _, test := range []struct {
		name string
		peer func(*http.Request) string
		r    *http.Request
		want string
	}{
		{"address", nil, from("192.0.2.1:1"), `"192.0.2.1", the address of the connection (Config.Peer is nil)`},
		{"proxy", nil, forwarded, "unknown: the request has the header X-Forwarded-For and Config.Peer is nil"},
		{"Unix socket", nil, from("@"), `unknown: RemoteAddr is "@", want an IP address and port (Config.Peer is nil)`},
		{"Peer", func(*http.Request) string { return "203.0.113.9" }, forwarded, `"203.0.113.9" (Config.Peer)`},
		{"Peer does not know", func(*http.Request) string { return "" }, forwarded, `unknown: Config.Peer returned ""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.peer)
			var err error
			for range 400 {
				err = use(test.r, w.Cache, w.new("bad"))
			}
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
			for _, want := range []string{"no token was accepted", "4 at once or 37 a minute", "the peer of this one is " + test.want, "set Config.Peer"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q: %v", want, err)
				}
			}
			if text := w.explain(test.r, "bad"); !strings.Contains(text, "\npeer: "+test.want) {
				t.Errorf("Explain lacks %q:\n%s", test.want, text)
			}
		})
	}
}

func TestExplainKeepsNoPeer(t *testing.T) {
	w := newWorld(t, nil)
	peers := network(1, 1025)
	for _, p := range peers {
		w.explain(from(peers[0]), "x") // it is still the first that is forgotten
		if w.now = w.now.Add(time.Second); !w.accepted(from(p)) {
			t.Fatalf("%s was refused", p)
		}
	}
	if text := w.explain(from(peers[0]), "x"); !strings.Contains(text, "as one of a stranger") {
		t.Errorf("Explain has kept a peer:\n%s", text)
	}
	if text := w.explain(from(peers[1]), "x"); !strings.Contains(text, "as one of a known peer") {
		t.Errorf("the second peer is forgotten:\n%s", text)
	}
}

// Answers about tokens that have expired are kept for Explain. They are never used, and push out
// none that is.
func TestExpiredAnswersPushOutNoAcceptedToken(t *testing.T) {
	w := newWorld(t, nil)
	peer := from("192.0.2.1:1")
	use(peer, w.Cache, "good")
	w.expiry = func() time.Time { return w.now.Add(-time.Second) } // within the leeway of the caller
	for range 1100 {
		w.now = w.now.Add(200 * time.Millisecond)
		if err := use(peer, w.Cache, w.new("good")); err != nil {
			t.Fatal(err)
		}
	}
	calls := w.calls.Load()
	if err := use(peer, w.Cache, "good"); err != nil {
		t.Error(err)
	}
	wantCalls(t, w.remote, calls)
	use(peer, w.Cache, "good1100")
	wantCalls(t, w.remote, calls+1)
}
