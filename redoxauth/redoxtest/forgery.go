package redoxtest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"
)

// Forgeries returns what attackers make of a genuine JWT, by name, and none of which
// may be accepted: signatures that are missing, altered or made with another key ([RFC
// 8725] says why). With the genuine key, which may be the zero Key, there are also
// tokens that are signed right and not valid: expired, for another audience, and so
// on; now is the verifier's time. It fails if token is no signed JWT.
//
// A token of another issuer is not among them: for one of several verifiers it is not
// forged, but somebody else's.
//
// [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725
func Forgeries(token string, key Key, now time.Time) (map[string]string, error) {
	parts := strings.Split(token, ".")
	f := forger{tokens: make(map[string]string)}
	if len(parts) != 3 || !decodeJSON(parts[0], &f.header) || !decodeJSON(parts[1], &f.claims) {
		return nil, errors.New("redoxtest: Forgeries: not a JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) == 0 {
		return nil, errors.New("redoxtest: Forgeries: not a signed JWT")
	}
	f.alterSignature(parts[0], parts[1], signature)
	f.alterContent(parts[0], parts[1], parts[2])
	f.replaceKey()
	if key.Signer != nil {
		f.confuseAlgorithms(key)
	}
	if key.Algorithm != "" {
		f.changeClaims(key, now)
	}
	return f.tokens, nil
}

type forger struct {
	header, claims map[string]any
	tokens         map[string]string
}

func decodeJSON(part string, v *map[string]any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, v) == nil
}

func (f *forger) add(name string, key Key, header, claims map[string]any) {
	key.ID = "" // the header decides
	all := maps.Clone(f.header)
	all["alg"] = key.Algorithm
	if token, err := key.Token(altered(all, header), altered(f.claims, claims)); err == nil {
		f.tokens[name] = token
	}
}

func (f *forger) alterSignature(head, payload string, signature []byte) {
	f.tokens["signature empty"] = head + "." + payload + "."
	f.tokens["signature of zeros"] = head + "." + payload + "." + encode(make([]byte, len(signature)))
	signature[len(signature)/2] ^= 1
	f.tokens["signature altered"] = head + "." + payload + "." + encode(signature)
}

func (f *forger) alterContent(head, payload, signature string) {
	part := func(v any) string {
		b, _ := json.Marshal(v) // it came out of JSON
		return encode(b)
	}
	f.tokens["claims altered"] = head + "." + part(altered(f.claims, map[string]any{"sub": "attacker"})) + "." + signature
	for _, none := range []string{"none", "None", "NONE", "nOnE"} {
		unsigned := part(altered(f.header, map[string]any{"alg": none})) + "." + payload + "."
		f.tokens["alg "+none] = unsigned
		f.tokens["alg "+none+" and a signature"] = unsigned + signature
	}
}

// replaceKey signs with a key of the attacker, which the header offers in every way.
func (f *forger) replaceKey() {
	algorithm, _ := f.header["alg"].(string)
	attacker := NewKey("attacker", algorithm)
	f.add("key other", attacker, nil, nil)
	f.add("kid a path", attacker, map[string]any{"kid": "../../../../dev/null"}, nil)
	public, err := attacker.jwk()
	if err != nil {
		return // HMAC: nothing to offer
	}
	var jwk map[string]any
	if json.Unmarshal(public, &jwk) != nil {
		return
	}
	f.add("jwk of the attacker", attacker, map[string]any{"jwk": jwk}, nil)
	f.add("jku of the attacker", attacker, map[string]any{"jku": "https://attacker.invalid/jwks.json"}, nil)
	f.add("x5u of the attacker", attacker, map[string]any{"x5u": "https://attacker.invalid/x509.pem"}, nil)
}

// confuseAlgorithms signs with an HMAC whose secret is the public key.
func (f *forger) confuseAlgorithms(key Key) {
	public, err := key.jwk()
	if err != nil {
		return
	}
	pem := key.PEM()
	f.add("HS256 under the public key as PEM", Key{Algorithm: "HS256", Secret: pem}, nil, nil)
	f.add("HS256 under the public key as trimmed PEM", Key{Algorithm: "HS256", Secret: []byte(strings.TrimSpace(string(pem)))}, nil, nil)
	f.add("HS256 under the public key as JWK", Key{Algorithm: "HS256", Secret: public}, nil, nil)
}

// changeClaims signs with the genuine key what is not valid.
func (f *forger) changeClaims(key Key, now time.Time) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for name, claims := range map[string]map[string]any{
		"expired":               {"exp": at(-time.Hour), "iat": at(-2 * time.Hour), "nbf": nil},
		"exp missing":           {"exp": nil},
		"exp a string":          {"exp": "4102444800"},
		"not yet valid":         {"nbf": at(time.Hour)},
		"issued in the future":  {"iat": at(time.Hour), "exp": at(2 * time.Hour)},
		"audience other":        {"aud": "https://other.invalid"},
		"audience missing":      {"aud": nil},
		"audience a list of no": {"aud": []string{}},
	} {
		f.add(name, key, nil, claims)
	}
	f.add("crit unknown", key, map[string]any{"crit": []string{"https://attacker.invalid/"}, "https://attacker.invalid/": true}, nil)
	f.add("b64 false", key, map[string]any{"crit": []string{"b64"}, "b64": false}, nil)
}
