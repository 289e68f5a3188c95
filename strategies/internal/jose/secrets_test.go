package jose_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	problems "github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

func secrets(tb testing.TB, list ...[]byte) jose.Secrets {
	tb.Helper()
	var p problems.Problems
	k := jose.HMACKeys(&p, "Secrets", list, []string{"HS256"})
	if err := p.Err(); err != nil {
		tb.Fatal(err)
	}
	return func(context.Context) ([]*jose.Key, error) { return k, nil }
}

func TestSecretsAreAllCompared(t *testing.T) {
	cfg := config()
	cfg.Algorithms = []string{"HS256"}
	cfg.Keys = secrets(t, keys().other, keys().secret)
	v := jose.New(cfg)
	for name, header := range map[string]map[string]any{
		"no kid": {"kid": nil}, "any kid": nil, "a position as kid": {"kid": "0"},
	} {
		token := sign("HS256", keys().secret, object(with(with(goodHeader, map[string]any{"alg": "HS256"}), header)), object(goodClaims))
		got, err := v.Verify(t.Context(), token)
		if err != nil || got.KeyID != "1" {
			t.Errorf("%s: token %+v, error %v; want the secret 1", name, got, err)
		}
	}
	cfg.Keys = secrets(t, keys().other, keys().secret, keys().secret)
	if got, err := jose.New(cfg).Verify(t.Context(), signedWith("HS256", keys().secret)); err != nil || got.KeyID != "1" {
		t.Errorf("of two equal secrets: token %+v, error %v; want the first", got, err)
	}
	check(t, cfg, signedWith("HS256", []byte(strings.Repeat("x", 32))), redoxauth.ErrRejected, "signature")
	// Neither an algorithm for public keys nor another hash is accepted.
	check(t, cfg, signed(nil, nil), redoxauth.ErrRejected, "algorithm")
	check(t, cfg, signedWith("HS512", keys().secret), redoxauth.ErrRejected, "algorithm")
	// A secret that is long enough for one hash is not used with a longer one.
	cfg.Algorithms, cfg.Keys = []string{"HS256", "HS512"}, secrets(t, keys().secret[:32])
	check(t, cfg, signedWith("HS512", keys().secret[:32]), redoxauth.ErrRejected, "algorithm")
	// A secret is no public key, even if Algorithms lists one for them, which CheckAlgorithms
	// refuses.
	cfg.Algorithms = []string{"HS256", "PS256"}
	check(t, cfg, signedWith("PS256", keys().rsa), redoxauth.ErrRejected, "algorithm")
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		cfg.Algorithms, cfg.Keys = []string{alg}, secrets(t, keys().secret)
		check(t, cfg, signedWith(alg, keys().secret), nil, "")
		check(t, cfg, signedWith(alg, keys().other), redoxauth.ErrRejected, "signature")
	}
}

// A search that ends at the first match tells by its time which secret matched (CWE-208).
func TestSearchAmongSecretsDoesNotEndAtTheMatch(t *testing.T) {
	verified := jose.CountHS256(t)
	cfg := config()
	cfg.Algorithms = []string{"HS256"}
	list := [][]byte{keys().other, []byte(strings.Repeat("y", 32)), keys().secret}
	cfg.Keys = secrets(t, list...)
	for i, secret := range list {
		if _, err := jose.New(cfg).Verify(t.Context(), signedWith("HS256", secret)); err != nil {
			t.Fatalf("secret %d: %v", i, err)
		}
		if n := verified(); n != len(list) {
			t.Errorf("secret %d matched after %d HMACs, want %d whichever matches", i, n, len(list))
		}
	}
	check(t, cfg, signedWith("HS256", []byte(strings.Repeat("x", 32))), redoxauth.ErrRejected, "signature")
	if n := verified(); n != len(list) {
		t.Errorf("no secret matched after %d HMACs, want %d", n, len(list))
	}
}

func TestSecretsThatAreNotAvailable(t *testing.T) {
	cfg := config()
	cfg.Algorithms = []string{"HS256"}
	for _, err := range []error{nil, redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "")} {
		cfg.Keys = jose.Secrets(func(context.Context) ([]*jose.Key, error) { return nil, err })
		check(t, cfg, signedWith("HS256", keys().secret), redoxauth.ErrUnavailable, "secrets")
	}
	cfg.Keys = jose.Secrets(func(context.Context) ([]*jose.Key, error) { return nil, context.Canceled })
	if _, err := jose.New(cfg).Verify(t.Context(), signedWith("HS256", keys().secret)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the function's", err)
	}
}

// RFC 7518, Section 3.2: a secret is at least as long as the hash.
func TestHMACKeys(t *testing.T) {
	for _, test := range []struct {
		name       string
		secret     string
		algorithms []string
		ok         bool
	}{
		{"32 bytes for HS256", strings.Repeat("x", 32), []string{"HS256"}, true},
		{"31 bytes for HS256", strings.Repeat("x", 31), []string{"HS256"}, false},
		{"none", "", []string{"HS256"}, false},
		{"32 bytes for HS256 and HS512", strings.Repeat("x", 32), []string{"HS256", "HS512"}, false},
		{"64 bytes for HS256 and HS512", strings.Repeat("x", 64), []string{"HS256", "HS512"}, true},
		{"63 bytes for HS512 and HS256", strings.Repeat("x", 63), []string{"HS512", "HS256"}, false},
		{"64 bytes for HS512 and HS256", strings.Repeat("x", 64), []string{"HS512", "HS256"}, true},
		{"48 bytes for HS384", strings.Repeat("x", 48), []string{"HS384"}, true},
		{"a public key in PEM", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", []string{"HS256"}, false},
		{"a JWK", `{"kty":"RSA","n":"pJFqhfT_xITMHJK_Pyssc7utkmJAi6tq3tiU8SiYMMdZHVMg","e":"AQAB"}`, []string{"HS256"}, false},
	} {
		var p problems.Problems
		keys := jose.HMACKeys(&p, "Secrets", [][]byte{[]byte(strings.Repeat("y", 64)), []byte(test.secret)}, test.algorithms)
		err := p.Err()
		if (err == nil) != test.ok {
			t.Errorf("%s: error %v, want success: %v", test.name, err, test.ok)
		}
		if err != nil && !strings.HasPrefix(err.Error(), ": Secrets[1]: ") {
			t.Errorf("%s: error %q, want the field", test.name, err)
		}
		if err == nil && keys[1].ID() != "1" {
			t.Errorf("%s: ID %q, want the position", test.name, keys[1].ID())
		}
	}
	var short problems.Problems
	jose.HMACKeys(&short, "Secrets", [][]byte{[]byte(strings.Repeat("x", 47))}, []string{"HS256", "HS384"})
	if err := short.Err(); err == nil || err.Error() != ": Secrets[0]: 47 bytes, want at least 48" {
		t.Errorf("a secret that is too short: error %v", err)
	}
	var p problems.Problems
	jose.HMACKeys(&p, "Secrets", nil, []string{"HS256"})
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "Secrets: required") {
		t.Errorf("no secrets: error %v, want that the field is required", err)
	}
}

// The caller may use the memory of its secret for another one.
func TestHMACKeysCopies(t *testing.T) {
	secret := slices.Clone(keys().secret)
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"HS256"}, secrets(t, secret)
	clear(secret)
	check(t, cfg, signedWith("HS256", keys().secret), nil, "")
}

// RFC 8725, Section 2.1: one list does not hold both kinds.
func TestCheckAlgorithms(t *testing.T) {
	for _, test := range []struct {
		names     []string
		symmetric bool
		ok        bool
	}{
		{[]string{"RS256", "ES384", "PS512", "EdDSA", "Ed25519"}, false, true},
		{[]string{"HS256", "HS384", "HS512"}, true, true},
		{[]string{"RS256", "HS256"}, false, false},
		{[]string{"RS256", "HS256"}, true, false},
		{[]string{"HS256"}, false, false},
		{[]string{"RS256"}, true, false},
		{[]string{"none"}, false, false},
		{[]string{"none"}, true, false},
		{[]string{"rs256"}, false, false},
		{[]string{"ES256K"}, false, false},
		{[]string{"RSA-OAEP"}, false, false},
		{[]string{""}, false, false},
		{nil, false, false},
		{jose.Asymmetric(), false, true},
	} {
		if err := jose.CheckAlgorithms(test.names, test.symmetric, nil); (err == nil) != test.ok {
			t.Errorf("CheckAlgorithms(%q, %v) = %v, want success: %v", test.names, test.symmetric, err, test.ok)
		}
	}
	for name, want := range map[string]string{"hs256": `unknown algorithm "hs256", want one of HS256, HS384, HS512`, "RS256": "RS256 is not for secrets"} {
		if err := jose.CheckAlgorithms([]string{name}, true, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// One of the configured keys must serve. Ed25519 is the new name of EdDSA (RFC 9864), here too.
func TestCheckAlgorithmsOfConfiguredKeys(t *testing.T) {
	of := func(member map[string]any) jose.Keys { return jose.Keys(jwks(member).keys) }
	ed, named, rsa := of(jwk(keys().ed, nil)), of(jwk(keys().ed, map[string]any{"alg": "EdDSA"})), of(jwk(keys().rsa, nil))
	for _, test := range []struct {
		names []string
		keys  jose.Keys
		ok    bool
	}{
		{[]string{"Ed25519"}, ed, true},
		{[]string{"EdDSA"}, ed, true},
		{[]string{"Ed25519"}, named, true},
		{[]string{"ES256", "Ed25519"}, ed, true},
		{[]string{"ES256"}, ed, false},
		{[]string{"Ed25519"}, rsa, false},
		{[]string{"RS256"}, rsa, true},
	} {
		if err := jose.CheckAlgorithms(test.names, false, test.keys); (err == nil) != test.ok {
			t.Errorf("CheckAlgorithms(%q, %v) = %v, want success: %v", test.names, test.keys, err, test.ok)
		}
	}
	for name, want := range map[string]string{
		"ES256": "ES256: no configured key is for that, want PS256, PS384, PS512, RS256, RS384, RS512",
		"HS256": "HS256 is not for public keys",
	} {
		if err := jose.CheckAlgorithms([]string{name}, false, rsa); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
