package token

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	maxJTI = 256 // bytes of what an assertion puts into the replay store

	// recordedWait is more than passes between the reading of the clock by which an
	// assertion is valid, and its record: key servers are waited for 10 s, redisreplay 5 s.
	recordedWait = time.Minute
)

// RecordedUntil returns how long the use of what expires must be remembered: while any
// replica accepts it, whose clock may be behind the recording one's by leeway, and which
// may have read it before it waited for keys or for the store.
func RecordedUntil(expiry time.Time, leeway time.Duration) time.Time {
	return expiry.Add(2*leeway + recordedWait)
}

// Terms are what a token endpoint asks of assertions ([RFC 7523, Section 3]). The
// exported Config of a strategy has fields of the same names, so errors fit both.
//
// [RFC 7523, Section 3]: https://www.rfc-editor.org/rfc/rfc7523#section-3
type Terms struct {
	Strategy    string // the package
	TokenURL    string
	Audiences   []string // default TokenURL
	Types       []string
	Required    []string      // claims
	MatchJKU    bool          // as of jose.Config
	MaxLifetime time.Duration // of the strategy
	Leeway      time.Duration
	Replay      replay.Store
	Now         func() time.Time

	// Refuse makes a Refusal of what is wrong with an assertion.
	Refuse func(issuer string, err *redoxauth.Error) *Refusal
}

// Complete fills in the defaults and returns all that is wrong.
func (t *Terms) Complete() error {
	var errs []error
	wrong := func(field, what string) {
		errs = append(errs, fmt.Errorf("%s: %s: %s", t.Strategy, field, what))
	}
	u, err := url.Parse(t.TokenURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(t.TokenURL, "#") {
		wrong("TokenURL", "not an absolute http or https URL without fragment")
	}
	if slices.Contains(t.Audiences, "") {
		wrong("Audiences", "an empty name")
	}
	if len(t.Audiences) == 0 {
		t.Audiences = []string{t.TokenURL}
	}
	if t.Leeway == 0 {
		t.Leeway = config.DefaultLeeway
	}
	if t.Leeway < 0 || t.Leeway > config.MaxLeeway {
		wrong("Leeway", "not from 0 to 5 min")
	}
	if t.Replay == nil {
		wrong("Replay", "required")
	}
	return errors.Join(errs...)
}

// Of returns the Assertions of one issuer, a client or a signer, under t, which is
// Complete. An empty subject is any.
func (t *Terms) Of(issuer, subject string, keys jose.Source, algorithms []string) *Assertions {
	return &Assertions{t, issuer, jose.New(jose.Config{
		Keys:        keys,
		Algorithms:  algorithms,
		Issuers:     []string{issuer},
		Subject:     subject,
		Audience:    t.Audiences,
		OneAudience: true,
		Types:       t.Types,
		Required:    t.Required,
		MatchJKU:    t.MatchJKU,
		Leeway:      t.Leeway,
		Now:         t.Now,
	})}
}

// Assertions are those of one issuer. Each is accepted once.
type Assertions struct {
	terms    *Terms
	issuer   string
	verifier *jose.Verifier
}

// Verify returns the verified assertion, and the function that records it as used.
func (a *Assertions) Verify(ctx context.Context, assertion string) (*jose.Token, func(context.Context) error, error) {
	t, err := a.verifier.Verify(ctx, assertion)
	if err == nil {
		err = a.checkOnceOnly(t)
	}
	if err != nil {
		return nil, nil, a.refuse(err)
	}
	return t, func(ctx context.Context) error { return a.use(ctx, t, assertion) }, nil
}

// checkOnceOnly refuses what the replay store would have to remember for too long. The
// sender's clock may be behind, or ahead of its own iat, so Leeway counts here too.
func (a *Assertions) checkOnceOnly(t *jose.Token) error {
	if len(t.JTI) > maxJTI {
		return rejected("malformed", "jti is longer than 256 bytes")
	}
	most := a.terms.MaxLifetime + a.terms.Leeway
	life := t.Expiry.Sub(a.terms.Now())
	if issued := t.IssuedAt(); !issued.IsZero() {
		life = max(life, t.Expiry.Sub(issued))
	}
	if life > most {
		return rejected("lifetime", fmt.Sprintf("valid for %v, more than %v", life.Round(time.Second), a.terms.MaxLifetime))
	}
	return nil
}

// use is one atomic step, so that of any number of requests with one assertion one
// passes. The scope holds the issuer: another one's jti may be the same.
func (a *Assertions) use(ctx context.Context, t *jose.Token, assertion string) error {
	scope := a.terms.Strategy + " " + a.issuer
	fresh, err := a.terms.Replay.Add(ctx, scope, t.ReplayID(assertion), RecordedUntil(t.Expiry, a.terms.Leeway))
	switch {
	case err != nil:
		return &redoxauth.Error{Kind: redoxauth.ErrUnavailable, Reason: "replay_store", Err: err}
	case !fresh:
		return a.refuse(rejected("replayed", "the assertion was used before"))
	}
	return nil
}

// Unknown says for the operator that an issuer is none of the configured, each a client
// or a signer.
func Unknown(issuer, configured string) error {
	if issuer == "" {
		return errors.New("the assertion is no JWT, or has no iss")
	}
	return fmt.Errorf("iss is %s, of no %s", Quote(issuer), configured)
}

// refuse makes a Refusal of err that names the issuer, unless err says that nothing can be
// decided now.
func (a *Assertions) refuse(err error) error {
	var e *redoxauth.Error
	if errors.Is(err, redoxauth.ErrUnavailable) || !errors.As(err, &e) {
		return err
	}
	r := *e
	r.Kind = redoxauth.ErrRejected // also where jose says "not mine"
	if r.Err != nil {
		r.Err = fmt.Errorf("assertion of %s: %w", Quote(a.issuer), r.Err)
	}
	return a.terms.Refuse(a.issuer, &r)
}

func rejected(reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: reason, Err: errors.New(why)}
}
