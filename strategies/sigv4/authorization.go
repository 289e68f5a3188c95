package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	dayLength  = len("20060102")

	// These bound the work on a header that nobody has vouched for. A key ID, a scope
	// and a hundred header names fit.
	maxAuthorization = 4 << 10
	maxSignedHeaders = 100
)

// An authorization is the content of an Authorization header.
type authorization struct {
	keyID                string
	scope                string   // "20060102/us-east-1/execute-api/aws4_request", of which
	day, region, service string   // these are the parts
	signedHeaders        string   // "host;x-amz-date", of which
	names                []string // these are the parts
	signature            [sha256.Size]byte
}

// parse parses what follows the scheme: three fields, each exactly once and in any order.
// Where AWS lets the last of two win, this refuses.
func (a *authorization) parse(parameters string) error {
	if len(parameters) > maxAuthorization {
		return errors.New("the Authorization header is too long")
	}
	var credential, signature string
	for rest, more := parameters, true; more; {
		var field string
		field, rest, more = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
		var to *string
		switch name {
		case "Credential":
			to = &credential
		case "SignedHeaders":
			to = &a.signedHeaders
		case "Signature":
			to = &signature
		default:
			return errors.New("the Authorization header has an unknown field")
		}
		if *to != "" || value == "" {
			return errors.New("a field of the Authorization header is repeated or empty")
		}
		*to = value
	}
	if credential == "" || a.signedHeaders == "" || signature == "" {
		return errors.New("the Authorization header lacks Credential, SignedHeaders or Signature")
	}
	if err := a.setCredential(credential); err != nil {
		return err
	}
	if err := a.setNames(); err != nil {
		return err
	}
	if len(signature) != hex.EncodedLen(len(a.signature)) || !isLowerHex(signature) {
		return errors.New("the Signature is not 64 lower-case hexadecimal digits")
	}
	hex.Decode(a.signature[:], []byte(signature))
	return nil
}

// setCredential splits "key/day/region/service/aws4_request".
func (a *authorization) setCredential(credential string) error {
	var end string
	a.keyID, a.scope, _ = strings.Cut(credential, "/")
	a.day, end, _ = strings.Cut(a.scope, "/")
	a.region, end, _ = strings.Cut(end, "/")
	a.service, end, _ = strings.Cut(end, "/")
	if end != terminator || a.keyID == "" || len(a.day) != dayLength || a.region == "" || a.service == "" {
		return errors.New("the Credential is not of the form key/yyyymmdd/region/service/" + terminator)
	}
	return nil
}

// setNames splits SignedHeaders. It wants its names in lower case, sorted and unique, so
// that one signature has one list. An unsorted list or one with repeated or absent names
// let attackers of Vault choose what was covered (CVE-2020-16250).
func (a *authorization) setNames() error {
	last := ""
	for name := range strings.SplitSeq(a.signedHeaders, ";") {
		if !isLowerToken(name) || name <= last {
			return errors.New("the SignedHeaders are not lower-case, sorted and unique")
		}
		if name == "authorization" {
			return errors.New("the SignedHeaders name authorization, which holds the signature")
		}
		if len(a.names) == maxSignedHeaders {
			return errors.New("the SignedHeaders are more than 100")
		}
		a.names = append(a.names, name)
		last = name
	}
	return nil
}

// signs reports whether SignedHeaders has a name, in any case.
func (a *authorization) signs(name string) bool {
	for _, signed := range a.names {
		if len(signed) == len(name) && strings.EqualFold(signed, name) {
			return true
		}
	}
	return false
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// isLowerToken reports whether s is a token of RFC 9110 without upper-case letters.
func isLowerToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
		case strings.IndexByte("!#$%&'*+.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
