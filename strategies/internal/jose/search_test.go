package jose_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// Which keys are tried for a token with the kid "1" or another header, and which one is
// named. RFC 7515, Section 4.1.4: kid is a hint. Several keys may fit, above all during a
// rotation.
func TestKeysThatFit(t *testing.T) {
	k := keys()
	rsa1, rsa2 := jwk(k.rsa, map[string]any{"kid": "1"}), jwk(k.rsa2, map[string]any{"kid": "2"})
	plain, plain2 := jwk(k.rsa, nil), jwk(k.rsa2, nil)
	p256 := func(kid string) map[string]any { return jwk(k.p256, map[string]any{"kid": kid}) }
	as := func(alg string, m map[string]any) map[string]any { return with(m, map[string]any{"alg": alg}) }
	type list = []map[string]any
	noKid := map[string]any{"kid": nil}
	for _, test := range []struct {
		name   string
		keys   list
		header map[string]any
		want   string           // the KeyID
		reason redoxauth.Reason // or why it is refused
	}{
		{"one of two, by kid", list{rsa2, rsa1}, nil, "1", ""},
		{"the same key twice", list{rsa1, rsa1}, nil, "1", ""},
		{"the same key with alg and without", list{as("RS256", rsa1), rsa1}, nil, "1", ""},
		{"one key, listed for each of two algorithms", list{as("PS256", rsa1), as("RS256", rsa1)}, nil, "1", ""},
		{"the same without kid", list{as("PS256", plain), as("RS256", plain)}, nil, "1", ""},
		{"one key, listed for another algorithm", list{as("PS256", rsa1)}, nil, "", "algorithm"},
		{"two keys of one kid, the first", list{rsa1, with(rsa2, map[string]any{"kid": "1"})}, nil, "1", ""},
		{"two keys of one kid, the second", list{with(rsa2, map[string]any{"kid": "1"}), rsa1}, nil, "1", ""},
		{"two of one kid, and only one of the type", list{p256("1"), rsa1}, nil, "1", ""},
		{"two of one kid, and only one of the algorithm", list{as("PS256", with(rsa2, map[string]any{"kid": "1"})), rsa1}, nil, "1", ""},
		{"the kid of another key", list{with(rsa2, map[string]any{"kid": "1"}), with(rsa1, map[string]any{"kid": "2"})}, nil, "", "signature"},
		{"the kid of another type", list{p256("1"), with(rsa1, map[string]any{"kid": "2"})}, nil, "", "algorithm"},
		{"a kid that only other keys do not have", list{rsa2}, nil, "", "unknown_key"},
		{"no kid, the first of two", list{rsa1, rsa2}, noKid, "1", ""},
		{"no kid, the second of two", list{rsa2, rsa1}, noKid, "1", ""},
		{"no kid, keys with kid and without", list{rsa2, plain}, noKid, "1", ""}, // the position
		{"no kid, one that fits", list{p256("2"), rsa1}, noKid, "1", ""},
		{"no kid, none of the type", list{jwk(k.p256, nil)}, noKid, "", "algorithm"},
		{"no keys", nil, nil, "", "unknown_key"},
		{"no keys and no kid", nil, noKid, "", "unknown_key"},
		{"a key without kid serves any", list{plain}, nil, "0", ""},
		{"the second key without kid", list{plain2, plain}, nil, "1", ""},
		{"the position counts what is listed", list{plain2, plain2, jwk(k.p256, nil), plain}, nil, "3", ""},
		{"a key without kid gives way to the named one", list{plain2, rsa1}, nil, "1", ""},
		{"a key without kid is not tried beside the named one", list{plain, with(rsa2, map[string]any{"kid": "1"})}, nil, "", "signature"},
		{"a key without kid beside others", list{rsa2, plain}, nil, "1", ""},
		{"a position is no kid", list{plain2, plain}, map[string]any{"kid": "0"}, "1", ""},
		{"an empty kid names the key with the empty kid", list{plain2, with(plain, map[string]any{"kid": ""})}, map[string]any{"kid": ""}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config()
			cfg.Keys = jwks(test.keys...)
			got, err := jose.New(cfg).Verify(t.Context(), signed(test.header, nil))
			switch {
			case test.reason != "":
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, test.reason)
			case err != nil || got.KeyID != test.want:
				t.Errorf("token %+v, error %v; want key %q", got, err, test.want)
			}
		})
	}
}

// SMART App Launch 2.2, client-confidential-asymmetric: exactly one key has the kid that
// the token names.
func TestOneKey(t *testing.T) {
	k := keys()
	rsa1, other := jwk(k.rsa, map[string]any{"kid": "1"}), jwk(k.rsa2, map[string]any{"kid": "1"})
	for _, test := range []struct {
		name   string
		keys   []map[string]any
		header map[string]any
		want   error
	}{
		{"one", []map[string]any{rsa1}, nil, nil},
		{"two", []map[string]any{rsa1, other}, nil, redoxauth.ErrRejected},
		{"the same twice", []map[string]any{rsa1, rsa1}, nil, nil},
		{"the same with alg and without", []map[string]any{rsa1, with(rsa1, map[string]any{"alg": "RS256"})}, nil, nil},
		{"two, of which one is of another type", []map[string]any{rsa1, jwk(k.p256, map[string]any{"kid": "1"})}, nil, nil},
		{"two without kid", []map[string]any{jwk(k.rsa2, nil), jwk(k.rsa, nil)}, nil, nil},
		{"two for a token without kid", []map[string]any{other, rsa1}, map[string]any{"kid": nil}, nil},
		{"two for a token without kid, of which one has an empty kid", []map[string]any{with(other, map[string]any{"kid": ""}), rsa1}, map[string]any{"kid": nil}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config()
			cfg.Keys, cfg.OneKey = jwks(test.keys...), true
			check(t, cfg, signed(test.header, nil), test.want, "unknown_key")
		})
	}
	// Also if one of them has verified the token before.
	token := signed(nil, nil)
	cfg := config()
	cfg.OneKey = true
	v := jose.New(cfg)
	accepted, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	accepted.Remember()
	cfg.Keys.(*set).keys = jwks(rsa1, other).keys
	_, err = v.Verify(t.Context(), token)
	verifiertest.CheckError(t, err, redoxauth.ErrRejected, "unknown_key")
}

// A key and its certificate, or the old and the new key, in one PEM file.
func TestSeveralKeysInPEM(t *testing.T) {
	k := keys()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &k.rsa.PublicKey, k.rsa)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	own, other := block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)), block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa2.PublicKey))
	for _, test := range []struct{ name, pem, want string }{
		{"a key and its certificate", own + block("CERTIFICATE", cert), "0"},
		{"the old and the new key", other + own, "1"},
		{"the certificate last", other + other + block("CERTIFICATE", cert), "2"},
	} {
		parsed, err := jose.ParsePEM([]byte(test.pem))
		if err != nil {
			t.Fatal(err)
		}
		cfg := config()
		cfg.Keys = &set{keys: parsed}
		got, err := jose.New(cfg).Verify(t.Context(), signed(nil, nil))
		if err != nil || got.KeyID != test.want {
			t.Errorf("%s: token %+v, error %v; want key %s", test.name, got, err, test.want)
		}
	}
}

// rsaKeys are distinct keys. Their moduli are odd numbers and no products of two primes, so
// nothing verifies under them, at the cost of a genuine key.
var rsaKeys = sync.OnceValue(func() []map[string]any {
	var list []map[string]any
	for i := range 12 {
		n := new(big.Int).Add(keys().rsa2.N, big.NewInt(int64(2*i+2)))
		list = append(list, jwk(&rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 65537}}, nil))
	}
	return list
})

// fetching is a Source whose keys are replaced while a token waits, again and again.
type fetching struct {
	sets []*set
	*set
}

func (f *fetching) Find(ctx context.Context, q *jose.Search) (key *jose.Key, err error) {
	for _, s := range f.sets {
		if key, err = s.Find(ctx, q); err == nil {
			break
		}
	}
	return key, err
}

// A peer that is not authenticated costs at most four signature checks, and four more
// after fetches, however many fit and however often they are fetched.
func TestAtMostFourKeysAreTried(t *testing.T) {
	own, others := jwk(keys().rsa, nil), rsaKeys()
	at := func(i int, from []map[string]any) *set {
		return jwks(append(append([]map[string]any{}, from[:i]...), own)...)
	}
	none := func(from, to int) *set { return jwks(others[from:to]...) }
	for _, test := range []struct {
		name string
		sets []*set
		ok   bool
	}{
		{"the fourth", []*set{at(3, others)}, true},
		{"the fifth", []*set{at(4, others)}, false},
		{"the fifth, after equal ones", []*set{at(4, []map[string]any{others[0], others[1], others[0], others[2]})}, true},
		{"new after a fetch", []*set{none(0, 4), at(4, others)}, true},
		{"the fourth new one after a fetch", []*set{none(0, 1), at(3, others[1:])}, true},
		{"the fifth new one after a fetch", []*set{none(0, 1), at(4, others[1:])}, false},
		{"the fourth new one after two fetches", []*set{none(0, 4), none(0, 7), at(7, others)}, true},
		{"the fifth new one after two fetches", []*set{none(0, 4), none(0, 8), at(8, others)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, header := range []map[string]any{nil, {"kid": nil}} {
				cfg := config()
				cfg.Keys = &fetching{sets: test.sets}
				want := redoxauth.ErrRejected
				if test.ok {
					want = nil
				}
				check(t, cfg, signed(header, nil), want, "signature")
			}
		})
	}
}

// The error tells how many keys were tried, and for which kid.
func TestErrorOfASignature(t *testing.T) {
	cfg := config()
	cfg.Keys = jwks(rsaKeys()...)
	_, err := jose.New(cfg).Verify(t.Context(), signed(nil, nil))
	if want := `none of the keys that fit kid "1": 4 tried`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	cfg.Keys = jwks(jwk(keys().rsa2, map[string]any{"kid": "2"}))
	_, err = jose.New(cfg).Verify(t.Context(), signed(nil, nil))
	if want := `kid is "1", want "2"`; err == nil || !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}
