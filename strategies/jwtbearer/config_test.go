package jwtbearer_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
)

func TestNewRefuses(t *testing.T) {
	secretsFunc := func(context.Context) ([][]byte, error) { return nil, nil }
	for _, test := range []struct {
		name   string
		change func(*jwtbearer.Config)
		want   []string // the starts of the messages
	}{
		{"empty", func(c *jwtbearer.Config) { *c = jwtbearer.Config{} }, []string{"Keys: ", "Issuer: ", "Audience: "}},
		{"algorithms without keys", func(c *jwtbearer.Config) { c.Keys, c.Algorithms = nil, []string{"RS256"} }, []string{"Keys: "}},
		{"keys and secrets", func(c *jwtbearer.Config) { c.Secrets = secretConfig().Secrets }, []string{"Keys: "}},
		{"keys and SecretsFunc", func(c *jwtbearer.Config) { c.SecretsFunc = secretsFunc }, []string{"Keys: "}},
		{"secrets and SecretsFunc", func(c *jwtbearer.Config) { *c = secretConfig(); c.SecretsFunc = secretsFunc }, []string{"Keys: "}},
		{"all three", func(c *jwtbearer.Config) { c.Secrets, c.SecretsFunc = secretConfig().Secrets, secretsFunc }, []string{"Keys: "}},
		{"keys and HS256", func(c *jwtbearer.Config) { c.Algorithms = []string{"RS256", "HS256"} }, []string{"Algorithms: HS256"}},
		{"secrets and RS256", func(c *jwtbearer.Config) { *c = secretConfig(); c.Algorithms = []string{"HS256", "RS256"} }, []string{"Algorithms: RS256"}},
		{"no algorithm", func(c *jwtbearer.Config) { c.Algorithms = []string{} }, []string{"Algorithms: "}},
		{"none", func(c *jwtbearer.Config) { c.Algorithms = []string{"none"} }, []string{"Algorithms: unknown"}},
		{"no secret", func(c *jwtbearer.Config) { *c = secretConfig(); c.Secrets = [][]byte{} }, []string{"Secrets: "}},
		{"a short secret", func(c *jwtbearer.Config) { *c = secretConfig(); c.Secrets[0] = make([]byte, 31) }, []string{"Secrets[0]: 31 bytes, want at least 32"}},
		{"a short secret for HS512", func(c *jwtbearer.Config) {
			*c = secretConfig()
			c.Secrets, c.Algorithms = [][]byte{make([]byte, 64), make([]byte, 63)}, []string{"HS256", "HS512"}
		}, []string{"Secrets[1]: 63 bytes, want at least 64"}},
		{"a public key as secret", func(c *jwtbearer.Config) { *c = secretConfig(); c.Secrets[0] = directKey.PEM() }, []string{"Secrets[0]: a key file, want a secret", "Secrets[0]: white space"}},
		{"an issuer with a space", func(c *jwtbearer.Config) { c.Issuer = "redox " }, []string{"Issuer: white space"}},
		{"a subject with a space", func(c *jwtbearer.Config) { c.Subject = " feed" }, []string{"Subject: white space"}},
		{"a type with a space", func(c *jwtbearer.Config) { c.Types = []string{"", "JWT "} }, []string{"Types[1]: white space"}},
		{"a duration without a unit", func(c *jwtbearer.Config) { c.MaxLifetime = 3600 }, []string{"MaxLifetime: 3.6µs: a duration needs a unit"}},
		{"an audience and none", func(c *jwtbearer.Config) { c.InsecureNoAudience = true }, []string{"Audience: "}},
		{"an empty audience", func(c *jwtbearer.Config) { c.Audience = []string{""} }, []string{"Audience[0]: "}},
		{"a scope with a space", func(c *jwtbearer.Config) { c.Scopes = []string{"a b"} }, []string{"Scopes[0]: "}},
		{"no types", func(c *jwtbearer.Config) { c.Types = []string{} }, []string{"Types: "}},
		{"durations", func(c *jwtbearer.Config) { c.MaxLifetime, c.Leeway = -1, 6*time.Minute }, []string{"MaxLifetime: ", "Leeway: "}},
		{"a negative leeway", func(c *jwtbearer.Config) { c.Leeway = -1 }, []string{"Leeway: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := directConfig(t)
			test.change(&cfg)
			_, err := jwtbearer.New(cfg)
			lines := strings.Split(fmt.Sprint(err), "\n")
			if len(lines) != len(test.want) {
				t.Fatalf("error %q, want %q", err, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(lines[i], "jwtbearer: "+want) {
					t.Errorf("line %q, want %q", lines[i], want)
				}
			}
		})
	}
}

func TestZeroVerifierRefuses(t *testing.T) {
	_, err := new(jwtbearer.Verifier).Verify(signedBy(nil))
	verifiertest.CheckError(t, err, nil, "internal")
}

// New copies what it keeps.
func TestConfigIsCopied(t *testing.T) {
	cfg := directConfig(t)
	cfg.Scopes, cfg.Types, cfg.Algorithms = []string{"read"}, []string{"JWT"}, []string{"RS256"}
	v := newDirect(t, cfg)
	cfg.Audience[0], cfg.Scopes[0], cfg.Types[0], cfg.Algorithms[0] = "x", "x", "x", "none"
	if _, err := v.Verify(signedBy(nil)); err != nil {
		t.Error(err)
	}
	secret := secretConfig()
	secret.Secrets = [][]byte{append([]byte(nil), directSecret.Secret...)}
	v = newDirect(t, secret)
	clear(secret.Secrets[0])
	if _, err := v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = directSecret })); err != nil {
		t.Error(err)
	}
}

// The errors show, one after the other, what an operator needs to configure for a first
// real token. They show no part of the token.
func TestErrorsTellWhatTheTokenSays(t *testing.T) {
	sender := func(s *redoxtest.JWTBearer) {
		s.Issuer, s.Audience, s.Subject = "https://issuer.example", []string{"urn:aud"}, "feed-7"
		s.Header = map[string]any{"typ": "x+jwt"}
	}
	cfg := directConfig(t)
	cfg.Subject = "?"
	for _, step := range []struct {
		tells string
		learn func()
	}{
		{"https://issuer.example", func() { cfg.Issuer = "https://issuer.example" }},
		{"x+jwt", func() { cfg.Types = []string{"x+jwt"} }},
		{"urn:aud", func() { cfg.Audience = []string{"urn:aud"} }},
		{"feed-7", func() { cfg.Subject = "feed-7" }},
	} {
		request := signedBy(sender)
		_, err := newDirect(t, cfg).Verify(request)
		if err == nil || !strings.Contains(err.Error(), step.tells) {
			t.Fatalf("error %v, want it to tell %q", err, step.tells)
		}
		for _, segment := range strings.Split(request.Header.Get("Authorization"), ".") {
			if strings.Contains(err.Error(), segment) {
				t.Fatalf("error %q shows a part of the token", err)
			}
		}
		step.learn()
	}
	if _, err := newDirect(t, cfg).Verify(signedBy(sender)); err != nil {
		t.Error(err)
	}
}

func TestVerifierShowsNoSecret(t *testing.T) {
	v := newDirect(t, secretConfig())
	text := fmt.Sprintf("%+v %#v", v, *v)
	if strings.Contains(text, string(directSecret.Secret)) || strings.Contains(text, fmt.Sprint(directSecret.Secret[:6])[1:12]) {
		t.Errorf("%s shows the secret", text)
	}
}
