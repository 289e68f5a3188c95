package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A destination serves the strategies that its environment configures.
type destination struct {
	environment
	observe    func(*http.Request, redoxauth.Decision)
	log        *slog.Logger
	signatures replay.Store     // makes signatures single-use; nil except in a rehearsal
	keysNow    func() time.Time // the clock of public keys; nil except in a rehearsal

	mux   *http.ServeMux
	token *verifytoken.Verifier // answers the handshake on every path; nil without REDOX_TOKENS
	keys  []*keyset.RemoteSet   // /healthz reports their health
	errs  []error
}

// handler returns the handler of all paths. The error lists all mistakes in the environment.
func (d *destination) handler() (http.Handler, error) {
	d.mux = http.NewServeMux()
	d.mux.HandleFunc("/healthz", d.health)
	first, verifiers := map[string]string{}, map[string]redoxauth.Verifier{}
	for _, s := range strategies {
		if !d.flag(s.first()) {
			continue
		}
		before := len(d.errs)
		if first[s.name] != "" {
			d.fail("%s, %s: set only one: both use the path /redox/%s", first[s.name], s.first(), s.name)
		}
		if s.endpoints != nil && !d.flag("PUBLIC_URL") {
			d.fail("PUBLIC_URL: required for a token endpoint")
		}
		first[s.name] = s.first()
		v, err := s.serve(d)
		if err != nil && len(d.errs) == before { // otherwise err is only a consequence
			d.fail("%w", err)
		}
		verifiers[s.name] = v
	}
	if len(first) == 0 {
		d.fail("REDOX_TOKENS: required, unless another strategy is configured (-h lists them)")
	}
	if d.errs != nil {
		return nil, errors.Join(d.errs...)
	}
	options := &redoxauth.Options{Observe: d.observe}
	for name, v := range verifiers {
		// A handshake is proven by its token, or else by the credential.
		handler := redoxauth.Middleware(v, options)(verifytoken.Challenge(http.HandlerFunc(d.message)))
		if d.token != nil {
			handler = d.token.Handshake(handler)
		}
		// Forgeries and some senders lengthen the path.
		d.mux.Handle("/redox/"+name, handler)
		d.mux.Handle("/redox/"+name+"/", handler)
	}
	return d.mux, nil
}

// afterToken requires the verification token before v, if REQUIRE_TOKEN is set. Anybody can
// invent an opaque token, and each would cost a call. Besides, Google's access tokens name no
// audience. It is no default, because Redox does not document that messages with a credential
// carry the token.
func (d *destination) afterToken(v redoxauth.Verifier, err error) (redoxauth.Verifier, error) {
	switch {
	case err != nil:
		return nil, err
	case !d.flag("REQUIRE_TOKEN"):
		return v, nil
	case d.token == nil:
		d.fail("REDOX_TOKENS: required with REQUIRE_TOKEN")
		return nil, nil
	}
	return redoxauth.AllOf(d.token, v), nil
}

func (d *destination) fail(format string, args ...any) {
	d.errs = append(d.errs, fmt.Errorf(format, args...))
}

// message is the handler. A real destination stores the message before it answers 200.
func (d *destination) message(w http.ResponseWriter, r *http.Request) {
	size, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	}
	id, _ := redoxauth.FromContext(r.Context())
	d.log.Info("message", "strategy", id.Strategy, "subject", id.Subject, "bytes", size)
}

// health tells a load balancer whether this server has the keys that it needs.
func (d *destination) health(w http.ResponseWriter, r *http.Request) {
	for _, set := range d.keys {
		if err := set.Ready(r.Context()); err != nil {
			d.log.Warn("not ready", "error", err)
			http.Error(w, "keys are unavailable", http.StatusServiceUnavailable)
			return
		}
	}
	io.WriteString(w, "ok\n")
}
