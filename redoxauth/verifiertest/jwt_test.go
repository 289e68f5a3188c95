package verifiertest_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

const jwtIssuer = "https://issuer.example"

func jwtKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(seed), ed25519.SeedSize)))
}

// A jwtVerifier checks a JWT that is signed with Ed25519 (RFC 8037). A bearer token of another
// shape or issuer is for another Verifier.
type jwtVerifier struct{ allowNone, claimAll bool }

func jwtError(kind error, code string) error {
	return &redoxauth.Error{Kind: kind, Strategy: "jwt", Challenge: `Bearer realm="redox"` + code}
}

func (v jwtVerifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	token, err := redoxauth.BearerToken(r)
	switch redoxauth.StatusCode(err) {
	case http.StatusBadRequest:
		return nil, jwtError(redoxauth.ErrMalformed, `, error="invalid_request"`)
	case http.StatusUnauthorized:
		return nil, jwtError(redoxauth.ErrNoCredentials, "")
	}
	var header struct{ Alg string }
	var claims struct{ Iss, Sub string }
	parts := strings.Split(token, ".")
	if len(parts) != 3 || decodeJSON(parts[0], &header) != nil || decodeJSON(parts[1], &claims) != nil || claims.Iss != jwtIssuer {
		if v.claimAll && len(parts) == 3 {
			return nil, jwtError(redoxauth.ErrRejected, `, error="invalid_token"`)
		}
		return nil, jwtError(redoxauth.ErrNoCredentials, "")
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	genuine := err == nil && header.Alg == "EdDSA" && ed25519.Verify(jwtKey(1).Public().(ed25519.PublicKey), []byte(parts[0]+"."+parts[1]), signature)
	if !genuine && !(v.allowNone && header.Alg == "none") {
		return nil, jwtError(redoxauth.ErrRejected, `, error="invalid_token"`)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return &redoxauth.Identity{Strategy: "jwt", Issuer: claims.Iss, Subject: claims.Sub, RawClaims: payload}, err
}

func decodeJSON(part string, to any) error {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// A jwtSender sends what a jwtVerifier checks.
type jwtSender struct {
	alg  string
	seed byte
}

func (s jwtSender) Sign(r *http.Request) error {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"`+s.alg+`"}`)) + "." + encode([]byte(`{"iss":"`+jwtIssuer+`","sub":"redox"}`))
	r.Header.Set("Authorization", "Bearer "+input+"."+encode(ed25519.Sign(jwtKey(s.seed), []byte(input))))
	return nil
}

func jwtSuite(v redoxauth.Verifier) verifiertest.Suite {
	return verifiertest.Suite{
		New:     func() redoxauth.Verifier { return v },
		Genuine: request(jwtSender{"EdDSA", 1}),
		Forged: map[string]func() *http.Request{
			"wrong key": request(jwtSender{"EdDSA", 2}),
			"alg none":  request(jwtSender{"none", 1}), // RFC 8725, Section 2.1
		},
	}
}
