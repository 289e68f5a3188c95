package authservers_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

var all = flag.Bool("all", false, "also the servers that take minutes to build, and every rotation")

// programs is where the servers are that tests build.
var programs string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "authservers")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs = dir
	return m.Run()
}

var goServers = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(programs, "goservers")
	out, err := exec.Command("go", "build", "-C", "../goservers", "-o", program, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, err
})

// goServer starts ../goservers. The keys must have algorithms.
func goServer(t *testing.T, kind string, audience []string, keys ...redoxtest.Key) *server {
	program, err := goServers()
	if err != nil {
		t.Fatal(err)
	}
	port, address := freeAddress(t)
	s := &server{issuer: "http://" + address}
	s.url = s.issuer + "/.well-known/openid-configuration"
	config := map[string]any{
		"port": port, "store": filepath.Join(t.TempDir(), "tokens"), "scopes": []string{"messages", "others"}, "audience": audience,
		"clients": map[string]string{
			"redox": clientSecret, "redox-jwt": clientSecret, "stranger": clientSecret, "stranger-jwt": clientSecret, "us": ourSecret,
		},
	}
	s.configure = func(_ *testing.T, keys ...redoxtest.Key) { config["keys"] = withAlgorithms(keys) }
	s.talk(config, program, kind)
	s.configure(t, keys...)
	s.start(t)
	return s
}

// fosite starts a server built with ory/fosite. The audience tells the form of a token.
func fosite(t *testing.T, keys ...redoxtest.Key) *server {
	s := goServer(t, "fosite", []string{ourAPI + "jwt", ourAPI + "opaque", otherAPI + "jwt", otherAPI + "opaque"}, keys...)
	sender := func(audience string) func() sender {
		return func() sender { return fositeClient(s, "redox", audience) }
	}
	s.jwt, s.introspected, s.elsewhere = sender(ourAPI+"jwt"), sender(ourAPI+"opaque"), sender(otherAPI+"opaque")
	s.config.Issuer, s.config.Audience, s.config.ClientIDs, s.config.Scopes = s.issuer, []string{ourAPI + "jwt"}, []string{"redox"}, []string{"messages"}
	s.config.Types, s.config.ScopeClaim = []string{"JWT"}, "scp"
	s.introspection.URL, s.introspection.ClientID, s.introspection.ClientSecret = s.issuer+"/introspect", "us", ourSecret
	s.introspection.Audience, s.introspection.ClientIDs, s.introspection.Scopes = []string{ourAPI + "opaque"}, []string{"redox"}, []string{"messages"}
	return s
}

func fositeClient(s *server, id, audience string) *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{URL: s.issuer + "/token", ClientID: id, ClientSecret: clientSecret, Scopes: []string{"messages"}, Audience: audience}
}

// zitadel starts a server built with zitadel/oidc. The client tells the form of its tokens,
// and the scope is the audience.
func zitadel(t *testing.T, keys ...redoxtest.Key) *server {
	s := goServer(t, "zitadel", nil, keys...)
	sender := func(id, scope string) func() sender {
		return func() sender { return zitadelClient(s, id, scope) }
	}
	s.jwt, s.introspected, s.elsewhere = sender("redox-jwt", "messages"), sender("redox", "messages"), sender("redox", "others")
	s.config.Issuer, s.config.Audience, s.config.ClientIDs, s.config.Types = s.issuer, []string{"messages"}, []string{"redox-jwt"}, []string{"JWT"}
	s.introspection.URL, s.introspection.ClientID, s.introspection.ClientSecret = s.issuer+"/oauth/introspect", "us", ourSecret
	s.introspection.Audience, s.introspection.ClientIDs, s.introspection.Scopes = []string{"messages"}, []string{"redox"}, []string{"messages"}
	return s
}

func zitadelClient(s *server, id, scope string) *redoxtest.ClientCredentials {
	return &redoxtest.ClientCredentials{URL: s.issuer + "/oauth/token", ClientID: id, ClientSecret: clientSecret, Scopes: []string{scope}}
}

func TestServersInGo(t *testing.T) {
	servers := map[string]func(*testing.T){"fosite": tryFosite, "zitadel": tryZitadel}
	if *all {
		servers["Ory Hydra"] = tryHydra
	}
	for name, try := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try(t)
		})
	}
}

func tryFosite(t *testing.T) {
	key := redoxtest.NewKey("fosite", "ES384")
	s := fosite(t, key)
	post := fositeClient(s, "redox", ourAPI+"jwt")
	post.NoBasic = true
	s.try(t, map[string]trial{
		"credentials in body":           {sender: post, want: redoxauth.Identity{Subject: "redox", Issuer: s.issuer, KeyID: key.ID, Scopes: []string{"messages"}}},
		"another API":                   {sender: fositeClient(s, "redox", otherAPI+"jwt"), wantStatus: 401, wantReason: "audience"},
		"another client":                {sender: fositeClient(s, "stranger", ourAPI+"jwt"), wantStatus: 401, wantReason: "client"},
		"introspection, another client": {sender: fositeClient(s, "stranger", ourAPI+"opaque"), verifier: introspection(t, s.introspection), wantStatus: 401, wantReason: "client"},
		"introspection, revoked":        {sender: revoked(t, s.issuer+"/revoke", s.introspected(), "redox", clientSecret), verifier: introspection(t, s.introspection), wantStatus: 401, wantReason: "inactive"},
	}, redoxauth.Identity{Subject: "redox", Scopes: []string{"messages"}}, key)
}

func tryZitadel(t *testing.T) {
	key := redoxtest.NewKey("zitadel", "RS256")
	s := zitadel(t, key)
	s.try(t, map[string]trial{
		"another API":                   {sender: zitadelClient(s, "redox-jwt", "others"), wantStatus: 401, wantReason: "audience"},
		"another client":                {sender: zitadelClient(s, "stranger-jwt", "messages"), wantStatus: 401, wantReason: "client"},
		"introspection, another client": {sender: zitadelClient(s, "stranger", "messages"), verifier: introspection(t, s.introspection), wantStatus: 401, wantReason: "client"},
	}, redoxauth.Identity{Subject: "redox-jwt"}, key)
}

// try plays what every server is tried with, and more. The identity is that of a JWT.
func (s *server) try(t *testing.T, more map[string]trial, id redoxauth.Identity, key redoxtest.Key) {
	t.Helper()
	cfg := s.config
	cfg.Keys = s.keys(t, keyset.RemoteConfig{})
	jwt := verifier(t, cfg)
	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	cfg.Now = later
	id.Issuer, id.KeyID = s.issuer, key.ID
	more["JWT"] = trial{sender: s.jwt(), want: id}
	more["expired"] = trial{sender: s.jwt(), verifier: verifier(t, cfg), wantStatus: 401, wantReason: "expired"}
	if s.introspected != nil {
		asked, askedLater := introspection(t, s.introspection), s.introspection
		askedLater.Now = later
		more["introspection"] = trial{sender: s.introspected(), verifier: asked, want: redoxauth.Identity{
			Subject: "redox", Issuer: s.introspection.Issuer, Scopes: []string{"messages"},
		}}
		more["introspection, another API"] = trial{sender: s.elsewhere(), verifier: asked, wantStatus: 401, wantReason: "audience"}
		more["introspection, expired"] = trial{sender: s.introspected(), verifier: introspection(t, askedLater), wantStatus: 401, wantReason: "expired"}
		more["introspection, invented"] = trial{sender: bearer("0123456789abcdef"), verifier: asked, wantStatus: 401, wantReason: "inactive"}
	}
	for name, test := range more {
		if test.verifier == nil {
			test.verifier = jwt
		}
		t.Run(name, test.run)
	}
	t.Run("forged", func(t *testing.T) { refuses(t, jwt, forgeries(t, s.jwt(), key)) })
}

// revoked is a token that its client has revoked (RFC 7009).
func revoked(t *testing.T, endpoint string, s sender, id, secret string) bearer {
	t.Helper()
	token := tokenOf(t, s)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("revocation: status %d", response.StatusCode)
	}
	return bearer(token)
}
