package jose

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// maxToken bounds the bytes of a token, and so what one can cost before its signature
// is checked.
const maxToken = 16 << 10

// removedSignature is what Cloud Run puts in place of the signature of a token that it has
// checked itself (https://cloud.google.com/run/docs/troubleshooting#signature-removed).
const removedSignature = ".SIGNATURE_REMOVED_BY_GOOGLE"

// A JWS is a token in the compact form (RFC 7515, Section 7.1), read but not verified. It
// holds neither the token nor its signature.
type JWS struct {
	Payload string // what is signed, beside the header

	alg, typ, kid          string
	hasAlg, hasTyp, hasKid bool
	jku                    Value
	extended               string // crit or b64, if the header has it
}

// ParseJWS reads the compact form: three segments, and the first of them is JSON. Anything
// else is redoxauth.ErrNoCredentials: other forms of JWS, JWE, and opaque tokens with two
// dots in them, such as Google's.
func ParseJWS(token string) (*JWS, error) {
	if err := checkForm(token); err != nil {
		return nil, err
	}
	j := &JWS{}
	if err := j.parse(token); err != nil {
		return nil, err
	}
	return j, nil
}

// parse reads a token that checkForm accepted.
func (j *JWS) parse(token string) error {
	head, rest, _ := strings.Cut(token, ".")
	body, signature, _ := strings.Cut(rest, ".")
	header, err := decode(head)
	if err != nil || !strings.HasPrefix(strings.TrimLeft(header, " \t\r\n"), "{") {
		return notJWT()
	}
	payload, err := decode(body)
	if err != nil {
		return refuse("malformed", "claims: %w", err)
	}
	if signature == "" || !isBase64url(signature) {
		return refuse("malformed", "signature: missing, or not base64url")
	}
	o, err := readObject(header, []string{"alg", "typ", "kid", "jku", "crit", "b64"})
	if err != nil {
		return refuse("malformed", "header: %w", err)
	}
	j.Payload = payload
	for _, m := range o {
		ok := true
		switch m.name {
		case "alg":
			j.alg, ok = m.value.Text()
			j.alg, j.hasAlg = canonical(j.alg), true
		case "typ":
			j.typ, ok = m.value.Text()
			j.hasTyp = true
		case "kid":
			j.kid, ok = m.value.Text()
			j.hasKid = true
		case "jku":
			j.jku = m.value
		default:
			j.extended = m.name
		}
		if !ok {
			return refuse("malformed", "header: %s is %s, want a string", m.name, m.value.Said())
		}
	}
	return nil
}

// Verify returns the key of cfg.Keys that signed token, which j was read from. The
// algorithm must be one of cfg.Algorithms (RFC 8725, Section 3.1). A header with an
// extension is refused, because none is understood (RFC 7515, Section 4.1.11; RFC 7797,
// Section 7). Keys in the header (jwk, x5c, x5u) are not even read (RFC 8725, Section
// 3.10).
//
// If known is still among the keys, it has verified the same token before, and the
// signature is not checked again.
func (j *JWS) Verify(ctx context.Context, token string, cfg *Config, known *Key) (*Key, error) {
	if err := j.check(token, cfg); err != nil {
		return nil, err
	}
	return cfg.Keys.Find(ctx, j.search(token, cfg, known))
}

// check is what Verify refuses whatever the keys are.
func (j *JWS) check(token string, cfg *Config) error {
	if j.extended != "" {
		return refuse("malformed", "the header has the extension %s, want none: none is understood", j.extended)
	}
	if !slices.Contains(cfg.Algorithms, j.alg) {
		return j.wrongAlgorithm(cfg)
	}
	if strings.HasSuffix(token, removedSignature) {
		// No key can verify it, so none is fetched for it.
		return refuse("signature", "Cloud Run has replaced the signature by %s: turn its IAM check off (--no-invoker-iam-check), so that the token arrives as it was sent", removedSignature[1:])
	}
	return nil
}

func (j *JWS) search(token string, cfg *Config, known *Key) *Search {
	return &Search{jws: j, token: token, known: known, cfg: cfg}
}

func (j *JWS) wrongAlgorithm(cfg *Config) error {
	why := ""
	symmetric := len(cfg.Algorithms) > 0 && algorithms[cfg.Algorithms[0]].secret > 0
	switch a, known := algorithms[j.alg]; {
	case strings.EqualFold(j.alg, "none"):
		why = "; the token is not signed"
	case known && a.secret > 0 && !symmetric:
		why = "; " + j.alg + " is for shared secrets, and public keys are configured" + diagnosis.Field(cfg.Fields.Keys)
	case known && a.secret == 0 && symmetric:
		why = "; " + j.alg + " is for public keys, and shared secrets are configured" + diagnosis.Field(cfg.Fields.Keys)
	}
	return refuse("algorithm", "alg is %s, want %s%s%s", diagnosis.Text(j.alg, j.hasAlg), diagnosis.OneOf(cfg.Algorithms), diagnosis.Field(cfg.Fields.Algorithms), why)
}

// checkForm allocates no memory, however large the token is. CVE-2025-30204 (golang-jwt)
// and CVE-2025-27144 (go-jose) came from splitting a token before its size was checked.
func checkForm(token string) error {
	switch dots := strings.Count(token, "."); {
	case dots == 4:
		return redoxauth.Errorf(redoxauth.ErrNoCredentials, "missing", "five segments, as an encrypted token (JWE) has, want the three of a signed JWT")
	case dots != 2:
		return notJWT()
	}
	if len(token) > maxToken {
		return refuse("malformed", "the token has %d bytes, want at most %d (fixed)", len(token), maxToken)
	}
	return nil
}

func notJWT() error {
	return redoxauth.Errorf(redoxauth.ErrNoCredentials, "missing", "not a JWT: want three segments with dots between them, the first of them a JSON object in base64url")
}

// decode decodes base64url without padding.
func decode(segment string) (string, error) {
	if !isBase64url(segment) {
		return "", errors.New("not base64url")
	}
	var text strings.Builder
	text.Grow(base64.RawURLEncoding.DecodedLen(len(segment)))
	var part [768]byte // of 1024 characters; DecodeString would need twice the memory
	for segment != "" {
		n := min(len(segment), 1024)
		m, err := base64.RawURLEncoding.Decode(part[:], []byte(segment[:n]))
		if err != nil {
			return "", err
		}
		text.Write(part[:m])
		segment = segment[n:]
	}
	return text.String(), nil
}

// isBase64url accepts one spelling of each value. The decoder of Go skips line breaks, and
// ignores the bits of the last character that belong to no byte.
func isBase64url(segment string) bool {
	var last byte
	for i := range len(segment) {
		if last = base64url[segment[i]]; last == 0 {
			return false
		}
	}
	last-- // the value of the character
	switch len(segment) % 4 {
	case 1:
		return false
	case 2:
		return last&0b1111 == 0
	case 3:
		return last&0b11 == 0
	}
	return true
}

// base64url holds the value of each character, plus one.
var base64url = func() (table [256]byte) {
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		table[c] = byte(i + 1)
	}
	return table
}()
