package tokenendpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/internal/singleuse"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	maxJTI = 256 // bytes of what an assertion puts into the replay store

	// maxAge of an assertion without a jti, beside Leeway.
	maxAge = 60 * time.Second
)

// Assertions verifies the assertions that a token endpoint accepts ([RFC 7523, Section 3]).
// A strategy's EndpointConfig has fields of the same names. Call Check and then Add before
// the first Verify.
//
// [RFC 7523, Section 3]: https://www.rfc-editor.org/rfc/rfc7523#section-3
type Assertions struct {
	TokenURL           string
	AssertionAudiences []string      // default TokenURL
	Types              []string      // as in jose.Config
	Required           []string      // as in jose.Config
	OneKey             bool          // as in jose.Config
	MatchJKU           bool          // as in jose.Config
	MaxLifetime        time.Duration // of the strategy
	Leeway             time.Duration
	Replay             replay.Store
	Now                func() time.Time // default time.Now

	UnknownReason redoxauth.Reason // of an assertion of an issuer that was not added
	IssuerField   string           // the exported field that lists the issuers
	Dashboard     string           // the field of Redox's dashboard for the issuer, or ""
	SubjectField  string           // the exported field of the accepted sub
	KeysField     string           // the exported field of the keys
	AlgorithmsBy  string           // what decides the algorithms
	LifetimeBy    string           // what decides MaxLifetime

	Issuer, Audience string // of the EndpointConfig, for Explain

	Clients []Client // that were added, for Config

	issuers map[string]*signer
	want    string // the accepted issuers, for errors
}

// A signer is a client that was added.
type signer struct {
	client     Client
	keys       jose.Source
	algorithms []string
	tokens     *jose.Verifier
}

// Check sets the defaults and adds what is wrong to p.
func (a *Assertions) Check(p *config.Problems) {
	p.URL("TokenURL", a.TokenURL, true)
	p.Names("AssertionAudiences", a.AssertionAudiences)
	if len(a.AssertionAudiences) == 0 {
		a.AssertionAudiences = []string{a.TokenURL}
	}
	p.Leeway(&a.Leeway)
	if a.Replay == nil {
		p.Add("Replay", "required")
	}
	if a.Now == nil {
		a.Now = time.Now
	}
}

// Add adds a client. Its ID is the iss of its assertions. field is that of the client.
func (a *Assertions) Add(p *config.Problems, field string, c Client, keys keyset.Set, algorithms []string) {
	a.Clients = append(a.Clients, c)
	a.want = a.wantIssuer()
	if keys == nil {
		p.Add(field+".Keys", "required")
		return
	}
	if a.issuers == nil {
		a.issuers = make(map[string]*signer)
	}
	source := jose.SourceOf(keys)
	a.issuers[c.ID] = &signer{c, source, slices.Clone(algorithms), jose.New(jose.Config{
		Keys:        source,
		Algorithms:  algorithms,
		OneKey:      a.OneKey,
		Issuers:     []string{c.ID},
		Subject:     c.Subject,
		Audience:    a.AssertionAudiences,
		OneAudience: true,
		Types:       a.Types,
		Required:    a.Required,
		MatchJKU:    a.MatchJKU,
		Leeway:      a.Leeway,
		Now:         a.Now,
		Fields: jose.Fields{
			Keys: "EndpointConfig." + a.KeysField, Algorithms: a.AlgorithmsBy, Issuers: a.issuerField(), Subject: "EndpointConfig." + a.SubjectField,
			Audience: "EndpointConfig.AssertionAudiences, by default TokenURL", Types: "fixed", Required: "fixed", Leeway: "EndpointConfig.Leeway",
		},
	})}
}

// Verify returns what an assertion proves about its issuer. An assertion with a jti is
// accepted once: the Endpoint sees to that by Proof.Once.
func (a *Assertions) Verify(ctx context.Context, assertion string) (*Proof, error) {
	// An unknown issuer is refused at once. There is no key whose check could take the
	// same time, and the name of an issuer is no secret.
	issuer := jose.UnverifiedIssuer(assertion)
	signer, ok := a.issuers[issuer]
	switch {
	case issuer == "":
		return nil, WrongCredential("", redoxauth.ErrRejected, a.UnknownReason, "%s", a.noIssuer(assertion))
	case !ok:
		return nil, WrongCredential(issuer, redoxauth.ErrRejected, a.UnknownReason, "iss of the assertion is %s, want %s", diagnosis.Quote(issuer), a.want)
	}
	t, err := signer.tokens.Verify(ctx, assertion)
	if err == nil {
		err = a.checkLife(t)
	}
	if err != nil {
		return nil, refused(issuer, err)
	}
	p := &Proof{Client: issuer, Subject: t.Subject, KeyID: t.KeyID}
	if t.JTI != "" {
		p.Once = &Once{a.Replay, fmt.Sprintf("%q %q", a.TokenURL, issuer), t.ReplayID(assertion), singleuse.Until(t.Expiry, a.Leeway)}
	}
	return p, nil
}

// noIssuer says why an assertion has no issuer.
func (a *Assertions) noIssuer(assertion string) string {
	_, err := jose.ParseJWS(assertion)
	var e *redoxauth.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("the assertion, of %d bytes, cannot be read: want a signed JWT: %v", len(assertion), e.Err)
	}
	return "iss of the assertion is absent, or its claims cannot be read, want " + a.want
}

// wantIssuer says which issuers are accepted.
func (a *Assertions) wantIssuer() string {
	ids := make([]string, len(a.Clients))
	for i, c := range a.Clients {
		ids[i] = c.ID
	}
	return diagnosis.OneOf(ids) + diagnosis.Field(a.issuerField())
}

// issuerField names what decides the accepted issuers.
func (a *Assertions) issuerField() string {
	if a.Dashboard == "" {
		return "EndpointConfig." + a.IssuerField
	}
	return "EndpointConfig." + a.IssuerField + "; Redox dashboard: " + a.Dashboard
}

// checkLife bounds how long an assertion is of use to whoever captures it, and how long the
// replay store must remember it. The clock of the sender may be slow, or ahead of its own
// iat, so Leeway counts here too.
//
// Without a jti an assertion cannot be used up. Google's libraries send none and count iat
// in seconds: two workers that sign in one second send the same bytes, and both are genuine.
func (a *Assertions) checkLife(t *jose.Token) error {
	now := a.Now()
	issued, hasIssued := t.Claim("iat").Date()
	life := t.Expiry.Sub(now)
	if hasIssued {
		life = max(life, t.Expiry.Sub(issued))
	}
	most := maxAge + a.Leeway
	switch {
	case len(t.JTI) > maxJTI:
		return redoxauth.Errorf(redoxauth.ErrRejected, "malformed", "jti has %d bytes, want at most %d (fixed)", len(t.JTI), maxJTI)
	case life > a.MaxLifetime+a.Leeway:
		return redoxauth.Errorf(redoxauth.ErrRejected, "lifetime", "valid for %v, want at most %v (%s)", life.Round(time.Second), a.MaxLifetime, a.LifetimeBy)
	case t.JTI != "":
	case !hasIssued:
		return redoxauth.Errorf(redoxauth.ErrRejected, "malformed", "jti and iat are absent, want a jti, or else an iat in seconds since 1970")
	case !now.Before(issued.Add(most)):
		return redoxauth.Errorf(redoxauth.ErrRejected, "expired",
			"issued %v ago by this server's clock (iat %s), want at most %v for an assertion without jti (EndpointConfig.Leeway and 1m0s); one with a jti is accepted until it expires",
			now.Sub(issued).Round(time.Second), issued.UTC().Format(time.RFC3339), most)
	}
	return nil
}

// refused returns err as a [WrongCredential] of the issuer, unless it says that nothing can
// be decided now.
func refused(issuer string, err error) error {
	var e *redoxauth.Error
	if redoxauth.StatusCode(err) != 401 || !errors.As(err, &e) {
		return err
	}
	return WrongCredential(issuer, redoxauth.ErrRejected, e.Reason, "assertion of %s: %w", diagnosis.Quote(issuer), e.Err)
}
