package redoxtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
)

// A server is common to the fake servers: an address on loopback, outages and counts.
type server struct {
	http *httptest.Server
	mux  *http.ServeMux

	mu      sync.Mutex
	outages map[string]Outage // by path; "" is for all other paths
	calls   map[string]int    // by path
}

// start serves mux on plain http.
func (s *server) start() {
	s.mux = http.NewServeMux()
	s.outages, s.calls = make(map[string]Outage), make(map[string]int)
	s.http = httptest.NewServer(s)
}

// ServeHTTP answers as the server on loopback does. With it you can serve from a server of
// your own, such as [httptest.NewTLSServer], or in memory.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.calls[r.URL.Path]++
	outage, ok := s.outages[r.URL.Path]
	if !ok {
		outage = s.outages[""]
	}
	s.mu.Unlock()
	if outage != nil {
		outage(s.mux).ServeHTTP(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Fail makes the server fail at the URLs, or everywhere if there is no URL. A nil Outage
// ends the failure there.
func (s *server) Fail(o Outage, urls ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(urls) == 0 {
		s.outages = map[string]Outage{"": o}
	}
	for _, u := range urls {
		s.outages[path(u)] = o
	}
}

// Calls returns the number of requests to url, also during an outage.
func (s *server) Calls(url string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[path(url)]
}

// Close stops the server and ends requests that hang.
func (s *server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

func path(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		return u
	}
	return parsed.Path
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
