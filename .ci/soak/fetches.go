package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// fetches are the calls to a key server. Discovery is several.
type fetches struct {
	mu  sync.Mutex
	all []span // the end is zero while one runs
}

func (f *fetches) client() *http.Client { return &http.Client{Transport: f} }

// RoundTrip implements http.RoundTripper.
func (f *fetches) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	n := len(f.all)
	f.all = append(f.all, span{begin: time.Now()})
	f.mu.Unlock()
	end := sync.OnceFunc(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all[n].end = time.Now()
	})
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		end()
		return nil, err
	}
	response.Body = fetched{response.Body, end}
	return response, nil
}

type fetched struct {
	io.ReadCloser
	end func()
}

func (b fetched) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

// known returns when the keys must be known that a fetch brings which begins in time: then, or
// when that fetch has ended. Discovery goes on with the next call at once.
func (f *fetches) known(begun time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.all {
		if end := cmp.Or(s.end, time.Now()).Add(slack); !s.begin.After(begun) && end.After(begun) {
			begun = end
		}
	}
	return begun
}

// since says when fetches ran after a rotation.
func (f *fetches) since(rotation time.Time) string {
	if f == nil {
		return "none"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var times []string
	for _, s := range f.all {
		if end := cmp.Or(s.end, time.Now()); end.After(rotation) {
			times = append(times, fmt.Sprintf("from %v to %v", s.begin.Sub(rotation).Round(time.Millisecond), end.Sub(rotation).Round(time.Millisecond)))
		}
	}
	return cmp.Or(strings.Join(times, ", "), "none")
}
