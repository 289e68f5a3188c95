package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// The text says what to enter in the dashboard, and shows no secret.
func TestAnnouncement(t *testing.T) {
	h := newRehearsal("https://destination.example")
	defer h.close()
	d := h.destination()
	if _, err := d.handler(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	d.announce(&out, "localhost:8080")
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"https://destination.example/redox/sigv4 takes messages that sigv4 verifies. In Redox's dashboard: endpoint https://destination.example/redox/sigv4 " +
			"accessKey REDOXEXAMPLE secretKey what SIGV4_SECRET_KEY has awsRegion us-east-1 serviceName execute-api verification token what REDOX_TOKENS has first",
		"url https://destination.example/token/clientcredentials clientId redox clientSecret what OAUTH_CLIENT_SECRETS has first",
		"url https://destination.example/token/smartbackend clientId redox-smart",
		"Redox does not document the fields of this strategy",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, &out)
		}
	}
	for _, s := range strategies {
		if s.rehearse != nil && !strings.Contains(text, "/redox/"+s.name+" takes messages") {
			t.Errorf("%s is not announced", s.name)
		}
		if s.dashboard == nil {
			t.Errorf("%s has no fields of the dashboard", s.name)
		}
		for _, field := range s.dashboard {
			if !strings.HasPrefix(field.variable, "/") && !strings.Contains(s.variables, field.variable) {
				t.Errorf("%s: no variable %s", s.name, field.variable)
			}
			if value := h.env[field.variable]; secret.MatchString(field.variable) && value != "" && strings.Contains(text, value) {
				t.Errorf("the value of %s is in\n%s", field.variable, &out)
			}
		}
	}

	h.env["PUBLIC_URL"] = ""
	out.Reset()
	d.announce(&out, "localhost:8080")
	if text := out.String(); !strings.Contains(text, "http://localhost:8080/redox/sigv4 takes") || !strings.Contains(text, "Set PUBLIC_URL") {
		t.Errorf("without PUBLIC_URL: got\n%s", text)
	}
}

// A variable with a typing error would turn off a check without a word.
func TestUnknownVariables(t *testing.T) {
	for name, want := range map[string]string{
		"SIGV4_ACCESSKEY": "SIGV4_ACCESSKEY: no such variable; did you mean SIGV4_ACCESS_KEY?",
		"REDOX_TOKEN":     "did you mean REDOX_TOKENS?",
		"OAUTH_CLIENTID":  "did you mean OAUTH_CLIENT_ID?",
		"REQUIRE_TOKENS":  "did you mean REQUIRE_TOKEN?",
		"TOKEN_SECRET":    "did you mean TOKEN_SECRETS?",
		"ALLOWHTTP":       "did you mean ALLOW_HTTP?",
		"JWT_JWKS":        "did you mean JWT_JWKS_URL?",
		// Those of other programs, and our own.
		"GOOGLE_APPLICATION_CREDENTIALS": "",
		"PATH":                           "",
		"TLS_CERT":                       "",
		"SIGV4_SESSION_TOKEN":            "",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // serve ends at once
		err := serve(ctx, "localhost:0", []string{"SIGV4_ACCESS_KEY=AK", "SIGV4_SECRET_KEY=s", "SIGV4_REGION=r", "SIGV4_SERVICE=s", name + "="}, &bytes.Buffer{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
