package jose_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

func TestParseJWKSDropsKeysOneByOne(t *testing.T) {
	k := keys()
	good := jwk(k.rsa, map[string]any{"kid": "1"})
	ec := jwk(k.p256, nil)
	short := func(bits int) map[string]any {
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		return map[string]any{"kty": "RSA", "n": b64(n.Bytes()), "e": "AQAB"}
	}
	exponent := func(e string) map[string]any { return with(jwk(k.rsa, nil), map[string]any{"e": e}) }
	notOnCurve := new(big.Int).SetBytes([]byte(strings.Repeat("\x01", 32)))
	for _, test := range []struct {
		name string
		key  any
		kept bool
	}{
		{"RSA", jwk(k.rsa, nil), true},
		{"P-256", ec, true},
		{"P-384", jwk(k.p384, nil), true},
		{"P-521", jwk(k.p521, nil), true},
		{"Ed25519", jwk(k.ed, nil), true},
		{"with unknown members", jwk(k.rsa, map[string]any{"x5c": []string{"!"}, "x5t": 1, "ext": true, "issuer": "https://login.example"}), true},
		{"with unknown members twice, deep and not UTF-8", json.RawMessage(strings.Replace(object(jwk(k.rsa, nil)), "{", `{"a":1,"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,"b":"`+"\xff"+`\ud800",`, 1)), true},
		{"with an empty kid", jwk(k.rsa, map[string]any{"kid": ""}), true},
		// Libraries that write every member they know.
		{"alg, use, key_ops and kid null", jwk(k.rsa, map[string]any{"alg": null, "use": null, "key_ops": null, "kid": null}), true},
		{"alg and use empty", jwk(k.rsa, map[string]any{"alg": "", "use": ""}), true},
		{"members of other types null", jwk(k.rsa, map[string]any{"crv": null, "x": null, "y": null, "x5c": null, "x5t#S256": null}), true},
		{"escapes", json.RawMessage(strings.NewReplacer(`"use"`, `"\u0075se"`, `"sig"`, `"si\u0067"`, `"P-256"`, `"\u0050-256"`).Replace(object(with(ec, map[string]any{"use": "sig"})))), true},
		{"RSA with zeros in front", with(jwk(k.rsa, nil), map[string]any{"n": b64(append([]byte{0}, k.rsa.N.Bytes()...)), "e": b64([]byte{0, 0, 0, 0, 0, 1, 0, 1})}), true},
		{"use sig", jwk(k.rsa, map[string]any{"use": "sig"}), true},
		{"key_ops verify", jwk(k.rsa, map[string]any{"key_ops": []string{"sign", "verify"}}), true},
		// RFC 7517, Sections 4.2 and 4.3.
		{"use enc", jwk(k.rsa, map[string]any{"use": "enc"}), false},
		{"use unknown", jwk(k.rsa, map[string]any{"use": "tls"}), false},
		{"use no string", jwk(k.rsa, map[string]any{"use": 1}), false},
		{"key_ops without verify", jwk(k.rsa, map[string]any{"key_ops": []string{"encrypt"}}), false},
		{"key_ops empty", jwk(k.rsa, map[string]any{"key_ops": []string{}}), false},
		{"key_ops a string", jwk(k.rsa, map[string]any{"key_ops": "verify"}), false},
		// A key that is published with its secret is not trusted: Wycheproof, json_web_key.
		{"private RSA", jwk(k.rsa, map[string]any{"d": b64(k.rsa.D.Bytes())}), false},
		{"private EC", jwk(k.p256, map[string]any{"d": "AA"}), false},
		{"private Ed25519", jwk(k.ed, map[string]any{"d": b64(k.ed.Seed())}), false},
		{"d null", jwk(k.rsa, map[string]any{"d": null}), false},
		{"k null", jwk(k.ed, map[string]any{"k": null}), false},
		{"p alone", jwk(k.rsa, map[string]any{"p": b64(k.rsa.Primes[0].Bytes())}), false},
		{"other private members", jwk(k.rsa, map[string]any{"qi": null}), false},
		{"symmetric", map[string]any{"kty": "oct", "k": b64(k.secret)}, false},
		{"symmetric without a key", map[string]any{"kty": "oct"}, false},
		{"RSA with a k", jwk(k.rsa, map[string]any{"k": b64(k.secret)}), false},
		// RFC 7518, Section 3.3; RFC 8725, Section 2.
		{"RSA of 1024 bits", short(1024), false},
		{"RSA of 2047 bits", short(2047), false},
		{"RSA of 8192 bits", short(8192), true},
		{"RSA of 8193 bits", short(8193), false},
		{"RSA of 65536 bits", short(65536), false},
		{"RSA exponent 3", exponent("Aw"), true},
		{"RSA exponent 1", exponent("AQ"), false},
		{"RSA exponent 0", exponent("AA"), false},
		{"RSA exponent even", exponent("AQAA"), false},
		{"RSA exponent 2^31-1", exponent("f____w"), true},
		{"RSA exponent 2^32-1", exponent("_____w"), false},
		{"RSA exponent 2^64+3", exponent("AQAAAAAAAAAD"), false},
		{"RSA without e", exponent(""), false},
		{"RSA without n", map[string]any{"kty": "RSA", "e": "AQAB"}, false},
		{"n with padding", with(jwk(k.rsa, nil), map[string]any{"n": b64(k.rsa.N.Bytes()) + "=="}), false},
		{"n with a line break", with(jwk(k.rsa, nil), map[string]any{"n": b64(k.rsa.N.Bytes()) + "\n"}), false},
		{"n a number", with(jwk(k.rsa, nil), map[string]any{"n": 3}), false},
		// RFC 7518, Section 6.2.1.2.
		{"short x", with(ec, map[string]any{"x": b64(make([]byte, 31))}), false},
		{"long x", with(ec, map[string]any{"x": b64(append([]byte{0}, k.p256.X.FillBytes(make([]byte, 32))...))}), false},
		{"long y", with(ec, map[string]any{"y": b64(append([]byte{0}, k.p256.Y.FillBytes(make([]byte, 32))...))}), false},
		{"without y", with(ec, map[string]any{"y": nil}), false},
		{"not on the curve", with(ec, map[string]any{"x": b64(notOnCurve.FillBytes(make([]byte, 32)))}), false},
		{"the point at infinity", with(ec, map[string]any{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}), false},
		{"of another curve", with(ec, map[string]any{"crv": "P-384"}), false},
		{"secp256k1", with(ec, map[string]any{"crv": "secp256k1"}), false},
		{"curve missing", with(ec, map[string]any{"crv": nil}), false},
		{"X25519", map[string]any{"kty": "OKP", "crv": "X25519", "x": b64(make([]byte, 32))}, false},
		{"Ed448", map[string]any{"kty": "OKP", "crv": "Ed448", "x": b64(make([]byte, 57))}, false},
		{"short Ed25519", map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(make([]byte, 31))}, false},
		{"RSA members on EC", with(jwk(k.rsa, nil), map[string]any{"kty": "EC"}), false},
		{"kty missing", with(jwk(k.rsa, nil), map[string]any{"kty": nil}), false},
		{"kty unknown", with(jwk(k.rsa, nil), map[string]any{"kty": "AKP"}), false},
		{"kty in another case", with(jwk(k.rsa, nil), map[string]any{"kty": "rsa"}), false},
		{"kid a number", jwk(k.rsa, map[string]any{"kid": 7}), true},
		{"kid a lone surrogate", jwk(k.rsa, map[string]any{"kid": json.RawMessage(`"\ud800"`)}), true},
		{"alg of another type", jwk(k.rsa, map[string]any{"alg": "ES256"}), false},
		{"alg of another curve", jwk(k.p384, map[string]any{"alg": "ES256"}), false},
		{"alg HS256", jwk(k.rsa, map[string]any{"alg": "HS256"}), false},
		{"alg none", jwk(k.rsa, map[string]any{"alg": "none"}), false},
		{"alg a number", jwk(k.rsa, map[string]any{"alg": -257}), false}, // of COSE
		{"alg for encryption", jwk(k.rsa, map[string]any{"alg": "RSA-OAEP"}), false},
		{"a member twice", json.RawMessage(strings.Replace(object(jwk(k.rsa, nil)), "{", `{"kty":"RSA",`, 1)), false},
		{"no object", 7, false},
		{"null", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc, err := json.Marshal(map[string]any{"keys": []any{test.key, good}})
			if err != nil {
				t.Fatal(err)
			}
			got, dropped, err := jose.ParseJWKS(doc)
			if err != nil {
				t.Fatal(err)
			}
			want := 1
			if test.kept {
				want = 2
			}
			if len(got) != want || len(dropped) != 2-want {
				t.Errorf("%d keys, %q dropped; want %d keys", len(got), dropped, want)
			}
			for _, line := range dropped {
				if !strings.HasPrefix(line, "key 0: ") || len(line) > 200 {
					t.Errorf("dropped %q", line)
				}
			}
		})
	}
}

// A key that is left out is a key that its publisher may use.
func TestDroppedTellsWhy(t *testing.T) {
	for _, test := range []struct {
		change map[string]any
		want   string
	}{
		{map[string]any{"kty": nil}, "key 0: kty is missing"},
		{map[string]any{"kty": "AKP"}, "key 0: not a key of a known type"},
		{map[string]any{"n": "*"}, "key 0: n: not base64url"},
		{map[string]any{"e": "AQAAAAAAAAAD"}, "key 0: e is too large"},
		{map[string]any{"x": "AA"}, "key 0: x is not of the curve's length"},
		{map[string]any{"n": "AA"}, "key 0: an RSA key must have 2048 to 8192 bits"},
		{map[string]any{"alg": "ES256"}, `key 0: alg is not one for this key: "ES256"`},
	} {
		_, dropped, err := jose.ParseJWKS([]byte(`{"keys":[` + object(jwk(keys().rsa, test.change)) + `]}`))
		if err != nil || len(dropped) != 1 || dropped[0] != test.want {
			t.Errorf("%v: dropped %q, error %v; want %q", test.change, dropped, err, test.want)
		}
	}
	unknown := "-----BEGIN X-----\nAA==\n-----END X-----\n"
	der, err := x509.MarshalPKIXPublicKey(keys().ed.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	for text, want := range map[string]string{
		good + unknown: `key 1 ("X"): neither a public key nor a certificate`,
		strings.Replace(good, "MC", "M*", 1) + good + good: "1 of 3 blocks are not PEM: each starts on a line of its own",
		good + "ssh-rsa AAAA":                              "text that is not PEM, want -----BEGIN PUBLIC KEY----- or a certificate: the content of a file, not its name",
		strings.Repeat(good, 65):                           "65 keys, want at most 64",
		"":                                                 "no key",
		"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n": `key 0 ("PRIVATE KEY"): a private key, want the public one`,
		unknown: `key 0 ("X"): neither a public key nor a certificate`,
	} {
		_, err := jose.ParsePEM([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
	_, err = jose.NewKeys([]crypto.PublicKey{keys().ed.Public(), nil})
	if want := "key 1: unknown type of key"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

var null = json.RawMessage("null")

func TestParseJWKSRefusesWhatIsNone(t *testing.T) {
	for _, test := range []struct {
		name, json string
		ok         bool
	}{
		{"no keys", `{"keys":[]}`, true},
		{"nothing", ``, false},
		{"HTML", `<html>`, false},
		{"an array", `[]`, false},
		{"null", `null`, false},
		{"no member keys", `{"KEYS":[]}`, false},
		{"keys null", `{"keys":null}`, false},
		{"keys an object", `{"keys":{}}`, false},
		{"a single key", object(jwk(keys().ed, nil)), true},
		{"a single private key", object(jwk(keys().ed, map[string]any{"d": null})), true},
		{"a single key and keys null", object(jwk(keys().ed, map[string]any{"keys": null})), false},
		{"two single keys", object(jwk(keys().ed, nil)) + object(jwk(keys().ed, nil)), false},
		{"keys twice", `{"keys":[],"keys":[]}`, false},
		{"deep", `{"keys":` + strings.Repeat("[", 1<<20), false},
	} {
		if _, _, err := jose.ParseJWKS([]byte(test.json)); (err == nil) != test.ok {
			t.Errorf("%s: error %v, want success: %v", test.name, err, test.ok)
		}
	}
}

// edKeys returns n keys with kids from "0".
func edKeys(n int) []map[string]any {
	list := make([]map[string]any, n)
	for i := range list {
		seed := make([]byte, ed25519.SeedSize)
		binary.LittleEndian.PutUint64(seed, uint64(i))
		list[i] = jwk(ed25519.NewKeyFromSeed(seed), map[string]any{"kid": fmt.Sprint(i)})
	}
	return list
}

// Only keys that can be used count, once each, and the first 64 of them.
func TestParseJWKSCountsUsableKeys(t *testing.T) {
	many := edKeys(70)
	bare := with(many[0], map[string]any{"kid": nil})
	unusable := slices.Repeat([]map[string]any{with(many[0], map[string]any{"use": "enc"})}, 274)
	for _, test := range []struct {
		name    string
		keys    []map[string]any
		kept    int
		dropped []string // the first and the last
	}{
		{"64", many[:64], 64, nil},
		{"65", many[:65], 64, []string{"key 64: comes after 64 usable keys", "key 64: comes after 64 usable keys"}},
		{"70", many, 64, []string{"key 64: comes after 64 usable keys", "key 69: comes after 64 usable keys"}},
		{"26 among 300", slices.Concat(unusable, many[:26]), 26, []string{"key 0: use is not sig", "key 273: use is not sig"}},
		{"64 among 338", slices.Concat(unusable, many[:64]), 64, []string{"key 0: use is not sig", "key 273: use is not sig"}},
		{"one, 300 times", slices.Repeat(many[:1], 300), 1, nil},
		{"one without kid, 300 times", slices.Repeat([]map[string]any{bare}, 300), 1, nil},
		{"64, each twice", slices.Concat(many[:64], many[:64]), 64, nil},
		{"one with kid and without", []map[string]any{many[0], bare}, 2, nil},
		{"one, and one that cannot be used", []map[string]any{many[0], unusable[0]}, 1, []string{"key 1: use is not sig", "key 1: use is not sig"}},
		{"1001 that cannot be used", slices.Repeat(unusable[:1], 1001), 0, []string{"key 0: use is not sig", "key 999: use is not sig"}},
	} {
		kept, dropped, err := jose.ParseJWKS([]byte(object(map[string]any{"keys": test.keys})))
		var ends []string
		if len(dropped) > 0 {
			ends = []string{dropped[0], dropped[len(dropped)-1]}
		}
		if err != nil || len(kept) != test.kept || !slices.Equal(ends, test.dropped) {
			t.Errorf("%s: %d keys, %q dropped, error %v; want %d and %q", test.name, len(kept), ends, err, test.kept, test.dropped)
		}
		if test.kept == 64 && kept[63].ID() != "63" {
			t.Errorf("%s: the last key is %s, want the 64th", test.name, kept[63].ID())
		}
	}
}

// What may stand around a set, or in its place.
func TestParseJWKSForms(t *testing.T) {
	key := object(jwk(keys().ed, map[string]any{"kid": "1"}))
	set := `{"keys":[` + key + `]}`
	for name, doc := range map[string]string{
		"a set": set, "white space": "\r\n\t " + set + " \r\n", "a byte order mark": "\ufeff" + set, "other members": `{"version":1,"keys":[` + key + `],"x":{"x":null,"x":[]}}`,
		"a key": key, "a key with white space": "\n" + key + "\n", "a key with a byte order mark": "\ufeff" + key, "a set with kty": `{"kty":"RSA","keys":[` + key + `]}`,
	} {
		kept, dropped, err := jose.ParseJWKS([]byte(doc))
		if err != nil || len(kept) != 1 || kept[0].ID() != "1" || len(dropped) > 0 {
			t.Errorf("%s: keys %v, %q dropped, error %v", name, kept, dropped, err)
		}
	}
}

// The key of a publisher that numbers its keys serves tokens with any kid that no other key
// has, and tokens without kid.
func TestKidThatIsNoString(t *testing.T) {
	for _, published := range []string{"7", `"\ud800"`, "\"\xff\""} { // no token can have the last two
		own := strings.Replace(object(jwk(keys().rsa, nil)), "{", `{"kid":`+published+",", 1)
		other := object(jwk(keys().rsa2, map[string]any{"kid": "8"}))
		list, dropped, err := jose.ParseJWKS([]byte(`{"keys":[` + other + "," + own + `]}`))
		if err != nil || len(dropped) > 0 {
			t.Fatalf("%q: %q dropped, error %v", published, dropped, err)
		}
		cfg := config()
		cfg.Keys = jose.Keys(list)
		for _, kid := range []any{"7", "x", "", nil} {
			got, err := jose.New(cfg).Verify(t.Context(), signed(map[string]any{"kid": kid}, nil))
			if err != nil || got.KeyID != "1" {
				t.Errorf("%q: kid %v: token %+v, error %v; want the key at position 1", published, kid, got, err)
			}
		}
		check(t, cfg, signed(map[string]any{"kid": "8"}, nil), redoxauth.ErrRejected, "signature")
	}
}

func TestParsePEM(t *testing.T) {
	k := keys()
	block := func(kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pkix_ := func(public any) string {
		der, err := x509.MarshalPKIXPublicKey(public)
		return block("PUBLIC KEY", der, err)
	}
	rsaPEM := pkix_(&k.rsa.PublicKey)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redox"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &k.rsa.PublicKey, k.rsa)
	certPEM := block("CERTIFICATE", cert, err)
	private := block("PRIVATE KEY", func() []byte { der, _ := x509.MarshalPKCS8PrivateKey(k.rsa); return der }(), nil)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, pem string
		want      int // keys; 0: an error
	}{
		{"a public key", rsaPEM, 1},
		{"PKCS 1", block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey), nil), 1},
		{"a certificate, expired long ago", certPEM, 1},
		{"a key and its certificate", rsaPEM + certPEM, 1},
		{"several", rsaPEM + pkix_(&k.p256.PublicKey) + "\n" + pkix_(k.ed.Public()) + " \n", 3},
		{"a byte order mark", "\ufeff" + rsaPEM, 1},
		{"line ends of Windows", strings.ReplaceAll(rsaPEM, "\n", "\r\n"), 1},
		{"text before it", "Subject: CN=redox\n" + rsaPEM, 1},
		{"64 keys", strings.Repeat(rsaPEM, 64), 1},
		{"65 keys", strings.Repeat(rsaPEM, 65), 0},
		{"nothing", "", 0},
		{"no PEM", "ssh-rsa AAAA", 0},
		{"text after it", rsaPEM + "ssh-rsa AAAA", 0},
		{"a key cut off", rsaPEM[:len(rsaPEM)-40], 0},
		{"a private key", private, 0},
		{"a key cut off before another", rsaPEM[:len(rsaPEM)-60] + "\n" + certPEM, 0},
		{"a key that is not base64 before another", strings.Replace(rsaPEM, "MII", "M*I", 1) + certPEM, 0},
		{"keys without a line break between them", strings.TrimSpace(rsaPEM) + pkix_(&k.p256.PublicKey) + certPEM, 0},
		{"a public and a private key", rsaPEM + private, 0},
		{"an encrypted key", block("ENCRYPTED PRIVATE KEY", []byte{1}, nil), 0},
		{"garbage as a public key", block("PUBLIC KEY", []byte{1}, nil), 0},
		{"garbage as PKCS 1", block("RSA PUBLIC KEY", []byte{1}, nil), 0},
		{"garbage as a certificate", block("CERTIFICATE", []byte{1}, nil), 0},
		{"X25519", pkix_(x25519.PublicKey()), 0},
		{"P-224", pkix_(&p224.PublicKey), 0},
		{"weak RSA", pkix_(&rsa.PublicKey{N: new(big.Int).Rsh(k.rsa.N, 1024), E: 65537}), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := jose.ParsePEM([]byte(test.pem))
			if len(got) != test.want || (err == nil) != (test.want > 0) {
				t.Errorf("%d keys, error %v; want %d", len(got), err, test.want)
			}
		})
	}
}

func TestNewKeyRefuses(t *testing.T) {
	for _, public := range []crypto.PublicKey{
		nil, "secret", []byte("secret"), keys().rsa, keys().rsa.PublicKey,
		&rsa.PublicKey{N: keys().rsa.N, E: 1}, &rsa.PublicKey{N: keys().rsa.N, E: 4},
		(*rsa.PublicKey)(nil), &rsa.PublicKey{E: 3}, (*ecdsa.PublicKey)(nil), &ecdsa.PublicKey{}, &ecdsa.PublicKey{Curve: elliptic.P256()}, ed25519.PublicKey(nil),
	} {
		if _, err := jose.NewKey(public); err == nil {
			t.Errorf("accepted a %T", public)
		}
	}
}

// The caller may use the memory of its key for another key.
func TestNewKeyCopies(t *testing.T) {
	n := new(big.Int).Set(keys().rsa.N)
	ec := keys().p256.PublicKey
	another, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed := slices.Clone(keys().ed.Public().(ed25519.PublicKey))
	for _, test := range []struct {
		alg     string
		private any
		public  crypto.PublicKey
		change  func()
	}{
		{"RS256", keys().rsa, &rsa.PublicKey{N: n, E: keys().rsa.E}, func() { n.SetInt64(1) }},
		{"ES256", keys().p256, &ec, func() { ec = another.PublicKey }},
		{"EdDSA", keys().ed, ed, func() { clear(ed) }},
	} {
		k, err := jose.NewKeys([]crypto.PublicKey{test.public})
		if err != nil {
			t.Fatal(err)
		}
		test.change()
		cfg := config()
		cfg.Algorithms, cfg.Keys = []string{test.alg}, jose.Keys(k)
		if _, err := jose.New(cfg).Verify(t.Context(), signedWith(test.alg, test.private)); err != nil {
			t.Errorf("%s, after the caller's key has changed: %v", test.alg, err)
		}
	}
}

// RFC 7518, Section 6.2.1.2: a coordinate has all bytes of its curve, also leading zeros.
func TestParseJWKSKeepsLeadingZeros(t *testing.T) {
	for {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		x, y := point[1:33], point[33:]
		if x[0] != 0 {
			continue
		}
		for _, test := range []struct {
			x    []byte
			want int
		}{{x, 1}, {x[1:], 0}} {
			set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","x":%q,"y":%q}]}`, b64(test.x), b64(y))
			got, dropped, err := jose.ParseJWKS([]byte(set))
			if err != nil || len(got) != test.want {
				t.Errorf("an x of %d bytes: %d keys, dropped %q, error %v; want %d keys", len(test.x), len(got), dropped, err, test.want)
			}
		}
		return
	}
}

func TestKeysShowNoSecret(t *testing.T) {
	k, err := secrets(t, keys().secret)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"HS256"}, secrets(t, keys().secret)
	for _, text := range []string{fmt.Sprintf("%+v %v %s", k, k[0], k[0]), fmt.Sprintf("%+v", jose.New(cfg))} {
		if strings.Contains(text, string(keys().secret)) || strings.Contains(text, fmt.Sprint(keys().secret[:8])) {
			t.Errorf("%s shows a secret", text)
		}
	}
	if got := fmt.Sprint(k[0]); got != `key "0"` {
		t.Errorf("it is shown as %s", got)
	}
}
