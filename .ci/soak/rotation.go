package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

const (
	drillRate    = 5                // genuine messages a second of each drill
	strangerRate = 20               // and strangers' tokens
	cooldown     = 5 * time.Second  // the default of keyset.RemoteConfig
	slack        = time.Second      // for what is not measured, such as a wait for a processor
	settle       = 12 * time.Second // between the steps of a rotation
	// A list of secrets that a function supplies is called every 30 s.
	listLife = 35 * time.Second
)

// A drill rotates what one feed is signed with, while the feed goes on.
type drill struct {
	kind      string
	handler   http.Handler
	sender    func() redoxtest.Sender               // of the next message
	stranger  func(url string, n int) *http.Request // what nobody signed; nil: no keys are looked for
	announced bool                                  // the new key or secret is known before it is used: nothing may be refused, ever
	steps     []step
	fetches   *fetches // of the keys; nil if there are none

	mu       sync.Mutex
	sent     int
	refused  int
	late     map[string]int // refused although the keys should be known
	passed   int            // strangers that were accepted
	changed  time.Time      // when what signs last changed
	behind   time.Duration  // how late messages were sent since then, at most, because the machine was busy
	accepted []time.Time
}

// A step of a rotation happens after a pause.
type step struct {
	pause time.Duration
	do    func()
}

// rotate runs all drills at once, and prints a line for each.
func rotate() error {
	d := &drills{client: &http.Client{Transport: genuineTransport(false), Timeout: patience}}
	mux := http.NewServeMux()
	server := httptest.NewUnstartedServer(mux)
	url := "http://" + server.Listener.Addr().String()
	defer d.close()
	if err := d.make(url); err != nil {
		return err
	}
	for n, drill := range d.all {
		mux.Handle(fmt.Sprintf("/%d/", n), drill.handler)
	}
	server.Start()
	defer server.Close()

	ctx, stop := context.WithCancel(context.Background())
	var rotations, feeds sync.WaitGroup
	for n, drill := range d.all {
		path := fmt.Sprintf("%s/%d/", url, n)
		feeds.Go(func() { drill.deliver(ctx, path) })
		feeds.Go(func() { drill.disturb(ctx, path) })
		rotations.Go(func() {
			for _, s := range drill.steps {
				time.Sleep(s.pause)
				drill.mu.Lock()
				s.do()
				drill.changed, drill.behind = time.Now(), 0
				drill.mu.Unlock()
			}
			time.Sleep(settle)
		})
	}
	rotations.Wait()
	stop()
	feeds.Wait()
	return d.report()
}

// deliver sends genuine messages, each signed with what signs now.
func (d *drill) deliver(ctx context.Context, url string) {
	var group sync.WaitGroup
	defer group.Wait()
	message := redoxtest.PatientAdmin()
	pace(ctx, drillRate, func(_ int, due time.Time) {
		d.mu.Lock()
		sender, changed, begin := d.sender(), d.changed, time.Now()
		d.behind = max(d.behind, begin.Sub(due))
		d.mu.Unlock()
		group.Go(func() {
			what := outcome(sender.Send(context.Background(), url, message))
			d.mu.Lock()
			defer d.mu.Unlock()
			d.sent++
			if what == "" {
				d.accepted = append(d.accepted, time.Now())
				return
			}
			d.refused++
			if !d.mayRefuse(begin, changed) {
				d.late[what]++
				d.explain(what, begin, changed)
			}
		})
	})
}

// mayRefuse reports whether a genuine message may be refused that was sent after a rotation.
// The promise is about the key that signs. If that was withdrawn while the message was under
// way, the refusal is right.
func (d *drill) mayRefuse(sent, rotated time.Time) bool {
	switch {
	case d.announced || rotated.IsZero():
		return false
	case d.changed != rotated:
		return true
	}
	return !sent.After(d.fetches.known(rotated.Add(cooldown + slack + d.behind)))
}

// explain prints when a message was refused, but for those after the first few.
func (d *drill) explain(what string, sent, rotated time.Time) {
	if d.late[what] > 3 {
		return
	}
	when := "before any rotation"
	if !rotated.IsZero() {
		when = fmt.Sprintf("%v after the rotation; fetches after it: %s", sent.Sub(rotated).Round(time.Millisecond), d.fetches.since(rotated))
	}
	fmt.Fprintf(os.Stderr, "%s  soak: %s: refused: %s, %v after it was sent, %s\n",
		time.Now().Format("15:04:05.000"), d.kind, what, time.Since(sent).Round(time.Millisecond), when)
}

// disturb sends what strangers send, in turn from 100 addresses.
func (d *drill) disturb(ctx context.Context, url string) {
	if d.stranger == nil {
		return
	}
	var group sync.WaitGroup
	var clients []*http.Client
	for n := range 100 {
		clients = append(clients, peer(n).client(false))
		clients[n].Timeout = patience
		defer clients[n].CloseIdleConnections()
	}
	defer group.Wait()
	pace(ctx, strangerRate, func(n int, _ time.Time) {
		r := d.stranger(url, n)
		group.Go(func() {
			if outcome(clients[n%len(clients)].Do(r)) == "" {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.passed++
			}
		})
	})
}

// gap is the longest time without an accepted message.
func (d *drill) gap() (longest time.Duration) {
	slices.SortFunc(d.accepted, time.Time.Compare)
	for i := 1; i < len(d.accepted); i++ {
		longest = max(longest, d.accepted[i].Sub(d.accepted[i-1]))
	}
	return longest
}

func (d *drills) report() error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "rotation\tsent\trefused\tafter Cooldown\tlongest gap")
	var errs []error
	slices.SortFunc(d.all, func(a, b *drill) int { return cmp.Compare(a.kind, b.kind) })
	for _, drill := range d.all {
		late := 0
		for _, n := range drill.late {
			late += n
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%v\n", drill.kind, drill.sent, drill.refused, late, drill.gap().Round(10*time.Millisecond))
		switch {
		case len(drill.accepted) == 0:
			errs = append(errs, fmt.Errorf("%s: nothing was accepted", drill.kind))
		case late > 0:
			errs = append(errs, fmt.Errorf("%s: refused: %s", drill.kind, most(drill.late, 3)))
		case drill.passed > 0:
			errs = append(errs, fmt.Errorf("%s: %d strangers were accepted", drill.kind, drill.passed))
		}
	}
	t.Flush()
	return errors.Join(errs...)
}

// mount wraps the handler of a drill.
func mount(v redoxauth.Verifier, err error) (http.Handler, error) {
	return redoxauth.Middleware(v, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), err
}
