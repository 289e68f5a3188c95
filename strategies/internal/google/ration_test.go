package google_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// A tokeninfo is Google's endpoint on loopback. Tokens that begin with "ya29.good" are those of
// the account.
type tokeninfo struct {
	*httptest.Server
	calls atomic.Int64
	down  atomic.Bool
}

func newTokeninfo(t *testing.T) *tokeninfo {
	i := &tokeninfo{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.calls.Add(1)
		answer := reply{http.StatusBadRequest, `{"error":"invalid_token","error_description":"Invalid Value"}`}
		if strings.HasPrefix(r.PostFormValue("access_token"), "ya29.good") {
			answer = info(nil)
		}
		if i.down.Load() {
			answer = reply{http.StatusServiceUnavailable, ""}
		}
		w.WriteHeader(answer.status)
		io.WriteString(w, answer.body)
	}))
	t.Cleanup(i.Close)
	return i
}

// A destination verifies messages at a time that its tests set.
type destination struct {
	http.Handler
	now  time.Time
	sent int
	last error
}

func newDestination(t *testing.T, i *tokeninfo, peer func(*http.Request) string) *destination {
	d := &destination{now: start}
	v, err := google.New(google.Config{
		Strategy: "example", ServiceAccounts: []string{accountID}, AccessTokens: true, TokenInfoURL: i.URL,
		Peer: peer, InsecureAllowHTTP: true, Now: func() time.Time { return d.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Handler = redoxauth.Middleware(v, &redoxauth.Options{
		Observe: func(_ *http.Request, e redoxauth.Decision) { d.last = e.Err },
	})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	return d
}

// send sends a message with a new token of a kind, and returns the status.
func (d *destination) send(address, kind string, header http.Header) int {
	d.sent++
	r := httptest.NewRequest("POST", "/redox", nil)
	for name, values := range header {
		r.Header[name] = values
	}
	r.RemoteAddr = address
	r.Header.Set("Authorization", fmt.Sprint("Bearer ya29.", kind, d.sent))
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Code
}

// flood sends n invented tokens, in turn from 100 addresses.
func (d *destination) flood(n int) {
	for i := range n {
		d.send(fmt.Sprintf("198.51.100.%d:%d", i%100, 1024+i), "invented", nil)
	}
}

func TestInventedTokensDoNotKeepOutThePeerOfAnAcceptedToken(t *testing.T) {
	for _, perSecond := range []int{200, 1000} {
		i := newTokeninfo(t)
		d := newDestination(t, i, nil)
		if status := d.send("192.0.2.1:443", "good", nil); status != 200 {
			t.Fatalf("status %d: %v", status, d.last)
		}
		passed := 0
		for range 20 { // seconds
			d.now = d.now.Add(time.Second)
			d.flood(perSecond)
			if d.send("192.0.2.1:444", "good", nil) == 200 {
				passed++
			}
		}
		if passed != 20 {
			t.Errorf("amid %d invented tokens a second %d of 20 new tokens passed", perSecond, passed)
		}
		if calls := i.calls.Load() - 21; calls > 300+44 { // of the minute before, and of this one
			t.Errorf("amid %d invented tokens a second %d calls about them", perSecond, calls)
		}
	}
}

// Of new peers two thirds are in buckets where none of a hundred addresses is.
func TestInventedTokensDoNotKeepOutNewPeers(t *testing.T) {
	i := newTokeninfo(t)
	d := newDestination(t, i, nil)
	passed := 0
	for n := range 60 {
		d.now = d.now.Add(time.Second)
		d.flood(200)
		if d.send(fmt.Sprintf("192.0.2.%d:443", n), "good", nil) == 200 {
			passed++
		}
	}
	if passed < 20 {
		t.Errorf("%d of 60 new peers passed", passed)
	}
}

func TestBusyEndsWhenGoogleIsBack(t *testing.T) {
	i := newTokeninfo(t)
	d := newDestination(t, i, nil)
	d.send("192.0.2.1:443", "good", nil)
	i.down.Store(true)
	for range 60 { // seconds
		d.now = d.now.Add(time.Second)
		d.flood(200)
		for range 10 {
			d.send("192.0.2.1:443", "good", nil)
		}
	}
	if calls := i.calls.Load(); calls > 3*2*300 { // of both lanes and given back, of the minute before and of this one
		t.Errorf("%d calls in a minute while Google was down", calls)
	}
	if !strings.Contains(fmt.Sprint(d.last), "answered 503") {
		t.Errorf("error %v, want that of the last call", d.last)
	}
	i.down.Store(false)
	d.now = d.now.Add(2 * time.Second)
	for range 50 {
		if status := d.send("192.0.2.1:443", "good", nil); status != 200 {
			t.Fatalf("after the outage: status %d: %v", status, d.last)
		}
	}
}

// Behind a proxy, all have its address.
func TestBehindAProxyPeerTellsStrangersApart(t *testing.T) {
	lastForwarded := func(r *http.Request) string {
		all := r.Header["X-Forwarded-For"]
		return all[len(all)-1]
	}
	for _, peer := range []func(*http.Request) string{nil, lastForwarded} {
		d := newDestination(t, newTokeninfo(t), peer)
		send := func(kind, address string) int {
			return d.send("10.0.0.1:80", kind, http.Header{"X-Forwarded-For": {"192.0.2.1", address}})
		}
		if status := send("good", "192.0.2.1"); status != 200 {
			t.Fatalf("status %d: %v", status, d.last)
		}
		for n := range 1000 { // each claims to be the peer
			send("invented", fmt.Sprintf("198.51.100.%d", n%100))
		}
		want := 200
		if peer == nil {
			want = 503
		}
		if status := send("good", "192.0.2.1"); status != want {
			t.Errorf("with Peer %v: status %d: %v, want %d", peer != nil, status, d.last, want)
		}
		if peer == nil && !strings.Contains(fmt.Sprint(d.last), "set Config.Peer") {
			t.Errorf("the error does not say what to do: %v", d.last)
		}
	}
}

func TestAPanicOfPeerRefusesOneRequest(t *testing.T) {
	d := newDestination(t, newTokeninfo(t), func(r *http.Request) string { return r.Header["X-Forwarded-For"][0] })
	if status := d.send("192.0.2.1:443", "good", nil); status != 500 {
		t.Errorf("status %d: %v, want 500", status, d.last)
	}
	if status := d.send("192.0.2.1:443", "good", http.Header{"X-Forwarded-For": {"x"}}); status != 200 {
		t.Errorf("the next request: status %d: %v", status, d.last)
	}
}
