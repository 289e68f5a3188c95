package main

import (
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// An environment returns the value of a variable. White space separates the items of a list.
type environment func(name string) string

// environmentOf returns the environment that os.Environ lists.
func environmentOf(environ []string) environment {
	values := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func (e environment) text(name string) string { return e(name) }
func (e environment) flag(name string) bool   { return e(name) != "" }

// list returns nil for an empty list, because nil means the default.
func (e environment) list(name string) []string {
	if list := strings.Fields(e(name)); len(list) > 0 {
		return list
	}
	return nil
}

// public returns the URL by which Redox reaches the path.
func (e environment) public(path string) string {
	return strings.TrimSuffix(e("PUBLIC_URL"), "/") + path
}

// secrets returns the secrets that sign our own tokens.
func (e environment) secrets() [][]byte {
	var secrets [][]byte
	for _, secret := range e.list("TOKEN_SECRETS") {
		secrets = append(secrets, []byte(secret))
	}
	return secrets
}

// keySet returns the keys at the URL in the variable, or those in the issuer's metadata.
func (d *destination) keySet(variable, issuer string) keyset.Set {
	cfg := keyset.RemoteConfig{URL: d.text(variable), InsecureAllowHTTP: d.flag("ALLOW_HTTP"), Now: d.keysNow}
	if cfg.URL == "" {
		cfg.Issuer = issuer
	}
	set, err := keyset.NewRemote(cfg)
	if err != nil {
		d.fail("%s: %w", variable, err)
		return nil
	}
	d.keys = append(d.keys, set)
	return set
}
