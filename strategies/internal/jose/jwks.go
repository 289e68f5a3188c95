package jose

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// MaxKeys bounds a key set.
const MaxKeys = 64

// ParseJWKS returns the usable public keys of a JWK Set (RFC 7517, Section 5). Others are
// left out one by one, each with a line in dropped: private and symmetric keys, keys for
// encryption, keys that are weak, malformed or of an unknown type. The error is for what
// is no JWK Set, or has more than [MaxKeys] keys.
func ParseJWKS(data []byte) (keys []*Key, dropped []string, err error) {
	// Exact names: encoding/json would take "Keys" for "keys" in a struct.
	var set map[string]json.RawMessage
	var raw []json.RawMessage
	if json.Unmarshal(data, &set) != nil || json.Unmarshal(set["keys"], &raw) != nil || raw == nil {
		return nil, nil, errors.New("not a JWK Set")
	}
	if len(raw) > MaxKeys {
		return nil, nil, fmt.Errorf("a JWK Set of %d keys, more than %d", len(raw), MaxKeys)
	}
	for i, r := range raw {
		k, err := parseJWK(string(r))
		if err != nil {
			dropped = append(dropped, fmt.Sprintf("key %d: %v", i, err))
			continue
		}
		keys = append(keys, k)
	}
	return keys, dropped, nil
}

func parseJWK(s string) (*Key, error) {
	o, err := parseObject(s)
	if err != nil {
		return nil, err
	}
	if o.has("d") || o.has("k") {
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
	if v, ok := o.get("kid"); ok {
		if k.id, k.hasID = v.text(); !k.hasID {
			return nil, errors.New("kid is not a string")
		}
	}
	if v, ok := o.get("alg"); ok {
		name, _ := v.text()
		if k.alg = canonical(name); !k.fits(k.alg) {
			return nil, errors.New("alg is not one for this key: " + quote(name))
		}
	}
	return k, nil
}

// checkUse accepts keys for verifying signatures (RFC 7517, Sections 4.2 and 4.3).
func checkUse(o object) error {
	if v, ok := o.get("use"); ok && v != `"sig"` {
		return errors.New("use is not sig")
	}
	if v, ok := o.get("key_ops"); ok {
		if ops, ok := v.texts(); !ok || v[0] != '[' || !slices.Contains(ops, "verify") {
			return errors.New("key_ops lacks verify")
		}
	}
	return nil
}

// rawKey shows jwx only what makes the key, in its one spelling: the decoder of jwx
// takes padding and the standard alphabet too, and short coordinates.
func rawKey(o object) (crypto.PublicKey, error) {
	size := map[value]int{`"P-256"`: 32, `"P-384"`: 48, `"P-521"`: 66, `"Ed25519"`: 32}
	crv, _ := o.get("crv")
	var b bytes.Buffer
	b.WriteString(`{"kty":`)
	kty, _ := o.get("kty")
	if _, ok := kty.text(); !ok {
		return nil, errors.New("kty is missing")
	}
	b.WriteString(string(kty))
	for _, name := range []string{"crv", "n", "e", "x", "y"} {
		v, ok := o.get(name)
		if !ok {
			continue
		}
		s, _ := v.text()
		if name != "crv" {
			raw, err := decode(s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			switch {
			case (name == "x" || name == "y") && len(raw) != size[crv]: // RFC 7518, Section 6.2.1.2
				return nil, errors.New(name + " is not of the curve's length")
			case name == "e" && len(raw) > 4: // jwx would cut it off
				return nil, errors.New("e is too large")
			}
		}
		fmt.Fprintf(&b, `,%q:%s`, name, string(v))
	}
	b.WriteByte('}')
	key, err := jwk.ParseKey(b.Bytes())
	if err != nil {
		return nil, errors.New("not a key of a known type")
	}
	var public crypto.PublicKey
	if err := key.Raw(&public); err != nil {
		return nil, errors.New("not a key of a known type")
	}
	if p, ok := public.(interface{ Equal(crypto.PublicKey) bool }); !ok || p == nil {
		return nil, errors.New("not a public key")
	}
	return public, nil
}

// ParsePEM returns the keys of the public keys and certificates in data, without IDs.
// Anything else in it is an error.
func ParsePEM(data []byte) ([]*Key, error) {
	var keys []*Key
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		public, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("block %d (%s): %w", len(keys), quote(block.Type), err)
		}
		k, err := NewKey(public)
		if err != nil {
			return nil, fmt.Errorf("block %d (%s): %w", len(keys), quote(block.Type), err)
		}
		if len(keys) == MaxKeys {
			return nil, fmt.Errorf("more than %d keys", MaxKeys)
		}
		keys = append(keys, k)
	}
	if len(bytes.TrimSpace(data)) > 0 {
		return nil, errors.New("text that is not PEM")
	}
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("not a public key")
		}
		return public, nil
	case "RSA PUBLIC KEY":
		public, err := x509.ParsePKCS1PublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("not an RSA public key")
		}
		return public, nil
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("not a certificate")
		}
		return cert.PublicKey, nil
	}
	return nil, errors.New("neither a public key nor a certificate")
}
