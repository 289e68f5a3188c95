package jose

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// MaxKeys bounds a key set.
const MaxKeys = 64

// ParseJWKS returns the usable public keys of a JWK Set (RFC 7517, Section 5). It leaves
// the others out one by one, each with a line in dropped: private and symmetric keys, keys
// for encryption, and keys that are weak, malformed or of an unknown type. A key that is
// listed twice counts once. The error is for data that is no JWK Set, or has more than
// [MaxKeys] keys.
func ParseJWKS(data []byte) (keys []*Key, dropped []string, err error) {
	// Shallow, because one malformed key must not make the others unusable.
	set, err := ReadShallow(data, "keys")
	list := set.Get("keys")
	if err != nil || !list.isArray() {
		return nil, nil, errors.New("not a JWK Set")
	}
	n := 0
	for text := range list.elements() {
		if n == MaxKeys {
			return nil, nil, fmt.Errorf("a JWK Set of more than %d keys", MaxKeys)
		}
		k, err := parseJWK(string(text))
		if err != nil {
			dropped = append(dropped, fmt.Sprintf("key %d: %v", n, err))
		} else {
			if !k.hasKid {
				k.id = strconv.Itoa(n)
			}
			keys = append(keys, k)
		}
		n++
	}
	return distinct(keys), dropped, nil
}

func parseJWK(s string) (*Key, error) {
	o, err := readObject(s, []string{"kty", "use", "key_ops", "alg", "kid", "crv", "n", "e", "x", "y", "d", "k"})
	if err != nil {
		return nil, err
	}
	if o.Get("d") != "" || o.Get("k") != "" {
		return nil, errors.New("not a public key")
	}
	if err := checkUse(o); err != nil {
		return nil, err
	}
	public, err := rawKey(o)
	if err != nil {
		return nil, err
	}
	k, err := NewKey(public)
	if err != nil {
		return nil, err
	}
	if v := o.Get("kid"); v != "" {
		if k.id, k.hasKid = v.Text(); !k.hasKid {
			return nil, errors.New("kid is not a string")
		}
	}
	if v := o.Get("alg"); v != "" {
		name, _ := v.Text()
		if k.alg = canonical(name); !k.fits(k.alg) {
			return nil, errors.New("alg is not one for this key: " + quote(name))
		}
	}
	return k, nil
}

// checkUse accepts keys for verifying signatures (RFC 7517, Sections 4.2 and 4.3).
func checkUse(o Object) error {
	if v := o.Get("use"); v != "" && v != `"sig"` {
		return errors.New("use is not sig")
	}
	if v := o.Get("key_ops"); v != "" {
		if ops, _ := v.Texts(); !v.isArray() || !slices.Contains(ops, "verify") {
			return errors.New("key_ops lacks verify")
		}
	}
	return nil
}

// rawKey shows jwx the members that make the key, and no others. It accepts one spelling
// of them: the decoder of jwx also accepts padding, the standard alphabet and short
// coordinates.
func rawKey(o Object) (crypto.PublicKey, error) {
	size := map[Value]int{`"P-256"`: 32, `"P-384"`: 48, `"P-521"`: 66, `"Ed25519"`: 32}
	kty := o.Get("kty")
	if _, ok := kty.Text(); !ok {
		return nil, errors.New("kty is missing")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"kty":%s`, kty)
	for _, name := range []string{"crv", "n", "e", "x", "y"} {
		v := o.Get(name)
		if v == "" {
			continue
		}
		if name != "crv" {
			s, _ := v.Text()
			raw, err := decode(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			switch {
			case (name == "x" || name == "y") && len(raw) != size[o.Get("crv")]: // RFC 7518, Section 6.2.1.2
				return nil, errors.New(name + " is not of the curve's length")
			case name == "e" && len(raw) > 4: // jwx would cut it off
				return nil, errors.New("e is too large")
			}
		}
		fmt.Fprintf(&b, `,%q:%s`, name, v)
	}
	b.WriteByte('}')
	var public crypto.PublicKey
	key, err := jwk.ParseKey(b.Bytes())
	if err == nil {
		err = key.Raw(&public)
	}
	if err != nil {
		return nil, errors.New("not a key of a known type")
	}
	return public, nil
}

// ParsePEM returns the keys of the public keys and certificates in data, without kids.
// Anything else in it is an error.
func ParsePEM(data []byte) ([]*Key, error) {
	var public []crypto.PublicKey
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		p, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("key %d (%s): %w", len(public), quote(block.Type), err)
		}
		public = append(public, p)
	}
	if len(bytes.TrimSpace(data)) > 0 {
		return nil, errors.New("text that is not PEM")
	}
	return NewKeys(public)
}

func parseBlock(block *pem.Block) (public crypto.PublicKey, err error) {
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = cert.PublicKey
		}
	default:
		err = errors.New("neither a public key nor a certificate")
	}
	return public, err
}
