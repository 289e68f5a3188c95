package main

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// leaves returns the paths of all exported fields.
func leaves(t reflect.Type, path string) []string {
	var paths []string
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		switch {
		case f.Type.Kind() == reflect.Struct:
			paths = append(paths, leaves(f.Type, path+f.Name+".")...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			paths = append(paths, leaves(f.Type.Elem(), path+f.Name+"[].")...)
		default:
			paths = append(paths, path+f.Name)
		}
	}
	return paths
}

// A field that is added to a Config needs a variable, or a reason why it has none.
func TestEveryFieldHasAVariableOrAReason(t *testing.T) {
	check := func(config reflect.Type, settings []setting) {
		t.Helper()
		listed := map[string]bool{}
		for _, s := range settings {
			listed[s.field] = true
			if s.variable == "" && s.note == "" {
				t.Errorf("%v.%s has neither a variable nor a reason", config, s.field)
			}
		}
		for _, path := range leaves(config, "") {
			if !listed[path] {
				t.Errorf("%v.%s is not in the table of settings", config, path)
			}
			delete(listed, path)
		}
		for path := range listed {
			t.Errorf("%v has no field %s", config, path)
		}
	}
	configs := 0
	for _, s := range strategies {
		d := &destination{environment: environment{}}
		s.serve(d, func(cfg any) {
			configs++
			check(reflect.TypeOf(cfg).Elem(), s.settings)
			field(reflect.ValueOf(cfg).Elem(), s.settings[0].field) // which is always set
		})
	}
	if configs != len(strategies) {
		t.Errorf("%d Configs were filled, want one of each of the %d entries", configs, len(strategies))
	}
	check(reflect.TypeFor[keyset.RemoteConfig](), keySettings("", ""))
	check(reflect.TypeFor[redoxauth.Options](), optionSettings)
}

// Every variable in the table sets its field, or is refused by name.
func TestEveryVariableHasAnEffect(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, redoxtest.NewKey("", "RS256").PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(cfg any, settings []setting) {
		for _, s := range settings {
			if s.variable == "" {
				continue
			}
			v := field(reflect.ValueOf(cfg).Elem(), s.field)
			v.SetZero()
			value := map[reflect.Type]string{
				reflect.TypeFor[bool](): "true", reflect.TypeFor[time.Duration](): "7s", reflect.TypeFor[int64](): "7",
			}[v.Type()]
			switch {
			case strings.HasSuffix(s.variable, "_FILE"):
				value = file
			case value == "":
				value = "https://x.example"
			}
			d := &destination{environment: environment{s.variable: value}}
			d.fill(cfg, []setting{s})
			if v.IsZero() || d.mistakes != nil {
				t.Errorf("%s=%s does not set %T.%s: %v", s.variable, value, cfg, s.field, d.mistakes)
			}
		}
	}
	for _, s := range strategies {
		s.serve(&destination{environment: environment{}}, func(cfg any) {
			check(cfg, s.settings)
		})
	}
	check(&redoxauth.Options{}, optionSettings)
	check(&keyset.RemoteConfig{}, keySettings("JWT_JWKS_URL", "URL"))
}

func TestSettingsFillAConfig(t *testing.T) {
	d := &destination{environment: environment{
		"SIGV4_ACCESS_KEY": "AK", "SIGV4_SECRET_KEY": "new", "SIGV4_HOSTS": "a.example  b.example:8443", "SIGV4_MAX_SKEW": "7m",
		"SIGV4_DISABLE_DOUBLE_ENCODING": "false", "SIGV4_DISABLE_PATH_NORMALIZATION": "1",
	}}
	var got sigv4.Config
	d.fill(&got, strategies[1].settings)
	want := sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: "new"}}, Hosts: []string{"a.example", "b.example:8443"},
		MaxSkew: 7 * time.Minute, DisablePathNormalization: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || d.mistakes != nil {
		t.Errorf("mistakes %v, -want +got:\n%s", d.mistakes, diff)
	}
	d.environment = environment{"OAUTH_TYPES": "JWT absent"}
	var access clientcredentials.Config
	d.fill(&access, []setting{{field: "Types", variable: "OAUTH_TYPES"}})
	if diff := cmp.Diff([]string{"JWT", ""}, access.Types); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// During a rotation both secrets are accepted.
func TestOldAndNewSecretKeyAreAccepted(t *testing.T) {
	env := environmentOf("SIGV4_ACCESS_KEY=AK SIGV4_REGION=us-east-1 SIGV4_SERVICE=redox")
	env["SIGV4_SECRET_KEY"] = "new old"
	handler, err := (&destination{environment: env, log: slog.New(slog.DiscardHandler)}).handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for secret, want := range map[string]int{"new": 200, "old": 200, "new old": 401, "older": 401} {
		sender := redoxtest.SigV4{AccessKey: "AK", SecretKey: secret, AWSRegion: "us-east-1", ServiceName: "redox"}
		response, err := sender.Send(t.Context(), server.URL+"/redox/sigv4", redoxtest.PatientAdmin())
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: got %d, want %d", secret, response.StatusCode, want)
		}
	}
}

func TestMistakesNameTheVariable(t *testing.T) {
	for _, x := range []struct{ env, want string }{
		{"SIGV4_ACCESS_KEY=AK SIGV4_MAX_SKEW=5", `SIGV4_MAX_SKEW: "5", want a duration such as 90s`},
		{"SIGV4_ACCESS_KEY=AK SIGV4_MAX_SKEW=1h", "SIGV4_MAX_SKEW: 1h0m0s, want 0 to 15m0s (sigv4.Config.MaxSkew)"},
		{"SIGV4_ACCESS_KEY=AK SIGV4_INSECURE_ALLOW_UNSIGNED_PAYLOAD=no", `SIGV4_INSECURE_ALLOW_UNSIGNED_PAYLOAD: "no", want true or false`},
		{"SIGV4_ACCESS_KEY=AK SIGV4_HOSTS=https://a", `SIGV4_HOSTS: item 1: "https://a" is not a host or host:port (sigv4.Config.Hosts[0])`},
		{"JWT_ISSUER=i JWT_SECRET=short", "JWT_SECRET: "},
		{"JWT_ISSUER=i JWT_KEYS_FILE=/nowhere", "JWT_KEYS_FILE: open /nowhere"},
		{"JWT_ISSUER=i JWT_KEYS_FILE=/dev/null", "JWT_KEYS_FILE: "},
		{"JWT_ISSUER=i JWT_JWKS_URL=https://a JWT_KEYS_FILE=/dev/null", "JWT_KEYS_FILE: set only one variable for the keys"},
		{"JWT_ISSUER=i", "JWT_AUDIENCE, JWT_INSECURE_NO_AUDIENCE: exactly one is required (jwtbearer.Config.Audience)"},
		{"JWT_ISSUER=i", "JWT_JWKS_URL, JWT_KEYS_FILE, JWT_SECRET: exactly one is required (jwtbearer.Config.Keys)"},
		{"GRANT_ISSUER=i", "PUBLIC_URL: required (jwtbearer.EndpointConfig."},
		{"GRANT_ISSUER=i", "TOKEN_SECRETS: required (jwtbearer.EndpointConfig.TokenSecrets)"},
		{"GRANT_ISSUER=i TOKEN_SECRETS=short", "TOKEN_SECRETS: item 1: 5 bytes, want at least 32"},
		{"SMART_CLIENT_ID=c SMART_SCOPES=everybody/x SMART_JWKS_URL=https://a", `SMART_SCOPES: item 1: "everybody/x" is not a system/, patient/ or user/ scope`},
		{"OAUTH_ISSUER=http://as.example", "OAUTH_ISSUER: http, want https (ALLOW_HTTP allows http) (keyset.RemoteConfig.Issuer)"},
		{"OAUTH_ISSUER=as.example", `OAUTH_ISSUER: "as.example" is not an absolute http or https URL (keyset.RemoteConfig.Issuer)`},
		{"JWT_ISSUER=i JWT_JWKS_URL=as.example", `JWT_JWKS_URL: "as.example" is not an absolute http or https URL (keyset.RemoteConfig.URL)`},
		{"OAUTH_INTROSPECTION_URL=https://as.example", "OAUTH_INTROSPECTION_ID: required"},
		{"WIF_SERVICE_ACCOUNTS=me@example.com", "WIF_SERVICE_ACCOUNTS: item 1: "},
		{"WIF_SERVICE_ACCOUNTS=1 WIF_SCOPES=a", "WIF_SCOPES: only access tokens have scopes: set WIF_ACCESS_TOKENS (wif.Config.Scopes)"},
		{"REDOX_TOKENS=t KEYS_COOLDOWN=soon MAX_BODY_BYTES=40M", `MAX_BODY_BYTES: "40M", want a number of bytes`},
		{"REDOX_TOKENS=t PUBLIC_URL=redox.example", "PUBLIC_URL: want a URL such as"},
		{"REDOX_TOKENS=t WIF_SERVICE_ACCOUNTS=1 WIF_ACCESS_TOKENS=1 REQUIRE_TOKEN=no", `REQUIRE_TOKEN: "no", want true or false`},
	} {
		_, err := (&destination{environment: environmentOf(x.env)}).handler()
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+x.want) {
			t.Errorf("%s: got\n%v\nwant %s", x.env, err, x.want)
		}
	}
}

// An error about keys is not followed by one that there are none.
func TestMistakesWithoutTheirConsequences(t *testing.T) {
	_, err := (&destination{environment: environmentOf("JWT_ISSUER=i JWT_AUDIENCE=a JWT_JWKS_URL=http://a")}).handler()
	if want := "JWT_JWKS_URL: http, want https (ALLOW_HTTP allows http) (keyset.RemoteConfig.URL)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMistakesShowNoSecret(t *testing.T) {
	_, err := (&destination{environment: environment{
		"REDOX_TOKENS": "s3cret\x01", "SIGV4_ACCESS_KEY": "AK", "SIGV4_SECRET_KEY": "s3cret\x01", "SIGV4_SESSION_TOKEN": " s3cret",
		"JWT_ISSUER": "i", "JWT_SECRET": "s3cret", "TOKEN_SECRETS": "s3cret", "OAUTH_CLIENT_ID": "c", "OAUTH_CLIENT_SECRETS": "s3cret\x01",
		"PUBLIC_URL": "https://u:s3cret@redox.example",
	}}).handler()
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}
