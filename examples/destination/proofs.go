package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// For each proof: the destination's configuration, what Redox sends, and what an
// attacker sends.

const verificationToken = "chosenByTheCustomer4Rehearsals"

var tokenSecrets = [][]byte{[]byte("a secret of our own, of 32 bytes at least")}

func (h *rehearsal) verifytoken() {
	const proof = "verifytoken"
	h.cfg.token = verifytoken.Config{Tokens: []string{verificationToken}}
	h.handshake(200, "handshake by POST", verificationToken, http.MethodPost)
	h.handshake(200, "handshake by GET", verificationToken, http.MethodGet)
	h.handshake(401, "handshake with a wrong token", "guessed", http.MethodPost)
	sender := redoxtest.VerificationToken{Token: verificationToken}
	h.expect(200, proof, "genuine", sender)
	h.forged(proof, sender.Forgeries())
}

func (h *rehearsal) sigv4() {
	const proof = "sigv4"
	h.cfg.sigv4 = &sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "REDOXEXAMPLE", SecretAccessKey: "aSecretKeyForRehearsals"}},
		Region:      "us-east-1",
		Service:     "execute-api",
		Replay:      replay.NewMemory(1000),
	}
	sender := redoxtest.SigV4{AccessKey: "REDOXEXAMPLE", SecretKey: "aSecretKeyForRehearsals", AWSRegion: "us-east-1", ServiceName: "execute-api"}
	declared := sender
	declared.DeclarePayloadHash = true
	h.expect(200, proof, "genuine", sender)
	h.expect(200, proof, "genuine, hash declared", declared)
	h.expect(401, proof, "replayed", redoxtest.Replay(sender))
	h.forged(proof, sender.Forgeries())
}

// jwtbearer rehearses JWTs that Redox signs and sends with each message.
func (h *rehearsal) jwtbearer() (closeServer func()) {
	const proof = "jwtbearer"
	server := redoxtest.NewKeyServer(redoxtest.NewKey("redox-1", "RS256"))
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		panic(err) // this program made the URL
	}
	h.cfg.keys = append(h.cfg.keys, keys)
	h.cfg.jwtDirect = &jwtbearer.Config{Keys: keys, Issuer: "https://redox.example", Audience: []string{h.url}}
	sender := &redoxtest.JWTBearer{Key: server.Key(), Issuer: "https://redox.example", Audience: []string{h.url}, Reuse: true}
	h.genuineTwice(proof, sender)
	h.forged(proof, sender.Forgeries())
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
	inBody, inJSON := h.client(), h.client()
	inBody.NoBasic = true
	inJSON.NoBasic, inJSON.ContentType = true, "application/json"
	h.genuineTwice(proof, h.client())
	h.expect(200, proof, "genuine, secret in the body", inBody)
	h.expect(200, proof, "genuine, secret in JSON", inJSON)
	h.forged(proof, h.client().Forgeries())
}

func (h *rehearsal) client() *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{URL: h.url + "/token/clientcredentials", ClientID: "redox", ClientSecret: "aSecretForRehearsals"}
}

// smartbackend rehearses SMART Backend Services.
func (h *rehearsal) smartbackend() {
	const proof = "smartbackend"
	key := redoxtest.NewKey("smart-1", "ES384")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		panic(err) // this program made the keys
	}
	h.cfg.smart = &smartbackend.EndpointConfig{
		Clients:      []smartbackend.Client{{ID: "redox-smart", Keys: keys, Scopes: []string{"system/*.rs"}}},
		TokenURL:     h.url + "/token/" + proof,
		Issuer:       h.url,
		Audience:     h.url + "/redox/" + proof,
		TokenSecrets: tokenSecrets,
		Replay:       replay.NewMemory(1000),
	}
	sender := &redoxtest.SMARTBackend{URL: h.url + "/token/" + proof, ClientID: "redox-smart", Key: key}
	h.genuineTwice(proof, sender)
	h.forged(proof, sender.Forgeries())
	h.expect(401, proof, "access token of another endpoint", h.client())
}

// google rehearses both Google proofs with a fake Google.
func (h *rehearsal) google() (closeServer func()) {
	google := redoxtest.NewGoogle()
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	h.cfg.gcp = &gcpjwt.Config{
		ServiceAccounts:   []string{account.ID},
		Audience:          []string{h.url},
		AccessTokens:      true,
		Endpoints:         gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL},
		InsecureAllowHTTP: true,
	}
	h.expect(200, "gcpjwt", "genuine access token", &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL})
	h.expect(200, "gcpjwt", "genuine ID token", &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL, TargetAudience: h.url})
	h.forged("gcpjwt", google.Forgeries(account, h.url))

	h.cfg.wif = &wif.Config{
		ServiceAccounts:   []string{account.ID},
		AccessTokens:      true,
		Endpoints:         wif.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL},
		InsecureAllowHTTP: true,
	}
	sender := func() *redoxtest.WIF {
		return &redoxtest.WIF{
			Audience:                       "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
			TokenURL:                       google.STSURL,
			ServiceAccountImpersonationURL: google.ImpersonationURL(account.Email),
			SubjectToken: func(context.Context) (string, error) {
				return redoxtest.NewKey("redox-identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"})
			},
		}
	}
	h.expect(200, "wif", "genuine", sender())
	h.forged("wif", google.Forgeries(account, ""))
	h.expectSend(503, "wif", "genuine, Google is down", func(ctx context.Context) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/redox/wif", nil)
		if err != nil {
			return nil, err
		}
		if err := sender().Sign(r); err != nil {
			return nil, errors.Join(errors.New("the token could not be fetched"), err)
		}
		google.Close()
		return http.DefaultClient.Do(r)
	})
	return google.Close
}
