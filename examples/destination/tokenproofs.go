package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

// The five proofs that are tokens. None of them covers the message: who has the token
// can send anything.

var tokenSecrets = [][]byte{[]byte("a secret of our own, of 32 bytes at least")}

// jwtbearer rehearses JWTs that Redox signs and sends directly. The returned function
// closes the key server.
func (h *rehearsal) jwtbearer() (closeServer func()) {
	const proof = "jwtbearer"
	key := redoxtest.NewKey("redox-1", "RS256")
	server := redoxtest.NewKeyServer(key)
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		panic(err) // a URL that this program made
	}
	h.cfg.keys = append(h.cfg.keys, keys)
	h.cfg.jwtDirect = &jwtbearer.Config{Keys: keys, Issuer: "https://redox.example", Audience: []string{h.url}}

	sender := func(alter func(*redoxtest.JWTBearer)) *redoxtest.JWTBearer {
		s := &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{h.url}, Reuse: true}
		if alter != nil {
			alter(s)
		}
		return s
	}
	genuine := sender(nil)
	h.expect(200, proof, "genuine", genuine)
	h.expect(200, proof, "genuine, the same token again", genuine)
	h.expect(401, proof, "no token", peer{})
	h.expect(401, proof, "opaque token", peer{"Authorization": {"Bearer " + verificationToken}})
	h.expect(400, proof, "two Authorization headers", peer{"Authorization": {"Bearer a", "Bearer b"}})
	h.expect(401, proof, "forged: another key, same key ID", sender(func(s *redoxtest.JWTBearer) {
		s.Key = redoxtest.NewKey("of-an-attacker", "RS256")
		s.Key.ID = "redox-1"
	}))
	h.expect(401, proof, "forged: unknown key ID", sender(func(s *redoxtest.JWTBearer) { s.Key = redoxtest.NewKey("redox-9", "RS256") }))
	h.expect(401, proof, "forged: HS256", sender(func(s *redoxtest.JWTBearer) { s.Key = redoxtest.NewKey("redox-1", "HS256") }))
	h.expect(401, proof, "tampered: signature", middleman{Signer: genuine, change: changeToken})
	h.expect(401, proof, "another audience", sender(func(s *redoxtest.JWTBearer) { s.Audience = []string{"https://other.example"} }))
	h.expect(401, proof, "another issuer", sender(func(s *redoxtest.JWTBearer) { s.Issuer = "https://other.example" }))
	h.expect(401, proof, "stale: expired", sender(func(s *redoxtest.JWTBearer) { s.Now = ago(time.Hour) }))
	return server.Close
}

// clientcredentials rehearses tokens of our own token endpoint.
func (h *rehearsal) clientcredentials() {
	const proof = "clientcredentials"
	h.cfg.oauthOwn = &clientcredentials.EndpointConfig{
		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"aSecretForRehearsals"}, Scopes: []string{"messages"}}},
		Issuer:       h.url,
		Audience:     h.url + "/redox/" + proof,
		TokenSecrets: tokenSecrets,
	}
	sender := func(alter func(*redoxtest.ClientCredentials)) *redoxtest.ClientCredentials {
		s := &redoxtest.ClientCredentials{URL: h.url + "/token/" + proof, ClientID: "redox", ClientSecret: "aSecretForRehearsals"}
		if alter != nil {
			alter(s)
		}
		return s
	}
	genuine := sender(nil)
	h.expect(200, proof, "genuine", genuine)
	h.expect(200, proof, "genuine, the same token again", genuine)
	h.expect(200, proof, "genuine, secret in the body", sender(func(s *redoxtest.ClientCredentials) { s.NoBasic = true }))
	h.expect(200, proof, "genuine, as JSON", sender(func(s *redoxtest.ClientCredentials) { s.NoBasic, s.ContentType = true, "application/json" }))
	h.expect(401, proof, "no token", peer{})
	h.expect(401, proof, "token request: wrong secret", sender(func(s *redoxtest.ClientCredentials) { s.ClientSecret = "guessed" }))
	h.expect(401, proof, "token request: unknown client", sender(func(s *redoxtest.ClientCredentials) { s.ClientID = "somebody" }))
	h.expect(400, proof, "token request: scope not granted", sender(func(s *redoxtest.ClientCredentials) { s.Scopes = []string{"admin"} }))
	h.expect(401, proof, "tampered: signature", middleman{Signer: genuine, change: changeToken})
}

// smartbackend rehearses SMART Backend Services, and a token meant for another path.
func (h *rehearsal) smartbackend() {
	const proof = "smartbackend"
	key := redoxtest.NewKey("smart-1", "ES384")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		panic(err) // keys that this program made
	}
	h.cfg.smart = &smartbackend.EndpointConfig{
		Clients:      []smartbackend.Client{{ID: "redox-smart", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL:     h.url + "/token/" + proof,
		Issuer:       h.url,
		Audience:     h.url + "/redox/" + proof,
		TokenSecrets: tokenSecrets,
		Replay:       replay.NewMemory(1000),
	}
	sender := func(alter func(*redoxtest.SMARTBackend)) *redoxtest.SMARTBackend {
		s := &redoxtest.SMARTBackend{URL: h.url + "/token/" + proof, ClientID: "redox-smart", Key: key}
		if alter != nil {
			alter(s)
		}
		return s
	}
	genuine := sender(nil)
	h.expect(200, proof, "genuine", genuine)
	h.expect(200, proof, "genuine, the same token again", genuine)
	h.expect(401, proof, "token request: another key", sender(func(s *redoxtest.SMARTBackend) {
		s.Key = redoxtest.NewKey("of-an-attacker", "ES384")
		s.Key.ID = "smart-1"
	}))
	h.expect(401, proof, "token request: assertion expired", sender(func(s *redoxtest.SMARTBackend) { s.Now = ago(time.Hour) }))
	fixed := map[string]any{"jti": "used-for-two-requests"}
	h.expect(200, proof, "token request: assertion's jti is new", sender(func(s *redoxtest.SMARTBackend) { s.Claims = fixed }))
	h.expect(401, proof, "token request: replayed jti", sender(func(s *redoxtest.SMARTBackend) { s.Claims = fixed }))
	assertion, err := genuine.Assertion()
	if err != nil {
		panic(err)
	}
	h.expect(401, proof, "assertion used as access token", peer{"Authorization": {"Bearer " + assertion}})
	h.expectSend(401, proof, "access token of another endpoint", func(ctx context.Context) (*http.Response, error) {
		other := &redoxtest.ClientCredentials{URL: h.url + "/token/clientcredentials", ClientID: "redox", ClientSecret: "aSecretForRehearsals"}
		return other.Send(ctx, h.url+"/redox/"+proof, redoxtest.PatientAdmin())
	})
}

// google rehearses both Google proofs against a fake Google. The returned function
// closes it.
func (h *rehearsal) google() (closeServer func()) {
	google := redoxtest.NewGoogle()
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	stranger := google.AddServiceAccount("stranger@elsewhere.iam.gserviceaccount.com")
	h.cfg.gcp = &gcpjwt.Config{
		ServiceAccounts:   []string{account.ID},
		Audience:          []string{h.url},
		AccessTokens:      true,
		Endpoints:         gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL},
		InsecureAllowHTTP: true,
	}
	jwt := func(a redoxtest.ServiceAccount, audience string) *redoxtest.GCPJWT {
		return &redoxtest.GCPJWT{Email: a.Email, Key: a.Key, TokenURL: google.TokenURL, TargetAudience: audience}
	}
	h.expect(200, "gcpjwt", "genuine access token", jwt(account, ""))
	h.expect(200, "gcpjwt", "genuine ID token", jwt(account, h.url))
	h.expect(401, "gcpjwt", "no token", peer{})
	h.expect(401, "gcpjwt", "access token of a stranger", jwt(stranger, ""))
	h.expect(401, "gcpjwt", "ID token of a stranger", jwt(stranger, h.url))
	h.expect(401, "gcpjwt", "ID token for another audience", jwt(account, "https://other.example"))
	h.expect(401, "gcpjwt", "tampered: signature", middleman{Signer: jwt(account, h.url), change: changeToken})
	h.expect(401, "gcpjwt", "forged access token", peer{"Authorization": {"Bearer ya29.guessed"}})

	h.cfg.wif = &wif.Config{
		ServiceAccounts:   []string{account.ID},
		AccessTokens:      true,
		Endpoints:         wif.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL},
		InsecureAllowHTTP: true,
	}
	impersonated := func(a redoxtest.ServiceAccount) *redoxtest.WIF {
		return &redoxtest.WIF{
			Audience:                       "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
			TokenURL:                       google.STSURL,
			ServiceAccountImpersonationURL: google.ImpersonationURL(a.Email),
			SubjectToken: func(context.Context) (string, error) {
				return redoxtest.NewKey("redox-identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"})
			},
		}
	}
	h.expect(200, "wif", "genuine", impersonated(account))
	h.expect(401, "wif", "no token", peer{})
	h.expect(401, "wif", "another service account", impersonated(stranger))
	h.expectSend(503, "wif", "genuine, Google is down", func(ctx context.Context) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/redox/wif", nil)
		if err != nil {
			return nil, err
		}
		if err := impersonated(account).Sign(r); err != nil {
			return nil, errors.Join(errors.New("the token could not be fetched"), err)
		}
		google.Close()
		return http.DefaultClient.Do(r)
	})
	return google.Close
}
