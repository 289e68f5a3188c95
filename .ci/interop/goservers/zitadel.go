package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

type zitadelServer struct {
	http.Handler
	*zitadelStorage
}

func newZitadel(c configuration) (server, error) {
	s := &zitadelStorage{Storage: storage.NewStorage(storage.NewUserStore(c.issuer())), configuration: c}
	provider, err := op.NewProvider(&op.Config{CryptoKey: sha256.Sum256([]byte("a secret")), AuthMethodPost: true}, s, op.StaticIssuer(c.issuer()),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	return &zitadelServer{provider, s}, err
}

// A zitadelStorage is the storage of zitadel's example with other clients, keys and tokens. A
// client whose ID ends with "jwt" gets JWTs. The ID of a token is its content, so that it
// survives a restart.
type zitadelStorage struct {
	*storage.Storage
	configuration configuration
	keys          atomic.Pointer[jose.JSONWebKeySet]
}

func (s *zitadelStorage) setKeys(jwks []byte) error {
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &keys); err != nil {
		return err
	}
	s.keys.Store(&keys)
	return nil
}

type zitadelKey struct{ jose.JSONWebKey }

func (k zitadelKey) ID() string  { return k.KeyID }
func (k zitadelKey) Key() any    { return k.JSONWebKey.Key }
func (k zitadelKey) Use() string { return k.JSONWebKey.Use }
func (k zitadelKey) SignatureAlgorithm() jose.SignatureAlgorithm {
	return jose.SignatureAlgorithm(k.JSONWebKey.Algorithm)
}
func (k zitadelKey) Algorithm() jose.SignatureAlgorithm { return k.SignatureAlgorithm() }

func (s *zitadelStorage) SigningKey(context.Context) (op.SigningKey, error) {
	return zitadelKey{s.keys.Load().Keys[0]}, nil
}

func (s *zitadelStorage) SignatureAlgorithms(context.Context) (all []jose.SignatureAlgorithm, err error) {
	for _, k := range s.keys.Load().Keys {
		all = append(all, jose.SignatureAlgorithm(k.Algorithm))
	}
	return all, nil
}

func (s *zitadelStorage) KeySet(context.Context) (all []op.Key, err error) {
	for _, k := range s.keys.Load().Keys {
		all = append(all, zitadelKey{k.Public()})
	}
	return all, nil
}

type zitadelClient struct {
	op.Client
	id string
}

func (c zitadelClient) GetID() string { return c.id }

func (c zitadelClient) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

func (c zitadelClient) AccessTokenType() op.AccessTokenType {
	if strings.HasSuffix(c.id, "jwt") {
		return op.AccessTokenTypeJWT
	}
	return op.AccessTokenTypeBearer
}

func (s *zitadelStorage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if want, ok := s.configuration.Clients[id]; !ok || secret != want {
		return errors.New("wrong client or secret")
	}
	return nil
}

func (s *zitadelStorage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	return zitadelClient{storage.WebClient(id, s.configuration.Clients[id]), id}, nil
}

func (s *zitadelStorage) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	return s.GetClientByClientID(ctx, id)
}

// The grant knows no audience: a token for a scope is one for the API that has its name.
func (s *zitadelStorage) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: scopes, Scopes: scopes}, nil
}

type zitadelToken struct {
	Audience, Scopes []string
	Expires          time.Time
}

func (s *zitadelStorage) CreateAccessToken(_ context.Context, r op.TokenRequest) (id string, expires time.Time, err error) {
	t := zitadelToken{r.GetAudience(), r.GetScopes(), time.Now().Add(5 * time.Minute)}
	content, err := json.Marshal(t)
	return base64.RawURLEncoding.EncodeToString(content), t.Expires, err
}

func (s *zitadelStorage) SetIntrospectionFromToken(_ context.Context, to *oidc.IntrospectionResponse, id, subject, _ string) error {
	content, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return err
	}
	var t zitadelToken
	if err := json.Unmarshal(content, &t); err != nil {
		return err
	}
	to.Expiration, to.Subject, to.ClientID, to.Audience, to.Scope = oidc.FromTime(t.Expires), subject, subject, t.Audience, t.Scopes
	return nil
}
