package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A config holds the settings of the proofs. A nil setting is not served.
type config struct {
	options redoxauth.Options

	token         verifytoken.Config // required, because every destination needs the handshake
	sigv4         *sigv4.Config
	jwtDirect     *jwtbearer.Config // one of jwtDirect and jwtGrant
	jwtGrant      *jwtbearer.EndpointConfig
	oauthExternal *clientcredentials.Config // one of these three
	oauthOpaque   *clientcredentials.IntrospectionConfig
	oauthOwn      *clientcredentials.EndpointConfig
	smart         *smartbackend.EndpointConfig
	gcp           *gcpjwt.Config
	wif           *wif.Config

	keys []*keyset.RemoteSet // /healthz reports their health
}

// A destination collects the handlers of the proofs and the errors of their settings.
type destination struct {
	mux   *http.ServeMux
	token *verifytoken.Verifier
	cfg   *config
	log   *slog.Logger
	errs  []error
}

func newDestination(cfg *config, log *slog.Logger) (http.Handler, error) {
	cfg.token.Observe = cfg.options.Observe
	token, err := verifytoken.New(cfg.token)
	if err != nil {
		return nil, err
	}
	d := &destination{mux: http.NewServeMux(), token: token, cfg: cfg, log: log}
	d.receive("verifytoken", token, nil)
	if c := cfg.sigv4; c != nil {
		v, err := sigv4.New(*c)
		d.receive("sigv4", v, err)
	}
	if c := cfg.jwtDirect; c != nil {
		v, err := jwtbearer.New(*c)
		d.receive("jwtbearer", v, err)
	}
	if c := cfg.oauthExternal; c != nil {
		v, err := clientcredentials.New(*c)
		d.receive("clientcredentials", v, err)
	}
	if c := cfg.oauthOpaque; c != nil {
		v, err := clientcredentials.NewIntrospection(*c)
		d.receive("clientcredentials", v, err)
	}
	if c := cfg.gcp; c != nil {
		v, err := gcpjwt.New(*c)
		d.receive("gcpjwt", v, err)
	}
	if c := cfg.wif; c != nil {
		v, err := wif.New(*c)
		d.receive("wif", v, err)
	}
	d.endpoints()
	d.mux.HandleFunc("/healthz", d.health)
	return d.mux, errors.Join(d.errs...)
}

// endpoints mounts our own token endpoints and the paths that accept their tokens.
func (d *destination) endpoints() {
	if c := d.cfg.jwtGrant; c != nil {
		c := *c
		c.Observe = d.cfg.options.Observe
		if e, err := jwtbearer.NewTokenEndpoint(c); err != nil {
			d.errs = append(d.errs, err)
		} else {
			d.mux.Handle("/token/jwtbearer", e)
			v, err := e.Verifier()
			d.receive("jwtbearer", v, err)
		}
	}
	if c := d.cfg.oauthOwn; c != nil {
		c := *c
		c.Observe = d.cfg.options.Observe
		if e, err := clientcredentials.NewTokenEndpoint(c); err != nil {
			d.errs = append(d.errs, err)
		} else {
			d.mux.Handle("/token/clientcredentials", e)
			v, err := e.Verifier()
			d.receive("clientcredentials", v, err)
		}
	}
	if c := d.cfg.smart; c != nil {
		c := *c
		c.Observe = d.cfg.options.Observe
		if e, err := smartbackend.NewTokenEndpoint(c); err != nil {
			d.errs = append(d.errs, err)
		} else {
			d.mux.Handle("/token/smartbackend", e)
			d.mux.Handle("/.well-known/smart-configuration", e.Configuration())
			v, err := e.Verifier()
			d.receive("smartbackend", v, err)
		}
	}
}

// receive mounts v on its path and on all paths below, with the handshake outermost. It
// takes the error of the constructor, so that newDestination can report all errors.
func (d *destination) receive(name string, v redoxauth.Verifier, err error) {
	if err != nil {
		d.errs = append(d.errs, err)
		return
	}
	verified := redoxauth.Middleware(v, &d.cfg.options)
	handler := d.token.Handshake(verified(http.HandlerFunc(d.message)))
	d.mux.Handle("/redox/"+name, handler)
	d.mux.Handle("/redox/"+name+"/", handler)
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
	for _, set := range d.cfg.keys {
		if err := set.Ready(r.Context()); err != nil {
			d.log.Warn("not ready", "error", err)
			http.Error(w, "keys are unavailable", http.StatusServiceUnavailable)
			return
		}
	}
	io.WriteString(w, "ok\n")
}
