package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// grace is the time that clients may need to connect again after an outage.
const grace = 2 * time.Second

// disturb fails one dependency after the other, in several ways, until ctx is done.
func (w *world) disturb(ctx context.Context) {
	type failing interface {
		Fail(redoxtest.Outage, ...string)
	}
	servers := map[string]failing{"keys": w.keys, "introspection": w.issuer, "google": w.google}
	outages := []struct {
		name string
		o    redoxtest.Outage
	}{
		{"slow", redoxtest.Slow(700 * time.Millisecond)}, {"hanging", redoxtest.Hang()}, {"reset", redoxtest.Reset()},
		{"500", redoxtest.Status(500)}, {"html", redoxtest.HTML()}, {"huge", redoxtest.Huge()},
	}
	pause := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-ctx.Done():
			return false
		}
	}
	for n := 0; pause(4 * time.Second); n++ {
		name := []string{"keys", "introspection", "google", "redis"}[n%4]
		how := outages[(n/4+n)%len(outages)]
		if name == "redis" {
			how.name = "killed"
		}
		w.cut(name, how.name)
		if name == "redis" {
			w.redis.stop()
		} else {
			servers[name].Fail(how.o)
		}
		goOn := pause(3 * time.Second)
		if name == "redis" {
			if err := w.redis.start(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		} else {
			servers[name].Fail(nil)
		}
		w.restore(name)
		if !goOn {
			return
		}
	}
}

func (w *world) cut(name, how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down[name] = append(w.down[name], outage{begin: time.Now()})
	fmt.Printf("%s  %s: %s\n", time.Now().Format("15:04:05"), name, how)
}

func (w *world) restore(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down[name][len(w.down[name])-1].end = time.Now()
}

// wasDown reports whether the dependency was down at any time between begin and end.
func (w *world) wasDown(name string, begin, end time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.down[name] {
		if end.After(o.begin) && (o.end.IsZero() || begin.Before(o.end.Add(grace))) {
			return true
		}
	}
	return false
}

// stored is the handler of the feed, and what it has stored.
type stored struct {
	mu sync.Mutex
	feedStatus
}

type feedStatus struct {
	Messages int    // that arrived, without those that arrived again
	Wrong    string // the first message out of order
}

func (s *stored) status() feedStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feedStatus
}

func (s *stored) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch string(body) {
	case fmt.Sprintf(`{"n":%d}`, s.Messages):
		s.Messages++
	case fmt.Sprintf(`{"n":%d}`, s.Messages-1): // at least once
	default:
		s.Wrong = cmp.Or(s.Wrong, fmt.Sprintf("got %s, want message %d", body, s.Messages))
	}
}

// deliverFeed delivers a feed as Redox does. It uses introspection, because that proof needs
// its dependency most often. It checks that the whole feed arrived in order.
func (w *world) deliverFeed(ctx context.Context) error {
	i := slices.IndexFunc(w.proofs, func(p *proof) bool { return p.needs == "introspection" })
	sender, url := w.proofs[i].genuine(), strings.TrimSuffix(w.proofs[i].url, w.proofs[i].name)+"feed"
	pauses, delivered := 0, 0
	for n := 0; ctx.Err() == nil; n++ {
		message := fmt.Sprintf(`{"n":%d}`, n)
		err := redoxtest.Deliver(ctx, sender, url, [][]byte{[]byte(message)}, func(a redoxtest.Attempt) {
			if a.Pause > 0 {
				pauses++
			}
		})
		if err != nil {
			break // ctx is done
		}
		delivered++
		time.Sleep(20 * time.Millisecond)
	}
	var arrived feedStatus
	w.destination.call("GET", "/feed", &arrived)
	fmt.Printf("\nfeed: %d messages delivered in order, %d pauses\n", delivered, pauses)
	switch {
	case arrived.Wrong != "":
		return fmt.Errorf("feed: %s", arrived.Wrong)
	case arrived.Messages < delivered || delivered == 0:
		return fmt.Errorf("feed: %d messages arrived of %d delivered", arrived.Messages, delivered)
	}
	return nil
}
