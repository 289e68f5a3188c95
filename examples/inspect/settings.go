package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// variables are for what no request shows, such as a secret. Each has a flag too. The names
// are those of examples/destination.
var variables = []struct{ flag, names, help string }{
	{"token", "REDOX_TOKENS", "the verification `token`"},
	{"secret-key", "SIGV4_SECRET_KEY", "the dashboard's `secretKey` of AWS Signature Version 4"},
	{"session-token", "SIGV4_SESSION_TOKEN", "the dashboard's `sessionToken` of AWS Signature Version 4"},
	{"secret", "JWT_SECRET", "the `secret` of JWTs that are signed with HMAC"},
	{"client-secret", "OAUTH_CLIENT_SECRETS", "the dashboard's `clientSecret`"},
	{"jwks", "JWT_JWKS_URL GRANT_JWKS_URL SMART_JWKS_URL OAUTH_JWKS_URL", "`URL` of the sender's public keys, or of those of the authorization server"},
	{"introspection-url", "OAUTH_INTROSPECTION_URL", "`URL` of the introspection endpoint of the authorization server"},
	{"introspection-id", "OAUTH_INTROSPECTION_ID", "the client `ID` of this API there"},
	{"introspection-secret", "OAUTH_INTROSPECTION_SECRET", "the client `secret` of this API there"},
	{"introspection-audience", "OAUTH_AUDIENCE", "the `names` of this API there; only if its answers have aud"},
	{"client-ids", "OAUTH_CLIENT_IDS", "the client `IDs` of Redox there"},
	{"accounts", "GCP_SERVICE_ACCOUNTS WIF_SERVICE_ACCOUNTS", "the Google service `accounts` that Redox uses; Google is asked only if they are given"},
	{"google-certs-url", "GOOGLE_CERTS_URL", "`URL` of Google's keys; for tests"},
	{"google-tokeninfo-url", "GOOGLE_TOKENINFO_URL", "`URL` of Google's tokeninfo; for tests"},
}

// strategyNames are the values of the flag -strategy.
var strategyNames = []string{"verifytoken", "sigv4", "jwtbearer", "clientcredentials", "smartbackend", "gcpjwt", "wif"}

type settings struct {
	listen, strategy, keysFile string
	url                        *url.URL
	accept                     bool
	flags                      []*string // of variables, in its order
	getenv                     func(string) string
	pem                        bool                       // keysFile is PEM, and not a JWKS
	keys                       func() (keyset.Set, error) // of keysFile or -jwks
}

func parse(args []string, getenv func(string) string) (*settings, error) {
	s := &settings{getenv: getenv}
	f := flag.NewFlagSet("inspect", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprint(f.Output(), "Usage: inspect -url URL [flags]\n\n", warning,
			"\nOther users of the machine can see a secret on the command line. The variables hide it.\n")
		f.PrintDefaults()
	}
	address := f.String("url", "", "the endpoint's `URL` as it is entered in Redox's dashboard; required")
	f.StringVar(&s.listen, "listen", "localhost:8080", "`address` to listen on")
	f.BoolVar(&s.accept, "accept", false, "answer messages 200 instead of 503; Redox then takes them for delivered, and they are lost")
	f.StringVar(&s.strategy, "strategy", "", "the `package` of the strategy that the dashboard shows, where requests do not show it: "+strings.Join(strategyNames, ", "))
	f.StringVar(&s.keysFile, "keys", "", "`file` with the sender's public keys, as PEM or JWKS, instead of -jwks")
	for _, v := range variables {
		s.flags = append(s.flags, f.String(v.flag, "", v.help+"; default $"+strings.ReplaceAll(v.names, " ", " or $")))
	}
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	u, err := url.Parse(*address)
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case *address == "":
		return nil, errors.New("-url is required: the endpoint as it is entered in Redox's dashboard, such as https://dev.example/redox")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("-url is %q, want an absolute URL, such as https://dev.example/redox", *address)
	case s.strategy != "" && !slices.Contains(strategyNames, s.strategy):
		return nil, fmt.Errorf("-strategy is %q, want one of %s", s.strategy, strings.Join(strategyNames, ", "))
	}
	s.url = u
	s.keys = sync.OnceValues(s.loadKeys)
	if s.keysFile != "" { // a mistake shows at once
		if _, err := s.keys(); err != nil {
			return nil, fmt.Errorf("-keys: %w", err)
		}
	}
	return s, nil
}

// loadKeys returns nil if the operator gave no keys.
func (s *settings) loadKeys() (keyset.Set, error) {
	jwks := s.jwks()
	switch {
	case s.keysFile != "":
		data, err := os.ReadFile(s.keysFile)
		if err != nil {
			return nil, err
		}
		if s.pem = strings.Contains(string(data), "-----BEGIN "); s.pem {
			return keyset.ParsePEM(data)
		}
		return keyset.ParseJWKS(data)
	case jwks != "":
		return keyset.NewRemote(keyset.RemoteConfig{URL: jwks, InsecureAllowHTTP: isHTTP(jwks)})
	}
	return nil, nil
}

func (s *settings) jwks() string {
	for _, name := range []string{"JWT_JWKS_URL", "GRANT_JWKS_URL", "SMART_JWKS_URL", "OAUTH_JWKS_URL"} {
		if v := s.value(name); v != "" {
			return v
		}
	}
	return ""
}

// value returns the value that the operator gave for a variable.
func (s *settings) value(variable string) string {
	if variable == "TOKEN_SECRETS" && s.getenv(variable) == "" {
		return ownSecret
	}
	for i, v := range variables {
		if slices.Contains(strings.Fields(v.names), variable) && *s.flags[i] != "" {
			return *s.flags[i]
		}
	}
	return s.getenv(variable)
}

// hint says how the operator gives the value of a variable.
func hint(variable string) string {
	for _, v := range variables {
		if slices.Contains(strings.Fields(v.names), variable) {
			return "-" + v.flag + " or $" + variable
		}
	}
	return "$" + variable
}

// origin returns the URL of a path on the public host.
func (s *settings) origin(path string) string {
	return (&url.URL{Scheme: s.url.Scheme, Host: s.url.Host, Path: path}).String()
}

func (s *settings) answer() string {
	if s.accept {
		return "messages are answered 200: Redox takes them for delivered, and they are lost"
	}
	return "messages are answered 503: Redox keeps them and tries again (-accept answers 200)"
}

func isHTTP(url string) bool { return strings.HasPrefix(url, "http:") }
