package interop_test

import (
	"crypto/x509"
	"encoding/pem"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func privatePEM(t *testing.T, key redoxtest.Key) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func published(t *testing.T, keys ...redoxtest.Key) (jwksURL string) {
	t.Helper()
	s := redoxtest.NewKeyServer(keys...)
	t.Cleanup(s.Close)
	return s.JWKSURL
}

// with returns p with changes; a nil value takes a parameter out.
func (p parameters) with(changes parameters) parameters {
	p = maps.Clone(p)
	maps.Copy(p, changes)
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	return p
}

func TestJWTsSignedByJose(t *testing.T) {
	t.Parallel()
	rs, es, other := redoxtest.NewKey("rs", "RS256"), redoxtest.NewKey("es", "ES384"), redoxtest.NewKey("other", "ES384")
	url := "http://" + destination(t, "JWT_ISSUER=https://redox.example", "JWT_AUDIENCE=the-destination", "JWT_JWKS_URL="+published(t, rs, es)) + "/redox/jwtbearer"
	claims := parameters{"iss": "https://redox.example", "aud": "the-destination", "sub": "redox", "name": "Zoë"}
	genuine := parameters{"url": url, "body": file(t, message), "claims": claims,
		"header": parameters{"alg": "ES384", "kid": "es", "typ": "JWT"}, "key": privatePEM(t, es)}
	tests := []struct {
		name   string
		params parameters
		want   int
	}{
		{"RS256", parameters{"header": parameters{"alg": "RS256", "kid": "rs"}, "key": privatePEM(t, rs)}, 200},
		{"ES384", nil, 200},
		{"used three times", parameters{"times": 3}, 200},
		{"no kid", parameters{"header": parameters{"alg": "ES384"}}, 200},
		{"aud as a list", parameters{"claims": claims.with(parameters{"aud": []string{"x", "the-destination"}})}, 200},
		{"algorithm not allowed", parameters{"header": parameters{"alg": "RS512", "kid": "rs"}, "key": privatePEM(t, rs)}, 401},
		{"another key under its kid", parameters{"key": privatePEM(t, other)}, 401},
		{"unknown kid", parameters{"header": parameters{"alg": "ES384", "kid": "other"}, "key": privatePEM(t, other)}, 401},
		{"another issuer", parameters{"claims": claims.with(parameters{"iss": "https://redox.example/"})}, 401},
		{"another audience", parameters{"claims": claims.with(parameters{"aud": "another"})}, 401},
		{"no audience", parameters{"claims": claims.with(parameters{"aud": nil})}, 401},
		{"expired", parameters{"life": "-2 minutes"}, 401},
		{"not yet valid", parameters{"claims": claims.with(parameters{"nbf": 4102444800})}, 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := genuine.with(tt.params).run(t, "jose.mjs"); got.Status != tt.want {
				t.Errorf("got %+v, want %d", got, tt.want)
			}
		})
	}
	t.Run("altered", func(t *testing.T) {
		r := intercepted(t, func(address string) answer {
			return genuine.with(parameters{"url": "http://" + address + "/redox/jwtbearer"}).run(t, "jose.mjs")
		})
		server := addressOf(t, url)
		if got := forward(t, r, server, func(r *http.Request) {}); got.Status != http.StatusOK {
			t.Errorf("unaltered: got %+v", got)
		}
		for i, part := range []string{"header", "claims", "signature"} {
			got := forward(t, r, server, func(r *http.Request) {
				token := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), ".")
				middle := len(token[i]) / 2
				letter := "A"
				if token[i][middle] == 'A' {
					letter = "B"
				}
				token[i] = token[i][:middle] + letter + token[i][middle+1:]
				r.Header.Set("Authorization", "Bearer "+strings.Join(token, "."))
			})
			if got.Status != http.StatusUnauthorized {
				t.Errorf("altered %s: got %+v", part, got)
			}
		}
	})
}

func TestSMARTBackendByAxiosAndJose(t *testing.T) {
	t.Parallel()
	rs, es := redoxtest.NewKey("rs", "RS384"), redoxtest.NewKey("es", "ES384")
	base := "http://" + destination(t, "SMART_CLIENT_ID=redox", "SMART_JWKS_URL="+published(t, rs, es), "SMART_SCOPES=system/*.rs")
	genuine := parameters{"tokenUrl": base + "/token/smartbackend", "url": base + "/redox/smartbackend", "audience": publicURL + "/token/smartbackend",
		"clientId": "redox", "scope": "system/*.rs", "algorithm": "ES384", "keyId": "es", "key": privatePEM(t, es), "body": file(t, message)}
	tests := []struct {
		name   string
		params parameters
		want   answer
	}{
		{"ES384", nil, answer{Status: 200}},
		{"RS384", parameters{"algorithm": "RS384", "keyId": "rs", "key": privatePEM(t, rs)}, answer{Status: 200}},
		{"a narrower scope", parameters{"scope": "system/Patient.read"}, answer{Status: 200}},
		{"replayed assertion", parameters{"replay": true}, answer{401, "invalid_client"}},
		{"another audience", parameters{"audience": "https://other.example/token"}, answer{401, "invalid_client"}},
		{"another client", parameters{"clientId": "other"}, answer{401, "invalid_client"}},
		{"another key under its kid", parameters{"key": privatePEM(t, redoxtest.NewKey("other", "ES384"))}, answer{401, "invalid_client"}},
		{"another scope", parameters{"scope": "user/*.rs"}, answer{400, "invalid_scope"}},
		{"to another strategy", parameters{"url": base + "/redox/verifytoken"}, answer{401, "Unauthorized\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := genuine.with(tt.params).run(t, "smart.mjs"); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// openid-client encodes the halves of a Basic value as a form, as RFC 6749, Section
// 2.3.1 has it, and its assertions name the issuer as aud, as RFC 10070 has it.
func TestOpenIDClient(t *testing.T) {
	t.Parallel()
	const id, secret = "redox-client:1", "s3cr&t/+%é"
	rs, es := redoxtest.NewKey("rs", "RS384"), redoxtest.NewKey("es", "ES384")
	base := "http://" + destination(t, "OAUTH_CLIENT_ID="+id, "OAUTH_CLIENT_SECRETS="+secret+" older", "OAUTH_SCOPES=messages.write",
		"SMART_CLIENT_ID=redox", "SMART_JWKS_URL="+published(t, rs, es), "SMART_SCOPES=system/*.rs", "SMART_AUDIENCES="+publicURL)
	genuine := parameters{"issuer": publicURL, "tokenUrl": base + "/token/clientcredentials", "url": base + "/redox/clientcredentials",
		"method": "basic", "clientId": id, "secret": secret, "scope": "messages.write", "body": file(t, message)}
	smart := parameters{"tokenUrl": base + "/token/smartbackend", "url": base + "/redox/smartbackend", "method": "private_key_jwt",
		"clientId": "redox", "scope": "system/*.rs", "algorithm": "ES384", "keyId": "es", "key": privatePEM(t, es)}
	tests := []struct {
		name   string
		params parameters
		want   answer
	}{
		{"Basic", nil, answer{Status: 200}},
		{"post", parameters{"method": "post"}, answer{Status: 200}},
		{"older secret", parameters{"secret": "older"}, answer{Status: 200}},
		{"Basic with a wrong secret", parameters{"secret": "wrong"}, answer{Status: 401}},
		{"post with a wrong secret", parameters{"method": "post", "secret": "wrong"}, answer{Status: 401}},
		{"unknown client", parameters{"clientId": "other"}, answer{Status: 401}},
		{"another scope", parameters{"scope": "other"}, answer{400, "invalid_scope"}},
		{"to another strategy", parameters{"url": base + "/redox/smartbackend"}, answer{Status: 401}},
		{"private_key_jwt with ES384", smart, answer{Status: 200}},
		{"private_key_jwt with RS384", smart.with(parameters{"algorithm": "RS384", "keyId": "rs", "key": privatePEM(t, rs)}), answer{Status: 200}},
		{"private_key_jwt with another key", smart.with(parameters{"key": privatePEM(t, redoxtest.NewKey("other", "ES384"))}), answer{Status: 401}},
		{"private_key_jwt for another issuer", smart.with(parameters{"issuer": "https://other.example"}), answer{Status: 401}},
		{"Basic where an assertion is due", parameters{"tokenUrl": base + "/token/smartbackend"}, answer{Status: 401}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := genuine.with(tt.params).run(t, "openid-client.mjs"); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// curl sends the halves of a Basic value as they are.
func TestClientCredentialsByCurl(t *testing.T) {
	t.Parallel()
	const secret = "s3cr&t/+%é"
	url := "http://" + destination(t, "OAUTH_CLIENT_ID=redox", "OAUTH_CLIENT_SECRETS="+secret) + "/token/clientcredentials"
	tests := []struct {
		name string
		args []string
		want int
	}{
		{"Basic", []string{"--user", "redox:" + secret, "--data", "grant_type=client_credentials"}, 200},
		{"Basic with a wrong secret", []string{"--user", "redox:" + secret + "x", "--data", "grant_type=client_credentials"}, 401},
		{"JSON", []string{"--json", `{"grant_type":"client_credentials","client_id":"redox","client_secret":"` + secret + `"}`}, 200},
		{"form", []string{"--data", "grant_type=client_credentials", "--data-urlencode", "client_id=redox", "--data-urlencode", "client_secret=" + secret}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := curl(t, append(tt.args, url)...); got.Status != tt.want {
				t.Errorf("got %+v, want %d", got, tt.want)
			}
		})
	}
}
