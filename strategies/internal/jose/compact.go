package jose

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// maxToken bounds the bytes of a token, and so what one can cost before its signature
// is checked.
const maxToken = 16 << 10

// content is what a token says, read but not verified. It is shared by all requests
// that send the token, so it is not modified once its claims are read.
type content struct {
	header         object
	alg, typ, kid  string
	hasTyp, hasKid bool

	payload string
	body    object
	iss     string // "" if there is none, or if it is no string
	claims  claims // of a token whose signature verified
}

// parse reads the compact form alone: three segments (RFC 7515, Section 7.1), the first
// of them JSON. Other forms of JWS, and JWE, are not ours, nor is an opaque token with
// two dots in it, as Google's are.
func parse(token string) (*content, error) {
	if strings.Count(token, ".") != 2 {
		return nil, notJWT()
	}
	if len(token) > maxToken {
		return nil, refuse("malformed", "the token is larger than 16 KiB")
	}
	head, rest, _ := strings.Cut(token, ".")
	body, signature, _ := strings.Cut(rest, ".")
	header, err := decode(head)
	if err != nil || !bytes.HasPrefix(bytes.TrimLeft(header, " \t\r\n"), []byte("{")) {
		return nil, notJWT()
	}
	if _, err := decode(signature); err != nil {
		return nil, refuse("malformed", "signature: "+err.Error())
	}
	payload, err := decode(body)
	if err != nil {
		return nil, refuse("malformed", "claims: "+err.Error())
	}
	c := &content{payload: string(payload)}
	if c.header, err = parseObject(string(header)); err != nil {
		return nil, refuse("malformed", "header: "+err.Error())
	}
	if c.body, err = parseObject(c.payload); err != nil {
		return nil, refuse("malformed", "claims: "+err.Error())
	}
	if err := c.readHeader(); err != nil {
		return nil, err
	}
	if v, ok := c.body.get("iss"); ok {
		c.iss, _ = v.text()
	}
	return c, nil
}

func (c *content) readHeader() error {
	for _, p := range []struct {
		name  string
		value *string
		has   *bool
	}{{"alg", &c.alg, nil}, {"typ", &c.typ, &c.hasTyp}, {"kid", &c.kid, &c.hasKid}} {
		v, ok := c.header.get(p.name)
		if !ok {
			continue
		}
		if *p.value, ok = v.text(); !ok {
			return refuse("malformed", "header: "+p.name+" is not a string")
		}
		if p.has != nil {
			*p.has = true
		}
	}
	c.alg = canonical(c.alg)
	return nil
}

// verifySignature returns the key that signed the token. All keys are tried: which
// secret matches must not show in the time it takes.
func (c *content) verifySignature(token string, keys []*Key) *Key {
	dot := strings.LastIndexByte(token, '.')
	signature, err := decode(token[dot+1:])
	if err != nil {
		return nil
	}
	input := []byte(token[:dot])
	var found *Key
	for _, k := range keys {
		if k.verify(c.alg, input, signature) && found == nil {
			found = k
		}
	}
	return found
}

func notJWT() error {
	return &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "missing", Err: errors.New("not a JWT")}
}

// decode reads base64url without padding, in its only spelling: Go's decoder skips line
// breaks, and without Strict accepts several spellings of the last character.
func decode(segment string) ([]byte, error) {
	if segment == "" {
		return nil, errors.New("empty segment")
	}
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
