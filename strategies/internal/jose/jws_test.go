package jose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// forms are changes to the form of a token that leave its content readable to lenient
// decoders (RFC 7515, Sections 2 and 7; RFC 8725bis, Section 3.14; Wycheproof,
// json_web_signature 357 to 377).
func forms() map[string]string {
	good := signed(nil, nil)
	segment := strings.Split(good, ".")
	join := func(s ...string) string { return strings.Join(s, ".") }
	ed := signedWith("EdDSA", keys().ed)
	claims := object(goodClaims)
	for len(claims)%3 != 2 {
		claims += " "
	}
	claims = b64([]byte(claims))
	list := map[string]string{
		"empty claims":           join(segment[0], "", segment[2]),
		"empty signature":        join(segment[0], segment[1], ""),
		"padding":                good + "=",
		"line break":             good + "\n",
		"carriage return":        join(segment[0], segment[1]+"\r", segment[2]),
		"tab":                    join(segment[0], segment[1], "\t"+segment[2]),
		"NUL":                    good + "\x00",
		"no ASCII":               join(segment[0], segment[1], "é"+segment[2]),
		"standard alphabet":      join(segment[0], segment[1], segment[2][:10]+"+/"+segment[2][12:]),
		"illegal character":      join(segment[0], segment[1], segment[2][:10]+"!"+segment[2][10:]),
		"one character too many": join(segment[0], segment[1], segment[2]+"AAA"),
		"header no JSON":         join(b64([]byte(`{"alg"`)), segment[1], segment[2]),
		"claims null":            join(segment[0], b64([]byte("null")), segment[2]),
		"claims no object":       join(segment[0], b64([]byte(`"iss"`)), segment[2]),
		"claims a token":         join(segment[0], b64([]byte(good)), segment[2]),
		"larger than 16 KiB":     join(segment[0], segment[1], segment[2]+strings.Repeat("A", 16<<10)),
	}
	// 64 bytes in 86 characters: four bits of the last one belong to no byte.
	for _, bit := range []int{1, 2, 4, 8} {
		list[fmt.Sprint("another spelling, bit ", bit)] = ed[:len(ed)-1] + string(nextSpelling(ed[len(ed)-1], bit))
	}
	// Two bits of the last character belong to no byte.
	for _, bit := range []int{1, 2} {
		list[fmt.Sprint("another spelling of the claims, bit ", bit)] = join(segment[0], claims[:len(claims)-1]+string(nextSpelling(claims[len(claims)-1], bit)), segment[2])
	}
	return list
}

// nextSpelling sets a bit of the last character that belongs to no byte.
func nextSpelling(c byte, bit int) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)|bit]
}

func TestFormHasOneSpelling(t *testing.T) {
	cfg := config()
	cfg.Algorithms = []string{"RS256", "EdDSA"}
	cfg.Keys.(*set).keys = append(cfg.Keys.(*set).keys, jwks(jwk(keys().ed, nil)).keys...)
	payloads := map[string]bool{"empty claims": true, "claims null": true, "claims no object": true, "claims a token": true}
	for name, token := range forms() {
		t.Run(name, func(t *testing.T) {
			check(t, cfg, token, redoxauth.ErrRejected, "malformed")
			if _, err := jose.ParseJWS(token); !payloads[name] {
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, "malformed")
			} else if err != nil {
				t.Errorf("ParseJWS, which reads no claims: %v", err)
			}
		})
	}
}

// Cloud Run replaces the signature of a token that it has checked itself. No key is fetched for
// what no key can verify.
func TestRemovedSignatureNeedsNoKeys(t *testing.T) {
	cfg := config()
	cfg.Keys = &set{err: redoxauth.Errorf(redoxauth.ErrUnavailable, "keys", "")}
	good := signed(nil, nil)
	check(t, cfg, good, redoxauth.ErrUnavailable, "keys")
	check(t, cfg, good[:strings.LastIndexByte(good, '.')]+".SIGNATURE_REMOVED_BY_GOOGLE", redoxauth.ErrRejected, "signature")
}

// The limit is 16 KiB, so that a token fits the headers that servers accept.
func TestTokenOf16KiBIsAccepted(t *testing.T) {
	const signature = 342 // of RSA with 2048 bits
	for kid := "1"; ; kid += "1" {
		header := object(with(goodHeader, map[string]any{"kid": kid}))
		size := func(claims string) int {
			return len(b64([]byte(header))) + len(b64([]byte(claims))) + signature + len("..")
		}
		claims := object(goodClaims)
		for size(claims) < 16<<10 {
			claims += " "
		}
		if size(claims) > 16<<10 {
			continue // base64 skips one length of four
		}
		cfg := config()
		cfg.Keys = jwks(jwk(keys().rsa, map[string]any{"kid": kid}))
		token := sign("RS256", keys().rsa, header, claims)
		if len(token) != 16<<10 {
			t.Fatalf("%d bytes", len(token))
		}
		check(t, cfg, token, nil, "")
		return
	}
}

// A token without the form of a JWT is passed on: an opaque token, a JWE or a JSON form of
// JWS. No Verifier accepts a JWE, which has five segments (RFC 8725bis, Section 3.13;
// CVE-2024-28122 and CVE-2024-28180 are faults of its decryption), or a JSON form (RFC
// 8725bis, Section 3.14; CVE-2024-21664 is a fault of its parsing).
func TestOtherFormsAreNotMine(t *testing.T) {
	good := signed(nil, nil)
	segment := strings.Split(good, ".")
	for name, token := range map[string]string{
		"nothing":                  "",
		"opaque":                   "ya29.a0AS3H6NxF2k",
		"opaque, with two dots":    "ya29.c.b0AXv0zTPIXDh-F2",
		"empty header":             "." + segment[1] + "." + segment[2],
		"all empty":                "..",
		"header with padding":      segment[0] + "=." + segment[1] + "." + segment[2],
		"header with a line break": segment[0][:4] + "\n" + segment[0][4:] + "." + segment[1] + "." + segment[2],
		"header after a space":     " " + good,
		"header an array":          b64([]byte(`["RS256"]`)) + "." + segment[1] + "." + segment[2],
		"header null":              b64([]byte("null")) + "." + segment[1] + "." + segment[2],
		"a secret":                 "4f1c8f8d-0d64-4a2f-9f39-6f1f2a5a3b11",
		"two segments":             segment[0] + "." + segment[1],
		"four segments":            good + ".AA",
		"JWE":                      good + ".AA.AA",
		"six segments":             good + ".AA.AA.AA",
		"general JSON":             `{"payload":"` + segment[1] + `","signatures":[{"protected":"` + segment[0] + `","signature":"` + segment[2] + `"}]}`,
		"flattened JSON with the algorithm unprotected": `{"payload":"` + segment[1] + `","header":{"alg":"RS256"},"signature":"` + segment[2] + `"}`, // GHSA-5739-39v2-5754
		"JWE whose encrypted key begins like claims":    segment[0] + "." + b64([]byte("{}")) + ".AA.AA.AA",
		"many dots": strings.Repeat(".", 1<<20), // CVE-2025-30204 (golang-jwt), CVE-2025-27144 (go-jose)
	} {
		t.Run(name, func(t *testing.T) {
			check(t, config(), token, redoxauth.ErrNoCredentials, "missing")
			_, err := jose.ParseJWS(token)
			verifiertest.CheckError(t, err, redoxauth.ErrNoCredentials, "missing")
		})
	}
}

// A token of dots or of 1 MB is refused before it is parsed.
func TestHostileTokensAllocateLittle(t *testing.T) {
	v := jose.New(config())
	for name, token := range map[string]string{
		"dots":  strings.Repeat(".", 1<<20),
		"large": strings.Repeat("A", 1<<19) + "." + strings.Repeat("A", 1<<19) + ".AA",
	} {
		if n := allocated(func() { v.Verify(t.Context(), token) }); n > 4096 {
			t.Errorf("%s: %d bytes allocated, want at most 4096", name, n)
		}
	}
}

func TestUnverifiedIssuer(t *testing.T) {
	for _, test := range []struct{ name, token, want string }{
		{"genuine", signed(nil, nil), "redox"},
		{"forged", sign("RS256", keys().rsa2, object(goodHeader), object(goodClaims)), "redox"},
		{"without", signed(nil, map[string]any{"iss": nil}), ""},
		{"opaque", "opaque", ""},
		{"malformed", "a.b.c", ""},
		{"larger than 16 KiB", signed(nil, map[string]any{"x": strings.Repeat("x", 16<<10)}), ""},
	} {
		if got := jose.UnverifiedIssuer(test.token); got != test.want {
			t.Errorf("%s: issuer %q, want %q", test.name, got, test.want)
		}
	}
}

// A sender chooses the jti. It must not choose one that is the name of another token.
func TestReplayIDOfAJTIIsThatOfNoOtherToken(t *testing.T) {
	cfg := config()
	v := jose.New(cfg)
	id := func(token string) string {
		t.Helper()
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return got.ReplayID(token)
	}
	without := id(signed(nil, map[string]any{"jti": nil}))
	if got := id(signed(nil, map[string]any{"jti": without})); got == without {
		t.Errorf("a token with the jti %q has the name of one without jti", without)
	}
}

func TestReplayIDNamesWhatWasSigned(t *testing.T) {
	cfg := config()
	cfg.Keys, cfg.Algorithms = jwks(jwk(keys().p256, map[string]any{"kid": "1"})), []string{"ES256"}
	v := jose.New(cfg)
	id := func(token string) string {
		t.Helper()
		got, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return got.ReplayID(token)
	}
	ecdsa := func(claims map[string]any) string {
		return sign("ES256", keys().p256, object(with(goodHeader, map[string]any{"alg": "ES256"})), object(with(goodClaims, claims)))
	}
	if a, b := id(ecdsa(nil)), id(ecdsa(map[string]any{"sub": "x"})); a != b {
		t.Errorf("one jti has two names: %s, %s", a, b)
	}
	if id(ecdsa(nil)) == id(ecdsa(map[string]any{"jti": "j2"})) {
		t.Error("two jtis have one name")
	}
	// A hash of the whole token would differ, and let a replay through.
	without := map[string]any{"jti": nil}
	a, b := ecdsa(without), ecdsa(without)
	if a == b {
		t.Fatal("ECDSA is expected to be randomised")
	}
	if id(a) != id(b) {
		t.Error("one signing input has two names")
	}
	if id(a) == id(ecdsa(map[string]any{"jti": nil, "sub": "x"})) {
		t.Error("two signing inputs have one name")
	}
}
