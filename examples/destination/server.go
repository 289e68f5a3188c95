package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	drainTime = 2 * time.Second  // a load balancer may ask /healthz meanwhile
	graceTime = 30 * time.Second // for messages in progress after that
)

// A server serves real traffic until ctx is done. Messages in progress may finish.
type server struct {
	address string
	forward string // URL of the server that gets the messages; empty: they are counted
	env     environment
	out     io.Writer // what to enter in Redox's dashboard
	log     *slog.Logger
	drain   func() // waits, from the signal on, until no more connections are accepted
}

func (s *server) serve(ctx context.Context) error {
	d := &destination{environment: s.env, observe: redoxauth.LogDecisions(s.log), log: s.log}
	if s.forward != "" {
		f, err := newForwarder(s.forward, s.log)
		if err != nil {
			return err
		}
		d.accepted = f
	}
	handler, err := d.handler()
	if err != nil {
		return err
	}
	var stopping atomic.Bool
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/healthz" && stopping.Load() { // send me nothing more
				http.Error(w, "stopping", http.StatusServiceUnavailable)
				return
			}
			handler.ServeHTTP(w, r)
		}),
		// The library bounds what it reads itself. These bounds are for peers that send
		// nothing, or read nothing. A message of 40 MB must arrive within ReadTimeout.
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		WriteTimeout:      2*time.Minute + allTimeout + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	cert, key := s.env["TLS_CERT"], s.env["TLS_KEY"]
	if cert != "" || key != "" { // now, not with the first connection
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			return fmt.Errorf("TLS_CERT, TLS_KEY: %w", err)
		}
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	defer l.Close()
	if err := d.printDashboard(s.out); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		if cert != "" || key != "" {
			ended <- server.ServeTLS(l, cert, key)
		} else {
			ended <- server.Serve(l)
		}
	}()
	s.log.Info("listening", "address", l.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	stopping.Store(true)
	s.drain()
	grace, cancel := context.WithTimeout(context.Background(), graceTime)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
		return fmt.Errorf("messages were still in progress after %v, and are cut off: Redox sends them again: %w", graceTime, err)
	}
	return nil
}
