package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
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
	accepted   http.Handler     // gets the messages; nil: they are counted
	signatures replay.Store     // makes signatures single-use; nil except in a rehearsal
	keysNow    func() time.Time // the clock of public keys; nil except in a rehearsal

	mux      *http.ServeMux
	token    *verifytoken.Verifier // answers the handshake on every path; nil without REDOX_TOKENS
	keys     []*keyset.RemoteSet   // /healthz reports their health
	served   []strategy
	mistakes []mistake
}

// handler returns the handler of all paths. The error lists all mistakes in the environment, or
// only quotation marks, which cause others.
func (d *destination) handler() (http.Handler, error) {
	if err := d.quoted(knownVariables()); err != nil {
		return nil, err
	}
	d.mux = http.NewServeMux()
	d.mux.HandleFunc("GET /healthz", d.health)
	for _, err := range d.misspelt(knownVariables()) {
		d.fail("", "%w", err)
	}
	if d.has("PUBLIC_URL") {
		if err := d.checkPublicURL(); err != nil {
			d.fail("PUBLIC_URL", "%w", err)
		}
	}
	options := &redoxauth.Options{Observe: d.observe}
	d.fill(options, optionSettings)
	verifiers := map[string]redoxauth.Verifier{}
	for _, s := range strategies {
		if !d.has(s.first()) {
			continue
		}
		for _, other := range d.served {
			if other.name == s.name {
				d.fail(other.first()+", "+s.first(), "set only one: both use the path /redox/%s", s.name)
			}
		}
		d.served = append(d.served, s)
		var cfg any
		v, err := s.serve(d, func(c any) {
			d.fill(c, s.settings)
			cfg = c
		})
		if err != nil {
			d.failConfig(cfg, s.settings, err)
		}
		verifiers[s.name] = v
	}
	d.checkUse()
	if d.mistakes != nil {
		var errs []error
		for _, m := range d.mistakes {
			errs = append(errs, m)
		}
		return nil, errors.Join(errs...)
	}
	if d.accepted == nil {
		d.accepted = http.HandlerFunc(d.count)
	}
	for name, v := range verifiers {
		// A handshake is proven by its token, or else by the credential.
		handler := redoxauth.Middleware(v, options)(verifytoken.Challenge(d.accepted))
		if d.token != nil {
			handler = d.token.Handshake(handler)
		}
		// Forgeries and some senders lengthen the path.
		d.mux.Handle("/redox/"+name, handler)
		d.mux.Handle("/redox/"+name+"/", handler)
	}
	return d.mux, nil
}

// checkUse finds variables that would do nothing.
func (d *destination) checkUse() {
	if len(d.served) == 0 {
		d.fail("REDOX_TOKENS", "required, unless another strategy is configured (-h lists them)")
	}
	users := map[string][]string{} // by variable, what must be set for it to be used
	for _, s := range strategies {
		for _, x := range s.settings {
			users[x.variable] = append(users[x.variable], s.first())
		}
	}
	for _, v := range commonVariables {
		delete(users, v.name)
	}
	for _, name := range knownVariables() {
		if d.has(name) && users[name] != nil && !slices.ContainsFunc(users[name], d.has) {
			d.fail(name, "does nothing without %s", strings.Join(users[name], " or "))
		}
	}
}

// knownVariables returns the names of all variables, each once.
func knownVariables() []string {
	var names []string
	for _, v := range commonVariables {
		names = append(names, v.name)
	}
	for _, s := range strategies {
		for _, x := range s.settings {
			if x.variable != "" && !slices.Contains(names, x.variable) {
				names = append(names, x.variable)
			}
		}
	}
	return names
}

// afterToken requires the verification token before v, if REQUIRE_TOKEN is set. Anybody can
// invent an opaque token, and each would cost a call. Besides, Google's access tokens name no
// audience. It is no default, because Redox does not document that messages with a credential
// carry the token.
func (d *destination) afterToken(v redoxauth.Verifier, err error) (redoxauth.Verifier, error) {
	if err != nil || !d.has("REQUIRE_TOKEN") {
		return v, err
	}
	required, err := parseBool(d.environment["REQUIRE_TOKEN"])
	switch {
	case err != nil:
		d.fail("REQUIRE_TOKEN", "%w", err)
	case required && d.token == nil:
		d.fail("REDOX_TOKENS", "required with REQUIRE_TOKEN")
	case required:
		return redoxauth.AllOf(d.token, v), nil
	}
	return v, nil
}

// count is the handler of messages. A real destination stores the message before it answers 200.
func (d *destination) count(w http.ResponseWriter, r *http.Request) {
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
	fmt.Fprintln(w, "ok")
}
