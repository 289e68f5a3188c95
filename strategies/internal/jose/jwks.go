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
	"strings"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// MaxKeys bounds a key set.
const MaxKeys = 64

// maxDropped bounds what ParseJWKS says about keys that cannot be used.
const maxDropped = 1000

// ParseJWKS returns the usable public keys of a JWK Set (RFC 7517, Section 5), or of a single
// JWK. It leaves the others out one by one, each with a line in dropped: private and
// symmetric keys, keys for encryption, keys that are weak, malformed or of an unknown type,
// and those after the first [MaxKeys]. A key that is listed twice counts once. The error is
// for data that is no JWK Set.
func ParseJWKS(data []byte) (keys []*Key, dropped []string, err error) {
	// Shallow, because one malformed key must not make the others unusable.
	set, err := ReadShallow(data, "keys", "kty")
	list := set.Get("keys")
	if list == "" && set.Get("kty") != "" {
		list = Value("[" + strings.TrimPrefix(string(data), byteOrderMark) + "]")
	}
	if err != nil || !list.isArray() {
		return nil, nil, errors.New("not a JWK Set")
	}
	n := 0
	for text := range list.elements() {
		k, err := parseJWK(string(text))
		switch {
		case err == nil && k.repeats(keys):
		case err == nil && len(keys) < MaxKeys:
			if !k.hasKid {
				k.id = strconv.Itoa(n)
			}
			keys = append(keys, k)
		case len(dropped) < maxDropped:
			if err == nil {
				err = fmt.Errorf("comes after %d usable keys", MaxKeys)
			}
			dropped = append(dropped, fmt.Sprintf("key %d: %v", n, err))
		}
		n++
	}
	return keys, dropped, nil
}

var (
	publicMembers  = []string{"kty", "use", "key_ops", "alg", "kid", "crv", "n", "e", "x", "y"}
	privateMembers = []string{"d", "k", "p", "q", "dp", "dq", "qi", "oth"} // RFC 7518, Sections 6.2.2, 6.3.2 and 6.4
)

// parseJWK reads what makes a key, and ignores other members. A member that is null or, for
// use and alg, empty counts as absent, because that is how some libraries write it.
func parseJWK(s string) (*Key, error) {
	o, err := readShallow(s, slices.Concat(publicMembers, privateMembers))
	if err != nil {
		return nil, err
	}
	for _, name := range privateMembers {
		if o.Get(name) != "" { // null or not: then it is not clear what the publisher meant
			return nil, errors.New("not a public key")
		}
	}
	o = slices.DeleteFunc(o, func(m member) bool {
		return m.value == "null" || m.value == `""` && (m.name == "use" || m.name == "alg")
	})
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
	// A kid that is not a string names nothing. The key serves as one without kid.
	if id, ok := o.Get("kid").Text(); ok && utf8.ValidString(id) {
		k.id, k.hasKid = id, true
	}
	if v := o.Get("alg"); v != "" {
		name, _ := v.Text()
		if k.alg = canonical(name); !k.fits(k.alg) {
			return nil, errors.New("alg is not one for this key: " + diagnosis.Quote(name))
		}
	}
	return k, nil
}

// checkUse accepts keys for verifying signatures (RFC 7517, Sections 4.2 and 4.3).
func checkUse(o Object) error {
	if v := o.Get("use"); v != "" {
		if use, _ := v.Text(); use != "sig" {
			return errors.New("use is not sig")
		}
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
	crv, _ := o.Get("crv").Text()
	size := map[string]int{"P-256": 32, "P-384": 48, "P-521": 66, "Ed25519": 32}[crv]
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
			case (name == "x" || name == "y") && len(raw) != size: // RFC 7518, Section 6.2.1.2
				return nil, errors.New(name + " is not of the curve's length")
			case name == "e" && len(strings.TrimLeft(raw, "\x00")) > 4: // jwx would cut it off
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
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	begun := bytes.Count(data, []byte("-----BEGIN "))
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		data = rest
		p, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("key %d (%s): %w", len(public), diagnosis.Quote(block.Type), err)
		}
		public = append(public, p)
	}
	if len(bytes.TrimSpace(data)) > 0 {
		return nil, errors.New("text that is not PEM, want -----BEGIN PUBLIC KEY----- or a certificate: the content of a file, not its name")
	}
	// pem.Decode skips a block that it cannot read, and with it a key that is in use.
	if len(public) < begun {
		return nil, fmt.Errorf("%d of %d blocks are not PEM: each starts on a line of its own", begun-len(public), begun)
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
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		err = errors.New("a private key, want the public one: openssl pkey -pubout writes it")
	default:
		err = errors.New("neither a public key nor a certificate")
	}
	return public, err
}
