package trial

import (
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A trial is one message and the status that it must get.
type trial struct {
	name, strategy string
	path           string // below /redox
	message        []byte
	before         func(*http.Request) // changes the request before it is signed
	sender         redoxtest.Signer
	after          func(*http.Request) // changes the signed request
	want           int
}

var (
	sender = redoxtest.VerificationToken{Token: token}
	signer = redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "a secret of thirty-two characters", ServiceName: "redox", AWSRegion: "eu-west-1"}
	bearer = &redoxtest.JWTBearer{Key: redoxtest.NewKey("1", "ES256"), Issuer: "redox", Audience: []string{"destination"}}
)

func cases() []trial {
	message, largest := redoxtest.PatientAdmin(), redoxtest.Large(maxBody)
	tooLarge := redoxtest.Large(maxBody + 1)
	declared := signer
	declared.DeclarePayloadHash = true
	const ok, unauthorized, large = http.StatusOK, http.StatusUnauthorized, http.StatusRequestEntityTooLarge
	all := []trial{
		{name: "token", strategy: "verifytoken", message: message, sender: sender, want: ok},
		{name: "token, largest body", strategy: "verifytoken", message: largest, sender: sender, want: ok},
		{name: "token, chunked", strategy: "verifytoken", message: largest, before: chunked, sender: sender, want: ok},
		{name: "token, body too large", strategy: "verifytoken", message: tooLarge, sender: sender, want: large},
		{name: "token, chunked body too large", strategy: "verifytoken", message: tooLarge, before: chunked, sender: sender, want: large},

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
		{name: "signature, repeated header changed", strategy: "sigv4", message: message, before: add("X-Note", "one", "two"), sender: signer, after: add("X-Note", "three"), want: unauthorized},
		{name: "signature, body too large", strategy: "sigv4", message: tooLarge, sender: signer, want: large},
		{name: "signature, chunked body too large", strategy: "sigv4", message: tooLarge, before: chunked, sender: signer, want: large},

		{name: "bearer", strategy: "jwtbearer", message: message, sender: bearer, want: ok},
		{name: "bearer, largest body", strategy: "jwtbearer", message: largest, sender: bearer, want: ok},
		{name: "bearer, chunked", strategy: "jwtbearer", message: largest, before: chunked, sender: bearer, want: ok},
		{name: "bearer, body too large", strategy: "jwtbearer", message: tooLarge, sender: bearer, want: large},
		{name: "bearer, chunked body too large", strategy: "jwtbearer", message: tooLarge, before: chunked, sender: bearer, want: large},

		{name: "outage", strategy: "outage", message: message, sender: bearer, want: http.StatusServiceUnavailable},
	}
	for strategy, forgeries := range map[string][]redoxtest.Forgery{
		"verifytoken": sender.Forgeries(), "sigv4": signer.Forgeries(), "jwtbearer": bearer.Forgeries(),
	} {
		for _, f := range forgeries {
			all = append(all, trial{name: strategy + ": " + f.Name, strategy: strategy, path: "/a?a=1", message: message, sender: f, want: f.Status})
		}
	}
	return all
}

func add(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = append(r.Header[name], values...) }
}

// multipart says that the body is a form. A framework that parses the form and writes it
// again would write it in another spelling.
func multipart(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }

func chunked(r *http.Request) { r.ContentLength = -1 }
