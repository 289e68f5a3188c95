package authservers_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// The path of an API tells oidc-provider.mjs the form of its tokens.
const (
	ourAPI   = "https://destination.example/"
	otherAPI = "https://other.example/"
)

// assertionKey is Redox's, for private_key_jwt.
var assertionKey = redoxtest.NewKey("assertion", "ES384")

// oidcProvider starts oidc-provider.
func oidcProvider(t *testing.T, keys ...redoxtest.Key) *server {
	node := need(t, "node")
	if _, err := os.Stat("../node_modules/oidc-provider"); err != nil {
		missing(t, "oidc-provider is not installed: %v", err)
	}
	port, address := freeAddress(t)
	s := &server{issuer: "http://" + address}
	s.url = s.issuer + "/jwks"
	sender := func(resource string) func() sender {
		return func() sender { return oidcClient(s, "basic", resource) }
	}
	s.jwt, s.introspected, s.elsewhere = sender(ourAPI+"ES384"), sender(ourAPI+"opaque"), sender(otherAPI+"opaque")
	s.config = clientcredentials.Config{
		Issuer: s.issuer, Audience: []string{ourAPI + "ES384"}, ClientIDs: []string{"basic", "post", "jwt"}, Scopes: []string{"messages"},
	}
	s.introspection = clientcredentials.IntrospectionConfig{
		URL: s.issuer + "/token/introspection", ClientID: "us", ClientSecret: ourSecret, Issuer: s.issuer,
		Audience: []string{ourAPI + "opaque"}, ClientIDs: []string{"basic"}, Scopes: []string{"messages"},
	}
	config := map[string]any{
		"port": port, "store": filepath.Join(t.TempDir(), "tokens"), "scope": "messages others",
		"clients": []map[string]any{
			{"client_id": "basic", "client_secret": clientSecret, "token_endpoint_auth_method": "client_secret_basic"},
			{"client_id": "post", "client_secret": clientSecret, "token_endpoint_auth_method": "client_secret_post"},
			{"client_id": "jwt", "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES384",
				"jwks": json.RawMessage(redoxtest.JWKS(assertionKey))},
			{"client_id": "stranger", "client_secret": clientSecret, "token_endpoint_auth_method": "client_secret_basic"},
			{"client_id": "us", "client_secret": ourSecret, "token_endpoint_auth_method": "client_secret_basic"},
		},
	}
	s.configure = func(_ *testing.T, keys ...redoxtest.Key) { config["keys"] = privateJWKS(keys) }
	s.talk(config, node, "oidc-provider.mjs")
	s.configure(t, keys...)
	s.start(t)
	return s
}

// talk runs a program that reads its configuration from stdin when it starts and when it
// is reloaded.
func (s *server) talk(config map[string]any, program string, args ...string) {
	var stdin io.Writer
	var stdout *bufio.Reader
	tell := func(t *testing.T) {
		if err := json.NewEncoder(stdin).Encode(config); err != nil {
			t.Fatal(err)
		}
	}
	s.command = func(t *testing.T) *exec.Cmd {
		cmd := exec.Command(program, args...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdin, stdout = in, bufio.NewReader(out)
		tell(t)
		return cmd
	}
	s.reload = func(t *testing.T) {
		tell(t)
		if done, err := stdout.ReadString('\n'); err != nil {
			t.Fatalf("%q, %v", done, err)
		}
	}
}

func oidcClient(s *server, id, resource string) *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{
		URL: s.issuer + "/token", ClientID: id, ClientSecret: clientSecret, Scopes: []string{"messages"}, Resource: resource,
	}
}

func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	rsa, ec := redoxtest.NewKey("oidc-rsa", "RS256"), redoxtest.NewKey("oidc-ec", "ES384")
	s := oidcProvider(t, rsa, ec)
	keys := s.keys(t, keyset.RemoteConfig{})
	config := func(form string, algorithms ...string) *clientcredentials.Verifier {
		cfg := s.config
		cfg.Keys, cfg.Audience, cfg.Algorithms = keys, []string{ourAPI + form}, algorithms
		return verifier(t, cfg)
	}
	identity := func(subject, keyID string) redoxauth.Identity {
		return redoxauth.Identity{Subject: subject, Issuer: s.issuer, KeyID: keyID, Scopes: []string{"messages"}}
	}
	post := oidcClient(s, "post", ourAPI+"ES384")
	post.NoBasic = true
	assertion := &redoxtest.SMARTBackend{URL: s.issuer + "/token", ClientID: "jwt", Key: assertionKey, Scopes: []string{"messages"}}
	others := oidcClient(s, "basic", ourAPI+"ES384")
	others.Scopes = []string{"others"}
	opaque := introspection(t, s.introspection)
	ofTheIssuer := s.introspection
	ofTheIssuer.Audience = nil
	for name, test := range map[string]trial{
		// The keys have no alg: each serves every algorithm that fits it.
		"RS256":               {sender: oidcClient(s, "basic", ourAPI+"RS256"), verifier: config("RS256"), want: identity("basic", rsa.ID)},
		"RS384":               {sender: oidcClient(s, "basic", ourAPI+"RS384"), verifier: config("RS384"), want: identity("basic", rsa.ID)},
		"PS256":               {sender: oidcClient(s, "basic", ourAPI+"PS256"), verifier: config("PS256"), want: identity("basic", rsa.ID)},
		"ES384":               {sender: s.jwt(), verifier: config("ES384"), want: identity("basic", ec.ID)},
		"credentials in body": {sender: post, verifier: config("ES384"), want: identity("post", ec.ID)},
		"another algorithm":   {sender: oidcClient(s, "basic", ourAPI+"RS384"), verifier: config("RS384", "RS256"), wantStatus: 401, wantReason: "algorithm"},
		"another API":         {sender: oidcClient(s, "basic", otherAPI+"ES384"), verifier: config("ES384"), wantStatus: 401, wantReason: "audience"},
		"another client":      {sender: oidcClient(s, "stranger", ourAPI+"ES384"), verifier: config("ES384"), wantStatus: 401, wantReason: "client"},
		"another scope":       {sender: others, verifier: config("ES384"), wantStatus: 403, wantReason: "scope"},

		"introspection":                    {sender: s.introspected(), verifier: opaque, want: identity("basic", "")},
		"introspection without a resource": {sender: oidcClient(s, "basic", ""), verifier: introspection(t, ofTheIssuer), want: identity("basic", "")},
		"introspection after private_key_jwt": {sender: assertion, verifier: introspection(t, clientcredentials.IntrospectionConfig{
			URL: s.introspection.URL, ClientID: "us", ClientSecret: ourSecret, ClientIDs: []string{"jwt"},
		}), want: identity("jwt", "")},
		"introspection, another API":    {sender: s.elsewhere(), verifier: opaque, wantStatus: 401, wantReason: "audience"},
		"introspection, another client": {sender: oidcClient(s, "stranger", ourAPI+"opaque"), verifier: opaque, wantStatus: 401, wantReason: "client"},
		"introspection, invented":       {sender: bearer("0123456789abcdef"), verifier: opaque, wantStatus: 401, wantReason: "inactive"},
		// It refuses to look at JWTs, with status 400: nothing can be said of them.
		"introspection of a JWT": {sender: s.jwt(), verifier: opaque, wantStatus: 503, wantReason: "unavailable"},
	} {
		t.Run(name, test.run)
	}
	for form, key := range map[string]redoxtest.Key{"RS256": rsa, "ES384": ec} {
		t.Run(form+" forged", func(t *testing.T) {
			refuses(t, config(form), forgeries(t, oidcClient(s, "basic", ourAPI+form), key))
		})
	}
}
