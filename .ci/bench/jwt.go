package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v2/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const (
	issuer   = "https://issuer.example/"
	audience = "https://us.example/redox"
)

// jwtContests check signature, issuer, audience and expiry of an RS256 token of about
// 700 bytes with keys at hand. redoxauth remembers verified signatures, so its first
// and its repeated use are two contenders; the others do the same work each time.
func jwtContests() []contest {
	key := redoxtest.NewKey("k1", "RS256")
	public := key.Signer.Public().(*rsa.PublicKey)
	tokens := make([]string, 3000) // more than are remembered, so that each use is a first one
	for i := range tokens {
		tokens[i] = must(key.Token(nil, map[string]any{
			"iss": issuer, "aud": audience, "sub": "redox", "exp": time.Now().Add(time.Hour).Unix(),
			"jti": fmt.Sprint(i), "pad": strings.Repeat("x", 180),
		}))
	}
	token := tokens[0]
	requests := make([]*http.Request, len(tokens))
	for i, t := range tokens {
		requests[i] = httptest.NewRequest(http.MethodPost, "/redox", nil)
		requests[i].Header.Set("Authorization", "Bearer "+t)
	}
	ours := must(jwtbearer.New(jwtbearer.Config{
		Keys: must(keyset.ParseJWKS(redoxtest.JWKS(key))), Issuer: issuer, Audience: []string{audience}, Algorithms: []string{"RS256"},
	}))
	next := 0
	return []contest{{
		fmt.Sprintf("jwt RS256, %d bytes", len(token)),
		[]contender{
			{"crypto/rsa.VerifyPKCS1v15", bareRSA(public, token)},
			{"redoxauth jwtbearer, first use", func() { next++; must(ours.Verify(requests[next%len(requests)])) }},
			{"redoxauth jwtbearer, repeated use", func() { must(ours.Verify(requests[0])) }},
			{"golang-jwt v5", golangJWT(public, token)},
			{"go-oidc v3, static keys", goOIDC(public, token)},
			{"auth0 go-jwt-middleware v3", auth0(public, token)},
			{"jwx v2 jwt.Parse, key set", jwx(key, token)},
		},
	}}
}

func bareRSA(public *rsa.PublicKey, token string) func() {
	i := strings.LastIndexByte(token, '.')
	digest := sha256.Sum256([]byte(token[:i]))
	signature := must(base64.RawURLEncoding.DecodeString(token[i+1:]))
	return func() { check(rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)) }
}

func golangJWT(public *rsa.PublicKey, token string) func() {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	keys := map[string]*rsa.PublicKey{"k1": public}
	return func() {
		must(parser.Parse(token, func(t *jwt.Token) (any, error) { return keys[t.Header["kid"].(string)], nil }))
	}
}

func goOIDC(public *rsa.PublicKey, token string) func() {
	verifier := oidc.NewVerifier(issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{public}},
		&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"RS256"}})
	return func() { must(verifier.Verify(context.Background(), token)) }
}

func auth0(public *rsa.PublicKey, token string) func() {
	v := must(validator.New(
		validator.WithKeyFunc(func(context.Context) (any, error) { return public, nil }),
		validator.WithAlgorithm(validator.RS256), validator.WithIssuer(issuer), validator.WithAudience(audience)))
	return func() { must(v.ValidateToken(context.Background(), token)) }
}

func jwx(key redoxtest.Key, token string) func() {
	set := must(jwk.Parse(redoxtest.JWKS(key)))
	return func() {
		must(jwxjwt.ParseString(token, jwxjwt.WithKeySet(set), jwxjwt.WithValidate(true),
			jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience), jwxjwt.WithRequiredClaim("exp")))
	}
}
