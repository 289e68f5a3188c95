// Package tokenendpoint is what the token endpoints of three strategies share. An
// [Endpoint] reads a token request, asks the strategy once what the request proves, and
// answers with an access token or an error. A strategy returns plain errors: answer.go
// alone decides how each is answered.
package tokenendpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	// defaultLifetime is what SMART asks for. It is so short that no token is revoked.
	defaultLifetime = 5 * time.Minute

	// maxName is the largest length in bytes of a name that is part of a token. A token
	// with four such names, all escaped, and the most scopes is still accepted.
	maxName = 512
)

// Config configures an [Endpoint]. The EndpointConfig of a strategy has fields of the same
// names, so errors about both read the same.
type Config struct {
	Strategy         string // the package
	Issuer, Audience string
	TokenSecrets     [][]byte
	Lifetime         time.Duration // default 5 min
	MaxLifetime      time.Duration // of the strategy
	GrantType        string        // the only accepted grant_type
	JSON             bool          // accept JSON bodies too

	// Challenge is the WWW-Authenticate of a 401, the answer to a wrong credential. Without
	// it that answer is 400 invalid_grant: then an assertion is the grant itself, and
	// authenticates no client.
	Challenge string

	Clients                []Client
	ClientField, ClientKey string // the exported names of Clients and Client.ID, for errors
	Scopes                 Scopes // default: a scope covers itself alone

	// Prove returns what a request proves, or an error.
	Prove func(context.Context, *Request) (*Proof, error)

	// Explain adds to the report what the request says of the client. It returns
	// the ID of the client that the request claims to come from, or "".
	Explain func(context.Context, *diagnosis.Report, *Request) string

	Observe func(*http.Request, redoxauth.Decision)
	Now     func() time.Time // default time.Now
}

// A Client may get access tokens.
type Client struct {
	ID      string   // client_id of its tokens
	Subject string   // the only sub of its tokens; "" allows any
	Scopes  []string // what it may get
}

// A Proof is what a token request proves.
type Proof struct {
	Client  string // ID of one of Config.Clients
	Subject string // sub of the token
	KeyID   string // the secret or the key that matched
	Once    *Once  // what the request uses up; nil if it may be sent again
}

// Once is an ID that may be used once.
type Once struct {
	Store replay.Store
	Scope string // within which the ID is unique: the token URL and the client
	ID    string
	Until time.Time // when Store may forget it
}

// An Endpoint issues access tokens and verifies them. It is safe for concurrent use. A nil
// Endpoint answers every request with status 500.
type Endpoint struct {
	cfg      Config
	clients  map[string]Client // by ID
	signing  []byte            // the first key
	tokens   *jose.Verifier
	failures *failures
	bodies   *redoxauth.Options // the limits for reading them, and their budget
}

// New returns the Endpoint of cfg, or an error with everything that is wrong with cfg.
func New(cfg Config) (*Endpoint, error) {
	if cfg.Lifetime == 0 {
		cfg.Lifetime = defaultLifetime
	}
	if cfg.Scopes == nil {
		cfg.Scopes = plainScopes{}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := &Endpoint{
		clients:  make(map[string]Client),
		failures: newFailures(),
		bodies:   &redoxauth.Options{MaxBodyBytes: maxBody, MaxInFlight: maxBodies, BodyTimeout: bodyTimeout},
	}
	if err := e.check(&cfg); err != nil {
		return nil, err
	}
	keys, err := derive(&cfg)
	if err != nil {
		return nil, err
	}
	joseKeys := jose.HMACKeys(new(config.Problems), "", keys, []string{"HS256"}) // the secrets were checked
	e.signing = keys[0]
	e.tokens = jose.New(jose.Config{
		Keys:       jose.Secrets(func(context.Context) ([]*jose.Key, error) { return joseKeys, nil }),
		Algorithms: []string{"HS256"},
		Issuers:    []string{cfg.Issuer},
		Audience:   []string{cfg.Audience},
		Types:      []string{"at+jwt"},
		Claims:     []string{"client_id", "scope"},
		Leeway:     tokenLeeway,
		Fields: jose.Fields{
			Keys: "EndpointConfig.TokenSecrets", Algorithms: "fixed for the tokens of a TokenEndpoint", Issuers: "EndpointConfig.Issuer",
			Audience: "EndpointConfig.Audience", Types: "fixed for the tokens of a TokenEndpoint", Leeway: "fixed for the tokens of a TokenEndpoint",
		},
		ExpiryAlone: true, // no MaxLifetime either: when Lifetime gets shorter, old tokens stay valid
		Now:         cfg.Now,
	})
	e.cfg = cfg
	e.cfg.TokenSecrets, e.cfg.Clients = nil, nil // only what was made of them is kept
	return e, nil
}

// check checks cfg and copies its Clients.
func (e *Endpoint) check(cfg *Config) error {
	p := config.Problems{Package: cfg.Strategy}
	p.Name("Issuer", cfg.Issuer, maxName)
	p.Name("Audience", cfg.Audience, maxName)
	if cfg.Lifetime < time.Second || cfg.Lifetime > cfg.MaxLifetime {
		p.Add("Lifetime", "%v, want 1s to %v", cfg.Lifetime, cfg.MaxLifetime)
	}
	p.Secrets("TokenSecrets", cfg.TokenSecrets)
	jose.HMACKeys(&p, "TokenSecrets", cfg.TokenSecrets, []string{"HS256"})
	if len(cfg.Clients) == 0 {
		p.Add(cfg.ClientField, "required")
	}
	for i, c := range cfg.Clients {
		field := fmt.Sprintf("%s[%d].", cfg.ClientField, i)
		p.Name(field+cfg.ClientKey, c.ID, maxName)
		if _, twice := e.clients[c.ID]; twice {
			p.Add(field+cfg.ClientKey, "an earlier entry has %q too", c.ID)
		}
		if c.Subject != "" && c.Subject != c.ID {
			p.Name(field+"Subject", c.Subject, maxName)
		}
		p.Scopes(field+"Scopes", c.Scopes)
		if n := len(joinScopes(c.Scopes)); n > maxScope {
			p.Add(field+"Scopes", "%d bytes with the spaces between them, want at most %d", n, maxScope)
		}
		c.Scopes = slices.Clone(c.Scopes)
		e.clients[c.ID] = c
	}
	return p.Err()
}

// ServeHTTP answers a token request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e == nil {
		a := answers[http.StatusInternalServerError]
		write(w, a, a.body())
		return
	}
	start := time.Now()
	q := &Request{unread: true}
	d := redoxauth.Decision{Event: "token_request"}
	a := answer{status: http.StatusOK}
	id, body, err := e.issue(w, r, q)
	if err != nil {
		failure := e.failure(err)
		a, failure = e.answerTo(failure, r, q)
		d.Err, body = failure, a.body()
	}
	if e.cfg.Observe != nil {
		d.Identity, d.Status, d.Duration = id, a.status, time.Since(start)
		seen := *r
		seen.Body = &observed{q, d.Err} // the peer's may stall
		e.cfg.Observe(&seen, d)
	}
	if q.unread && r.ProtoMajor < 2 {
		// Otherwise net/http reads the rest of the body before it sends the answer. In
		// HTTP/2 this header would end all other streams of the connection.
		w.Header().Set("Connection", "close")
	}
	write(w, a, body)
}

// issue returns the body with the access token. It checks what the client may have, and
// signs the token, before it uses up an assertion: so a request that is refused for its
// scope can be sent again. A panic, such as of the operator's replay store, is an error.
func (e *Endpoint) issue(w http.ResponseWriter, r *http.Request, q *Request) (id *redoxauth.Identity, body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, body, err = nil, nil, fmt.Errorf("panic: %T", p)
		}
	}()
	if err := e.read(w, r, q); err != nil {
		return nil, nil, err
	}
	return e.answer(r.Context(), q)
}

// answer is issue for a request that was read.
func (e *Endpoint) answer(ctx context.Context, q *Request) (id *redoxauth.Identity, body []byte, err error) {
	switch grant := q.Get("grant_type"); grant {
	case e.cfg.GrantType:
	case "":
		return nil, nil, Malformed("grant_type is missing", "%s, want %q (Redox dashboard: grantType)", q.Absence("grant_type"), e.cfg.GrantType)
	default:
		return nil, nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "%w: grant_type is %s, want %q (Redox dashboard: grantType)",
			unsupportedGrant, diagnosis.Quote(grant), e.cfg.GrantType)
	}
	p, err := e.cfg.Prove(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	if name, target := q.otherTarget(e.cfg.Audience); target != "" {
		return nil, nil, redoxauth.Errorf(redoxauth.ErrRejected, "audience", "client %s: %w: %s is %s, want %q or none (EndpointConfig.Audience; Redox dashboard: %[3]s)",
			diagnosis.Quote(p.Client), invalidTarget, name, diagnosis.Quote(target), e.cfg.Audience)
	}
	granted, err := e.grant(p.Client, q.Get("scope"))
	if err != nil {
		return nil, nil, err
	}
	token, id, err := e.sign(p, granted)
	if err != nil {
		return nil, nil, err
	}
	if p.Once != nil {
		if err := e.use(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	return id, encode(struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int64  `json:"expires_in"`
		Scope       string `json:"scope,omitempty"`
	}{token, "bearer", int64(e.cfg.Lifetime / time.Second), joinScopes(granted)}), nil
}

// use records the use of p.Once.
func (e *Endpoint) use(ctx context.Context, p *Proof) error {
	err := singleuse.Use(ctx, p.Once.Store, e.cfg.Strategy+" "+p.Once.Scope, p.Once.ID, p.Once.Until)
	return refused(p.Client, err)
}

// encode is json.Marshal that leaves < > & alone: scopes are full of them. v is a struct of
// strings and integers, so it has no errors.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
