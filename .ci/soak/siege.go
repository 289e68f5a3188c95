package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A siege is a destination, what it depends on, its genuine senders and its attackers.
type siege struct {
	keys        *redoxtest.KeyServer
	issuer      *redoxtest.AuthorizationServer
	google      *redoxtest.Google
	account     redoxtest.ServiceAccount
	smartKey    redoxtest.Key
	client      *http.Client // of genuine senders
	upload      []byte       // of shutDown; made before it is timed
	destination *process

	mu      sync.Mutex
	figures *figures // of the phase that lasts

	quiet    quiet
	failures []error
}

// quiet is what is measured before the attacks.
type quiet struct {
	p99        time.Duration
	peak       int64
	goroutines int
}

// An attack runs until ctx is done. What it has open then it keeps open until hold is done.
// An attack with a count spreads so many over the phase, and prolongs it if it is slower.
type attack struct {
	name  string
	count int64
	run   func(ctx, hold context.Context, t *tally)
}

// A tally is what an attack sent, and what it got.
type tally struct {
	perSecond float64 // of an attack with a count
	sent      atomic.Int64

	mu       sync.Mutex
	answers  map[string]int
	failures []error
}

func (t *tally) note(answer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[answer]++
}

// fail says that the destination did something wrong. The first few are enough.
func (t *tally) fail(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failures) < 5 {
		t.failures = append(t.failures, fmt.Errorf(format, args...))
	}
}

// answer notes the status of an answer to an attacker.
func (t *tally) answer(status int) {
	if t.note(fmt.Sprint(status)); status < 400 {
		t.fail("an attacker was answered %d", status)
	}
}

const allAtOnce = "all at once"

func besiege(duration time.Duration, only string) error {
	s := &siege{
		keys:     redoxtest.NewKeyServer(redoxtest.NewKey("k1", "RS256"), redoxtest.NewKey("s1", "ES384")),
		issuer:   redoxtest.NewAuthorizationServer(redoxtest.NewKey("as1", "ES256")),
		google:   redoxtest.NewGoogle(),
		smartKey: redoxtest.NewKey("s1", "ES384"),
		client:   &http.Client{Transport: genuineTransport(false), Timeout: patience},
		upload:   redoxtest.Large(8 << 20),
		figures:  newFigures(),
	}
	defer s.keys.Close()
	defer s.issuer.Close()
	defer s.google.Close()
	s.issuer.Opaque = true
	s.issuer.AddClient("redox", secret)
	s.issuer.AddClient("us", secret)
	s.account = s.google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	conf := settings{
		KeysURL: s.keys.JWKSURL, IntrospectionURL: s.issuer.IntrospectionURL,
		CertsURL: s.google.CertsURL, TokenInfoURL: s.google.TokenInfoURL, ServiceAccount: s.account.ID,
	}
	var err error
	if s.destination, err = startProcess(conf); err != nil {
		return err
	}
	defer s.destination.stop()

	all := s.attacks()
	var alone []attack
	for _, a := range all {
		if strings.Contains(a.name, only) {
			alone = append(alone, a)
		}
	}
	together := strings.Contains(allAtOnce, only)
	ctx, stop := context.WithCancel(context.Background())
	delivered := make(chan struct{})
	go func() { defer close(delivered); s.deliver(ctx) }()
	time.Sleep(3 * time.Second) // the keys are fetched, and so on

	fmt.Printf("%d cores, budget %d MiB, %d feeds, %d genuine messages a second\n\n", runtime.NumCPU(), maxInFlight>>20, len(s.feeds()), rate*len(s.feeds()))
	each := duration / time.Duration(len(alone)+3)
	header()
	s.phase("quiet", each)
	for _, a := range alone {
		s.phase(a.name, each, a)
	}
	if together {
		s.phase(allAtOnce, 2*each, all...)
	}
	stop()
	<-delivered
	s.failures = append(s.failures, s.spareBudget(conf))
	return errors.Join(s.failures...)
}

func (s *siege) attacks() []attack {
	return []attack{
		{name: "stalled messages", run: s.stallMessages},
		{name: "stalled token requests", run: s.stallTokenRequests},
		{name: "replayed headers", run: s.replayHeaders},
		{name: "HTTP/2 resets", count: resets, run: s.resetStreams},
		{name: "disconnects", count: disconnects, run: s.disconnect},
		{name: "invented tokens", run: s.inventTokens},
		{name: "hostile token requests", run: s.burdenEndpoints},
		{name: "panics and time-outs", run: s.provokePanics},
		{name: "shutdown", run: s.shutDown},
	}
}

func newFigures() *figures { return &figures{reasons: map[string]int{}} }

// begin announces a genuine message to the figures of this phase.
func (s *siege) begin() *figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.figures.pending.Add(1)
	return s.figures
}

// turn begins a phase, and returns the figures of the last one.
func (s *siege) turn(next *figures) *figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.figures
	s.figures = next
	return last
}
