package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

// An environment reads the variables. White space separates the items of a list.
type environment struct {
	getenv func(string) string
	cfg    *config
	errs   []error
}

func (e *environment) text(name string) string { return e.getenv(name) }
func (e *environment) flag(name string) bool   { return e.getenv(name) != "" }

// list returns nil for an empty list, because nil means the default.
func (e *environment) list(name string) []string {
	if list := strings.Fields(e.getenv(name)); len(list) > 0 {
		return list
	}
	return nil
}

// fromEnvironment reads the variables that the command's documentation lists.
func fromEnvironment(getenv func(string) string) (*config, error) {
	e := &environment{getenv: getenv, cfg: &config{}}
	e.cfg.token.Tokens = e.list("REDOX_TOKENS")
	if e.cfg.token.Tokens == nil {
		e.errs = append(e.errs, errors.New("REDOX_TOKENS: required: every destination needs the handshake"))
	}
	e.sigv4()
	e.jwtbearer()
	e.clientcredentials()
	e.smartbackend()
	e.google()
	if !e.flag("PUBLIC_URL") && (e.cfg.jwtGrant != nil || e.cfg.oauthOwn != nil || e.cfg.smart != nil) {
		e.errs = append(e.errs, errors.New("PUBLIC_URL: required for a token endpoint"))
	}
	return e.cfg, errors.Join(e.errs...)
}

func (e *environment) sigv4() {
	if !e.flag("SIGV4_ACCESS_KEY") {
		return
	}
	e.cfg.sigv4 = &sigv4.Config{
		Credentials: []sigv4.Credential{{
			AccessKeyID:     e.text("SIGV4_ACCESS_KEY"),
			SecretAccessKey: e.text("SIGV4_SECRET_KEY"),
			SessionToken:    e.text("SIGV4_SESSION_TOKEN"),
		}},
		Region:                   e.text("SIGV4_REGION"),
		Service:                  e.text("SIGV4_SERVICE"),
		Hosts:                    e.list("SIGV4_HOSTS"),
		PathPrefix:               e.text("SIGV4_PATH_PREFIX"),
		DisablePathNormalization: e.flag("SIGV4_DISABLE_PATH_NORMALIZATION"),
		DisableDoubleEncoding:    e.flag("SIGV4_DISABLE_DOUBLE_ENCODING"),
	}
}

func (e *environment) jwtbearer() {
	if e.flag("JWT_ISSUER") {
		e.cfg.jwtDirect = &jwtbearer.Config{
			Issuer:     e.text("JWT_ISSUER"),
			Audience:   e.list("JWT_AUDIENCE"),
			Algorithms: e.list("JWT_ALGORITHMS"),
		}
		if e.flag("JWT_SECRET") {
			e.cfg.jwtDirect.Secrets = [][]byte{[]byte(e.text("JWT_SECRET"))}
		} else {
			e.cfg.jwtDirect.Keys = e.keys("JWT_JWKS_URL", "")
		}
	}
	if e.flag("JWT_ISSUER") && e.flag("GRANT_ISSUER") {
		e.errs = append(e.errs, errors.New("JWT_ISSUER, GRANT_ISSUER: set only one: both use the path /redox/jwtbearer"))
		return
	}
	if e.flag("GRANT_ISSUER") {
		e.cfg.jwtGrant = &jwtbearer.EndpointConfig{
			Signers: []jwtbearer.Signer{{
				Issuer:     e.text("GRANT_ISSUER"),
				Subject:    e.text("GRANT_ISSUER"),
				Keys:       e.keys("GRANT_JWKS_URL", ""),
				Algorithms: e.list("GRANT_ALGORITHMS"),
				Scopes:     e.list("GRANT_SCOPES"),
			}},
			TokenURL:           e.public("/token/jwtbearer"),
			AssertionAudiences: e.list("GRANT_AUDIENCES"),
			Issuer:             e.public(""),
			Audience:           e.public("/redox/jwtbearer"),
			TokenSecrets:       e.secrets(),
			Replay:             replay.NewMemory(100_000),
		}
	}
}

func (e *environment) clientcredentials() {
	switch {
	case e.flag("OAUTH_CLIENT_ID"):
		e.cfg.oauthOwn = &clientcredentials.EndpointConfig{
			Clients: []clientcredentials.Client{{
				ID:      e.text("OAUTH_CLIENT_ID"),
				Secrets: e.list("OAUTH_CLIENT_SECRETS"),
				Scopes:  e.list("OAUTH_SCOPES"),
			}},
			Issuer:       e.public(""),
			Audience:     e.public("/redox/clientcredentials"),
			TokenSecrets: e.secrets(),
		}
	case e.flag("OAUTH_INTROSPECTION_URL"):
		e.cfg.oauthOpaque = &clientcredentials.IntrospectionConfig{
			URL:               e.text("OAUTH_INTROSPECTION_URL"),
			ClientID:          e.text("OAUTH_INTROSPECTION_ID"),
			ClientSecret:      e.text("OAUTH_INTROSPECTION_SECRET"),
			Audience:          e.list("OAUTH_AUDIENCE"),
			ClientIDs:         e.list("OAUTH_CLIENT_IDS"),
			InsecureAllowHTTP: e.flag("ALLOW_HTTP"),
		}
	case e.flag("OAUTH_ISSUER"):
		e.cfg.oauthExternal = &clientcredentials.Config{
			Keys:       e.keys("OAUTH_JWKS_URL", e.text("OAUTH_ISSUER")),
			Issuer:     e.text("OAUTH_ISSUER"),
			Audience:   e.list("OAUTH_AUDIENCE"),
			ClientIDs:  e.list("OAUTH_CLIENT_IDS"),
			Algorithms: e.list("OAUTH_ALGORITHMS"),
			Types:      e.list("OAUTH_TYPES"),
		}
	}
}

func (e *environment) smartbackend() {
	if !e.flag("SMART_CLIENT_ID") {
		return
	}
	e.cfg.smart = &smartbackend.EndpointConfig{
		Clients: []smartbackend.Client{{
			ID:     e.text("SMART_CLIENT_ID"),
			Keys:   e.keys("SMART_JWKS_URL", ""),
			Scopes: e.list("SMART_SCOPES"),
		}},
		TokenURL:           e.public("/token/smartbackend"),
		AssertionAudiences: e.list("SMART_AUDIENCES"),
		Issuer:             e.public(""),
		Audience:           e.public("/redox/smartbackend"),
		TokenSecrets:       e.secrets(),
		Replay:             replay.NewMemory(100_000),
	}
}

func (e *environment) google() {
	if e.flag("GCP_SERVICE_ACCOUNTS") {
		e.cfg.gcp = &gcpjwt.Config{
			ServiceAccounts:   e.list("GCP_SERVICE_ACCOUNTS"),
			Audience:          e.list("GCP_AUDIENCE"),
			AccessTokens:      e.flag("GCP_ACCESS_TOKENS"),
			Endpoints:         gcpjwt.Endpoints{CertsURL: e.text("GOOGLE_CERTS_URL"), TokenInfoURL: e.text("GOOGLE_TOKENINFO_URL")},
			InsecureAllowHTTP: e.flag("ALLOW_HTTP"),
		}
	}
	if e.flag("WIF_SERVICE_ACCOUNTS") {
		e.cfg.wif = &wif.Config{
			ServiceAccounts:   e.list("WIF_SERVICE_ACCOUNTS"),
			Audience:          e.list("WIF_AUDIENCE"),
			AccessTokens:      e.flag("WIF_ACCESS_TOKENS"),
			Endpoints:         wif.Endpoints{CertsURL: e.text("GOOGLE_CERTS_URL"), TokenInfoURL: e.text("GOOGLE_TOKENINFO_URL")},
			InsecureAllowHTTP: e.flag("ALLOW_HTTP"),
		}
	}
}

// keys returns the keys at the URL in the variable, or those in the issuer's metadata.
func (e *environment) keys(variable, issuer string) keyset.Set {
	cfg := keyset.RemoteConfig{URL: e.text(variable), InsecureAllowHTTP: e.flag("ALLOW_HTTP")}
	if cfg.URL == "" {
		cfg.Issuer = issuer
	}
	set, err := keyset.NewRemote(cfg)
	if err != nil {
		e.errs = append(e.errs, fmt.Errorf("%s: %w", variable, err))
		return nil
	}
	e.cfg.keys = append(e.cfg.keys, set)
	return set
}

// public returns the URL by which Redox reaches the path.
func (e *environment) public(path string) string {
	return strings.TrimSuffix(e.text("PUBLIC_URL"), "/") + path
}

func (e *environment) secrets() [][]byte {
	var secrets [][]byte
	for _, secret := range e.list("TOKEN_SECRETS") {
		secrets = append(secrets, []byte(secret))
	}
	return secrets
}
