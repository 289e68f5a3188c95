package redoxtest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// A Key signs tokens. [NewKey] makes one, or fill in a Signer or a Secret of your own.
type Key struct {
	ID        string        // kid; if empty, tokens and key sets have none
	Algorithm string        // RS256, PS256, ES256, ES384, ES512, EdDSA, Ed25519, HS256 and their longer hashes
	Signer    crypto.Signer // for asymmetric algorithms
	Secret    []byte        // for HS256, HS384, HS512

	// OmitAlgorithm publishes the key without alg, as some authorization servers do.
	OmitAlgorithm bool
}

// NewKey returns a key with the ID id: RSA with 2048 bits, a key on the algorithm's curve,
// or 64 random bytes. Calls in one process that need the same type for the same ID return
// the same key. Signing with an unknown algorithm is an error.
//
// For a key pair in files, such as for the option -key of examples/sendas:
//
//	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem   # RS256, RS384
//	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out private.pem # ES384
//	openssl pkey -in private.pem -pubout -out public.pem                            # for keyset.ParsePEM
func NewKey(id, algorithm string) Key {
	k := Key{ID: id, Algorithm: algorithm}
	switch made := generate(id, algorithm).(type) {
	case crypto.Signer:
		k.Signer = made
	case []byte:
		k.Secret = made
	}
	return k
}

var generated struct {
	sync.Mutex
	keys map[[2]string]any // by ID and type
}

// generate keeps its keys, because RSA keys take long to generate.
func generate(id, algorithm string) any {
	kind := algorithm
	if strings.HasPrefix(kind, "RS") || strings.HasPrefix(kind, "PS") {
		kind = "RSA"
	}
	generated.Lock()
	defer generated.Unlock()
	if key, ok := generated.keys[[2]string{id, kind}]; ok {
		return key
	}
	var key any
	var err error
	switch kind {
	case "RSA":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "HS256", "HS384", "HS512":
		secret := make([]byte, 64)
		rand.Read(secret)
		key = secret
	}
	if err != nil || key == nil {
		return nil
	}
	if generated.keys == nil {
		generated.keys = make(map[[2]string]any)
	}
	generated.keys[[2]string{id, kind}] = key
	return key
}

// Token returns a signed JWT in compact form ([RFC 7515, Section 7.1]). Its header has
// alg, kid and typ "JWT". The parameter header, which may be nil, changes it: an entry is
// added or replaces another, and a nil value removes one. Nothing is added to claims.
//
// [RFC 7515, Section 7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1
func (k Key) Token(header, claims map[string]any) (string, error) {
	all := map[string]any{"alg": k.Algorithm, "typ": "JWT"}
	if k.ID != "" {
		all["kid"] = k.ID
	}
	head, err := json.Marshal(altered(all, header))
	if err != nil {
		return "", fmt.Errorf("redoxtest: Key: header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("redoxtest: Key: claims: %w", err)
	}
	input := encode(head) + "." + encode(payload)
	signature, err := k.sign([]byte(input))
	if err != nil {
		return "", fmt.Errorf("redoxtest: Key: %w", err)
	}
	return input + "." + encode(signature), nil
}

func (k Key) sign(input []byte) ([]byte, error) {
	algorithm := jwa.SignatureAlgorithm(k.Algorithm)
	if k.Algorithm == "Ed25519" { // RFC 9864's name, which jwx does not know
		algorithm = jwa.EdDSA
	}
	signer, err := jws.NewSigner(algorithm)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(k.Algorithm, "HS") {
		return signer.Sign(input, k.Secret)
	}
	if k.Signer == nil {
		return nil, fmt.Errorf("no signer for algorithm %q", k.Algorithm)
	}
	return signer.Sign(input, k.Signer)
}

// PEM returns the public key as a PEM block "PUBLIC KEY" ([RFC 7468, Section 13]), or
// nil for an HMAC key.
//
// [RFC 7468, Section 13]: https://www.rfc-editor.org/rfc/rfc7468#section-13
func (k Key) PEM() []byte {
	if k.Signer == nil {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(k.Signer.Public())
	if err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// JWKS returns the public keys as a JWK Set ([RFC 7517, Section 5]), without HMAC keys.
//
// [RFC 7517, Section 5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
func JWKS(keys ...Key) []byte {
	set := []json.RawMessage{}
	for _, k := range keys {
		if public, err := k.jwk(); err == nil {
			set = append(set, public)
		}
	}
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(map[string]any{"keys": set})
	return b.Bytes()
}

func (k Key) jwk() ([]byte, error) {
	if k.Signer == nil {
		return nil, fmt.Errorf("no public key")
	}
	public, err := jwk.FromRaw(k.Signer.Public())
	if err != nil {
		return nil, err
	}
	members := map[string]any{jwk.KeyUsageKey: "sig"}
	if k.ID != "" {
		members[jwk.KeyIDKey] = k.ID
	}
	b, err := json.Marshal(public)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	if !k.OmitAlgorithm {
		members[jwk.AlgorithmKey] = k.Algorithm
	}
	return json.Marshal(members)
}

// altered returns a copy of members with changes: an entry is added or replaces another,
// and a nil value removes one.
func altered(members, changes map[string]any) map[string]any {
	changed := make(map[string]any)
	maps.Copy(changed, members)
	for name, value := range changes {
		if value == nil {
			delete(changed, name)
		} else {
			changed[name] = value
		}
	}
	return changed
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
