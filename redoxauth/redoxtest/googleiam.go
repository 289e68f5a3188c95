package redoxtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// serveSTS exchanges a token of another identity provider for a federated token. Redox does
// not document its identity, so every subject token is accepted.
func (g *Google) serveSTS(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" {
		writeOAuthError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	if !strings.HasPrefix(r.PostFormValue("audience"), "//iam.googleapis.com/") ||
		r.PostFormValue("requested_token_type") != "urn:ietf:params:oauth:token-type:access_token" ||
		r.PostFormValue("subject_token") == "" || r.PostFormValue("subject_token_type") == "" || r.PostFormValue("scope") == "" {
		writeOAuthError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token":      g.issue("ya29.d.", ServiceAccount{}, strings.Fields(r.PostFormValue("scope")), time.Hour),
		"issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
		"token_type":        "Bearer",
		"expires_in":        3600,
	})
}

// serveIAM issues tokens of a service account to a federated identity. Every federated
// identity may impersonate every account.
func (g *Google) serveIAM(w http.ResponseWriter, r *http.Request) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, ok := g.live(bearer); !ok {
		writeGoogleError(w, http.StatusUnauthorized, "UNAUTHENTICATED")
		return
	}
	var request struct {
		Delegates    []string
		Scope        []string
		Lifetime     string
		Audience     string
		IncludeEmail bool
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		writeGoogleError(w, http.StatusBadRequest, "INVALID_ARGUMENT")
		return
	}
	email, method, _ := strings.Cut(r.PathValue("call"), ":")
	g.state.Lock()
	account, ok := g.accounts[email]
	for _, delegate := range request.Delegates {
		_, known := g.accounts[strings.TrimPrefix(delegate, "projects/-/serviceAccounts/")]
		ok = ok && known
	}
	g.state.Unlock()
	if !ok {
		writeGoogleError(w, http.StatusNotFound, "NOT_FOUND")
		return
	}
	switch method {
	case "generateAccessToken":
		g.generateAccessToken(w, account, request.Scope, request.Lifetime)
	case "generateIdToken":
		g.generateIDToken(w, account, request.Audience, request.IncludeEmail)
	default:
		writeGoogleError(w, http.StatusNotFound, "NOT_FOUND")
	}
}

func (g *Google) generateAccessToken(w http.ResponseWriter, account ServiceAccount, scopes []string, lifetime string) {
	life := time.Hour
	if lifetime != "" {
		var err error
		if life, err = time.ParseDuration(lifetime); err != nil || life <= 0 || life > 12*time.Hour {
			writeGoogleError(w, http.StatusBadRequest, "INVALID_ARGUMENT")
			return
		}
	}
	if len(scopes) == 0 {
		writeGoogleError(w, http.StatusBadRequest, "INVALID_ARGUMENT")
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{
		"accessToken": g.issue("ya29.c.", account, scopes, life),
		"expireTime":  clock(g.Now)().Add(life).UTC().Format(time.RFC3339),
	})
}

func (g *Google) generateIDToken(w http.ResponseWriter, account ServiceAccount, audience string, includeEmail bool) {
	if audience == "" {
		writeGoogleError(w, http.StatusBadRequest, "INVALID_ARGUMENT")
		return
	}
	var claims map[string]any
	if !includeEmail {
		claims = map[string]any{"email": nil, "email_verified": nil}
	}
	token, err := g.IDToken(account, audience, claims)
	if err != nil {
		writeGoogleError(w, http.StatusInternalServerError, "INTERNAL")
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": token})
}

// writeGoogleError answers in the form of Google's APIs.
func writeGoogleError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": status, "status": code}})
}
