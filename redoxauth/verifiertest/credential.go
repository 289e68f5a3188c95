package verifiertest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// foreign are credentials of every kind that Redox can send. They belong to nobody, so no
// Verifier knows them.
var foreign = []foreignCredential{
	{"verification token", "Verification-Token", "f0e1d2c3b4a5968778695a4b3c2d1e0f"},
	{"AWS signature", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIDOFSOMEBODYELSE/20261124/eu-north-1/somebody/aws4_request, " +
		"SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("0f", 32)},
	{"JWT of another issuer", "Authorization", "Bearer " + foreignJWT()},
	{"opaque bearer token", "Authorization", "Bearer f0e1d2c3b4a5968778695a4b3c2d1e0f"},
	{"Google access token", "Authorization", "Bearer ya29.f0e1d2c3b4a5968778695a4b3c2d1e0f"},
	{"Basic credentials", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("somebody:f0e1d2c3b4a5968778695a4b"))},
}

type foreignCredential struct{ name, header, value string }

func (f foreignCredential) add(r *http.Request) *http.Request {
	r.Header.Set(f.header, f.value)
	if strings.HasPrefix(f.value, "AWS4-") {
		r.Header.Set("X-Amz-Date", "20261124T053100Z")
	}
	return r
}

func foreignJWT() string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"RS256","kid":"somebody","typ":"JWT"}`)) + "." +
		e([]byte(`{"iss":"https://somebody.example","sub":"somebody","aud":"https://elsewhere.example","exp":4102444800}`)) + "." +
		e(bytes.Repeat([]byte{0x5a}, 256))
}

// kind returns the kind of credential that a header value is. In Authorization the scheme
// decides, and of a bearer token whether it is a JWT, and whose. Schemes are case-insensitive
// (RFC 9110, Section 11.1).
func kind(header, value string) string {
	if header != "Authorization" {
		return header
	}
	scheme, token, _ := strings.Cut(value, " ")
	kind := header + " " + strings.ToLower(scheme)
	if issuer, ok := issuerOf(token); kind == bearer && ok {
		kind += " JWT of " + issuer
	}
	return kind
}

// bearer is the kind of a bearer token that is no JWT.
const bearer = "Authorization bearer"

// issuerOf returns the issuer of a JWT, not verified.
func issuerOf(token string) (issuer string, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return "", false
	}
	return claims.Issuer, true
}

// claims reports whether f is of a kind that the Verifier claims. A Verifier of bearer tokens
// that are no JWTs may claim all of them, but one of JWTs knows them by the issuer.
func (s Suite) claims(f foreignCredential) bool {
	k, claimed := kind(f.header, f.value), s.claimed()
	return slices.Contains(claimed, k) || strings.HasPrefix(k, bearer) && slices.Contains(claimed, bearer)
}

// claimed returns the kinds of credential that the Verifier claims: those in Genuine and
// Forged.
func (s Suite) claimed() []string {
	requests := []*http.Request{s.Genuine()}
	for _, forged := range s.Forged {
		requests = append(requests, forged())
	}
	var all []string
	for _, r := range requests {
		all = append(all, kinds(r)...)
	}
	return all
}

func kinds(r *http.Request) []string {
	var all []string
	for name, values := range r.Header {
		for _, value := range values {
			all = append(all, kind(name, value))
		}
	}
	slices.Sort(all)
	return all
}

// carriers returns the headers of Genuine that hold the credential. Without such a header
// the error is ErrNoCredentials. AllOf may return another error if the credential of a
// later member is missing, so a header counts too if it looks secret and is required.
func (c *check) carriers() []string {
	v := c.suite.New()
	var names []string
	for name := range c.suite.Genuine().Header {
		r := c.suite.Genuine()
		secret := slices.Contains(secretHeaders, name) || !slices.Contains(publicHeaders, name) && len(secretsIn(r.Header.Get(name), r.Header)) > 0
		r.Header.Del(name)
		_, err := c.verify("without the header "+name, v, r)
		if err != nil && secret || isNoCredentials(err) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// secretHeaders hold credentials for every Verifier.
var secretHeaders = []string{"Authorization", "Verification-Token", "X-Amz-Security-Token"}

// wireSecrets returns the parts of r that must not appear in errors and logs: credentials
// of 16 characters or more in header values.
func wireSecrets(r *http.Request) []string {
	var secrets []string
	for name, values := range r.Header {
		if slices.Contains(publicHeaders, name) {
			continue
		}
		for _, value := range values {
			secrets = append(secrets, secretsIn(value, r.Header)...)
		}
	}
	return secrets
}

// publicHeaders may be quoted in errors.
var publicHeaders = []string{"Accept", "Accept-Encoding", "Application-Name", "Content-Type", "Content-Length", "User-Agent", "X-Amz-Date", "X-Amz-Content-Sha256"}

// secretsIn returns the credentials in a header value.
func secretsIn(value string, header http.Header) []string {
	if _, credentials, ok := strings.Cut(value, " "); ok { // after the scheme
		value = credentials
	}
	var secrets []string
	for _, field := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(` ,;="`, r) }) {
		if strings.HasSuffix(field, "/aws4_request") || header.Get(field) != "" || len(field) < 16 {
			continue // credential scopes and names of headers are not secret
		}
		secrets = append(secrets, field)
		// The end is a JWT's signature, or that of a key ID, which is a name like the user-id of
		// Basic (RFC 7617, Section 2). It is what a careless Verifier shows when it expects another.
		if i := strings.LastIndexAny(field, ".:"); i >= 0 && len(field)-i > 16 {
			secrets = append(secrets, field[i+1:])
		}
	}
	return secrets
}
