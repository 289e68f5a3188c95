package clientcredentials_test

import (
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Whatever a public key can sign is accepted by default (RFC 7518, Section 3.1; RFC 8037; RFC
// 9864), from a server whose keys have an alg or not.
func TestDefaultAlgorithms(t *testing.T) {
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"} {
		t.Run(alg, func(t *testing.T) {
			s, cfg := newServer(t)
			key := redoxtest.NewKey("k", alg)
			s.Rotate(key)
			bare, err := keyset.PublicKeys(key.Signer.Public())
			if err != nil {
				t.Fatal(err)
			}
			token := issue(t, s, clientID, destination, "write")
			for name, set := range map[string]keyset.Set{"published": cfg.Keys, "no alg": bare} {
				cfg.Keys = set
				if _, err := newVerifier(t, cfg).Verify(message(token)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// RFC 8725, Section 2.1: a public key is known to everybody, so it must never be taken as an
// HMAC secret.
func TestDefaultAlgorithmsHaveNoHMAC(t *testing.T) {
	_, cfg := newServer(t)
	key := redoxtest.NewKey("k", "RS256")
	var err error
	if cfg.Keys, err = keyset.PublicKeys(key.Signer.Public()); err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, cfg)
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		forger := redoxtest.Key{ID: "k", Algorithm: alg, Secret: key.PEM()}
		token, err := forger.Token(header{"typ": "at+jwt"}, claims{"iss": cfg.Issuer})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(message(token))
		verifiertest.CheckError(t, err, redoxauth.ErrRejected, "algorithm")
	}
}

// Algorithms that no configured key can serve would refuse every message.
func TestAlgorithmsMustFitAConfiguredKey(t *testing.T) {
	_, cfg := newServer(t)
	cfg.Algorithms = []string{"ES256"}
	newVerifier(t, cfg) // published keys may change
	var err error
	if cfg.Keys, err = keyset.PublicKeys(redoxtest.NewKey("k", "RS256").Signer.Public()); err != nil {
		t.Fatal(err)
	}
	_, err = clientcredentials.New(cfg)
	const want = "clientcredentials: Algorithms: ES256: no configured key is for that, want PS256"
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	cfg.Algorithms = []string{"ES256", "RS512"}
	newVerifier(t, cfg)
}
