package redoxtest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// A JWTBearer signs a JWT ([RFC 7519]). Redox does not document the form, the claims, the
// algorithm and the lifetime, so everything is a field.
//
// Without a TokenURL the JWT is sent as "Authorization: Bearer". With a TokenURL the JWT is
// the assertion of a grant ([RFC 7523, Section 2.1]). The token endpoint answers with an
// access token, and the messages carry that token until it expires.
//
// [CDS Hooks] has the first form: the Audience is the URL that the message is sent to, the
// Key is of ES384 or RS384, and JKU and Tenant are optional. [CDSHooks] is such a message.
//
// [CDS Hooks]: https://cds-hooks.hl7.org/2.0/#trusting-cds-clients
// [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
// [RFC 7523, Section 2.1]: https://www.rfc-editor.org/rfc/rfc7523#section-2.1
type JWTBearer struct {
	Key Key // required

	Issuer   string        // iss
	Subject  string        // sub; the grant requires it (RFC 7523, Section 3)
	Audience []string      // aud, a string if it is one; default TokenURL
	Scopes   []string      // claim scope, or the grant's parameter scope
	Lifetime time.Duration // from iat to exp; default 5 min
	JKU      string        // header jku: where the key is published; optional
	Tenant   string        // claim tenant, which CDS Hooks has for the sender's customer; optional

	Header map[string]any // changes alg, kid, jku and typ "JWT": adds or replaces; nil removes
	Claims map[string]any // changes the claims above, iat and a random jti in the same way

	TokenURL string // the grant's token endpoint

	// Reuse sends one JWT with many messages until it expires. Redox does not document
	// whether it does so. Reuse has no effect with a TokenURL.
	Reuse bool

	Client *http.Client     // default http.DefaultClient
	Now    func() time.Time // default time.Now

	token accessToken
}

var _ interface {
	Sender
	Signer
} = (*JWTBearer)(nil)

// Send implements [Sender]. If the token endpoint refuses, the error is a [TokenError].
func (j *JWTBearer) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, j.Client, url, message, j)
}

// Sign implements [Signer].
func (j *JWTBearer) Sign(r *http.Request) error {
	if j.TokenURL != "" {
		return j.token.sign(r, j.Now, j.grant)
	}
	if j.Reuse {
		return j.token.sign(r, j.Now, func(context.Context) (string, time.Duration, error) {
			token, err := j.Token()
			return token, j.lifetime(), err
		})
	}
	token, err := j.Token()
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// Token returns a new JWT: the bearer token, or the assertion of the grant.
func (j *JWTBearer) Token() (string, error) {
	now := clock(j.Now)()
	claims := map[string]any{
		"iat": now.Unix(),
		"exp": now.Add(j.lifetime()).Unix(),
		"jti": newUUID(),
	}
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	set("iss", j.Issuer)
	set("sub", j.Subject)
	set("tenant", j.Tenant)
	switch {
	case len(j.Audience) == 1:
		claims["aud"] = j.Audience[0]
	case len(j.Audience) > 1:
		claims["aud"] = j.Audience
	default:
		set("aud", j.TokenURL)
	}
	if j.TokenURL == "" {
		set("scope", strings.Join(j.Scopes, " "))
	}
	if j.Key.Algorithm == "" {
		return "", errors.New("redoxtest: JWTBearer: Key: required")
	}
	header := make(map[string]any)
	if j.JKU != "" {
		header["jku"] = j.JKU
	}
	maps.Copy(header, j.Header) // with nil values, which remove
	return j.Key.Token(header, altered(claims, j.Claims))
}

// Forgeries returns what an attacker may send instead. With a TokenURL these are token
// requests, and messages with access tokens; one request takes a genuine token first.
func (j *JWTBearer) Forgeries() []Forgery {
	f := forgeries{client: j.Client}
	f.carrier("Authorization", j)
	otherIssuer := variant(j, func(j *JWTBearer) { j.Claims = altered(j.Claims, map[string]any{"iss": j.Issuer + "x"}) })
	if j.TokenURL == "" {
		f.signed("other issuer", otherIssuer).NoCredentials = true
		f.noJWTs()
		f.jwts(j.Token, j.Key, j.Now, func(name string, forged tokenSource) {
			f.token(name, http.StatusUnauthorized, forged)
		})
		return f.all
	}
	const refused = http.StatusBadRequest // invalid_grant: RFC 7523, Section 3.1
	f.tokenRequest("assertion: other issuer", refused, otherIssuer.grant)
	f.tokenRequest("scope not granted", refused, variant(j, func(j *JWTBearer) { j.Scopes = []string{"not-granted"} }).grant)
	f.assertions(refused, j.Token, j.Key, j.Now, j.trade)
	f.issued(j)
	return f.all
}

func (j *JWTBearer) lifetime() time.Duration {
	if j.Lifetime == 0 {
		return 5 * time.Minute
	}
	return j.Lifetime
}

func (j *JWTBearer) grant(ctx context.Context) (string, time.Duration, error) {
	assertion, err := j.Token()
	if err != nil {
		return "", 0, err
	}
	return j.trade(ctx, assertion)
}

func (j *JWTBearer) trade(ctx context.Context, assertion string) (string, time.Duration, error) {
	return retrieve(ctx, j.Client, &clientcredentials.Config{
		TokenURL:  j.TokenURL,
		AuthStyle: oauth2.AuthStyleInParams, // nothing, without a client ID
		Scopes:    j.Scopes,
		EndpointParams: url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion":  {assertion},
		},
	})
}
