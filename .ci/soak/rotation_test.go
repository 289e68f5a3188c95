package main

import (
	"testing"
	"time"
)

func TestMayRefuse(t *testing.T) {
	start := time.Now().Add(-time.Minute)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	type call [2]float64 // from and to, after the rotation
	for _, c := range []struct {
		name         string
		sent         float64 // after the rotation
		announced    bool
		neverRotated bool
		rotatedAgain bool
		behind       time.Duration
		fetches      []call
		want         bool
	}{
		{name: "within Cooldown", sent: 4, want: true},
		{name: "after it", sent: 6.1},
		{name: "after it, and a fetch was quick", sent: 6.5, fetches: []call{{5, 5.1}}},
		{name: "while a fetch is slow", sent: 8, fetches: []call{{5, 8.5}}, want: true},
		{name: "after a slow fetch", sent: 9.6, fetches: []call{{5, 8.5}}},
		{name: "after a slow discovery, while the keys are fetched", sent: 8, fetches: []call{{5, 7.5}, {7.5, 8.5}}, want: true},
		{name: "while a fetch runs that began too late", sent: 8, fetches: []call{{7, 8.5}}},
		{name: "the machine was busy for 2 s", sent: 7.5, behind: 2 * time.Second, want: true},
		{name: "later than that", sent: 8.1, behind: 2 * time.Second},
		{name: "its key was withdrawn while it was under way", sent: 11, rotatedAgain: true, want: true},
		{name: "an announced rotation", sent: 1, announced: true},
		{name: "its key was withdrawn after an announcement", sent: 11, announced: true, rotatedAgain: true},
		{name: "before any rotation", neverRotated: true},
	} {
		rotated := start
		if c.neverRotated {
			rotated = time.Time{}
		}
		d := &drill{announced: c.announced, changed: rotated, behind: c.behind, fetches: &fetches{}}
		if c.rotatedAgain {
			d.changed = at(12)
		}
		for _, f := range c.fetches {
			d.fetches.all = append(d.fetches.all, span{at(f[0]), at(f[1])})
		}
		if got := d.mayRefuse(at(c.sent), rotated); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}
