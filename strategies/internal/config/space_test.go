package config_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A configuration is one Config that New accepts. The test changes each text in it.
type configuration struct {
	name     string // the package
	config   any
	new      func(config any) error
	hasSpace string // the fields whose text may have a space in it
}

func made[C, V any](pkg string, cfg C, new func(C) (V, error), hasSpace string) configuration {
	return configuration{pkg, cfg, func(c any) error { _, err := new(c.(C)); return err }, hasSpace}
}

func configurations(t *testing.T) []configuration {
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(redoxtest.NewKey("1", "ES384")))
	if err != nil {
		t.Fatal(err)
	}
	const secret = "0123456789abcdef0123456789abcdef"
	secrets, used, https := [][]byte{[]byte(secret)}, replay.NewMemory(10), "https://customer.example/token"
	return []configuration{
		made("verifytoken", verifytoken.Config{Tokens: []string{secret}}, verifytoken.New, "Tokens"),
		made("sigv4", sigv4.Config{
			Credentials: []sigv4.Credential{{AccessKeyID: "AKID", SecretAccessKey: secret, SessionToken: "session"}},
			Region:      "us-east-1", Service: "execute-api", Hosts: []string{"customer.example"}, RequiredHeaders: []string{"Content-Type"}, PathPrefix: "/prefix",
		}, sigv4.New, "SecretAccessKey SessionToken"),
		made("keyset", keyset.RemoteConfig{URL: "https://as.example/jwks"}, keyset.NewRemote, "URL"),
		made("keyset", keyset.RemoteConfig{Issuer: "https://as.example"}, keyset.NewRemote, ""),
		made("jwtbearer", jwtbearer.Config{
			Keys: keys, Issuer: "redox", Subject: "feed", Audience: []string{"us"}, Scopes: []string{"write"}, Types: []string{"JWT"}, Algorithms: []string{"ES384"},
		}, jwtbearer.New, "Issuer Subject Audience Types"),
		made("jwtbearer", jwtbearer.Config{Secrets: secrets, Issuer: "redox", InsecureNoAudience: true}, jwtbearer.New, "Issuer Secrets"),
		made("jwtbearer", jwtbearer.EndpointConfig{
			Signers:  []jwtbearer.Signer{{Issuer: "redox", Subject: "feed", Keys: keys, Algorithms: []string{"ES384"}, Scopes: []string{"write"}}},
			TokenURL: https, AssertionAudiences: []string{"us"}, Issuer: "us", Audience: "us", TokenSecrets: secrets, Replay: used,
		}, jwtbearer.NewTokenEndpoint, "Issuer Subject TokenURL AssertionAudiences Audience TokenSecrets"),
		made("clientcredentials", clientcredentials.Config{
			Keys: keys, Issuer: "https://as.example", Audience: []string{"us"}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
			Types: []string{"at+jwt"}, Algorithms: []string{"ES384"}, ClientIDClaim: "azp", ScopeClaim: "scp",
		}, clientcredentials.New, "Issuer Audience ClientIDs Types ClientIDClaim ScopeClaim"),
		made("clientcredentials", clientcredentials.IntrospectionConfig{
			URL: "https://as.example/introspect", ClientID: "us", ClientSecret: secret, Issuer: "https://as.example", Audience: []string{"us"}, ClientIDs: []string{"redox"}, Scopes: []string{"write"},
		}, clientcredentials.NewIntrospection, "URL ClientID ClientSecret Issuer Audience ClientIDs"),
		made("clientcredentials", clientcredentials.EndpointConfig{
			Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{secret}, Scopes: []string{"write"}}},
			Issuer:  "us", Audience: "us", TokenSecrets: secrets,
		}, clientcredentials.NewTokenEndpoint, "ID Secrets Issuer Audience TokenSecrets"),
		made("smartbackend", smartbackend.EndpointConfig{
			Clients:  []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/Patient.rs"}}},
			TokenURL: https, AssertionAudiences: []string{"us"}, Issuer: "us", Audience: "us", TokenSecrets: secrets, Replay: used,
		}, smartbackend.NewTokenEndpoint, "ID TokenURL AssertionAudiences Issuer Audience TokenSecrets"),
		made("gcpjwt", gcpjwt.Config{
			ServiceAccounts: []string{"112233445566778899001", "redox@example-project.iam.gserviceaccount.com"}, Audience: []string{"us"}, AccessTokens: true, Scopes: []string{"write"},
			Endpoints: gcpjwt.Endpoints{CertsURL: "https://google.example/certs", TokenInfoURL: "https://google.example/tokeninfo"},
		}, gcpjwt.New, "Audience CertsURL TokenInfoURL"),
		made("wif", wif.Config{
			ServiceAccounts: []string{"112233445566778899001", "redox@example-project.iam.gserviceaccount.com"}, Audience: []string{"us"}, AccessTokens: true, Scopes: []string{"write"},
			Endpoints: wif.Endpoints{CertsURL: "https://google.example/certs", TokenInfoURL: "https://google.example/tokeninfo"},
		}, wif.New, "Audience CertsURL TokenInfoURL"),
	}
}

// A text is a string or a []byte in a copy of a Config.
type text struct {
	root  reflect.Value // the Config
	field string        // such as "Clients[0].ID"
	reflect.Value
}

// texts returns every text that is set in cfg, each in a copy of its own.
func texts(cfg any) (all []text) {
	for n := 0; ; n++ {
		found := clone(reflect.ValueOf(cfg))
		left := n
		var walk func(v reflect.Value, field string) (text, bool)
		walk = func(v reflect.Value, field string) (text, bool) {
			isBytes := v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
			switch {
			case (v.Kind() == reflect.String || isBytes) && v.Len() > 0:
				left--
				return text{field: field, Value: v}, left < 0
			case v.Kind() == reflect.Struct:
				for i := range v.NumField() {
					if t, ok := walk(v.Field(i), strings.TrimPrefix(field+"."+v.Type().Field(i).Name, ".")); ok {
						return t, true
					}
				}
			case v.Kind() == reflect.Slice:
				for i := range v.Len() {
					if t, ok := walk(v.Index(i), fmt.Sprintf("%s[%d]", field, i)); ok {
						return t, true
					}
				}
			}
			return text{}, false
		}
		t, ok := walk(found, "")
		if !ok {
			return all
		}
		t.root = found
		all = append(all, t)
	}
}

// clone returns a copy that can be changed and shares no list with v.
func clone(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			c.Field(i).Set(clone(v.Field(i)))
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				c.Index(i).Set(clone(v.Index(i)))
			}
		}
	}
	return c
}

func (t text) set(s string) any {
	if t.Kind() == reflect.String {
		t.SetString(s)
	} else {
		t.SetBytes([]byte(s))
	}
	return t.root.Interface()
}

// What was pasted or read from a file often has white space around it. A Verifier that kept
// it would refuse every genuine message.
func TestEveryConfigRefusesWhiteSpaceAroundTexts(t *testing.T) {
	index := regexp.MustCompile(`\[\d+\]$`)
	for _, c := range configurations(t) {
		if err := c.new(c.config); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for i, field := range texts(c.config) {
			again := func() text { return texts(c.config)[i] } // a copy of its own
			genuine := field.String()
			if field.Kind() != reflect.String {
				genuine = string(field.Bytes())
			}
			for _, wrong := range []string{
				" " + genuine, genuine + " ", genuine + "\n", genuine + "\r\n", "\t" + genuine, genuine + "\t", genuine + "\u00a0", "\u3000" + genuine,
				"\ufeff" + genuine, genuine + "\u200b", "  ", "\n",
			} {
				err := c.new(again().set(wrong))
				switch {
				case err == nil:
					t.Errorf("%s: %s: %q is accepted", c.name, field.field, wrong)
				case !strings.Contains(err.Error(), c.name+": "+field.field+": ") && !strings.Contains(err.Error(), c.name+": "+index.ReplaceAllString(field.field, "")+": "):
					t.Errorf("%s: %s: the error does not name the field: %v", c.name, field.field, err)
				case strings.Contains(strings.ToLower(field.field), "secret") && strings.Contains(err.Error(), genuine):
					t.Errorf("%s: %s: the error shows the secret: %v", c.name, field.field, err)
				}
			}
			name := field.field[strings.LastIndexByte(field.field, '.')+1:]
			mayHaveSpace := strings.Contains(" "+c.hasSpace+" ", " "+index.ReplaceAllString(name, "")+" ")
			if err := c.new(again().set(genuine + " x")); (err == nil) != mayHaveSpace {
				t.Errorf("%s: %s: with a space in it: error %v, want one: %v", c.name, field.field, err, !mayHaveSpace)
			}
		}
	}
}

// Random bytes may begin or end with a space. What is text was written by somebody.
func TestWhiteSpaceIsPartOfRandomSecrets(t *testing.T) {
	const text = "0123456789abcdef 0123456789abcdef"
	for _, test := range []struct {
		secret string
		want   string // in the error; "" accepts
	}{
		{text, ""},
		{"päss-wörter, länger als 32 Zeichen", ""},
		{"0123456789abcdef\n0123456789abcdef", ""},
		{text + "\n", "[0]: white space around it"},
		{" " + text, "[0]: white space around it"},
		{"päss-wörter, länger als 32 Zeichen\r\n", "[0]: white space around it"},
		{"\ufeff" + text, "[0]: white space around it"},
		{strings.Repeat(" ", 40), "[0]: white space around it"},
		{" " + strings.Repeat("\x80", 40), ""},
		{strings.Repeat("a", 40) + "\xff\n", ""},
		{"\n" + strings.Repeat("a", 40) + "\x00", ""},
		{"\x7f" + strings.Repeat("a", 40) + " ", ""},
	} {
		secrets := [][]byte{[]byte(test.secret)}
		_, direct := jwtbearer.New(jwtbearer.Config{Secrets: secrets, Issuer: "redox", Audience: []string{"us"}})
		_, endpoint := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
			Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{"secret"}, Scopes: []string{"write"}}}, Issuer: "us", Audience: "us", TokenSecrets: secrets,
		})
		for _, err := range []error{direct, endpoint} {
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: error %v, want %q", test.secret, err, test.want)
			}
		}
	}
}

// A function that supplies a list with white space in it counts as failed: the last good list
// stays in use, and without one the answer is 503.
func TestWhiteSpaceInASuppliedListIsAnError(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	for _, lists := range [][]string{{secret, secret + "\n"}, {secret + "\n"}} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			v, err := jwtbearer.New(jwtbearer.Config{
				SecretsFunc: func(context.Context) ([][]byte, error) {
					calls++
					return [][]byte{[]byte(lists[min(calls, len(lists))-1])}, nil
				},
				Issuer: "redox", Audience: []string{"us"},
			})
			if err != nil {
				t.Fatal(err)
			}
			sender := &redoxtest.JWTBearer{Key: redoxtest.Key{Algorithm: "HS256", Secret: []byte(secret)}, Issuer: "redox", Audience: []string{"us"}}
			for range 3 {
				_, err := v.Verify(redoxtest.NewRequest(sender))
				switch {
				case lists[0] == secret && err != nil:
					t.Errorf("call %d: %v", calls, err)
				case lists[0] != secret && (!errors.Is(err, redoxauth.ErrUnavailable) || !strings.Contains(err.Error(), "SecretsFunc: [0]: white space around it") || strings.Contains(err.Error(), secret)):
					t.Errorf("call %d: error %v, want ErrUnavailable that names SecretsFunc", calls, err)
				}
				time.Sleep(31 * time.Second)
				synctest.Wait()
			}
			if calls != 3 {
				t.Errorf("%d calls, want 3", calls)
			}
		})
	}
}
