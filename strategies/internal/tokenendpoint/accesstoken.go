package tokenendpoint

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

const (
	maxToken    = 16 << 10 // bytes that package jose reads
	tokenLeeway = 60 * time.Second
)

// header of an access token, which is a JWT of [RFC 9068]. HS256 lets every replica with
// the same secrets verify it, and nothing is stored.
//
// [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068
var header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"at+jwt"}`))

// derive returns an HMAC key for each secret ([RFC 5869]). A key is bound to one strategy,
// issuer and audience: with the same secrets everywhere, the token of one endpoint is
// refused at every other ([RFC 9700, Section 2.3]).
//
// [RFC 5869]: https://www.rfc-editor.org/rfc/rfc5869
// [RFC 9700, Section 2.3]: https://www.rfc-editor.org/rfc/rfc9700#section-2.3
func derive(cfg *Config) ([][]byte, error) {
	info := fmt.Sprintf("redoxauth access token %q %q %q", cfg.Strategy, cfg.Issuer, cfg.Audience)
	keys := make([][]byte, len(cfg.TokenSecrets))
	for i, secret := range cfg.TokenSecrets {
		key, err := hkdf.Key(sha256.New, secret, nil, info, sha256.Size)
		if err != nil {
			return nil, err
		}
		keys[i] = key
	}
	return keys, nil
}

// sign returns an access token, and its Identity for the operator. It refuses to sign a
// token that the Verifier would find too long: a subject may have any length.
func (e *Endpoint) sign(p *Proof, scopes []string) (string, *redoxauth.Identity, error) {
	now := e.cfg.Now().Truncate(time.Second)
	expiry := now.Add(e.cfg.Lifetime)
	claims := encode(struct {
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		Client   string `json:"client_id"`
		Audience string `json:"aud"`
		Expiry   int64  `json:"exp"`
		IssuedAt int64  `json:"iat"`
		ID       string `json:"jti"`
		Scope    string `json:"scope,omitempty"`
	}{e.cfg.Issuer, p.Subject, p.Client, e.cfg.Audience, expiry.Unix(), now.Unix(), rand.Text(), joinScopes(scopes)})
	input := header + "." + base64.RawURLEncoding.EncodeToString(claims)
	mac := hmac.New(sha256.New, e.signing)
	mac.Write([]byte(input))
	token := input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	if len(token) > maxToken {
		return "", nil, redoxauth.Errorf(redoxauth.ErrMalformed, "malformed", "client %s: %w: %d bytes, want at most %d (fixed): sub of the assertion has %d bytes",
			diagnosis.Quote(p.Client), InvalidRequest("the access token would be too long"), len(token), maxToken, len(p.Subject))
	}
	return token, &redoxauth.Identity{
		Strategy: e.cfg.Strategy, Subject: p.Subject, Issuer: e.cfg.Issuer, KeyID: p.KeyID,
		Scopes: slices.Clone(scopes), Expiry: expiry,
	}, nil
}

// Verifier returns a verifier of the access tokens that e issues. A token must cover all
// required scopes. The error names a scope that is malformed, or that no client can get:
// its verifier would refuse every token.
func (e *Endpoint) Verifier(required []string) (bearer.Verifier, error) {
	if e == nil {
		return bearer.Verifier{}, errors.New("redoxauth: a zero TokenEndpoint: make it with NewTokenEndpoint")
	}
	if err := e.checkRequired(required); err != nil {
		return bearer.Verifier{}, err
	}
	required = slices.Clone(required)
	return bearer.New(e.cfg.Strategy, func(r *http.Request, token string) (*redoxauth.Identity, error) {
		t, err := e.tokens.Verify(r.Context(), token)
		if err != nil {
			return nil, err
		}
		id, _ := t.Claim("client_id").Text()
		client, known := e.clients[id]
		switch {
		case !known:
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "client", "client %s is no longer configured (EndpointConfig.%s[].%s)", diagnosis.Quote(id), e.cfg.ClientField, e.cfg.ClientKey)
		case client.Subject != "" && client.Subject != t.Subject:
			return nil, redoxauth.Errorf(redoxauth.ErrRejected, "client", "sub is %s, want %s, which client %s has now (EndpointConfig.%s[].Subject)", diagnosis.Quote(t.Subject), diagnosis.Quote(client.Subject), diagnosis.Quote(id), e.cfg.ClientField)
		}
		identity := t.Identity(e.cfg.Strategy, "scope")
		for _, scope := range required {
			if !e.cfg.Scopes.Covers(identity.Scopes, scope) {
				return nil, bearer.Insufficient(identity.Scopes, required, "scope", fmt.Sprintf("the scopes of Verifier; EndpointConfig.%s[].Scopes; Redox dashboard: scopes", e.cfg.ClientField))
			}
		}
		t.Remember()
		return identity, nil
	}, func(r *http.Request, token string, to *diagnosis.Report) { e.explainToken(r, token, to, required) }), nil
}

// explainToken says what is made of an access token.
func (e *Endpoint) explainToken(r *http.Request, token string, to *diagnosis.Report, required []string) {
	e.tokens.Explain(r.Context(), token, to)
	claims, err := claimsOf(token)
	if err != nil {
		return
	}
	issuer, _ := claims.Get("iss").Text()
	aud, _ := claims.Get("aud").Texts()
	_, err = e.tokens.Verify(rotation.LoadedOnly(r.Context()), token)
	var refused *redoxauth.Error
	switch ours := issuer == e.cfg.Issuer && slices.Contains(aud, e.cfg.Audience); {
	case ours && errors.As(err, &refused) && refused.Reason == "signature":
		to.Hint("iss and aud are those of this endpoint: if nobody has made the token up, another replica has other TokenSecrets, or a secret was removed before its tokens had expired: list [new, old] on all replicas (EndpointConfig.TokenSecrets)")
	case ours:
	case e.clients[issuer].ID != "" && claims.Get("client_id") == "":
		to.Hint("iss is that of a sender: this is an assertion, which the sender must exchange for an access token at the token endpoint (Redox dashboard: url)")
	default:
		to.Hint("the key of an access token depends on Issuer and Audience of its EndpointConfig beside TokenSecrets: the token of an endpoint with others has another signature")
	}
	id, _ := claims.Get("client_id").Text()
	sub, _ := claims.Get("sub").Text()
	field := fmt.Sprintf("EndpointConfig.%s[].%s", e.cfg.ClientField, e.cfg.ClientKey)
	switch client, known := e.clients[id]; {
	case !known:
		to.Line("client_id is %s, want %s (%s)", claims.Get("client_id").Said(), diagnosis.OneOf(slices.Sorted(maps.Keys(e.clients))), field)
	case client.Subject != "" && client.Subject != sub:
		to.Line("client_id: %s, and sub is %s, want %s (EndpointConfig.%s[].Subject)", diagnosis.Quote(id), claims.Get("sub").Said(), diagnosis.Quote(client.Subject), e.cfg.ClientField)
	default:
		to.Line("client_id: %s, as configured (%s)", diagnosis.Quote(id), field)
	}
	scope, _ := claims.Get("scope").Text()
	granted := strings.Fields(scope)
	for _, s := range required {
		if e.cfg.Scopes.Covers(granted, s) {
			to.Line("scope: has %s, which Verifier requires", diagnosis.Quote(s))
		} else {
			to.Line("scope is %s, want %s (the scopes of Verifier; what a client may get: EndpointConfig.%s[].Scopes; what it asks for: Redox dashboard: scopes)",
				claims.Get("scope").Said(), diagnosis.Quote(s), e.cfg.ClientField)
		}
	}
}
