package sigv4senders

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const (
	accessKey    = "AKIDEXAMPLE"
	secretKey    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	newSecretKey = "the-secret-access-key-after-the-rotation"
	region       = "us-east-1"
)

// A request is what a sender is to send. The scripts read it as JSON.
type request struct {
	Address string            `json:"address"`
	Host    string            `json:"host"`
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"` // name of a file
	Service string            `json:"service"`

	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken"`
}

// The cases with these names are the columns of COMPATIBILITY.md, in their order.
var columns = []string{"//", "escapes", "?q=a+b", "?code=YWJj==", "?u=a:b/c@d,e", "?q=%c3%bc"}

// cases are requests that a sender may have to send, by name. A change is made to a POST of
// "{}" to /x. The names that begin with "s3" are for that service.
var cases = map[string]func(*request){
	"plain":            target("/redox"),
	"root":             target("/"),
	"//":               target("/a//b"),
	"escapes":          target("/a%20b/%C3%BC"),
	"// and escapes":   target("/a//b%20c"),
	"lower-case %c3":   target("/%c3%bc"),
	"%2F":              target("/a%2Fb"),
	"!'()*":            target("/x!'()*"),
	"~":                target("/~x"),
	"trailing /":       target("/a/"),
	"?a=1&b=2":         target("/x?a=1&b=2"),
	"?b=2&a=1":         target("/x?b=2&a=1"),
	"?a=1&a=2":         target("/x?a=1&a=2"),
	"?a=2&a=1":         target("/x?a=2&a=1"),
	"?a-b=1&a=2":       target("/x?a-b=1&a=2"),
	"?flag":            target("/x?flag"),
	"?empty=":          target("/x?empty="),
	"?":                target("/x?"),
	"?q=a%20b":         target("/x?q=a%20b"),
	"?q=a+b":           target("/x?q=a+b"),
	"?code=YWJj==":     target("/x?code=YWJj=="),
	"?code=YWJj%3D%3D": target("/x?code=YWJj%3D%3D"),
	"?u=a:b/c@d,e":     target("/x?u=a:b/c@d,e"),
	"?q=%c3%bc":        target("/x?q=%c3%bc"),
	"header":           header("X-Custom", "one"),
	"header a   b":     header("X-Custom", "a   b"),
	`header "a   b"`:   header("X-Custom", `"a   b"`),
	"unsigned payload": header("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
	"GET":              func(r *request) { r.Method, r.Body = "GET", "" },
	"PUT":              func(r *request) { r.Method = "PUT" },
	"no body":          func(r *request) { r.Body = "" },
	"1 MiB":            func(r *request) { r.Body = strings.Repeat("0123456789abcdef", 1<<16) },
	"session token":    func(r *request) { r.SessionToken = "a/session+token==" },
	"new secret":       func(r *request) { r.SecretAccessKey = newSecretKey },

	"s3":               target("/bucket/key"),
	"s3 //":            target("/bucket/a//b"),
	"s3 escapes":       target("/bucket/a%20b/%C3%BC"),
	"s3 %2F":           target("/bucket/a%2Fb"),
	"s3 no body":       func(r *request) { r.Target, r.Body = "/bucket/key", "" },
	"s3 1 MiB":         func(r *request) { r.Target, r.Body = "/bucket/key", strings.Repeat("0123456789abcdef", 1<<16) },
	"s3 session token": func(r *request) { r.Target, r.SessionToken = "/bucket/key", "a/session+token==" },
	"s3 new secret":    func(r *request) { r.Target, r.SecretAccessKey = "/bucket/key", newSecretKey },
}

func target(s string) func(*request) { return func(r *request) { r.Target = s } }

func header(name, value string) func(*request) {
	return func(r *request) { r.Headers[name] = value }
}

// newRequest returns the request of a case, for a server.
func newRequest(t *testing.T, name, address string) request {
	r := request{
		Address: address, Host: address, Method: "POST", Target: "/x", Body: "{}", Service: "execute-api",
		Headers:     map[string]string{"Content-Type": "application/json"},
		AccessKeyID: accessKey, SecretAccessKey: secretKey,
	}
	if strings.HasPrefix(name, "s3") {
		r.Method, r.Service = "PUT", "s3"
	}
	cases[name](&r)
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(r.Body), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Body = file
	return r
}

// A setting is what a destination may have to set for a sender.
type setting struct {
	name string
	cfg  sigv4.Config
}

// settings are in the order in which they are tried.
var settings = []setting{
	{"yes", sigv4.Config{}},
	{"DisablePathNormalization", sigv4.Config{DisablePathNormalization: true}},
	{"DisableDoubleEncoding", sigv4.Config{DisableDoubleEncoding: true}},
	{"both", sigv4.Config{DisablePathNormalization: true, DisableDoubleEncoding: true}},
	{"InsecureAllowUnsignedPayload", sigv4.Config{InsecureAllowUnsignedPayload: true}},
}

// Other outcomes.
const (
	refused = "no"
	notSent = "not sent" // the sender does not send such a request
)
