package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/handler/oauth2"
	"github.com/ory/fosite/storage"
	"github.com/ory/fosite/token/jwt"
	"golang.org/x/crypto/bcrypt"
)

// A fositeServer has fosite's defaults, and writes client_id into its JWTs, which fosite leaves
// to the application.
type fositeServer struct {
	http.ServeMux
	keys atomic.Pointer[jose.JSONWebKeySet]
}

func newFosite(c configuration) (server, error) {
	s := &fositeServer{}
	store, err := openTokens(c.Store)
	if err != nil {
		return nil, err
	}
	cfg := &fosite.Config{
		AccessTokenIssuer: c.issuer(),
		GlobalSecret:      []byte("a secret of thirty-two characters"),
		HashCost:          bcrypt.MinCost,
	}
	for id, secret := range c.Clients {
		hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
		if err != nil {
			return nil, err
		}
		store.Clients[id] = &fosite.DefaultClient{
			ID: id, Secret: hash, GrantTypes: []string{"client_credentials"}, Scopes: c.Scopes, Audience: c.Audience,
		}
	}
	if err := store.restore(); err != nil {
		return nil, err
	}
	opaque := compose.NewOAuth2HMACStrategy(cfg)
	key := func(context.Context) (any, error) { return &s.keys.Load().Keys[0], nil }
	provider := compose.Compose(cfg, store, strategy{opaque, compose.NewOAuth2JWTStrategy(key, opaque, cfg)},
		compose.OAuth2ClientCredentialsGrantFactory, compose.OAuth2TokenIntrospectionFactory, compose.OAuth2TokenRevocationFactory)

	s.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": c.issuer(), "jwks_uri": c.issuer() + "/jwks", "token_endpoint": c.issuer() + "/token"})
	})
	s.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		var public jose.JSONWebKeySet
		for _, k := range s.keys.Load().Keys {
			public.Keys = append(public.Keys, k.Public())
		}
		json.NewEncoder(w).Encode(public)
	})
	s.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		session := &oauth2.JWTSession{JWTClaims: &jwt.JWTClaims{}}
		request, err := provider.NewAccessRequest(r.Context(), r, session)
		if err != nil {
			provider.WriteAccessError(r.Context(), w, request, err)
			return
		}
		for _, scope := range request.GetRequestedScopes() {
			request.GrantScope(scope)
		}
		for _, audience := range request.GetRequestedAudience() {
			request.GrantAudience(audience)
		}
		client := request.GetClient().GetID()
		session.Subject, session.JWTClaims.Subject = client, client
		session.JWTClaims.Extra = map[string]any{"client_id": client}
		response, err := provider.NewAccessResponse(r.Context(), request)
		if err != nil {
			provider.WriteAccessError(r.Context(), w, request, err)
			return
		}
		provider.WriteAccessResponse(r.Context(), w, request, response)
	})
	s.HandleFunc("/introspect", func(w http.ResponseWriter, r *http.Request) {
		response, err := provider.NewIntrospectionRequest(r.Context(), r, &oauth2.JWTSession{})
		if err != nil {
			provider.WriteIntrospectionError(r.Context(), w, err)
			return
		}
		provider.WriteIntrospectionResponse(r.Context(), w, response)
	})
	s.HandleFunc("/revoke", func(w http.ResponseWriter, r *http.Request) {
		provider.WriteRevocationResponse(r.Context(), w, provider.NewRevocationRequest(r.Context(), r))
	})
	return s, nil
}

func (s *fositeServer) setKeys(jwks []byte) error {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &keys); err != nil {
		return err
	}
	s.keys.Store(&keys)
	return nil
}

// A strategy issues opaque tokens, or JWTs for an API whose name ends with "/jwt".
type strategy struct {
	*oauth2.HMACSHAStrategy
	jwt *oauth2.DefaultJWTStrategy
}

func (s strategy) GenerateAccessToken(ctx context.Context, r fosite.Requester) (token, signature string, err error) {
	for _, audience := range r.GetGrantedAudience() {
		if strings.HasSuffix(audience, "/jwt") {
			return s.jwt.GenerateAccessToken(ctx, r)
		}
	}
	return s.HMACSHAStrategy.GenerateAccessToken(ctx, r)
}

// A tokenStore also writes tokens to a file, so that they survive a restart.
type tokenStore struct {
	*storage.MemoryStore
	mu   sync.Mutex
	file *os.File
}

type storedToken struct {
	Signature, ID, Client string
	Scopes, Audience      []string
	Requested, Expires    time.Time
}

func openTokens(name string) (*tokenStore, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	return &tokenStore{MemoryStore: storage.NewMemoryStore(), file: f}, err
}

func (s *tokenStore) restore() error {
	for d := json.NewDecoder(s.file); ; {
		var t storedToken
		if err := d.Decode(&t); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		session := &oauth2.JWTSession{Subject: t.Client}
		session.SetExpiresAt(fosite.AccessToken, t.Expires)
		err := s.MemoryStore.CreateAccessTokenSession(context.Background(), t.Signature, &fosite.Request{
			ID: t.ID, RequestedAt: t.Requested, Client: s.Clients[t.Client], GrantedScope: t.Scopes, GrantedAudience: t.Audience, Session: session,
		})
		if err != nil {
			return err
		}
	}
}

func (s *tokenStore) CreateAccessTokenSession(ctx context.Context, signature string, r fosite.Requester) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := json.NewEncoder(s.file).Encode(storedToken{
		signature, r.GetID(), r.GetClient().GetID(), r.GetGrantedScopes(), r.GetGrantedAudience(), r.GetRequestedAt(), r.GetSession().GetExpiresAt(fosite.AccessToken),
	})
	if err != nil {
		return err
	}
	return s.MemoryStore.CreateAccessTokenSession(ctx, signature, r)
}
