package redoxtest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// A Google plays Google on loopback, on plain http. It serves the keys of ID tokens, the
// token endpoint for service accounts and tokeninfo. For Workload Identity Federation it
// also serves the Security Token Service and the IAM Credentials API. It is safe for
// concurrent use. Now must not change while it is used.
//
//	google := redoxtest.NewGoogle()
//	defer google.Close()
//	account := google.AddServiceAccount("redox@project.iam.gserviceaccount.com")
//	gcp := &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL}
//	wif := &redoxtest.WIF{
//		Audience:                       "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/p",
//		TokenURL:                       google.STSURL,
//		ServiceAccountImpersonationURL: google.ImpersonationURL(account.Email),
//		SubjectToken:                   func(context.Context) (string, error) { return "any", nil },
//	}
//
// A gcpjwt.Config or wif.Config takes CertsURL and TokenInfoURL as its Endpoints.
type Google struct {
	server
	keyRing // of ID tokens

	CertsURL     string // the keys, as a JWK Set
	TokenURL     string // the grant of RFC 7523
	TokenInfoURL string // POST only, because a URL with a token would be logged
	STSURL       string // the token exchange of RFC 8693

	Now func() time.Time // default time.Now

	state    sync.Mutex
	accounts map[string]ServiceAccount // by e-mail address
	tokens   map[string]googleToken
}

// A ServiceAccount is an account of a [Google].
type ServiceAccount struct {
	Email string
	ID    string // unique, numeric
	Key   Key    // RS256; it signs the assertions of the grant
}

// A googleToken is an access token of a service account, or a federated token, which has
// no account.
type googleToken struct {
	account ServiceAccount
	scopes  []string
	expiry  time.Time
}

const (
	googleIssuer = "https://accounts.google.com"
	emailScope   = "https://www.googleapis.com/auth/userinfo.email"
	cloudScope   = "https://www.googleapis.com/auth/cloud-platform"
)

// NewGoogle starts a Google. Close it after use.
func NewGoogle() *Google {
	g := &Google{accounts: make(map[string]ServiceAccount), tokens: make(map[string]googleToken)}
	g.start()
	g.Rotate(NewKey("google-1", "RS256"))
	base := g.http.URL
	g.CertsURL, g.TokenURL = base+"/oauth2/v3/certs", base+"/token"
	g.TokenInfoURL, g.STSURL = base+"/tokeninfo", base+"/v1/token"
	g.mux.HandleFunc("GET /oauth2/v3/certs", g.serveKeys)
	g.mux.HandleFunc("POST /token", g.serveToken)
	g.mux.HandleFunc("POST /tokeninfo", g.serveTokenInfo)
	g.mux.HandleFunc("POST /v1/token", g.serveSTS)
	g.mux.HandleFunc("POST /v1/projects/-/serviceAccounts/{call}", g.serveIAM)
	return g
}

// AddServiceAccount returns a new service account.
func (g *Google) AddServiceAccount(email string) ServiceAccount {
	var n [8]byte
	rand.Read(n[:])
	a := ServiceAccount{
		Email: email,
		ID:    fmt.Sprintf("1%020d", binary.BigEndian.Uint64(n[:])),
		Key:   NewKey(email, "RS256"),
	}
	g.state.Lock()
	defer g.state.Unlock()
	g.accounts[email] = a
	return a
}

// ImpersonationURL returns the URL that issues access tokens of the service account.
func (g *Google) ImpersonationURL(email string) string {
	return g.http.URL + "/v1/projects/-/serviceAccounts/" + email + ":generateAccessToken"
}

// AccessToken issues an opaque access token of the account. It expires after 1 h.
func (g *Google) AccessToken(a ServiceAccount, scopes ...string) string {
	return g.issue("ya29.c.", a, scopes, time.Hour)
}

func (g *Google) issue(prefix string, a ServiceAccount, scopes []string, life time.Duration) string {
	token := prefix + rand.Text() + rand.Text()
	g.state.Lock()
	defer g.state.Unlock()
	g.tokens[token] = googleToken{account: a, scopes: scopes, expiry: clock(g.Now)().Add(life)}
	return token
}

// Revoke ends an access token.
func (g *Google) Revoke(token string) {
	g.state.Lock()
	defer g.state.Unlock()
	delete(g.tokens, token)
}

// IDToken issues an ID token of the account for the audience. It expires after 1 h and has
// the claims that Google gives to ID tokens of service accounts. The parameter claims,
// which may be nil, changes them: an entry is added or replaces another, and a nil value
// removes one.
func (g *Google) IDToken(a ServiceAccount, audience string, claims map[string]any) (string, error) {
	now := clock(g.Now)()
	return g.Key().Token(nil, altered(map[string]any{
		"iss":            googleIssuer,
		"sub":            a.ID,
		"aud":            audience,
		"azp":            a.ID,
		"email":          a.Email,
		"email_verified": true,
		"iat":            now.Unix(),
		"exp":            now.Add(time.Hour).Unix(),
	}, claims))
}

// Forgeries returns messages that a destination must refuse if it takes access tokens of
// the account that have the scopes, and, unless audience is empty, ID tokens of the
// account for the audience. It adds another account to g. With scopes there is an access
// token that lacks them.
func (g *Google) Forgeries(a ServiceAccount, audience string, scopes ...string) []Forgery {
	var f forgeries
	stranger := g.AddServiceAccount("stranger@elsewhere.iam.gserviceaccount.com")
	access := func(a ServiceAccount, scopes ...string) tokenSource {
		return func() (string, error) { return g.AccessToken(a, scopes...), nil }
	}
	f.carrier("Authorization", access(a, scopes...))
	f.token("invented access token", http.StatusUnauthorized, func() (string, error) { return "ya29.c." + rand.Text(), nil })
	f.token("revoked access token", http.StatusUnauthorized, func() (string, error) {
		token := g.AccessToken(a, scopes...)
		g.Revoke(token)
		return token, nil
	})
	f.token("federated access token", http.StatusUnauthorized, func() (string, error) {
		return g.issue("ya29.d.", ServiceAccount{}, scopes, time.Hour), nil
	})
	f.token("access token of another account", http.StatusUnauthorized, access(stranger, append([]string{"email"}, scopes...)...))
	if len(scopes) > 0 {
		f.token("access token without the scope", http.StatusForbidden, access(a, "email"))
	}
	if audience == "" {
		return f.all
	}
	f.token("ID token of another account", http.StatusUnauthorized, func() (string, error) { return g.IDToken(stranger, audience, nil) })
	f.jwts(func() (string, error) { return g.IDToken(a, audience, nil) }, g.Key(), g.Now, func(name string, forged tokenSource) {
		f.token("ID token: "+name, http.StatusUnauthorized, forged)
	})
	return f.all
}

func (g *Google) live(token string) (googleToken, bool) {
	g.state.Lock()
	defer g.state.Unlock()
	t, ok := g.tokens[token]
	return t, ok && clock(g.Now)().Before(t.expiry)
}

// serveTokenInfo answers as Google does, with strings only. The answer has an e-mail
// address only if the token has the scope for it.
func (g *Google) serveTokenInfo(w http.ResponseWriter, r *http.Request) {
	t, ok := g.live(r.PostFormValue("access_token"))
	if !ok || t.account.ID == "" { // tokeninfo does not know federated tokens
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_token", "error_description": "Invalid Value"})
		return
	}
	info := map[string]string{
		"azp":         t.account.ID,
		"aud":         t.account.ID,
		"scope":       strings.Join(t.scopes, " "),
		"exp":         strconv.FormatInt(t.expiry.Unix(), 10),
		"expires_in":  strconv.Itoa(int(t.expiry.Sub(clock(g.Now)()).Seconds())),
		"access_type": "online",
	}
	if slices.Contains(t.scopes, emailScope) || slices.Contains(t.scopes, "email") {
		info["sub"], info["email"], info["email_verified"] = t.account.ID, t.account.Email, "true"
	}
	writeJSON(w, http.StatusOK, info)
}

// serveToken is the token endpoint for service accounts.
func (g *Google) serveToken(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		writeOAuthError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	account, a, problem := g.assertion(r.PostFormValue("assertion"))
	if problem != "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": problem})
		return
	}
	if a.TargetAudience != "" {
		token, err := g.IDToken(account, a.TargetAudience, map[string]any{"azp": account.Email})
		if err != nil {
			writeOAuthError(w, http.StatusInternalServerError, "internal_failure")
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"id_token": token})
		return
	}
	if a.Scope == "" {
		writeOAuthError(w, http.StatusBadRequest, "invalid_scope")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": g.AccessToken(account, strings.Fields(a.Scope)...),
		"expires_in":   3599,
		"token_type":   "Bearer",
	})
}

// An assertion has the claims that Google requires of a service account.
type assertion struct {
	Issuer         string `json:"iss"`
	Audience       string `json:"aud"`
	Scope          string `json:"scope"`
	TargetAudience string `json:"target_audience"`
	IssuedAt       int64  `json:"iat"`
	Expiry         int64  `json:"exp"`
}

func (g *Google) assertion(token string) (account ServiceAccount, a assertion, problem string) {
	message, err := jws.ParseString(token)
	if err != nil || json.Unmarshal(message.Payload(), &a) != nil {
		return account, a, "Bad Request"
	}
	g.state.Lock()
	account, ok := g.accounts[a.Issuer]
	g.state.Unlock()
	if !ok {
		return account, a, "Invalid grant: account not found"
	}
	if _, err := jws.Verify([]byte(token), jws.WithKey(jwa.RS256, account.Key.Signer.Public())); err != nil {
		return account, a, "Invalid JWT Signature."
	}
	const skew = 300
	now := clock(g.Now)().Unix()
	ours := a.Audience == g.TokenURL || a.Audience == "https://oauth2.googleapis.com/token" // some clients always send this
	if !ours || a.IssuedAt > now+skew || a.Expiry <= now || a.Expiry > a.IssuedAt+3600 {
		return account, a, "Invalid JWT: audience or time"
	}
	return account, a, ""
}
