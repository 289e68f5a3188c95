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
	"sync"
	"time"

	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v2/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const (
	issuer   = "https://issuer.example/"
	audience = "https://us.example/redox"
)

func signingKey() redoxtest.Key { return redoxtest.NewKey("k1", "RS256") }

const manyTokens = 2000

var jwts = sync.OnceValue(func() []string {
	tokens := make([]string, manyTokens)
	for i := range tokens {
		tokens[i] = must(signingKey().Token(nil, map[string]any{
			"iss": issuer, "aud": audience, "sub": "redox", "exp": time.Now().Add(time.Hour).Unix(),
			"jti": fmt.Sprint(i), "pad": strings.Repeat("x", 180),
		}))
	}
	return tokens
})

// forgetting verifies as what create returns, and creates it anew before the same of
// manyTokens comes again. So, if they are used in turn, each use is a first one.
func forgetting(create func() redoxauth.Verifier) redoxauth.Verifier {
	var mu sync.Mutex
	var current redoxauth.Verifier
	uses := 0
	return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		mu.Lock()
		if uses%(manyTokens/2) == 0 {
			current = create()
		}
		uses++
		v := current
		mu.Unlock()
		return v.Verify(r)
	})
}

func newJWTBearer(jwks []byte) *jwtbearer.Verifier {
	return must(jwtbearer.New(jwtbearer.Config{
		Keys: must(keyset.ParseJWKS(jwks)), Issuer: issuer, Audience: []string{audience}, Algorithms: []string{"RS256"},
	}))
}

// jwtContests check signature, issuer, audience and expiry of an RS256 token of about
// 800 bytes with keys at hand. redoxauth remembers verified signatures, so its first
// and its repeated use are two contenders; the others do the same work each time.
func jwtContests() []contest {
	jwks := redoxtest.JWKS(signingKey())
	public := signingKey().Signer.Public().(*rsa.PublicKey)
	token := jwts()[0]
	requests := bearerRequests(jwts())
	ours := newJWTBearer(jwks)
	first := forgetting(func() redoxauth.Verifier { return newJWTBearer(jwks) })
	next := 0
	verify := func(f func(token string) error) func() { return func() { check(f(token)) } }
	return []contest{{
		fmt.Sprintf("jwt RS256, %d bytes", len(token)), len(token),
		[]contender{
			{"crypto/rsa.VerifyPKCS1v15", bareRSA(public, token), nil},
			{"redoxauth jwtbearer, first use", func() { next++; must(first.Verify(requests[next%manyTokens])) }, []goal{{"× the limit", 1.20}}},
			{"redoxauth jwtbearer, repeated use", func() { must(ours.Verify(requests[0])) }, []goal{{"× the limit", 1.8 / 29}}},
			{"golang-jwt v5", verify(golangJWT(public)), nil},
			{"go-oidc v3, static keys", verify(goOIDC(public)), nil},
			{"auth0 go-jwt-middleware v3", verify(auth0(public)), nil},
			{"jwx v2 jwt.Parse, key set", verify(jwx(jwks)), nil},
		},
	}}
}

func bearerRequests(tokens []string) []*http.Request {
	requests := make([]*http.Request, len(tokens))
	for i, t := range tokens {
		requests[i] = httptest.NewRequest(http.MethodPost, "/redox", nil)
		requests[i].Header.Set("Authorization", "Bearer "+t)
	}
	return requests
}

func bareRSA(public *rsa.PublicKey, token string) func() {
	i := strings.LastIndexByte(token, '.')
	digest := sha256.Sum256([]byte(token[:i]))
	signature := must(base64.RawURLEncoding.DecodeString(token[i+1:]))
	return func() { check(rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)) }
}

func golangJWT(public *rsa.PublicKey) func(token string) error {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	keys := map[string]*rsa.PublicKey{"k1": public}
	return func(token string) error {
		_, err := parser.Parse(token, func(t *jwt.Token) (any, error) { return keys[t.Header["kid"].(string)], nil })
		return err
	}
}

func goOIDC(public *rsa.PublicKey) func(token string) error {
	verifier := oidc.NewVerifier(issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{public}},
		&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{"RS256"}})
	return func(token string) error {
		_, err := verifier.Verify(context.Background(), token)
		return err
	}
}

func auth0(public *rsa.PublicKey) func(token string) error {
	v := must(validator.New(
		validator.WithKeyFunc(func(context.Context) (any, error) { return public, nil }),
		validator.WithAlgorithm(validator.RS256), validator.WithIssuer(issuer), validator.WithAudience(audience)))
	return func(token string) error {
		_, err := v.ValidateToken(context.Background(), token)
		return err
	}
}

func jwx(jwks []byte) func(token string) error {
	set := must(jwk.Parse(jwks))
	return func(token string) error {
		_, err := jwxjwt.ParseString(token, jwxjwt.WithKeySet(set), jwxjwt.WithValidate(true),
			jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience), jwxjwt.WithRequiredClaim("exp"))
		return err
	}
}
