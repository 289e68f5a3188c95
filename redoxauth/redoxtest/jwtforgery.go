package redoxtest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"
)

// ForgeJWT returns JWTs that an attacker may make from a genuine JWT, by name. A verifier
// must refuse each of them. The signature is missing, altered or made with another key
// ([RFC 8725] explains these attacks). If key is the genuine key, there are also JWTs with
// a right signature that are not valid, such as an expired one; now is the verifier's
// time. The zero Key leaves these out. ForgeJWT fails if token is not a signed JWT.
//
// A token of another issuer is not among the forgeries. To one of several verifiers it
// is somebody else's token.
//
// [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725
func ForgeJWT(token string, key Key, now time.Time) (map[string]string, error) {
	forged, err := forgeJWT(token, key, now)
	if err != nil {
		return nil, err
	}
	tokens := make(map[string]string, len(forged))
	for _, j := range forged {
		if tokens[j.name], err = j.sign(); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// A forgedJWT is signed when it is needed: a signature takes long.
type forgedJWT struct {
	name string
	sign func() (string, error)
}

func forgeJWT(token string, key Key, now time.Time) ([]forgedJWT, error) {
	parts := strings.Split(token, ".")
	var f jwtForger
	if len(parts) != 3 || !decodeJSON(parts[0], &f.header) || !decodeJSON(parts[1], &f.claims) {
		return nil, errors.New("redoxtest: ForgeJWT: not a JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) == 0 {
		return nil, errors.New("redoxtest: ForgeJWT: not a signed JWT")
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
	return f.forged, nil
}

// A jwtForger forges one JWT.
type jwtForger struct {
	header, claims map[string]any
	forged         []forgedJWT
}

func decodeJSON(part string, v *map[string]any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, v) == nil
}

// add adds a token that is signed with key.
func (f *jwtForger) add(name string, key Key, header, claims map[string]any) {
	key.ID = "" // the header decides
	if key.Signer == nil && key.Secret == nil {
		return // of an unknown algorithm
	}
	all := maps.Clone(f.header)
	all["alg"] = key.Algorithm
	f.forged = append(f.forged, forgedJWT{name, func() (string, error) {
		return key.Token(altered(all, header), altered(f.claims, claims))
	}})
}

// addText adds a token that needs no signature.
func (f *jwtForger) addText(name, token string) {
	f.forged = append(f.forged, forgedJWT{name, func() (string, error) { return token, nil }})
}

func (f *jwtForger) alterSignature(head, payload string, signature []byte) {
	f.addText("signature empty", head+"."+payload+".")
	f.addText("signature of zeros", head+"."+payload+"."+encode(make([]byte, len(signature))))
	signature[len(signature)/2] ^= 1
	f.addText("signature altered", head+"."+payload+"."+encode(signature))
}

func (f *jwtForger) alterContent(head, payload, signature string) {
	part := func(v any) string {
		b, _ := json.Marshal(v) // it came out of JSON
		return encode(b)
	}
	f.addText("claims altered", head+"."+part(altered(f.claims, map[string]any{"sub": "attacker"}))+"."+signature)
	for _, none := range []string{"none", "None", "NONE", "nOnE"} {
		unsigned := part(altered(f.header, map[string]any{"alg": none})) + "." + payload + "."
		f.addText("alg "+none, unsigned)
		f.addText("alg "+none+" and a signature", unsigned+signature)
	}
}

// replaceKey signs with the attacker's key. The header offers that key in every way.
func (f *jwtForger) replaceKey() {
	algorithm, _ := f.header["alg"].(string)
	attacker := NewKey("attacker", algorithm)
	f.add("other key", attacker, nil, nil)
	f.add("unknown key", attacker, map[string]any{"kid": "unknown"}, nil)
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

// confuseAlgorithms signs with HMAC and takes the public key as the secret.
func (f *jwtForger) confuseAlgorithms(key Key) {
	public, err := key.jwk()
	if err != nil {
		return
	}
	pem := key.PEM()
	f.add("HS256 under the public key as PEM", Key{Algorithm: "HS256", Secret: pem}, nil, nil)
	f.add("HS256 under the public key as trimmed PEM", Key{Algorithm: "HS256", Secret: []byte(strings.TrimSpace(string(pem)))}, nil, nil)
	f.add("HS256 under the public key as JWK", Key{Algorithm: "HS256", Secret: public}, nil, nil)
}

// changeClaims signs tokens that are not valid with the genuine key.
func (f *jwtForger) changeClaims(key Key, now time.Time) {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	f.add("expired", key, nil, map[string]any{"exp": at(-time.Hour), "iat": at(-2 * time.Hour), "nbf": nil})
	f.add("no exp", key, nil, map[string]any{"exp": nil})
	f.add("exp a string", key, nil, map[string]any{"exp": "4102444800"})
	f.add("not yet valid", key, nil, map[string]any{"nbf": at(time.Hour)})
	f.add("issued in the future", key, nil, map[string]any{"iat": at(time.Hour), "exp": at(2 * time.Hour)})
	if f.claims["aud"] != nil {
		f.add("other audience", key, nil, map[string]any{"aud": "https://other.invalid"})
		f.add("no audience", key, nil, map[string]any{"aud": nil})
		f.add("empty list of audiences", key, nil, map[string]any{"aud": []string{}})
	}
	f.add("crit unknown", key, map[string]any{"crit": []string{"https://attacker.invalid/"}, "https://attacker.invalid/": true}, nil)
	f.add("b64 false", key, map[string]any{"crit": []string{"b64"}, "b64": false}, nil)
}
