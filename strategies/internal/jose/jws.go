package jose

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// maxToken bounds the bytes of a token, and so what one can cost before its signature
// is checked.
const maxToken = 16 << 10

// A JWS is a token in the compact form (RFC 7515, Section 7.1), read but not verified. It
// holds neither the token nor its signature.
type JWS struct {
	Payload string // what is signed, beside the header

	header         object
	alg, typ, kid  string
	hasTyp, hasKid bool
}

// ParseJWS reads the compact form alone: three segments, the first of them JSON. Other
// forms of JWS, and JWE, are not ours, nor is an opaque token with two dots in it, as
// Google's are.
func ParseJWS(token string) (*JWS, error) {
	if err := checkForm(token); err != nil {
		return nil, err
	}
	head, rest, _ := strings.Cut(token, ".")
	body, signature, _ := strings.Cut(rest, ".")
	header, err := decode(head)
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(header, " \t\r\n"), []byte("{")) {
		return nil, notJWT()
	}
	payload, err := decode(body)
	if err != nil {
		return nil, refuse("malformed", "claims: "+err.Error())
	}
	if _, err := decode(signature); err != nil || signature == "" {
		return nil, refuse("malformed", "signature: missing, or not base64url")
	}
	j := &JWS{Payload: string(payload)}
	if j.header, err = parseObject(string(header)); err != nil {
		return nil, refuse("malformed", "header: "+err.Error())
	}
	for _, m := range j.header {
		ok := true
		switch m.name {
		case "alg":
			j.alg, ok = m.raw.text()
			j.alg = canonical(j.alg)
		case "typ":
			j.typ, ok = m.raw.text()
			j.hasTyp = true
		case "kid":
			j.kid, ok = m.raw.text()
			j.hasKid = true
		}
		if !ok {
			return nil, refuse("malformed", "header: "+m.name+" is not a string")
		}
	}
	return j, nil
}

// Verify returns the key that signed token, which j was read from. The algorithm must be
// listed (RFC 8725, Section 3.1), and no extension is understood (RFC 7515, Section
// 4.1.11; RFC 7797, Section 7). Keys in the header (jwk, x5c, x5u) are not even read (RFC
// 8725, Section 3.10).
//
// The signature is not checked once more if known signed the same token before and is
// still among the keys.
func (j *JWS) Verify(ctx context.Context, token []byte, keys Source, algorithms []string, known *Key) (*Key, error) {
	if j.header.has("crit") || j.header.has("b64") {
		return nil, refuse("malformed", "the header has an extension: crit or b64")
	}
	if !slices.Contains(algorithms, j.alg) {
		return nil, refuse("algorithm", "alg is "+quote(j.alg))
	}
	found, err := keys.Keys(ctx, Wanted{KeyID: j.kid, HasKeyID: j.hasKid, Algorithm: j.alg, Algorithms: algorithms})
	if err != nil {
		return nil, err
	}
	if key := known.among(found); key != nil {
		return key, nil
	}
	dot := bytes.LastIndexByte(token, '.')
	signature, err := decode(string(token[dot+1:]))
	if err != nil {
		return nil, refuse("malformed", "signature: "+err.Error())
	}
	if key := j.signer(token[:dot], signature, found); key != nil {
		return key, nil
	}
	return nil, refuse("signature", "the signature does not verify")
}

// signer returns the key that signed input. All are tried: which secret matches must not
// show in the time it takes.
func (j *JWS) signer(input, signature []byte, keys []*Key) *Key {
	var found *Key
	for _, k := range keys {
		if k.verify(j.alg, input, signature) && found == nil {
			found = k
		}
	}
	return found
}

// checkForm costs no memory, however large the token is: CVE-2025-30204 (golang-jwt) and
// CVE-2025-27144 (go-jose) split it first.
func checkForm(token string) error {
	if strings.Count(token, ".") != 2 {
		return notJWT()
	}
	if len(token) > maxToken {
		return refuse("malformed", "the token is larger than 16 KiB")
	}
	return nil
}

func notJWT() error {
	return &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "missing", Err: errors.New("not a JWT")}
}

// decode reads base64url without padding, in its only spelling: Go's decoder skips line
// breaks, and without Strict accepts several spellings of the last character.
func decode(segment string) ([]byte, error) {
	for i := range len(segment) {
		if !base64url[segment[i]] {
			return nil, errors.New("not base64url")
		}
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return nil, errors.New("not base64url")
	}
	return b, nil
}

var base64url = func() (table [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		table[c] = true
	}
	return table
}()
