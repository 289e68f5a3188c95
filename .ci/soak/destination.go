package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// The time-outs are those of a real server, but shorter, so that the waiting for stalled
// peers is.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 20 * time.Second
	idleTimeout       = 15 * time.Second
	bodyTimeout       = 20 * time.Second // a body below MaxBodyBytes in this time, 2 MiB/s, counts as slow

	maxInFlight = 8 * redoxauth.DefaultMaxBodyBytes // the default
)

// settingsVariable makes a process the destination. It holds settings as JSON.
const settingsVariable = "SOAK_DESTINATION"

// settings tell the destination about what it depends on, which is in the parent. It is under
// attack, unless there is a Redis, which fails now and then.
type settings struct {
	KeysURL, IntrospectionURL, CertsURL, TokenInfoURL, ServiceAccount string

	Redis     string          // its address
	SMARTKeys json.RawMessage // of the SMART client, if there is a Redis
}

// A destination is the server that gets the messages.
type destination struct {
	handler          http.Handler
	feed             stored
	second           atomic.Pointer[http.Server] // to be shut down in the middle
	genuine, hostile atomic.Int64                // open connections

	mu          sync.Mutex
	refusals    map[string]int    // of genuine messages, by what Observe says
	unavailable map[string]string // why a message was last answered 503, by path
}

// serve is the main function of the child. It prints the addresses, and ends with its
// standard input.
func serve(encoded string) error {
	var s settings
	if err := json.Unmarshal([]byte(encoded), &s); err != nil {
		return err
	}
	d := &destination{refusals: map[string]int{}, unavailable: map[string]string{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a := addresses{URL: "http://" + l.Addr().String()}
	if s.Redis != "" {
		d.handler, err = s.dependent(a.URL, &d.feed, d.observeUnavailable)
	} else {
		d.handler, err = s.handler(a.URL, d.observe)
	}
	if err != nil {
		return err
	}
	go d.server().Serve(l)
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a.Control = "http://" + control.Addr().String()
	go http.Serve(control, d.control())
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (d *destination) server() *http.Server {
	server := &http.Server{
		Handler: d.handler, ConnState: d.count, Protocols: new(http.Protocols), ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	return server
}

// count counts open connections. Attackers never come from 127.0.0.1.
func (d *destination) count(c net.Conn, state http.ConnState) {
	n := &d.hostile
	if c.RemoteAddr().(*net.TCPAddr).IP.Equal(net.IPv4(127, 0, 0, 1)) {
		n = &d.genuine
	}
	switch state {
	case http.StateNew:
		n.Add(1)
	case http.StateClosed, http.StateHijacked:
		n.Add(-1)
	}
}

// observe notes why a genuine message is refused.
func (d *destination) observe(r *http.Request, decision redoxauth.Decision) {
	if decision.Err == nil || !strings.HasPrefix(r.RemoteAddr, "127.0.0.1:") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusals[decision.Err.Error()]++
}

// observeUnavailable keeps one text for each path, so that memory stays flat.
func (d *destination) observeUnavailable(r *http.Request, decision redoxauth.Decision) {
	if decision.Status == http.StatusServiceUnavailable {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.unavailable[r.URL.Path] = decision.Err.Error()
	}
}

// control is how the parent looks into the child.
func (d *destination) control() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) { json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("GET /load", func(w http.ResponseWriter, r *http.Request) {
		answer(w, load{Goroutines: runtime.NumGoroutine(), Genuine: int(d.genuine.Load()), Hostile: int(d.hostile.Load())})
	})
	mux.HandleFunc("GET /usage", func(w http.ResponseWriter, r *http.Request) { answer(w, measureUsage()) })
	mux.HandleFunc("GET /unavailable", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		answer(w, d.unavailable)
	})
	mux.HandleFunc("GET /feed", func(w http.ResponseWriter, r *http.Request) { answer(w, d.feed.status()) })
	mux.HandleFunc("DELETE /refusals", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		answer(w, d.refusals)
		clear(d.refusals)
	})
	mux.HandleFunc("POST /rest", func(w http.ResponseWriter, r *http.Request) {
		debug.FreeOSMemory()
		answer(w, nil)
	})
	mux.HandleFunc("POST /second", func(w http.ResponseWriter, r *http.Request) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		second := d.server()
		d.second.Store(second)
		go second.Serve(l)
		answer(w, "http://"+l.Addr().String())
	})
	mux.HandleFunc("DELETE /second", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*readTimeout)
		defer cancel()
		begin, second := time.Now(), d.second.Load()
		if err := second.Shutdown(ctx); err != nil {
			second.Close()
		}
		answer(w, time.Since(begin))
	})
	return mux
}

// handler mounts every strategy. The panicking paths and those with a TimeoutHandler
// outside share the budget of the others.
func (s settings) handler(url string, observe func(*http.Request, redoxauth.Decision)) (http.Handler, error) {
	mux := http.NewServeMux()
	opts := &redoxauth.Options{BodyTimeout: bodyTimeout, Observe: observe}
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
		}
	})
	handle := func(path string) func(redoxauth.Verifier, error) {
		return func(v redoxauth.Verifier, err error) {
			mux.Handle(path, redoxauth.Middleware(v, opts)(ok))
			check(err)
		}
	}
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: s.KeysURL, InsecureAllowHTTP: true})
	check(err)
	store, secrets := replay.NewMemory(0), [][]byte{bytes.Repeat([]byte("s"), 32)}

	shared, err := verifytoken.New(verifytoken.Config{Tokens: []string{token}})
	check(err)
	mux.Handle("/verifytoken", shared.Handshake(redoxauth.Middleware(shared, opts)(ok)))

	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: secret}}, Region: "us-east-1", Service: "execute-api",
	})
	handle("/sigv4")(signature, err)
	panicking := redoxauth.Middleware(signature, opts)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("soak") }))
	mux.Handle("/panic", panicking)
	mux.Handle("/timeout/panic", http.TimeoutHandler(panicking, bodyTimeout, ""))
	mux.Handle("/timeout", http.TimeoutHandler(redoxauth.Middleware(signature, opts)(ok), bodyTimeout, ""))

	handle("/jwtbearer")(jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: issuer, Audience: []string{url}}))
	grant, err := jwtbearer.NewTokenEndpoint(jwtbearer.EndpointConfig{
		Signers:  []jwtbearer.Signer{{Issuer: issuer, Keys: keys}},
		TokenURL: url + "/grant/token", Issuer: url, Audience: url, TokenSecrets: secrets, Replay: store, Observe: observe,
	})
	check(err)
	own, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{secret}}},
		Issuer:  url, Audience: url, TokenSecrets: secrets, Observe: observe,
	})
	check(err)
	smart, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL: url + "/smartbackend/token", Issuer: url, Audience: url, TokenSecrets: secrets, Replay: store, Observe: observe,
	})
	if check(err); errors.Join(errs...) != nil {
		return nil, errors.Join(errs...)
	}
	mux.Handle("/grant/token", grant)
	mux.Handle("/clientcredentials/token", own)
	mux.Handle("/smartbackend/token", smart)
	handle("/grant")(grant.Verifier())
	handle("/clientcredentials")(own.Verifier())
	handle("/smartbackend")(smart.Verifier())

	handle("/introspection")(clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
		URL: s.IntrospectionURL, ClientID: "us", ClientSecret: secret, Audience: []string{url}, ClientIDs: []string{"redox"}, InsecureAllowHTTP: true,
	}))
	endpoints := gcpjwt.Endpoints{CertsURL: s.CertsURL, TokenInfoURL: s.TokenInfoURL}
	handle("/gcpjwt")(gcpjwt.New(gcpjwt.Config{
		ServiceAccounts: []string{s.ServiceAccount}, Audience: []string{url}, AccessTokens: true, Endpoints: endpoints, InsecureAllowHTTP: true,
	}))
	handle("/wif")(wif.New(wif.Config{
		ServiceAccounts: []string{s.ServiceAccount}, AccessTokens: true, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: true,
	}))
	return mux, errors.Join(errs...)
}
