package sigv4_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// testdata returns a folder of the shared test data.
func testdata(t testing.TB, path ...string) string {
	root := os.Getenv("REDOXAUTH_TESTDATA")
	if root == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	return filepath.Join(append([]string{root}, path...)...)
}

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON(t testing.TB, to any, path ...string) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, path...), to); err != nil {
		t.Fatal(err)
	}
}

// parse reads a raw request as net/http does. Raw test requests without a
// Content-Length have a body all the same.
func parse(raw []byte) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, err
	}
	if _, body, _ := bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n\n")); len(body) > 0 && r.ContentLength == 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return r, nil
}

type awsContext struct {
	Credentials struct {
		Key    string `json:"access_key_id"`
		Secret string `json:"secret_access_key"`
		Token  string
	}
	Region, Service string
	Normalize       bool
	Timestamp       time.Time
}

func (c awsContext) config() sigv4.Config {
	return sigv4.Config{
		Credentials:              []sigv4.Credential{{AccessKeyID: c.Credentials.Key, SecretAccessKey: c.Credentials.Secret, SessionToken: c.Credentials.Token}},
		Region:                   c.Region,
		Service:                  c.Service,
		DisableDoubleEncoding:    true, // the suite's paths are not encoded yet
		DisablePathNormalization: !c.Normalize,
		Now:                      func() time.Time { return c.Timestamp },
	}
}

// TestAWSSuite runs the SigV4 test suite of https://github.com/awslabs/aws-c-auth.
func TestAWSSuite(t *testing.T) {
	root := testdata(t, "vectors", "aws-c-auth", "v4")
	folders, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil || len(folders) != 38 {
		t.Fatalf("%d folders, %v; want 38", len(folders), err)
	}
	accepted := 0
	for _, folder := range folders {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			var c awsContext
			readJSON(t, &c, folder, "context.json")
			v := newVerifier(t, c.config())
			header := readFile(t, folder, "header-signed-request.txt")
			query := readFile(t, folder, "query-signed-request.txt")
			if strings.HasPrefix(name, "get-space-") { // a raw space in the request line
				for _, raw := range [][]byte{header, query} {
					if got := statusOnTheWire(t, v, raw); got != http.StatusBadRequest {
						t.Errorf("status %d, want 400 of net/http", got)
					}
				}
				return
			}
			r, err := parse(header)
			if err != nil {
				t.Fatal(err)
			}
			_, err = v.Verify(r)
			if name == "post-sts-header-after" { // the session token was added unsigned
				if !errors.Is(err, redoxauth.ErrRejected) || reasonOf(err) != "unsigned_header" {
					t.Errorf("error %v, want unsigned_header", err)
				}
			} else if err != nil {
				t.Errorf("header form: %v\n%s", err, v.Explain(r))
			} else {
				accepted++
				checkExplained(t, v.Explain(r), string(readFile(t, folder, "header-canonical-request.txt")), c.Credentials.Token)
				checkExplained(t, v.Explain(r), string(readFile(t, folder, "header-string-to-sign.txt")), "")
			}
			if r, err = parse(query); err != nil {
				t.Fatal(err)
			}
			if _, err = v.Verify(r); !errors.Is(err, redoxauth.ErrRejected) || reasonOf(err) != "query" {
				t.Errorf("query form: error %v, want query", err)
			}
		})
	}
	if accepted != 35 {
		t.Errorf("%d accepted, want 35", accepted)
	}
}

// checkExplained wants a text of the suite in what Explain shows, but for its secrets.
func checkExplained(t *testing.T, got, want, token string) {
	t.Helper()
	if token != "" {
		want = strings.Replace(want, token, "[redacted]", 1)
	}
	if want = strings.TrimSpace(want); !strings.Contains(got, want) {
		t.Errorf("Explain shows\n%s\nwant\n%s", got, want)
	}
}

// statusOnTheWire sends raw bytes to a server that v protects.
func statusOnTheWire(t *testing.T, v *sigv4.Verifier, raw []byte) int {
	t.Helper()
	server := &http.Server{Handler: v.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}
	near, far := net.Pipe()
	defer near.Close()
	go server.Serve(&oneConn{conn: far})
	go near.Write(append(bytes.TrimSpace(raw), "\r\n\r\n"...))
	response, err := http.ReadResponse(bufio.NewReader(near), nil)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// A oneConn listens to one connection.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, net.ErrClosed
	}
	conn := l.conn
	l.conn = nil
	return conn, nil
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// TestAWSDocumentation runs the worked examples of
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func TestAWSDocumentation(t *testing.T) {
	var examples []struct {
		Name      string
		Key       string `json:"access_key_id"`
		Secret    string `json:"secret_access_key"`
		Region    string
		Service   string
		Request   string `json:"canonical_request"`
		Signature string
		Body      string
	}
	readJSON(t, &examples, testdata(t, "vectors", "aws-doc-examples"), "sigv4-doc-examples.json")
	accepted := 0
	for _, e := range examples {
		t.Run(e.Name, func(t *testing.T) {
			r, signed, date := fromCanonical(t, e.Request, e.Body)
			if e.Name == "s3-presigned-get" {
				r.RequestURI += "&X-Amz-Signature=" + e.Signature
			} else {
				r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request,SignedHeaders=%s,Signature=%s",
					e.Key, date.Format("20060102"), e.Region, e.Service, signed, e.Signature))
			}
			v := newVerifier(t, sigv4.Config{
				Credentials: []sigv4.Credential{{AccessKeyID: e.Key, SecretAccessKey: e.Secret}},
				Region:      e.Region,
				Service:     e.Service,
				Now:         func() time.Time { return date },
			})
			_, err := v.Verify(r)
			if e.Name == "s3-presigned-get" {
				if !errors.Is(err, redoxauth.ErrRejected) || reasonOf(err) != "query" {
					t.Errorf("error %v, want query", err)
				}
			} else if err != nil {
				t.Errorf("%v\n%s", err, v.Explain(r))
			} else {
				accepted++
			}
		})
	}
	if accepted != 5 {
		t.Errorf("%d accepted, want 5", accepted)
	}
}

// fromCanonical makes a request of a canonical request whose path and query are those
// of the wire.
func fromCanonical(t *testing.T, text, body string) (r *http.Request, signed string, date time.Time) {
	t.Helper()
	lines := strings.Split(text, "\n")
	target := strings.TrimSuffix(lines[1]+"?"+lines[2], "?")
	r, err := http.NewRequest(lines[0], "http://unused"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = target
	for _, line := range lines[3 : len(lines)-3] {
		name, value, _ := strings.Cut(line, ":")
		if name == "host" {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	date, _ = time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	return r, lines[len(lines)-2], date
}
