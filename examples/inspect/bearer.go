package main

import (
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

// A bearer is a token in "Authorization: Bearer" that inspect did not issue.
type bearer struct {
	text string
	jwt  *jwt // nil if it is opaque
}

func (b bearer) google() bool {
	if b.jwt != nil {
		return slices.Contains([]string{"https://accounts.google.com", "accounts.google.com"}, b.jwt.claim("iss"))
	}
	return strings.HasPrefix(b.text, "ya29.")
}

// client returns the claim that names an OAuth client. Then an authorization server has
// issued the token, and not Redox.
func (b bearer) client() string {
	for _, name := range []string{"client_id", "azp", "cid", "appid"} {
		if b.jwt.claim(name) != "" {
			return name
		}
	}
	return ""
}

// strategy returns the package that the token is for, as far as the token shows.
func (b bearer) strategy(chosen string) string {
	fits := func(names ...string) string {
		if slices.Contains(names, chosen) {
			return chosen
		}
		return names[0]
	}
	switch {
	case b.google():
		return fits("gcpjwt", "wif")
	case b.jwt == nil:
		return "clientcredentials"
	case b.client() != "" || isAccessToken(b.jwt):
		return fits("clientcredentials", "jwtbearer")
	}
	return fits("jwtbearer", "clientcredentials")
}

func isAccessToken(j *jwt) bool {
	return strings.EqualFold(strings.TrimPrefix(j.text("typ"), "application/"), "at+jwt")
}

func (b bearer) describe(f *finding, chosen string, now time.Time) {
	switch strategy := b.strategy(chosen); {
	case b.jwt != nil:
		what := map[string]string{
			"gcpjwt": "Google ID token (package gcpjwt; -strategy wif if the dashboard says so)", "wif": "Google ID token (package wif)",
			"clientcredentials": "access token of an authorization server (package clientcredentials; -strategy jwtbearer if the dashboard says so)",
			"jwtbearer":         "JWT Bearer (package jwtbearer; -strategy clientcredentials if the dashboard says OAuth 2.0 2-legged)",
		}[strategy]
		b.jwt.describe(f, "proof: "+what+", in Authorization: Bearer", "", now)
	case b.google():
		f.say("proof: Google access token (package %s), in Authorization: Bearer: ya29., %d bytes", strategy, len(b.text))
		f.say("  it is opaque: only Google knows whose it is. gcpjwt and wif get the same tokens; -strategy says which the dashboard shows")
	default:
		f.say("proof: opaque token of %d bytes (package clientcredentials, introspection), in Authorization: Bearer", len(b.text))
	}
}

func (b bearer) propose(i *inspector) *proposal {
	p := &proposal{strategy: b.strategy(i.strategy)}
	switch p.strategy {
	case "gcpjwt", "wif":
		b.proposeGoogle(i, p)
	case "jwtbearer":
		b.proposeJWT(i, p)
	default:
		if b.jwt != nil {
			b.proposeAccessToken(i, p)
		} else {
			b.proposeIntrospection(i, p)
		}
	}
	return p
}

func (b bearer) proposeJWT(i *inspector, p *proposal) {
	alg := b.jwt.text("alg")
	c := jwtbearer.Config{
		Algorithms: []string{alg}, Issuer: b.jwt.claim("iss"), Audience: b.jwt.list("aud"), Subject: b.jwt.claim("sub"),
		Scopes: b.jwt.scopes("scope"), InsecureNoAudience: b.jwt.claims["aud"] == nil,
	}
	if strings.HasPrefix(alg, "HS") {
		c.Secrets = [][]byte{[]byte(ask("JWT_SECRET"))}
		p.note("the secret of the JWT cannot be seen: it is the one that Redox and you share")
	} else {
		p.keys = i.keySource(p, "JWT_JWKS_URL", b.jwt)
	}
	if typ := b.jwt.text("typ"); typ != "" && !strings.EqualFold(typ, "JWT") {
		c.Types = []string{typ}
	}
	if l := b.jwt.lifetime(time.Now()); l > 24*time.Hour {
		c.MaxLifetime = l
	}
	if c.Issuer == "" {
		p.note("the token has no iss, and jwtbearer requires it: ask Redox to set it")
	}
	if c.Subject != "" {
		p.note("if other messages come with another sub, leave Subject out")
	}
	p.noteAudience(c.Issuer, c.Audience, c.InsecureNoAudience)
	if slices.Contains(c.Audience, i.url.String()) {
		p.note("aud is the URL of this endpoint: at another URL, list that one in Audience")
	}
	p.config = c
}

func (p *proposal) noteAudience(issuer string, audience []string, insecure bool) {
	switch {
	case insecure:
		p.note("the token has no aud: anybody who gets it from another API of the issuer can use it here. Ask for an audience")
	case slices.Contains(audience, issuer):
		p.note("aud is the issuer itself, and should name the receiver: ask for another audience, such as the URL of this endpoint")
	}
}

func (b bearer) proposeAccessToken(i *inspector, p *proposal) {
	c := clientcredentials.Config{
		Issuer: b.jwt.claim("iss"), Audience: b.jwt.list("aud"), Algorithms: []string{b.jwt.text("alg")},
		InsecureNoAudience: b.jwt.claims["aud"] == nil,
	}
	p.keys = i.keySource(p, "OAUTH_JWKS_URL", b.jwt)
	if p.keys.url == "" && p.keys.file == "" {
		p.keys.issuer = c.Issuer
	}
	switch claim := b.client(); claim {
	case "":
		c.InsecureAnyClient = true
		p.note("no claim names the client: every client of the authorization server is accepted")
	default:
		c.ClientIDs = []string{b.jwt.claim(claim)}
		if claim != "client_id" {
			c.ClientIDClaim = claim
		}
	}
	for _, claim := range []string{"scope", "scp", "roles"} {
		if c.Scopes = b.jwt.scopes(claim); c.Scopes != nil {
			if claim != "scope" {
				c.ScopeClaim = claim
			}
			break
		}
	}
	// RFC 9068, Section 2.2: the default demands all of them.
	complete := !slices.ContainsFunc([]string{"iss", "exp", "aud", "sub", "client_id", "iat", "jti"}, func(name string) bool { return b.jwt.claims[name] == nil })
	if !isAccessToken(b.jwt) || !complete {
		c.Types = []string{b.jwt.text("typ")}
	}
	if !isAccessToken(b.jwt) {
		p.note("the token is not typed as an access token (RFC 9068): an ID token of that server for the same audience would pass too")
	}
	p.noteAudience(c.Issuer, c.Audience, c.InsecureNoAudience)
	p.config = c
}

func (b bearer) proposeIntrospection(i *inspector, p *proposal) {
	c := clientcredentials.IntrospectionConfig{
		URL: ask("OAUTH_INTROSPECTION_URL"), ClientID: ask("OAUTH_INTROSPECTION_ID"), ClientSecret: ask("OAUTH_INTROSPECTION_SECRET"),
		ClientIDs:         []string{ask("OAUTH_CLIENT_IDS")},
		InsecureAllowHTTP: isHTTP(i.value("OAUTH_INTROSPECTION_URL")),
	}
	if i.value("OAUTH_AUDIENCE") != "" {
		c.Audience = []string{ask("OAUTH_AUDIENCE")}
	}
	p.note("an opaque token says nothing: only the authorization server that issued it knows its client, audience and scopes. Scopes demands some")
	p.note("OAUTH_CLIENT_IDS is the client ID of Redox there (the dashboard's clientId); OAUTH_INTROSPECTION_ID and _SECRET are those of your API")
	p.note("if the server's answers have aud, Audience must list it (%s)", hint("OAUTH_AUDIENCE"))
	p.config = c
}

func (b bearer) proposeGoogle(i *inspector, p *proposal) {
	variable := map[string]string{"gcpjwt": "GCP_SERVICE_ACCOUNTS", "wif": "WIF_SERVICE_ACCOUNTS"}[p.strategy]
	accounts, audience := []string{ask(variable)}, []string(nil)
	if b.jwt != nil {
		audience = b.jwt.list("aud")
		if i.value(variable) == "" {
			accounts = []string{b.jwt.claim("sub")}
		}
		p.note("sub is the numeric ID of the service account that the token claims: compare it with `gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'`")
	} else {
		p.note("the token does not show its service account: give the numeric ID (`gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'`)")
		p.note("an access token names no audience: whoever gets it can use it here. Demand the verification token too")
	}
	endpoints := gcpjwt.Endpoints{CertsURL: i.value("GOOGLE_CERTS_URL"), TokenInfoURL: i.value("GOOGLE_TOKENINFO_URL")}
	http := isHTTP(endpoints.CertsURL) || isHTTP(endpoints.TokenInfoURL)
	p.needs = append(p.needs, variable) // Google is asked only for an operator who named accounts
	if p.strategy == "wif" {
		p.config = wif.Config{ServiceAccounts: accounts, Audience: audience, AccessTokens: b.jwt == nil, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: http}
		return
	}
	p.config = gcpjwt.Config{ServiceAccounts: accounts, Audience: audience, AccessTokens: b.jwt == nil, Endpoints: endpoints, InsecureAllowHTTP: http}
}

// A keySource says where the public keys of a signer are.
type keySource struct {
	url, issuer, file string
	pem               bool   // the file is PEM
	variable          string // has the URL, if nobody knows it
}

// keySource takes the operator's keys, or else what the token names. inspect itself never
// follows the jku of a token: anybody could make it call any server.
func (i *inspector) keySource(p *proposal, variable string, j *jwt) *keySource {
	k := &keySource{url: i.jwks(), file: i.keysFile, pem: i.pem, variable: variable}
	jku := j.text("jku")
	switch {
	case k.file != "":
		k.url = ""
	case k.url != "":
		if jku != "" && jku != k.url {
			p.note("the token's jku is %s, and not the URL that you gave", quote(jku))
		}
	case jku != "":
		k.url = jku
		p.note("the URL of the keys is the token's jku, which nobody has checked: use it only if it is on a host of Redox. inspect does not call it; -jwks with this URL tries it")
	case variable == "OAUTH_JWKS_URL":
		p.note("the keys are looked up by the issuer's metadata; -jwks with the URL of its keys tries the token")
	default:
		p.note("the token has no jku, so it does not show where the keys are published: see the credential in the dashboard, or ask Redox. Then give -jwks URL or -keys FILE")
	}
	if kid := j.text("kid"); kid != "" {
		p.note("the key must have the key ID %s, or none", quote(kid))
	}
	return k
}
