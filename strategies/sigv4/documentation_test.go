package sigv4_test

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// codeOfPackageComment returns the blocks of code in the package comment.
func codeOfPackageComment(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "sigv4.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok {
			blocks = append(blocks, code.Text)
		}
	}
	return blocks
}

// The package comment shows a program, a request that it accepts, the canonical request and
// the string to sign.
func TestPackageCommentShowsASignedRequest(t *testing.T) {
	blocks := codeOfPackageComment(t)
	if len(blocks) != 5 {
		t.Fatalf("got %d blocks of code, want the program, the table, the request, the canonical request, the string to sign:\n%q", len(blocks), blocks)
	}
	program, shown, canonical, stringToSign := blocks[0], blocks[2], strings.TrimSuffix(blocks[3], "\n"), strings.TrimSuffix(blocks[4], "\n")

	field := func(name string) string {
		m := regexp.MustCompile(name + `: +"([^"]+)"`).FindStringSubmatch(program)
		if m == nil {
			t.Fatalf("the program has no %s:\n%s", name, program)
		}
		return m[1]
	}
	cfg := sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: field("AccessKeyID"), SecretAccessKey: field("SecretAccessKey")}},
		Region:      field("Region"),
		Service:     field("Service"),
	}
	head, body, _ := strings.Cut(shown, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	received := func(edit ...string) *http.Request {
		t.Helper()
		wire := strings.NewReplacer(append(edit, "\n", "\r\n")...).Replace(head) + "\r\n\r\n" + body
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := received()
	date, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Now = func() time.Time { return date }

	claim := regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=\w+/(\S+), SignedHeaders=(\S+), Signature=(\w+)$`).FindStringSubmatch(r.Header.Get("Authorization"))
	if claim == nil {
		t.Fatalf("Authorization is %q", r.Header.Get("Authorization"))
	}
	scope, signed, signature := claim[1], strings.Split(claim[2], ";"), claim[3]

	want, _ := form{}.canonical(r, []byte(body), r.Host, signed, "")
	if diff := cmp.Diff(want, canonical); diff != "" {
		t.Errorf("the canonical request (-independent, +shown):\n%s", diff)
	}
	want = fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", r.Header.Get("X-Amz-Date"), scope, sha256.Sum256([]byte(want)))
	if diff := cmp.Diff(want, stringToSign); diff != "" {
		t.Errorf("the string to sign (-independent, +shown):\n%s", diff)
	}

	aws := received()
	aws.URL.Scheme, aws.URL.Host = "https", aws.Host
	aws.Header = http.Header{}
	redox := redoxtest.SigV4{AccessKey: cfg.Credentials[0].AccessKeyID, SecretKey: cfg.Credentials[0].SecretAccessKey, AWSRegion: cfg.Region, ServiceName: cfg.Service, Now: cfg.Now}
	if err := redox.Sign(aws); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aws.Header.Get("Authorization"), r.Header.Get("Authorization")); diff != "" {
		t.Errorf("Authorization (-AWS's signer, +shown):\n%s", diff)
	}

	v := newVerifier(t, cfg)
	if _, err := v.Verify(r); err != nil {
		t.Errorf("the request is refused: %v", err)
	}
	if got, _ := io.ReadAll(r.Body); string(got) != body {
		t.Errorf("the handler reads %q, want %q", got, body)
	}
	if _, err := v.Verify(received("from=z", "from=y")); err == nil {
		t.Error("another request is accepted with the signature " + signature)
	}
}

// ExampleNew runs the program of the package comment.
func TestPackageCommentShowsTheProgramOfTheExample(t *testing.T) {
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(source), "\nfunc ExampleNew() {\n")
	example, _, _ = strings.Cut(example, "\n}\n")
	program := codeOfPackageComment(t)[0]
	config, wrapped, ok := strings.Cut(program, `http.Handle("/redox", `)
	if !ok {
		t.Fatalf("the program registers no handler:\n%s", program)
	}
	wrapped = strings.TrimSuffix(wrapped, ")\n")
	for _, part := range []string{config, wrapped} {
		if !strings.Contains(strings.ReplaceAll("\n"+example, "\n\t", "\n"), part) {
			t.Errorf("ExampleNew lacks\n%s\nit is\n%s", part, example)
		}
	}
}
