package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash
	_ "crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
)

// An algorithm of RFC 7518, Section 3.1, or RFC 8037.
type algorithm struct {
	check  jws.Verifier
	secret int            // of HMAC: the least bytes of a secret (RFC 7518, Section 3.2)
	curve  elliptic.Curve // of ECDSA: the only curve (RFC 7518, Section 3.4)
	rsa    bool
}

// algorithms does not hold "none". Ed25519 is the new name of EdDSA (RFC 9864).
var algorithms = map[string]algorithm{
	"RS256": {check: check(jwa.RS256), rsa: true},
	"RS384": {check: check(jwa.RS384), rsa: true},
	"RS512": {check: check(jwa.RS512), rsa: true},
	"PS256": {check: pss(crypto.SHA256), rsa: true},
	"PS384": {check: pss(crypto.SHA384), rsa: true},
	"PS512": {check: pss(crypto.SHA512), rsa: true},
	"ES256": {check: check(jwa.ES256), curve: elliptic.P256()},
	"ES384": {check: check(jwa.ES384), curve: elliptic.P384()},
	"ES512": {check: check(jwa.ES512), curve: elliptic.P521()},
	"HS256": {check: check(jwa.HS256), secret: 32},
	"HS384": {check: check(jwa.HS384), secret: 48},
	"HS512": {check: check(jwa.HS512), secret: 64},
	"EdDSA": {check: check(jwa.EdDSA)},
}

func check(alg jwa.SignatureAlgorithm) jws.Verifier {
	v, err := jws.NewVerifier(alg)
	if err != nil {
		panic("jose: " + err.Error())
	}
	return v
}

// pss verifies with a salt as long as the hash (RFC 7518, Section 3.5). The verifier of
// jwx accepts a salt of any length.
type pss crypto.Hash

// Verify implements [jws.Verifier].
func (p pss) Verify(input, signature []byte, key any) error {
	hash := crypto.Hash(p)
	h := hash.New()
	h.Write(input)
	return rsa.VerifyPSS(key.(*rsa.PublicKey), hash, h.Sum(nil), signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
}

func canonical(name string) string {
	if name == "Ed25519" {
		return "EdDSA"
	}
	return name
}

// Asymmetric returns all algorithms for public keys: the default of a list of them. A key
// without alg serves those that fit its type and curve, and never an HMAC.
func Asymmetric() []string { return algorithmsFor(false) }

func algorithmsFor(symmetric bool) []string {
	names := slices.Sorted(maps.Keys(algorithms))
	return slices.DeleteFunc(names, func(name string) bool { return symmetric != (algorithms[name].secret > 0) })
}

// CheckAlgorithms says what is wrong with a configured list. It must name known
// algorithms, and either all of them or none are symmetric (HS256, HS384, HS512). With both
// in one list a public key could be used as a secret (RFC 8725, Section 2.1). If keys are
// [Keys], one of them must serve one of the algorithms; nil keys are not checked.
func CheckAlgorithms(names []string, symmetric bool, keys Source) error {
	if len(names) == 0 {
		return errors.New("required (nil means the default)")
	}
	var wrong []string
	for _, name := range names {
		a, ok := algorithms[canonical(name)]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("unknown algorithm %q, want one of %s", name, strings.Join(algorithmsFor(symmetric), ", ")))
		case symmetric && a.secret == 0:
			wrong = append(wrong, name+" is not for secrets")
		case !symmetric && a.secret > 0:
			wrong = append(wrong, name+" is not for public keys")
		}
	}
	if static, ok := keys.(Keys); ok && wrong == nil && !slices.ContainsFunc(names, static.serve) {
		wrong = []string{fmt.Sprintf("%s: no configured key is for that, want %s",
			strings.Join(names, ", "), strings.Join(slices.DeleteFunc(Asymmetric(), func(name string) bool { return !static.serve(name) }), ", "))}
	}
	return join(wrong)
}

// serve reports whether one of the keys may verify under the algorithm.
func (k Keys) serve(name string) bool {
	return slices.ContainsFunc(k, func(k *Key) bool { return k.serves(canonical(name)) })
}

// HMACKeys returns the keys of secrets. Their IDs are their positions from "0". Each secret
// must be at least as long as the longest hash of the named algorithms (RFC 7518, Section
// 3.2). A public key is refused, because it is no secret. It adds to p what is wrong with the
// field.
func HMACKeys(p *config.Problems, field string, secrets [][]byte, names []string) []*Key {
	if len(secrets) == 0 {
		p.Add(field, "required")
	}
	least := 0
	for _, name := range names {
		least = max(least, algorithms[name].secret)
	}
	keys := make([]*Key, len(secrets))
	for i, secret := range secrets {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch text := string(secret); {
		case len(secret) < least:
			p.Add(at, "%d bytes, want at least %d", len(secret), least)
		case strings.Contains(text, "-----BEGIN "), strings.Contains(text, `"kty"`):
			p.Add(at, "a key file, want a secret")
		}
		keys[i] = &Key{id: fmt.Sprint(i), material: slices.Clone(secret)}
	}
	return keys
}

// join returns one error, on one line.
func join(wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// fits reports whether k can verify under the algorithm.
func (k *Key) fits(name string) bool {
	a, ok := algorithms[name]
	if !ok {
		return false
	}
	switch m := k.material.(type) {
	case []byte:
		return a.secret > 0 && len(m) >= a.secret
	case *rsa.PublicKey:
		return a.rsa
	case *ecdsa.PublicKey:
		return a.curve == m.Curve
	case ed25519.PublicKey:
		return name == "EdDSA"
	}
	return false
}

// serves reports whether k may verify under the algorithm: if k has an alg, it is the only
// one (RFC 8725bis, Section 3.1).
func (k *Key) serves(name string) bool {
	return (k.alg == "" || k.alg == name) && k.fits(name)
}

// verify reports whether k made signature over input.
func (k *Key) verify(name string, input, signature []byte) bool {
	return k.fits(name) && algorithms[name].check.Verify(input, signature, k.material) == nil
}
