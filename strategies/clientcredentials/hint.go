package clientcredentials

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/bearer"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// clientClaims are the claims in which well-known servers name the client.
var clientClaims = []string{"azp", "cid", "appid", "client_id", "sub"}

// hint adds what is often wrong with client and audience, and what servers are known for. client
// is what the token has in ClientIDClaim.
func (a *accessTokens) hint(to *diagnosis.Report, t *jose.Unverified, client string, present bool) {
	aud, _ := t.Claim("aud").Texts()
	accepted := slices.ContainsFunc(aud, func(name string) bool { return slices.Contains(a.audience, name) })
	ofClient := !accepted && len(aud) == 1 && slices.Contains(a.clientIDs, aud[0])
	wrong := a.checkClient(client, present) != nil && !ofClient && len(t.Present("nonce", "at_hash", "c_hash")) == 0
	if wrong {
		a.hintClient(to, t, client, present)
	}
	switch {
	case wrong && present && slices.ContainsFunc(aud, func(name string) bool { return slices.Contains(a.audience, name) && slices.Contains(a.clientIDs, name) }):
		to.Hint("Config.ClientIDs has the audience, which is this API: list the client, %s", diagnosis.Quote(client))
	case ofClient && slices.Contains(a.audience, client):
		to.Hint("Config.Audience has the client and Config.ClientIDs has this API: exchange them")
	case ofClient:
		to.Hint("aud is one of Config.ClientIDs, as in an ID token: want an access token for this API")
	case !accepted && len(aud) > 0 && slices.Contains(a.audience, client):
		to.Hint("Config.Audience has the client: list this API, as aud names it")
	}
	a.hintServer(to, t, accepted)
}

// hintClient looks for the client in other claims. It is not for what looks like an ID token,
// which such a hint would make acceptable.
func (a *accessTokens) hintClient(to *diagnosis.Report, t *jose.Unverified, client string, present bool) {
	has := "has no " + a.clientClaim
	if present {
		has = "has another " + a.clientClaim
	}
	for _, claim := range clientClaims {
		id, _ := t.Claim(claim).Text()
		if !slices.Contains(a.clientIDs, id) {
			continue
		}
		advice := fmt.Sprintf("set Config.ClientIDClaim to %q", claim)
		switch {
		case present && claim == "sub": // which may be a user (RFC 9068, Section 5)
			advice = "list what " + a.clientClaim + " has"
		case client != "":
			advice = "list what " + a.clientClaim + " has, or " + advice
		}
		to.Hint("the token %s, and its %s is %s, which is one of Config.ClientIDs: %s", has, claim, diagnosis.Quote(id), advice)
		return
	}
	for _, claim := range clientClaims {
		if id, _ := t.Claim(claim).Text(); !present && id != "" && claim != "sub" {
			to.Hint("the token %s, and its %s is %s: if that is Redox's client, list it in Config.ClientIDs and set Config.ClientIDClaim to %q", has, claim, diagnosis.Quote(id), claim)
		}
	}
}

// hintServer adds what well-known servers are known for.
func (a *accessTokens) hintServer(to *diagnosis.Report, t *jose.Unverified, accepted bool) {
	iss, _ := t.Claim("iss").Text()
	switch {
	case strings.HasPrefix(iss, "https://cognito-idp.") && t.Claim("aud") == "" && len(a.audience) > 0:
		to.Hint("access tokens of Cognito have no aud: set Config.InsecureNoAudience and Config.Scopes, and leave Config.Audience empty")
	case strings.Contains(iss, "/realms/") && !accepted && len(a.audience) > 0:
		to.Hint("Keycloak writes into aud what an Audience mapper says: add one for this API to the client or its scopes")
	case strings.HasPrefix(iss, "https://login.microsoftonline.com/"), strings.HasPrefix(iss, "https://sts.windows.net/"):
		granted := t.Scopes(a.scopeClaim)
		if bearer.CheckScopes(granted, a.scopes, a.scopeClaim, "") == nil {
			return
		}
		if slices.ContainsFunc(a.scopes, func(s string) bool { return strings.HasSuffix(s, "/.default") }) {
			to.Hint("a scope that ends with /.default is what the client of Entra ID asks for, and no token has it: list the app roles in Config.Scopes")
		} else if a.scopeClaim == "roles" && granted == nil {
			to.Hint("the token has no roles: an administrator of Entra ID must grant the client an app role of this API")
		}
	}
}
