// Package authservers_test lets strategies/clientcredentials verify the tokens of
// independent authorization servers, which run as processes on loopback: as they come,
// and while the servers rotate their keys, die and return.
//
// A test whose server is not installed is skipped, and fails if REDOXAUTH_REQUIRE_TOOLS
// is set. .ci/packages lists what Debian has; npm ci in the folder above installs the
// rest. Servers that are libraries in Go are in ../goservers. With "go test . -all", Ory
// Hydra is built and tested too, which takes minutes and a C compiler.
package authservers_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

const (
	clientSecret = "the secret+of/Redox:100%" // form-encoding changes it
	ourSecret    = "the secret+of/us:100%"
)

// A server is an authorization server: a process, and what Redox and we need to know
// of it.
type server struct {
	process
	issuer string

	// configure makes the server publish the keys and sign with the first, once it is
	// started again or reloaded.
	configure func(t *testing.T, keys ...redoxtest.Key)
	reload    func(t *testing.T)
	otherKeys int // that it publishes beside them

	// Senders with a token of their own: a JWT that is verified, a token that is
	// introspected, and one of the latter kind for another API.
	jwt, introspected, elsewhere func() sender

	config        clientcredentials.Config // Keys aside
	introspection clientcredentials.IntrospectionConfig
}

// keys are the server's keys, found by its issuer.
func (s *server) keys(t *testing.T, cfg keyset.RemoteConfig) *keyset.RemoteSet {
	t.Helper()
	cfg.Issuer, cfg.InsecureAllowHTTP = s.issuer, true
	set, err := keyset.NewRemote(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A trial is a token, a verifier of it, and what comes of the two.
type trial struct {
	sender     sender
	verifier   *clientcredentials.Verifier
	want       redoxauth.Identity // Expiry and RawClaims aside
	wantStatus int                // default 200
	wantReason redoxauth.Reason
}

func (w trial) run(t *testing.T) {
	t.Helper()
	d := newDestination(t, w.verifier)
	status, id, err := d.send(t.Context(), w.sender)
	if err != nil {
		t.Fatal(err)
	}
	if w.wantStatus != 0 {
		if status != w.wantStatus || d.refused()[w.wantReason] != 1 {
			t.Errorf("status %d, reasons %v, want %d, %s", status, d.refused(), w.wantStatus, w.wantReason)
		}
		return
	}
	if status != http.StatusOK {
		t.Fatalf("status %d, reasons %v", status, d.refused())
	}
	if !id.Expiry.After(time.Now()) || len(id.RawClaims) == 0 {
		t.Errorf("expiry %v, claims %s", id.Expiry, id.RawClaims)
	}
	id.Expiry, id.RawClaims = time.Time{}, nil
	w.want.Strategy = "clientcredentials"
	if diff := cmp.Diff(w.want, *id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

// refuses checks that v accepts none of the forged tokens.
func refuses(t *testing.T, v *clientcredentials.Verifier, forged map[string]string) {
	t.Helper()
	d := newDestination(t, v)
	for name, token := range forged {
		status, _, err := d.send(t.Context(), bearer(token))
		if err != nil || status != http.StatusUnauthorized {
			t.Errorf("%s: status %d, error %v, want 401", name, status, err)
		}
	}
}

// forgeries are forgeries of a JWT, also with the key that signed it.
func forgeries(t *testing.T, s sender, key redoxtest.Key) map[string]string {
	t.Helper()
	forged, err := redoxtest.ForgeJWT(tokenOf(t, s), key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

func tokenOf(t *testing.T, s sender) string {
	t.Helper()
	token, err := fetchToken(s)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// fetchToken returns the token that s would send.
func fetchToken(s sender) (string, error) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	err := s.Sign(r)
	return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), err
}

func verifier(t *testing.T, cfg clientcredentials.Config) *clientcredentials.Verifier {
	t.Helper()
	v, err := clientcredentials.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func introspection(t *testing.T, cfg clientcredentials.IntrospectionConfig) *clientcredentials.Verifier {
	t.Helper()
	cfg.InsecureAllowHTTP = true
	v, err := clientcredentials.NewIntrospection(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// withAlgorithms are keys as the servers take them, with alg.
func withAlgorithms(keys []redoxtest.Key) []map[string]string {
	set := privateJWKS(keys)
	for i, k := range keys {
		set[i]["alg"] = k.Algorithm
	}
	return set
}

// privateJWKS are keys without alg.
func privateJWKS(keys []redoxtest.Key) []map[string]string {
	set := make([]map[string]string, len(keys))
	for i, k := range keys {
		set[i] = privateJWK(k)
	}
	return set
}

func privateJWK(k redoxtest.Key) map[string]string {
	encode := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kid": k.ID, "use": "sig"}
	switch key := k.Signer.(type) {
	case *ecdsa.PrivateKey:
		d, _ := key.Bytes()
		point, _ := key.PublicKey.Bytes() // 4, x, y
		jwk["kty"], jwk["crv"], jwk["d"] = "EC", key.Params().Name, encode(d)
		jwk["x"], jwk["y"] = encode(point[1:1+len(d)]), encode(point[1+len(d):])
	case *rsa.PrivateKey:
		jwk["kty"] = "RSA"
		for name, n := range map[string]*big.Int{
			"n": key.N, "e": big.NewInt(int64(key.E)), "d": key.D, "p": key.Primes[0], "q": key.Primes[1],
			"dp": key.Precomputed.Dp, "dq": key.Precomputed.Dq, "qi": key.Precomputed.Qinv,
		} {
			jwk[name] = encode(n.Bytes())
		}
	}
	return jwk
}
