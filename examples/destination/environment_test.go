package main

import (
	"strings"
	"testing"
)

func TestMisspeltVariables(t *testing.T) {
	for name, want := range map[string]string{
		"SIGV4_ACCESSKEY":         "SIGV4_ACCESS_KEY",
		"SIGV4_ACCESS_KEY_ID":     "SIGV4_ACCESS_KEY",
		"SIGV4_SECRET_ACCESS_KEY": "SIGV4_SECRET_KEY",
		"sigv4_region":            "SIGV4_REGION",
		"REDOX_TOKEN":             "REDOX_TOKENS",
		"REDOXTOKENS":             "REDOX_TOKENS",
		"JWT_JWKS":                "JWT_JWKS_URL",
		"OAUTH_CLIENTID":          "OAUTH_CLIENT_ID",
		"GCP_SERVICEACCOUNTS":     "GCP_SERVICE_ACCOUNTS",
		"PUBLICURL":               "PUBLIC_URL",
		"TOKEN_SECRET":            "TOKEN_SECRETS",
		"TLS_CRT":                 "TLS_CERT",
		"KEYS_MAXSTALE":           "KEYS_MAX_STALE",
		"GOOGLE_CERT_URL":         "GOOGLE_CERTS_URL",
	} {
		_, err := (&destination{environment: environment{"REDOX_TOKENS": "t", name: "x"}}).handler()
		if text := name + " is unknown: do you mean " + want + "? (-h lists all)"; err == nil || err.Error() != text {
			t.Errorf("got %v, want %s", err, text)
		}
	}
}

func TestVariablesOfOthers(t *testing.T) {
	for _, name := range []string{
		"PATH", "HOME", "HTTPS_PROXY", "GODEBUG", "HOSTNAME", "PORT", "AWS_ACCESS_KEY_ID", "KUBERNETES_SERVICE_HOST",
		"GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "SSL_CERT_FILE",
		"REDOX_SERVICE_HOST", "REDOX_SERVICE_PORT_HTTP", "REDOX_PORT", "REDOX_PORT_8080_TCP", "REDOX_PORT_8080_TCP_ADDR",
	} {
		if _, err := (&destination{environment: environment{"REDOX_TOKENS": "t", name: "x"}}).handler(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// docker run --env-file keeps quotation marks, and no log of a refused message could name them:
// https://docs.docker.com/reference/cli/docker/container/run/#env
func TestValuesInQuotationMarks(t *testing.T) {
	for _, tt := range []struct {
		variable, value, allowed string
		mark                     string // empty: the value is taken as it is
	}{
		{"REDOX_TOKENS", `"s3cret"`, "", `"`},
		{"REDOX_TOKENS", `'s3cret'`, "", `'`},
		{"REDOX_TOKENS", `"s3cret old"`, "", `"`},
		{"REDOX_TOKENS", `old "s3cret"`, "", `"`},
		{"OAUTH_CLIENT_SECRETS", `"s3cret"`, "REDOX_TOKENS", `"`},
		{"PUBLIC_URL", `"https://redox.example"`, "", `"`},
		{"TLS_CERT", `"cert.pem"`, "", `"`},
		{"REDOX_TOKENS", `"s3cret"`, "OAUTH_CLIENT_SECRETS REDOX_TOKENS", ""},
		{"REDOX_TOKENS", `s3"cret`, "", ""},
		{"REDOX_TOKENS", `"s3cret`, "", ""},
		{"REDOX_TOKENS", `"s3cret'`, "", ""},
		{"REDOX_TOKENS", `"`, "", ""},
	} {
		env := environment{"REDOX_TOKENS": "t", "ALLOW_QUOTES": tt.allowed}
		env[tt.variable] = tt.value
		_, err := (&destination{environment: env}).handler()
		want := tt.variable + ": the quotation marks (" + tt.mark + ") would be part of the value: remove them. If they belong to it, list " +
			tt.variable + " in ALLOW_QUOTES"
		if tt.mark == "" && err != nil || tt.mark != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s=%s: got %v, want %s", tt.variable, tt.value, err, want)
		}
	}
}

func TestVariablesWithoutEffect(t *testing.T) {
	for env, want := range map[string]string{
		"REDOX_TOKENS=t SIGV4_REGION=r":                           "SIGV4_REGION: does nothing without SIGV4_ACCESS_KEY",
		"REDOX_TOKENS=t OAUTH_CLIENT_IDS=c":                       "OAUTH_CLIENT_IDS: does nothing without OAUTH_ISSUER or OAUTH_INTROSPECTION_URL",
		"WIF_SERVICE_ACCOUNTS=1 WIF_ACCESS_TOKENS=1 GCP_SCOPES=s": "GCP_SCOPES: does nothing without GCP_SERVICE_ACCOUNTS",
	} {
		if _, err := (&destination{environment: environmentOf(env)}).handler(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", env, err, want)
		}
	}
	if _, err := (&destination{environment: environmentOf("REDOX_TOKENS=t PUBLIC_URL=https://a ALLOW_HTTP=1 KEYS_COOLDOWN=9s")}).handler(); err != nil {
		t.Errorf("common variables: %v", err)
	}
}
