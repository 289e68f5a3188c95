package trial

import (
	"bytes"
	"io"
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A trial is one message and the status that it must get.
type trial struct {
	name, strategy string
	path           string // below /redox
	message        []byte
	before         func(*http.Request) // done to the request before it is signed
	sender         redoxtest.Signer
	after          func(*http.Request) // done on the way
	want           int
}

var (
	key      = redoxtest.NewKey("1", "ES256")
	signer   = redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "a secret of thirty-two characters", ServiceName: "redox", AWSRegion: "eu-west-1"}
	declared = redoxtest.SigV4{AccessKey: signer.AccessKey, SecretKey: signer.SecretKey, ServiceName: "redox", AWSRegion: "eu-west-1", DeclarePayloadHash: true}
	stranger = redoxtest.SigV4{AccessKey: signer.AccessKey, SecretKey: "another secret, not the same one", ServiceName: "redox", AWSRegion: "eu-west-1"}
	bearer   = &redoxtest.JWTBearer{Key: key, Issuer: "redox", Audience: []string{"destination"}}
	forger   = &redoxtest.JWTBearer{Key: sameID(redoxtest.NewKey("another", "ES256")), Issuer: "redox", Audience: []string{"destination"}}
)

func cases() []trial {
	message, largest := redoxtest.PatientAdmin(), redoxtest.Large(maxBody)
	tooLarge := redoxtest.Large(maxBody + 1)
	const ok, unauthorized, bad, large = http.StatusOK, http.StatusUnauthorized, http.StatusBadRequest, http.StatusRequestEntityTooLarge
	theToken := redoxtest.VerificationToken{Token: token}
	return []trial{
		{name: "token", strategy: "verifytoken", message: message, sender: theToken, want: ok},
		{name: "token, wrong", strategy: "verifytoken", message: message, sender: redoxtest.VerificationToken{Token: "another"}, want: unauthorized},
		{name: "token, none", strategy: "verifytoken", message: message, want: unauthorized},
		{name: "token, two headers", strategy: "verifytoken", message: message, sender: theToken, after: again("Verification-Token"), want: bad},
		{name: "token, largest body", strategy: "verifytoken", message: largest, sender: theToken, want: ok},
		{name: "token, body too large", strategy: "verifytoken", message: tooLarge, sender: theToken, want: large},

		{name: "signature", strategy: "sigv4", message: message, sender: signer, want: ok},
		{name: "signature, hash declared", strategy: "sigv4", message: message, sender: declared, want: ok},
		{name: "signature, largest body", strategy: "sigv4", message: largest, sender: signer, want: ok},
		{name: "signature, chunked", strategy: "sigv4", message: largest, before: chunked, sender: signer, want: ok},
		{name: "signature, query", strategy: "sigv4", path: "?b=2&a=1&a=x%20%2B", message: message, sender: signer, want: ok},
		{name: "signature, space in the path", strategy: "sigv4", path: "/a%20b", message: message, sender: signer, want: ok},
		{name: "signature, escaped slash in the path", strategy: "sigv4", path: "/a%2Fb", message: message, sender: signer, want: ok},
		{name: "signature, list in a header", strategy: "sigv4", message: message, before: add("X-Note", "one, two"), sender: signer, want: ok},
		{name: "signature, repeated header", strategy: "sigv4", message: message, before: add("X-Note", "one", "two"), sender: signer, want: ok},
		{name: "signature, multipart body", strategy: "sigv4", message: []byte("--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n--x--"), before: multipart, sender: signer, want: ok},
		{name: "signature, host in capitals", strategy: "sigv4", message: message, before: func(r *http.Request) { r.Host = "Destination.EXAMPLE" }, sender: signer, want: ok},
		{name: "signature, none", strategy: "sigv4", message: message, want: unauthorized},
		{name: "signature, wrong secret", strategy: "sigv4", message: message, sender: stranger, want: unauthorized},
		{name: "signature, two headers", strategy: "sigv4", message: message, sender: signer, after: again("Authorization"), want: bad},
		{name: "signature, body changed", strategy: "sigv4", message: message, sender: signer, after: tamper, want: unauthorized},
		{name: "signature, body changed, hash declared", strategy: "sigv4", message: message, sender: declared, after: tamper, want: unauthorized},
		{name: "signature, query changed", strategy: "sigv4", path: "?a=1", message: message, sender: signer, after: func(r *http.Request) { r.URL.RawQuery = "a=2" }, want: unauthorized},
		{name: "signature, path changed", strategy: "sigv4", path: "/a", message: message, sender: signer, after: func(r *http.Request) { r.URL.Path = "/redox/b" }, want: unauthorized},
		{name: "signature, repeated header changed", strategy: "sigv4", message: message, before: add("X-Note", "one", "two"), sender: signer, after: add("X-Note", "three"), want: unauthorized},
		{name: "signature, body too large", strategy: "sigv4", message: tooLarge, sender: signer, want: large},
		{name: "signature, chunked body too large", strategy: "sigv4", message: tooLarge, before: chunked, sender: signer, want: large},

		{name: "bearer", strategy: "jwtbearer", message: message, sender: bearer, want: ok},
		{name: "bearer, largest body", strategy: "jwtbearer", message: largest, sender: bearer, want: ok},
		{name: "bearer, chunked", strategy: "jwtbearer", message: largest, before: chunked, sender: bearer, want: ok},
		{name: "bearer, none", strategy: "jwtbearer", message: message, want: unauthorized},
		{name: "bearer, another key", strategy: "jwtbearer", message: message, sender: forger, want: unauthorized},
		{name: "bearer, two headers", strategy: "jwtbearer", message: message, sender: bearer, after: add("Authorization", "Bearer another"), want: bad},
		{name: "bearer, body too large", strategy: "jwtbearer", message: tooLarge, sender: bearer, want: large},

		{name: "outage", strategy: "outage", message: message, sender: bearer, want: http.StatusServiceUnavailable},
	}
}

// sameID gives another key the ID of the one that is trusted.
func sameID(another redoxtest.Key) redoxtest.Key {
	another.ID = key.ID
	return another
}

func add(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = append(r.Header[name], values...) }
}

// again sends a header twice.
func again(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, r.Header.Get(name)) }
}

// multipart is a form in a spelling that nobody would write it in again.
func multipart(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }

func chunked(r *http.Request) { r.ContentLength = -1 }

// tamper changes one byte of the body.
func tamper(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	body[len(body)/2] ^= 1
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = nil
}
