package redoxtest

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// An AuthorizationServer is a customer's authorization server on loopback, on plain
// http. It issues access tokens by the client credentials grant to clients that
// authenticate by HTTP Basic or in the body, and answers introspection ([RFC 7662]).
// It publishes its keys and discovery as a [KeyServer] does. It is safe for concurrent
// use; its fields must not change while it is used.
//
// [RFC 7662]: https://www.rfc-editor.org/rfc/rfc7662
type AuthorizationServer struct {
	server
	keyRing

	Issuer, TokenURL, IntrospectionURL, JWKSURL string

	Opaque   bool           // issue opaque tokens instead of JWTs
	Audience []string       // aud, a string if it is one; default the request's audience or resource
	Lifetime time.Duration  // of tokens; default 1 h
	Header   map[string]any // of JWTs: changes alg, kid and typ "at+jwt": adds or replaces; nil removes
	Claims   map[string]any // of JWTs and introspection: changes the claims of RFC 9068 in the same way

	// ClaimsFunc changes the claims after Claims, for each client and its scopes. Use it for a
	// server that names these two in claims of its own, such as Auth0, Entra ID, Okta and
	// Keycloak. In Claims all tokens would name the same client.
	ClaimsFunc func(clientID string, scopes []string) map[string]any

	// IntrospectionToken is a bearer token that may introspect. Clients may introspect too.
	IntrospectionToken string

	Now func() time.Time // default time.Now

	state   sync.Mutex
	clients map[string]client
	issued  map[string]map[string]any // claims by token; nil if the token is revoked
}

type client struct {
	secret string
	scopes []string
}

// NewAuthorizationServer starts a server. It signs with the first key and publishes all
// keys. Close it after use.
func NewAuthorizationServer(keys ...Key) *AuthorizationServer {
	s := &AuthorizationServer{clients: make(map[string]client), issued: make(map[string]map[string]any)}
	s.start()
	s.Rotate(keys...)
	s.Issuer = s.http.URL
	s.TokenURL, s.IntrospectionURL, s.JWKSURL = s.Issuer+"/token", s.Issuer+"/introspect", s.Issuer+"/jwks.json"
	s.mux.HandleFunc("POST /token", s.serveToken)
	s.mux.HandleFunc("POST /introspect", s.serveIntrospection)
	s.mux.HandleFunc("GET /jwks.json", s.serveKeys)
	s.mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		serveMetadata(w, r, s.Issuer, map[string]any{
			"jwks_uri":               s.JWKSURL,
			"token_endpoint":         s.TokenURL,
			"introspection_endpoint": s.IntrospectionURL,
		})
	})
	return s
}

// AddClient adds or replaces a client. The scopes are those that it may get.
func (s *AuthorizationServer) AddClient(id, secret string, scopes ...string) {
	s.state.Lock()
	defer s.state.Unlock()
	s.clients[id] = client{secret, slices.Clone(scopes)}
}

// Revoke makes introspection answer that token is not active. A verifier that does not
// introspect still accepts a revoked JWT.
func (s *AuthorizationServer) Revoke(token string) {
	s.state.Lock()
	defer s.state.Unlock()
	s.issued[token] = nil
}

// Token issues a token to the client, as the token endpoint does. The field Audience
// overrides the parameter audience.
func (s *AuthorizationServer) Token(clientID, audience string, scopes ...string) (string, error) {
	now := clock(s.Now)()
	claims := map[string]any{
		"iss":       s.Issuer,
		"sub":       clientID,
		"client_id": clientID,
		"iat":       now.Unix(),
		"exp":       now.Add(s.lifetime()).Unix(),
		"jti":       newUUID(),
	}
	if len(scopes) > 0 {
		claims["scope"] = strings.Join(scopes, " ")
	}
	switch {
	case len(s.Audience) == 1:
		claims["aud"] = s.Audience[0]
	case len(s.Audience) > 1:
		claims["aud"] = s.Audience
	case audience != "":
		claims["aud"] = audience
	}
	claims = altered(claims, s.Claims)
	if s.ClaimsFunc != nil {
		claims = altered(claims, s.ClaimsFunc(clientID, append([]string{}, scopes...))) // [] in JSON, not null
	}
	token := rand.Text() + rand.Text()
	if !s.Opaque {
		header := map[string]any{"typ": "at+jwt"}
		maps.Copy(header, s.Header) // Key.Token removes what is nil
		var err error
		if token, err = s.Key().Token(header, claims); err != nil {
			return "", err
		}
	}
	s.state.Lock()
	defer s.state.Unlock()
	s.issued[token] = claims
	return token, nil
}

// Forgeries returns messages that a destination must refuse if it trusts this server and
// takes tokens of the client for the audience. With scopes there is a token without any. If
// the server names client or scopes in other claims, set ClaimsFunc: Claims would write the
// genuine values into the tokens "other client" and "no scope".
// What an attacker sends to the token endpoint is in [ClientCredentials.Forgeries].
func (s *AuthorizationServer) Forgeries(clientID, audience string, scopes ...string) []Forgery {
	var f forgeries
	issue := func(clientID, audience string, scopes ...string) tokenSource {
		return func() (string, error) { return s.Token(clientID, audience, scopes...) }
	}
	genuine := issue(clientID, audience, scopes...)
	f.carrier("Authorization", genuine)
	f.token("other client", http.StatusUnauthorized, issue(clientID+"x", audience, scopes...))
	if len(scopes) > 0 {
		f.token("no scope", http.StatusForbidden, issue(clientID, audience))
	}
	if !s.Opaque {
		f.noJWTs()
		f.jwts(genuine, s.Key(), s.Now, func(name string, forged tokenSource) {
			f.token(name, http.StatusUnauthorized, forged)
		})
		return f.all
	}
	f.token("invented", http.StatusUnauthorized, func() (string, error) { return rand.Text(), nil })
	f.token("revoked", http.StatusUnauthorized, func() (string, error) {
		token, err := genuine()
		s.Revoke(token)
		return token, err
	})
	if len(s.Audience) == 0 {
		f.token("other audience", http.StatusUnauthorized, issue(clientID, audience+"x", scopes...))
	}
	return f.all
}

func (s *AuthorizationServer) lifetime() time.Duration {
	if s.Lifetime == 0 {
		return time.Hour
	}
	return s.Lifetime
}

func (s *AuthorizationServer) serveToken(w http.ResponseWriter, r *http.Request) {
	form, err := parameters(r)
	if err != nil {
		writeOAuthError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	id, ok := s.authenticate(r, form)
	if !ok {
		refuseClient(w)
		return
	}
	if form.Get("grant_type") != "client_credentials" {
		writeOAuthError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	s.state.Lock()
	scopes := s.clients[id].scopes
	s.state.Unlock()
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		for _, scope := range asked {
			if !slices.Contains(scopes, scope) {
				writeOAuthError(w, http.StatusBadRequest, "invalid_scope")
				return
			}
		}
		scopes = asked
	}
	audience := form.Get("audience")
	if audience == "" {
		audience = form.Get("resource")
	}
	token, err := s.Token(id, audience, scopes...)
	if err != nil {
		writeOAuthError(w, http.StatusInternalServerError, "server_error")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token,
		"token_type":   "Bearer",
		"expires_in":   int(s.lifetime().Seconds()),
		"scope":        strings.Join(scopes, " "),
	})
}

func (s *AuthorizationServer) serveIntrospection(w http.ResponseWriter, r *http.Request) {
	form, err := parameters(r)
	if err != nil {
		writeOAuthError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	if s.IntrospectionToken == "" || r.Header.Get("Authorization") != "Bearer "+s.IntrospectionToken {
		if _, ok := s.authenticate(r, form); !ok {
			refuseClient(w)
			return
		}
	}
	s.state.Lock()
	claims := s.issued[form.Get("token")]
	s.state.Unlock()
	if exp, ok := claims["exp"].(int64); claims == nil || ok && exp <= clock(s.Now)().Unix() {
		writeJSON(w, http.StatusOK, map[string]any{"active": false}) // and no more: RFC 7662, Section 2.2
		return
	}
	writeJSON(w, http.StatusOK, altered(map[string]any{"active": true, "token_type": "Bearer"}, claims))
}

// authenticate reads the credentials from HTTP Basic or, without it, from the body. Those
// of HTTP Basic may be form-encoded (RFC 6749, Section 2.3.1) or not.
func (s *AuthorizationServer) authenticate(r *http.Request, form url.Values) (id string, ok bool) {
	s.state.Lock()
	defer s.state.Unlock()
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if c, known := s.clients[id]; known && c.secret == secret {
		return id, true
	}
	if !basic {
		return "", false
	}
	id, errID := url.QueryUnescape(id)
	secret, errSecret := url.QueryUnescape(secret)
	c, known := s.clients[id]
	return id, errID == nil && errSecret == nil && known && c.secret == secret
}

// parameters reads a form or a JSON object of strings.
func parameters(r *http.Request) (url.Values, error) {
	if r.Header.Get("Content-Type") != "application/json" {
		err := r.ParseForm()
		return r.PostForm, err
	}
	var members map[string]string
	if err := json.NewDecoder(r.Body).Decode(&members); err != nil {
		return nil, err
	}
	form := url.Values{}
	for name, value := range members {
		form.Set(name, value)
	}
	return form, nil
}

func refuseClient(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="redoxtest"`)
	writeOAuthError(w, http.StatusUnauthorized, "invalid_client")
}

func writeOAuthError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]string{"error": code})
}
