package jose_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

func TestClaims(t *testing.T) {
	rejected := redoxauth.ErrRejected
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		claims map[string]any
		want   error
		reason redoxauth.Reason
	}{
		{"as configured", nil, nil, ""},
		// RFC 8725, Section 3.8. A foreign token is left to another Verifier.
		{"iss foreign", map[string]any{"iss": "other"}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss with a slash more", map[string]any{"iss": "redox/"}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss in another case", map[string]any{"iss": "Redox"}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss absent", map[string]any{"iss": nil}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss in an array", map[string]any{"iss": []string{"redox"}}, redoxauth.ErrNoCredentials, "issuer"},
		{"iss null", map[string]any{"iss": raw("null")}, redoxauth.ErrNoCredentials, "issuer"},
		// RFC 7519, Section 4.1.3; CVE-2020-26160 (dgrijalva/jwt-go).
		{"aud in an array", map[string]any{"aud": []string{"other", "https://customer.example/redox"}}, nil, ""},
		{"aud foreign", map[string]any{"aud": "https://other.example"}, rejected, "audience"},
		{"aud with a slash more", map[string]any{"aud": "https://customer.example/redox/"}, rejected, "audience"},
		{"aud a prefix", map[string]any{"aud": "https://customer.example"}, rejected, "audience"},
		{"aud absent", map[string]any{"aud": nil}, rejected, "audience"},
		{"aud empty", map[string]any{"aud": ""}, rejected, "audience"},
		{"aud an empty array", map[string]any{"aud": []string{}}, rejected, "audience"},
		{"aud null", map[string]any{"aud": raw("null")}, rejected, "malformed"},
		{"aud a number", map[string]any{"aud": 1}, rejected, "malformed"},
		{"aud an object", map[string]any{"aud": map[string]any{"https://customer.example/redox": 1}}, rejected, "malformed"},
		{"aud with a number", map[string]any{"aud": []any{"https://customer.example/redox", 1}}, rejected, "malformed"},
		{"aud in an array in an array", map[string]any{"aud": raw(`[["https://customer.example/redox"]]`)}, rejected, "malformed"},
		// RFC 7519, Sections 2 and 4.1.4 to 4.1.6, at the edges of the leeway.
		{"exp absent", map[string]any{"exp": nil}, rejected, "lifetime"},
		{"exp null", map[string]any{"exp": raw("null")}, rejected, "malformed"},
		{"exp a string", map[string]any{"exp": "1700000300"}, rejected, "malformed"},
		{"exp with a fraction", map[string]any{"exp": raw("1700000300.5")}, nil, ""},
		{"exp with an exponent", map[string]any{"exp": raw("1.7000003e9")}, nil, ""},
		{"exp beyond float64", map[string]any{"exp": raw("1e400")}, rejected, "malformed"},
		{"exp 2^63", map[string]any{"exp": raw("9223372036854775808")}, rejected, "malformed"},
		{"exp beyond 2^53", map[string]any{"exp": raw("9007199254740994")}, rejected, "malformed"},
		{"exp 2^53", map[string]any{"exp": raw("9007199254740992")}, rejected, "lifetime"},
		{"exp negative", map[string]any{"exp": -1}, rejected, "expired"},
		{"exp zero", map[string]any{"exp": 0}, rejected, "expired"},
		{"exp a leeway ago", map[string]any{"exp": at(-60 * time.Second)}, rejected, "expired"},
		{"exp less than a leeway ago", map[string]any{"exp": at(-59 * time.Second), "iat": at(-10 * time.Minute), "nbf": nil}, nil, ""},
		{"exp half a second less than a leeway ago", map[string]any{"exp": raw("1699999940.5"), "iat": at(-10 * time.Minute), "nbf": nil}, nil, ""},
		{"nbf in a leeway", map[string]any{"nbf": at(60 * time.Second)}, nil, ""},
		{"nbf in more than a leeway", map[string]any{"nbf": at(61 * time.Second)}, rejected, "not_yet_valid"},
		{"nbf half a second beyond the leeway", map[string]any{"nbf": raw("1700000060.5")}, rejected, "not_yet_valid"},
		{"nbf a string", map[string]any{"nbf": "1700000000"}, rejected, "malformed"},
		{"nbf absent", map[string]any{"nbf": nil}, nil, ""},
		{"iat in a leeway", map[string]any{"iat": at(60 * time.Second)}, nil, ""},
		{"iat in more than a leeway", map[string]any{"iat": at(61 * time.Second)}, rejected, "not_yet_valid"},
		{"iat true", map[string]any{"iat": true}, rejected, "malformed"},
		{"iat absent", map[string]any{"iat": nil}, nil, ""},
		{"lifetime at its bound", map[string]any{"exp": at(time.Hour)}, nil, ""},
		{"lifetime beyond its bound", map[string]any{"exp": at(time.Hour + time.Second)}, rejected, "lifetime"},
		{"lifetime since long ago", map[string]any{"iat": at(-time.Hour)}, rejected, "lifetime"},
		{"lifetime without iat, with leeway", map[string]any{"iat": nil, "exp": at(time.Hour + time.Minute)}, nil, ""},
		{"lifetime without iat, beyond leeway", map[string]any{"iat": nil, "exp": at(time.Hour + time.Minute + time.Second)}, rejected, "lifetime"},
		// RFC 7800, RFC 8705, RFC 9449: a bound token is no bearer token.
		{"bound to a certificate", map[string]any{"cnf": map[string]any{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}, rejected, "binding"},
		{"bound to a DPoP key", map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, rejected, "binding"},
		{"bound to nothing", map[string]any{"cnf": raw("null")}, rejected, "binding"},
		{"sub a number", map[string]any{"sub": 1}, rejected, "malformed"},
		{"jti a number", map[string]any{"jti": 1}, rejected, "malformed"},
		{"sub absent", map[string]any{"sub": nil}, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := jose.New(config()).Verify(t.Context(), signed(nil, test.claims))
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			verifiertest.CheckError(t, err, test.want, test.reason)
		})
	}
}
