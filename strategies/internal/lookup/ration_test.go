package lookup_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/lookup"
)

// A world is a Cache with 300 calls a minute, and the clock that it reads. Every token of its
// tests is another one.
type world struct {
	*testing.T
	*remote
	*lookup.Cache[string]
	now    time.Time
	tokens int
}

func newWorld(t *testing.T, peer func(*http.Request) string) *world {
	w := &world{T: t, remote: &remote{}, now: time.Unix(2_000_000_000, 0)}
	w.Cache = lookup.New(lookup.Config{
		Service: service, Fields: "Config",
		Positive: 5 * time.Minute, Negative: 10 * time.Second, PerMinute: 300, Peer: peer,
		Now: func() time.Time { return w.now },
	}, w.fetch)
	return w
}

// new returns a new token of a kind: "good", "good stranger" or "bad".
func (w *world) new(kind string) string {
	w.tokens++
	return fmt.Sprint(kind, w.tokens)
}

func (w *world) accepted(r *http.Request) bool { return use(r, w.Cache, w.new("good")) == nil }

// flood sends n invented tokens from each of the addresses, and returns how many calls were
// made.
func (w *world) flood(n int, addresses ...string) int64 {
	before := w.calls.Load()
	for range n {
		for _, a := range addresses {
			use(from(a), w.Cache, w.new("bad"))
		}
	}
	return w.calls.Load() - before
}

// network returns the addresses of n hosts of 10.net.0.0.
func network(net, n int) []string {
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = fmt.Sprintf("10.%d.%d.%d:1234", net, i/256, i%256)
	}
	return addresses
}

// exhaust uses up the calls of every bucket.
func (w *world) exhaust() { w.flood(1, network(9, 5000)...) }

func TestOneAddressCannotUseUpTheMinute(t *testing.T) {
	w := newWorld(t, nil)
	if calls := w.flood(1000, "192.0.2.1:1"); calls != 300/8 {
		t.Errorf("%d calls, want an eighth of 300", calls)
	}
	passed := 0
	for _, a := range network(1, 20) {
		if w.accepted(from(a)) {
			passed++
		}
	}
	if passed < 15 { // a few may be in the same bucket
		t.Errorf("%d of 20 new peers passed", passed)
	}
	w.now = w.now.Add(2 * time.Minute)
	if calls := w.flood(1000, "192.0.2.1:1"); calls != 300/8 {
		t.Errorf("%d calls in a later minute", calls)
	}
}

// Of new peers two thirds are in buckets where none of a hundred addresses is.
func TestAHundredAddressesLeaveNewPeersTheirFirstCall(t *testing.T) {
	w := newWorld(t, nil)
	passed, kept := 0, 0
	for i, a := range network(1, 60) {
		w.flood(5, network(2, 100)...)
		if w.accepted(from(a)) {
			passed++
			if w.accepted(from(a)) {
				kept++
			}
		}
		if i%10 == 9 {
			w.now = w.now.Add(time.Minute)
		}
	}
	if passed < 20 || kept != passed {
		t.Errorf("%d of 60 new peers passed, and %d passed again", passed, kept)
	}
}

func TestStrangersHaveTheCallsOfAMinute(t *testing.T) {
	w := newWorld(t, nil)
	if calls := w.flood(2, network(1, 10_000)...); calls > 300 || calls < 290 {
		t.Errorf("%d calls at once, want 300", calls)
	}
	w.now = w.now.Add(time.Second)
	if calls := w.flood(2, network(1, 10_000)...); calls > 5 { // grown since: 44 of 300 a minute
		t.Errorf("%d calls a second later", calls)
	}
	w.now = w.now.Add(time.Minute)
	if calls := w.flood(2, network(1, 10_000)...); calls > 300 || calls < 290 {
		t.Errorf("%d calls a minute later, want 300", calls)
	}
}

func TestStrangersDoNotLimitAPeerThatWasAccepted(t *testing.T) {
	for _, perSecond := range []int{200, 1000} {
		w := newWorld(t, nil)
		genuine, strangers := from("192.0.2.1:1"), network(1, 100)
		if !w.accepted(genuine) {
			t.Fatal("the first token was refused")
		}
		passed := 0
		for range 60 { // seconds
			w.now = w.now.Add(time.Second)
			w.flood(perSecond/len(strangers), strangers...)
			if w.accepted(genuine) {
				passed++
			}
		}
		if passed != 60 {
			t.Errorf("amid %d invented tokens a second %d of 60 new tokens passed", perSecond, passed)
		}
	}
}

func TestOnlyAnAcceptedTokenMakesAPeer(t *testing.T) {
	for kind, want := range map[string]bool{"good": true, "good stranger": false, "bad": false} {
		w := newWorld(t, nil)
		r := from("192.0.2.1:1")
		use(r, w.Cache, w.new(kind))
		w.exhaust()
		if got := w.accepted(r); got != want {
			t.Errorf("after a token that is %s: accepted = %v", kind, got)
		}
	}
}

func TestAPeerIsForgottenAfterADay(t *testing.T) {
	w := newWorld(t, nil)
	r := from("192.0.2.1:1")
	use(r, w.Cache, "good")
	use(r, w.Cache, "good, refreshed")
	w.now = w.now.Add(4 * time.Minute)
	use(r, w.Cache, "good, refreshed") // a remembered answer counts too
	w.now = w.now.Add(24*time.Hour - time.Nanosecond)
	if text := w.explain(r, "good"); !strings.Contains(text, "as one of a known peer") {
		t.Errorf("Explain within a day:\n%s", text)
	}
	w.exhaust()
	if !w.accepted(r) {
		t.Error("forgotten within a day")
	}
	w.now = w.now.Add(24 * time.Hour)
	if text := w.explain(r, "good"); !strings.Contains(text, "as one of a stranger, because") {
		t.Errorf("Explain after a day:\n%s", text)
	}
	w.exhaust()
	if w.accepted(r) {
		t.Error("remembered after a day")
	}
}

// The answer about the token is remembered, so only its acceptance tells of the peer.
func TestAPeerThatIsAcceptedAgainStays(t *testing.T) {
	w := newWorld(t, nil)
	first, second := from("192.0.2.1:1"), from("192.0.2.2:1")
	use(first, w.Cache, "good")
	use(second, w.Cache, "good")
	for _, a := range network(1, 1022) {
		use(from(a), w.Cache, "good")
	}
	use(first, w.Cache, "good")
	use(from("192.0.2.3:1"), w.Cache, "good")
	w.exhaust()
	if !w.accepted(first) {
		t.Error("the peer that was accepted again was forgotten")
	}
	if w.accepted(second) {
		t.Error("the peer that was accepted longest ago was remembered")
	}
}

func TestThePeersAcceptedLastStay(t *testing.T) {
	w := newWorld(t, nil)
	first, second := from("192.0.2.1:1"), from("192.0.2.2:1")
	accept := func(r *http.Request) { use(r, w.Cache, "good") } // costs one call in all
	accept(first)
	accept(second)
	for _, a := range network(1, 1022) {
		accept(from(a))
	}
	w.exhaust() // strangers push nobody out
	if !w.accepted(second) || !w.accepted(first) {
		t.Error("1024 peers were accepted, and one was forgotten")
	}
	accept(from("192.0.2.3:1"))
	accept(from("192.0.2.4:1"))
	if !w.accepted(first) || !w.accepted(from("192.0.2.4:1")) || w.accepted(from("10.1.0.0:1")) {
		t.Error("the peers that were accepted longest ago must be forgotten, and no others")
	}
}

// Strangers may have the address of a genuine peer, such as that of a proxy.
func TestPeersThatWereAcceptedHaveTheCallsOfAMinute(t *testing.T) {
	w := newWorld(t, nil)
	w.accepted(from("192.0.2.1:1"))
	if calls := w.flood(1000, "192.0.2.1:1"); calls != 300 {
		t.Errorf("%d calls, want 300", calls)
	}
	err := use(from("192.0.2.1:1"), w.Cache, w.new("good"))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	for _, part := range []string{"of which a token was accepted", "48 at once or 300 a minute", "set Config.Peer", `"192.0.2.1"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

func TestBusyTellsWhatToDo(t *testing.T) {
	w := newWorld(t, nil)
	w.flood(5, network(9, 20)...) // which uses up what strangers share
	use(from("192.0.2.1:1"), w.Cache, w.new("bad"))
	err := use(from("192.0.2.1:1"), w.Cache, "good")
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	for _, part := range []string{"all peers of which no token was accepted", "32 at once or 300 a minute", "set Config.Peer", "redoxauth.AllOf", `"192.0.2.1"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
}

// Two requests are of the same peer if the second may use the calls that the first opened.
func TestPeers(t *testing.T) {
	last := func(r *http.Request) string {
		_, name, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ", ")
		return name
	}
	for _, test := range []struct {
		name          string
		peer          func(*http.Request) string
		first, second string // RemoteAddr, and after a blank a value of X-Forwarded-For
		same          bool
	}{
		{"another port", nil, "192.0.2.1:1", "192.0.2.1:2", true},
		{"another address", nil, "192.0.2.1:1", "192.0.2.2:1", false},
		{"IPv4-mapped", nil, "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"another address, IPv4-mapped", nil, "[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false},
		{"IPv6, same /64", nil, "[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:2", true},
		{"IPv6, another /64", nil, "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"IPv6 with zone", nil, "[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"Unix socket", nil, "@", "@", false},
		{"nothing", nil, "", "", false},
		{"no port", nil, "192.0.2.1", "192.0.2.1", false},
		{"a name", nil, "localhost:1", "localhost:1", false},
		{"forwarded", nil, "192.0.2.1:1 203.0.113.1", "192.0.2.1:1 203.0.113.1", false},
		{"forwarded, then not", nil, "192.0.2.1:1 203.0.113.1", "192.0.2.1:1", false},
		{"not forwarded, then forwarded", nil, "192.0.2.1:1", "192.0.2.1:1 203.0.113.1", false},
		{"forwarded, without a value", nil, "192.0.2.1:1", "192.0.2.1:1 ", false},

		{"Peer, same", last, "192.0.2.1:1 x, 203.0.113.1", "192.0.2.2:1 y, 203.0.113.1", true},
		{"Peer, another", last, "192.0.2.1:1 x, 203.0.113.1", "192.0.2.1:1 x, 203.0.113.2", false},
		{"Peer, another port", last, "192.0.2.1:1 x, 203.0.113.1:1", "192.0.2.1:1 x, 203.0.113.1:2", true},
		{"Peer, same /64", last, "192.0.2.1:1 x, 2001:db8::1", "192.0.2.1:1 x, [2001:db8::2]:1", true},
		{"Peer, another /64", last, "192.0.2.1:1 x, 2001:db8::1", "192.0.2.1:1 x, 2001:db8:0:1::1", false},
		{"Peer, a name", last, "192.0.2.1:1 x, CN=redox", "192.0.2.1:1 x, CN=redox", true},
		{"Peer, nobody knows", last, "192.0.2.1:1", "192.0.2.1:1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.peer)
			request := func(s string) *http.Request {
				address, forwarded, found := strings.Cut(s, " ")
				r := from(address)
				if found {
					r.Header["X-Forwarded-For"] = []string{forwarded}
				}
				return r
			}
			if !w.accepted(request(test.first)) {
				t.Fatal("the first was refused")
			}
			for i := range 5000 { // in every bucket
				address := fmt.Sprintf("10.1.%d.%d:1", i/256, i%256)
				if test.peer != nil {
					address += " x, " + address
				}
				use(request(address), w.Cache, w.new("bad"))
			}
			if got := w.accepted(request(test.second)); got != test.same {
				t.Errorf("same = %v", got)
			}
		})
	}
}

// RFC 7239, Section 4.
func TestForwardedCountsAsForwarded(t *testing.T) {
	w := newWorld(t, nil)
	r := from("192.0.2.1:1")
	w.accepted(r)
	w.exhaust()
	if !w.accepted(r) {
		t.Error("the peer is not remembered")
	}
	r.Header.Set("Forwarded", "for=203.0.113.1")
	w.flood(40, "@") // the bucket of those whom nobody knows
	if w.accepted(r) {
		t.Error("a request that was forwarded passes for its proxy")
	}
}

func TestOnlyAnAcceptedTokenHasPrecedence(t *testing.T) {
	for _, acceptedOnce := range []bool{true, false} {
		w := newWorld(t, nil)
		for i := range 3 {
			a, err := w.Get(from("192.0.2.1:1"), "good")
			if err != nil {
				t.Fatal(err)
			}
			if acceptedOnce && i == 0 {
				a.Remember()
			}
			w.now = w.now.Add(5 * time.Minute)
		}
		w.exhaust()
		_, err := w.Get(from("192.0.2.2:1"), "good")
		if !acceptedOnce {
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
		} else if err != nil { // although the requests that asked later were given up
			t.Errorf("a token that was accepted: %v", err)
		}
	}
}

// Tokens that have expired are unknown ones again, as revoked ones are.
func TestAnExpiredTokenHasNoPrecedence(t *testing.T) {
	w := newWorld(t, nil)
	peer, stranger := from("192.0.2.1:1"), from("192.0.2.2:1")
	end := w.now.Add(6 * time.Minute)
	w.expiry = func() time.Time { return end }
	if err := use(peer, w.Cache, "good"); err != nil {
		t.Fatal(err)
	}
	w.now = end.Add(-1)
	w.exhaust()
	if _, err := w.Get(stranger, "good"); err != nil {
		t.Errorf("before it expires: %v", err)
	}
	w.now = end
	w.exhaust()
	calls := w.calls.Load()
	_, err := w.Get(stranger, "good")
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	wantCalls(t, w.remote, calls)
}

// The service may say at first that a token has no expiry, and later that it has expired. Then
// the token is an unknown one again. Else each request with it would make a call.
func TestATokenThatTurnsOutExpiredHasNoPrecedence(t *testing.T) {
	w := newWorld(t, nil)
	peer, stranger := from("192.0.2.1:1"), from("192.0.2.2:1")
	if err := use(peer, w.Cache, "good"); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(5 * time.Minute)
	end := w.now
	w.expiry = func() time.Time { return end }
	w.exhaust()
	if _, err := w.Get(stranger, "good"); err != nil {
		t.Fatal(err)
	}
	w.exhaust()
	calls := w.calls.Load()
	_, err := w.Get(stranger, "good")
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	wantCalls(t, w.remote, calls)
	var to diagnosis.Report
	w.Explain(peer, "good", &to)
	if text := to.Text("decision"); !strings.Contains(text, "the token expired at") {
		t.Errorf("Explain does not tell of the last answer:\n%s", text)
	}
}

// Tokens that were revoked are unknown ones again. Else each of them would be asked about once
// every 10 s, whatever the allowance of its peer is.
func TestARevokedTokenHasNoPrecedence(t *testing.T) {
	for _, revoked := range []bool{true, false} {
		w := newWorld(t, nil)
		if err := use(from("192.0.2.1:1"), w.Cache, "good"); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(5 * time.Minute)
		var want error
		if revoked {
			w.err = redoxauth.Errorf(redoxauth.ErrRejected, "inactive", "")
			want = redoxauth.ErrRejected
		}
		if err := use(from("192.0.2.2:1"), w.Cache, "good"); !errors.Is(err, want) {
			t.Fatalf("revoked = %v: error %v", revoked, err)
		}
		w.now = w.now.Add(5 * time.Minute) // more than 10 s: for both the answer is too old
		w.exhaust()
		calls := w.calls.Load()
		switch err := use(from("192.0.2.2:1"), w.Cache, "good"); {
		case revoked:
			verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
			wantCalls(t, w.remote, calls)
		case err != nil:
			t.Errorf("a token that was not revoked: %v", err)
		default:
			wantCalls(t, w.remote, calls+1)
		}
	}
}

func TestACallThatManyWaitForCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.delay = time.Second
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				if err := use(from("192.0.2.1:1"), w.Cache, "good stranger"); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if calls := w.flood(100, "192.0.2.1:1"); calls != 300/8-1 {
			t.Errorf("%d calls, want all but one", calls)
		}
	})
}

// A service that is slow or hangs makes every call long.
func TestPlacesAmongTheCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		if !w.accepted(from("192.0.2.1:1")) {
			t.Fatal("the first was refused")
		}
		w.delay = 9 * time.Second
		var wait sync.WaitGroup
		start := func(n int, addresses ...string) int64 {
			before := w.calls.Load()
			for range n {
				for _, a := range addresses {
					token := w.new("bad")
					wait.Go(func() { use(from(a), w.Cache, token) })
				}
			}
			synctest.Wait()
			return w.calls.Load() - before
		}
		if calls := start(100, "192.0.2.2:1"); calls != 4 {
			t.Errorf("%d calls at once for one stranger, want 4", calls)
		}
		if calls := start(1, network(1, 1000)...); calls != 28 {
			t.Errorf("%d calls at once for other strangers, want 28", calls)
		}
		if calls := start(100, "192.0.2.1:1"); calls != 16 {
			t.Errorf("%d calls at once for a peer that was accepted, want 16", calls)
		}
		wait.Wait()
		if calls := start(100, "192.0.2.1:1"); calls != 48 {
			t.Errorf("%d calls at once for a peer that was accepted, want 48", calls)
		}
		if calls := start(1, network(1, 100)...); calls != 0 { // the rest is for known tokens
			t.Errorf("%d calls at once beyond 48", calls)
		}
		err := use(from("192.0.2.2:1"), w.Cache, w.new("bad"))
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
		if want := "all peers of which no token was accepted within a day have used up their calls about new tokens, 32 at once or 300 a minute"; !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if calls := start(300, "192.0.2.1:1"); calls != 0 {
			t.Errorf("%d calls at once of an accepted peer beyond 48", calls)
		}
		wait.Wait()
		if calls := start(48, "192.0.2.1:1"); calls != 48 { // what was refused used up nothing
			t.Errorf("%d calls afterwards, want 48", calls)
		}
		wait.Wait()
	})
}

// All 64 calls are about tokens that were accepted. A request with one of them waits for its call.
func TestARequestJoinsACallWhenAllPlacesAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		peer := from("192.0.2.1:1")
		var tokens []string
		for range 65 {
			tokens = append(tokens, w.new("good"))
			if err := use(peer, w.Cache, tokens[len(tokens)-1]); err != nil {
				t.Fatal(err)
			}
		}
		w.now, w.delay = w.now.Add(5*time.Minute), 9*time.Second
		before := w.calls.Load()
		var wait sync.WaitGroup
		for _, token := range slices.Concat(tokens[:64], tokens[:3]) {
			wait.Go(func() {
				if err := use(peer, w.Cache, token); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wantCalls(t, w.remote, before+64)
		err := use(peer, w.Cache, tokens[64])
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
		if want := service + " is asked about 64 tokens at once, which is the limit"; !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		wait.Wait()
	})
}

// A short outage makes nobody busy: calls that failed are given back.
func TestFailedCallsAreGivenBack(t *testing.T) {
	w := newWorld(t, nil)
	r := from("192.0.2.1:1")
	w.err = errors.New("status 503")
	for range 200 { // a stranger has 37 calls
		verifiertest.CheckError(t, use(r, w.Cache, w.new("good")), redoxauth.ErrUnavailable, "unavailable")
	}
	w.err = nil
	for i := range 30 {
		if !w.accepted(r) {
			t.Fatalf("new token %d after the outage was refused", i+1)
		}
	}
}

func TestBusyEndsWhenTheServiceIsBack(t *testing.T) {
	w := newWorld(t, nil)
	known, fresh := from("192.0.2.1:1"), from("192.0.2.2:1")
	if !w.accepted(known) {
		t.Fatal("the first was refused")
	}
	w.err = errors.New("status 503")
	w.calls.Store(0)
	strangers := network(1, 100)
	for range 60 { // seconds
		w.now = w.now.Add(time.Second)
		w.flood(10, strangers...)
		for range 20 {
			w.accepted(known)
			w.accepted(fresh)
		}
	}
	if calls := w.calls.Load(); calls > 3*2*300 { // of both, what was unused before, and given back
		t.Errorf("%d calls in a minute to a service that fails", calls)
	}
	err := use(fresh, w.Cache, "good")
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	if !strings.Contains(err.Error(), "the last call failed: status 503") {
		t.Errorf("the error hides the outage: %v", err)
	}

	w.err = nil
	for range 2 {
		w.now = w.now.Add(time.Second)
		w.flood(10, strangers...) // one of them finds out that the service is back
	}
	for range 50 {
		if !w.accepted(known) {
			t.Fatal("a peer that was accepted before the outage is kept out after it")
		}
	}
	passed := 0
	for _, a := range network(2, 20) {
		if w.accepted(from(a)) {
			passed++
		}
	}
	if passed < 5 { // expected: two thirds
		t.Errorf("%d of 20 new peers passed after the outage", passed)
	}
	w.flood(100, fresh.RemoteAddr)
	err = use(from(strangers[0]), w.Cache, w.new("bad"))
	verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	if strings.Contains(err.Error(), "failed") {
		t.Errorf("the error tells of an outage that is over: %v", err)
	}
}

// After an outage the minute starts anew, once a minute at most. If the clock was set back, it
// does so at once: it may be days until the clock shows that time again.
func TestTheMinuteStartsAnewOnceAMinute(t *testing.T) {
	w := newWorld(t, nil)
	peer, failure := from("192.0.2.1:1"), errors.New("status 503")
	if !w.accepted(peer) {
		t.Fatal("the first was refused")
	}
	outage := func(calls int64) {
		t.Helper()
		w.err = failure
		if got := w.flood(1000, peer.RemoteAddr); got != calls {
			t.Errorf("%d calls in the outage, want %d", got, calls)
		}
		w.err = nil
		w.flood(1, "192.0.2.2:1") // a stranger finds out that it is over
	}
	for _, step := range []struct {
		name   string
		passed time.Duration
		outage int64 // calls; at most 300 that fail are given back in a minute
		tokens int
		after  int64 // calls about them
	}{
		{"first outage", 0, 600, 200, 200},
		{"at the same moment", 0, 100, 1000, 0},
		{"a minute later", time.Minute, 600, 1000, 300},
		{"half a minute later", time.Minute / 2, 300, 1000, 0},
		{"the clock was set back", -48 * time.Hour, 0, 1000, 300},
	} {
		w.now = w.now.Add(step.passed)
		outage(step.outage)
		if got := w.flood(step.tokens, peer.RemoteAddr); got != step.after {
			t.Errorf("%s: %d calls after the outage, want %d", step.name, got, step.after)
		}
	}
}

// Without Peer, all who come through a proxy share one bucket.
func TestBusyEndsForAProxyToo(t *testing.T) {
	w := newWorld(t, nil)
	r := from("192.0.2.1:1")
	r.Header.Set("X-Forwarded-For", "203.0.113.1")
	w.err = errors.New("status 503")
	for range 180 { // seconds
		w.now = w.now.Add(time.Second)
		w.flood(1, network(1, 50)...)
		for range 10 {
			w.accepted(r)
		}
	}
	w.err = nil
	w.now = w.now.Add(2 * time.Second) // until the next call that it may make
	for i := range 30 {
		if !w.accepted(r) {
			t.Fatalf("new token %d after the outage was refused", i+1)
		}
	}
}

// Strangers may know a token that makes the service fail. It must not open more calls.
func TestFailuresOpenNoMoreCallsThanStated(t *testing.T) {
	w := newWorld(t, nil)
	strangers := network(1, 3000)
	for range 20 { // in one minute
		for i, a := range strangers {
			w.err = nil
			if i%2 == 0 {
				w.err = errors.New("status 500")
			}
			w.flood(1, a)
		}
		w.now = w.now.Add(3 * time.Second)
	}
	if calls := w.calls.Load(); calls > 5*300 { // of the minute before, of this one, given back at once (of both), given back later
		t.Errorf("%d calls in a minute", calls)
	}
}
