package jwtbearer_test

import (
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// RFC 7518, Section 3.1, RFC 8037 and RFC 9864: all but HMAC.
var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}

// setsOf returns the public key with its alg and without.
func setsOf(t *testing.T, key redoxtest.Key) map[string]keyset.Set {
	t.Helper()
	bare, err := keyset.PublicKeys(key.Signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]keyset.Set{"alg": parseKeys(t, key), "no alg": bare}
}

// Redox names RS384 and ES384 in what it publishes about itself, so RS256 is not the only
// guess: whatever a public key can sign is accepted by default.
func TestDefaultAlgorithms(t *testing.T) {
	for _, alg := range asymmetric {
		key := redoxtest.NewKey("k", alg)
		for name, set := range setsOf(t, key) {
			t.Run(alg+", "+name, func(t *testing.T) {
				cfg := directConfig(t)
				cfg.Keys = set
				if _, err := newDirect(t, cfg).Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = key })); err != nil {
					t.Errorf("direct: %v", err)
				}
				e := newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.Signers[0].Keys = set })
				e.ask(t, grantRequest(grantAssertion(t, func(s *redoxtest.JWTBearer) { s.Key = key })), "200")
			})
		}
	}
}

// An algorithm that is not listed is refused, and so is one that is listed when the key's own
// alg is another (RFC 8725, Section 3.1).
func TestAlgorithmsThatAreNotAccepted(t *testing.T) {
	rs256, rs384 := redoxtest.NewKey("k", "RS256"), redoxtest.NewKey("k", "RS384")
	sets := setsOf(t, rs256)
	for _, test := range []struct {
		name, set string
		list      []string
		signed    redoxtest.Key
		want      error
	}{
		{"the key's alg, of the default", "alg", nil, rs256, nil},
		{"another than the key's", "alg", nil, rs384, redoxauth.ErrRejected},
		{"another than the key's, though listed", "alg", []string{"RS256", "RS384"}, rs384, redoxauth.ErrRejected},
		{"listed", "no alg", []string{"RS384"}, rs384, nil},
		{"not listed", "no alg", []string{"RS384"}, rs256, redoxauth.ErrRejected},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := directConfig(t)
			cfg.Keys, cfg.Algorithms = sets[test.set], test.list
			_, err := newDirect(t, cfg).Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = test.signed }))
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			verifiertest.CheckError(t, err, test.want, "algorithm")
		})
	}
}

// RFC 8725, Section 2.1: a public key is known to everybody, so it must never be taken as an
// HMAC secret, in whatever form.
func TestDefaultAlgorithmsHaveNoHMAC(t *testing.T) {
	key := redoxtest.NewKey("k", "RS256")
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		for form, secret := range map[string][]byte{"PEM": key.PEM(), "JWKS": redoxtest.JWKS(key)} {
			forger := redoxtest.Key{ID: "k", Algorithm: alg, Secret: secret}
			for name, set := range setsOf(t, key) {
				t.Run(alg+", "+form+", "+name, func(t *testing.T) {
					cfg := directConfig(t)
					cfg.Keys = set
					_, err := newDirect(t, cfg).Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = forger }))
					verifiertest.CheckError(t, err, redoxauth.ErrRejected, "algorithm")
					e := newEndpoint(t, func(c *jwtbearer.EndpointConfig) { c.Signers[0].Keys = set })
					_, d := e.ask(t, grantRequest(grantAssertion(t, func(s *redoxtest.JWTBearer) { s.Key = forger })), "400 invalid_grant")
					verifiertest.CheckError(t, d.Err, redoxauth.ErrRejected, "algorithm")
				})
			}
		}
	}
}

// With secrets, HS256 alone is the default.
func TestDefaultAlgorithmOfSecrets(t *testing.T) {
	v := newDirect(t, secretConfig())
	for _, alg := range append([]string{"HS256", "HS384", "HS512"}, asymmetric...) {
		key := redoxtest.NewKey("k", alg)
		if key.Secret != nil {
			key.Secret = directSecret.Secret
		}
		_, err := v.Verify(signedBy(func(s *redoxtest.JWTBearer) { s.Key = key }))
		if alg == "HS256" {
			if err != nil {
				t.Errorf("%s: %v", alg, err)
			}
			continue
		}
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "algorithm")
	}
}

// Algorithms that no configured key can serve would refuse every message. Published keys may
// change, so they are not checked.
func TestAlgorithmsMustFitAConfiguredKey(t *testing.T) {
	rs256 := redoxtest.NewKey("k", "RS256")
	sets := setsOf(t, rs256)
	sets["two"] = parseKeys(t, rs256, redoxtest.NewKey("e", "ES384"))
	published, err := keyset.NewRemote(keyset.RemoteConfig{URL: "https://keys.example/"})
	if err != nil {
		t.Fatal(err)
	}
	sets["published"] = published
	for _, test := range []struct {
		set  string
		list []string
		want string
	}{
		{"no alg", []string{"ES256"}, "ES256: no configured key is for that, want PS256, PS384, PS512, RS256, RS384, RS512"},
		{"no alg", []string{"ES256", "Ed25519"}, "ES256, Ed25519: no configured key is for that, want PS256, PS384, PS512, RS256, RS384, RS512"},
		{"no alg", []string{"ES256", "PS512"}, ""},
		{"alg", []string{"RS384"}, "RS384: no configured key is for that, want RS256"},
		{"alg", []string{"RS384", "RS256"}, ""},
		{"two", []string{"ES256"}, "ES256: no configured key is for that, want ES384, RS256"},
		{"two", []string{"ES384"}, ""},
		{"published", []string{"ES256"}, ""},
	} {
		cfg := directConfig(t)
		cfg.Keys, cfg.Algorithms = sets[test.set], test.list
		_, err := jwtbearer.New(cfg)
		wantError(t, test.set, err, "jwtbearer: Algorithms: ", test.want)
		_, err = jwtbearer.NewTokenEndpoint(endpointConfig(t, func(c *jwtbearer.EndpointConfig) {
			c.Signers[1].Keys, c.Signers[1].Algorithms = sets[test.set], test.list
		}))
		wantError(t, test.set, err, "jwtbearer: Signers[1].Algorithms: ", test.want)
	}
}

func wantError(t *testing.T, name string, err error, field, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if want != "" {
		want = field + want
	}
	if got != want {
		t.Errorf("%s: error %q, want %q", name, got, want)
	}
}
