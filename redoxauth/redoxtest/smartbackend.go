package redoxtest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// A SMARTBackend gets an access token by [SMART Backend Services]: it sends a signed
// assertion to the token endpoint. It sends the token with many messages, until it
// expires. Redox does not document the dashboard's fields for the key.
//
// [SMART Backend Services]: https://hl7.org/fhir/smart-app-launch/backend-services.html
type SMARTBackend struct {
	URL      string   // the dashboard's url: the token endpoint
	ClientID string   // the dashboard's clientId
	Key      Key      // required; RS384 or ES384
	Scopes   []string // default system/*.rs; most destinations need system/*.c

	Audience string        // of the assertion; default URL
	JKU      string        // header jku: where the key is published; optional
	Lifetime time.Duration // of the assertion; default 5 min, the longest allowed

	Header map[string]any // changes alg, kid, jku and typ "JWT": adds or replaces; nil removes
	Claims map[string]any // changes iss, sub, aud, iat, exp and a random jti in the same way

	Client *http.Client     // default http.DefaultClient
	Now    func() time.Time // default time.Now

	token accessToken
}

var _ interface {
	Sender
	Signer
} = (*SMARTBackend)(nil)

// Send implements [Sender]. If the token endpoint refuses, the error is a [TokenError].
func (s *SMARTBackend) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, s.Client, url, message, s)
}

// Sign implements [Signer].
func (s *SMARTBackend) Sign(r *http.Request) error {
	return s.token.sign(r, s.Now, s.fetch)
}

// Assertion returns a new client assertion.
func (s *SMARTBackend) Assertion() (string, error) {
	if s.Key.Algorithm == "" {
		return "", errors.New("redoxtest: SMARTBackend: Key: required")
	}
	audience, lifetime := s.Audience, s.Lifetime
	if audience == "" {
		audience = s.URL
	}
	if lifetime == 0 {
		lifetime = 5 * time.Minute
	}
	now := clock(s.Now)()
	header := map[string]any{}
	if s.JKU != "" {
		header["jku"] = s.JKU
	}
	for name, value := range s.Header {
		header[name] = value
	}
	return s.Key.Token(header, altered(map[string]any{
		"iss": s.ClientID,
		"sub": s.ClientID,
		"aud": audience,
		"iat": now.Unix(),
		"exp": now.Add(lifetime).Unix(),
		"jti": newUUID(),
	}, s.Claims))
}

// Forgeries returns what an attacker may send instead: token requests, and messages with
// access tokens. One request takes a genuine token first.
func (s *SMARTBackend) Forgeries() []Forgery {
	f := forgeries{client: s.Client}
	f.carrier("Authorization", s)
	const refused = http.StatusUnauthorized // invalid_client: RFC 6749, Section 5.2
	f.tokenRequest("assertion: unknown client", refused, variant(s, func(s *SMARTBackend) { s.ClientID += "x" }).fetch)
	// Not a system/ scope, which a wildcard may grant.
	f.tokenRequest("scope not granted", http.StatusBadRequest, variant(s, func(s *SMARTBackend) { s.Scopes = []string{"patient/Nothing.d"} }).fetch)
	f.assertions(refused, s.Assertion, s.Key, s.Now, s.trade)
	f.issued(s)
	return f.all
}

func (s *SMARTBackend) fetch(ctx context.Context) (string, time.Duration, error) {
	assertion, err := s.Assertion()
	if err != nil {
		return "", 0, err
	}
	return s.trade(ctx, assertion)
}

func (s *SMARTBackend) trade(ctx context.Context, assertion string) (string, time.Duration, error) {
	scopes := s.Scopes
	if len(scopes) == 0 {
		scopes = []string{"system/*.rs"}
	}
	return retrieve(ctx, s.Client, &clientcredentials.Config{
		TokenURL:  s.URL,
		AuthStyle: oauth2.AuthStyleInParams, // nothing, without a client ID
		Scopes:    scopes,
		EndpointParams: url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion":      {assertion},
		},
	})
}
