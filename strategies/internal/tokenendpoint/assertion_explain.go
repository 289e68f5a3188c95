package tokenendpoint

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// maxOthers bounds the clients whose keys Explain tries. Each costs at most four signatures.
const maxOthers = 8

// Explain adds what an assertion says, and what is made of it. It returns the client that
// the assertion claims to be of, or "". ctx is one of rotation.LoadedOnly.
func (a *Assertions) Explain(ctx context.Context, to *diagnosis.Report, parameter, assertion string) string {
	to.Line("%s: %d bytes with %d dots; a JWT has two", parameter, len(assertion), strings.Count(assertion, "."))
	claims, err := claimsOf(assertion)
	if err != nil {
		to.Error(err)
		a.misread(to, parameter, assertion)
		return ""
	}
	issuer, _ := claims.Get("iss").Text()
	s := a.issuers[issuer]
	if s == nil {
		to.Line("iss is %s, want %s", claims.Get("iss").Said(), a.want)
		a.stranger(to, claims, issuer)
	}
	signer, fits := a.signerOf(ctx, assertion)
	switch {
	case s != nil:
		s.tokens.Explain(ctx, assertion, to)
		switch {
		case signer == s && !fits:
			to.Hint("the signature is right, and its algorithm is not accepted: want alg %s (%s)", diagnosis.OneOf(s.algorithms), a.AlgorithmsBy)
		case signer != nil && signer != s:
			to.Hint("the signature verifies under a key of %s, whose iss must be %[1]s: either iss or the key is that of another sender", diagnosis.Quote(signer.client.ID))
		}
	case signer != nil:
		to.Hint("the signature verifies under a key of %s: then iss must be %[1]s", diagnosis.Quote(signer.client.ID))
		to.Line("the next lines say what is made of it as an assertion of %s, whose key signed it", diagnosis.Quote(signer.client.ID))
		signer.tokens.Explain(ctx, assertion, to)
	default:
		to.Line("the other checks depend on the issuer, so they are not made")
	}
	a.life(to, claims)
	a.audience(to, claims)
	if s == nil {
		return ""
	}
	return issuer
}

// claimsOf returns the claims of a JWT that is not verified.
func claimsOf(token string) (jose.Object, error) {
	jws, err := jose.ParseJWS(token)
	if err != nil {
		return nil, err
	}
	return jose.ReadObject([]byte(jws.Payload), "iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope")
}

// misread adds hints for an assertion that is no JWT.
func (a *Assertions) misread(to *diagnosis.Report, parameter, assertion string) {
	trimmed := strings.Trim(assertion, " \t\r\n\"")
	if jose.UnverifiedIssuer(trimmed) != "" {
		to.Hint("%s is a JWT when the white space and the quotation marks around it are removed", parameter)
	}
	if bare, ok := strings.CutPrefix(trimmed, "Bearer "); ok && jose.UnverifiedIssuer(bare) != "" {
		to.Hint("%s is a JWT after the word Bearer, want the JWT alone", parameter)
	}
	unpadded := strings.NewReplacer("=", "", "+", "-", "/", "_").Replace(trimmed)
	if unpadded != trimmed && jose.UnverifiedIssuer(unpadded) != "" {
		to.Hint("%s is in base64 with padding, or in its standard alphabet, want base64url without padding (RFC 7515, Section 2)", parameter)
	}
}

// stranger adds hints for an issuer that is not configured.
func (a *Assertions) stranger(to *diagnosis.Report, claims jose.Object, issuer string) {
	for _, c := range a.Clients {
		to.Near("iss", issuer, []string{c.ID}, a.issuerField())
	}
	if sub, _ := claims.Get("sub").Text(); a.issuers[sub] != nil {
		to.Hint("sub is a configured sender, and iss is not: want iss %s too", diagnosis.Quote(sub))
	}
	switch {
	case slices.Contains(a.AssertionAudiences, issuer):
		to.Hint("iss is this token endpoint (EndpointConfig.AssertionAudiences, by default TokenURL), where the sender is expected")
	case issuer == a.Issuer:
		to.Hint("iss is EndpointConfig.Issuer, the name of this server, where the sender is expected")
	}
}

// signerOf returns the client whose key signed an assertion, whatever its iss says, and
// whether the algorithm is one of the client's. It returns nil if there is none among the
// first clients.
func (a *Assertions) signerOf(ctx context.Context, assertion string) (_ *signer, fits bool) {
	jws, err := jose.ParseJWS(assertion)
	if err != nil {
		return nil, false
	}
	for _, c := range a.Clients[:min(len(a.Clients), maxOthers)] {
		s := a.issuers[c.ID]
		verifies := func(algorithms []string) bool {
			_, err := jws.Verify(ctx, assertion, &jose.Config{Keys: s.keys, Algorithms: algorithms, OneKey: a.OneKey}, nil)
			return err == nil
		}
		if verifies(jose.Asymmetric()) {
			return s, verifies(s.algorithms)
		}
	}
	return nil, false
}

// audience adds hints for an aud that names another part of this server.
func (a *Assertions) audience(to *diagnosis.Report, claims jose.Object) {
	aud, _ := claims.Get("aud").Texts()
	for _, name := range aud[:min(len(aud), 8)] {
		switch {
		case slices.Contains(a.AssertionAudiences, name):
		case name == a.Issuer:
			to.Hint("aud is EndpointConfig.Issuer, where the token URL is expected: if the sender writes the issuer, as RFC 10070 says, list it in EndpointConfig.AssertionAudiences")
		case name == a.Audience:
			to.Hint("aud is EndpointConfig.Audience, the destination, where the token URL is expected")
		}
		to.Near("aud", name, a.AssertionAudiences, "EndpointConfig.AssertionAudiences, by default TokenURL")
	}
}

// life says what bounds the use of an assertion: see checkLife.
func (a *Assertions) life(to *diagnosis.Report, claims jose.Object) {
	jti, _ := claims.Get("jti").Text()
	switch {
	case len(jti) > maxJTI:
		to.Line("jti has %d bytes, want at most %d (fixed)", len(jti), maxJTI)
	case jti != "":
		to.Line("jti: %s; the replay store is not asked, so a replay is not seen here (EndpointConfig.Replay)", diagnosis.Quote(jti))
	case slices.Contains(a.Required, "jti"):
		to.Line("jti is %s, want one that is new in each assertion (fixed)", claims.Get("jti").Said())
	default:
		to.Line("jti is %s; then the assertion is accepted until %v after its iat (EndpointConfig.Leeway and 1m0s)", claims.Get("jti").Said(), maxAge+a.Leeway)
	}
	exp, ok := claims.Get("exp").Date()
	if !ok || exp.Unix() > jose.MaxDate {
		return
	}
	life, from := exp.Sub(a.Now()), "now"
	if iat, ok := claims.Get("iat").Date(); ok && exp.Sub(iat) > life {
		life, from = exp.Sub(iat), "iat"
	}
	verdict := "accepted"
	if life > a.MaxLifetime+a.Leeway {
		verdict = "too long"
	}
	to.Line("life time: %v from %s to exp, %s: at most %v (%s) plus %v (EndpointConfig.Leeway)", life.Round(time.Second), from, verdict, a.MaxLifetime, a.LifetimeBy, a.Leeway)
}
