package sigv4_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// vectors returns a folder of published test vectors, which are not in this repository.
func vectors(t testing.TB, path ...string) string {
	root := os.Getenv("REDOXAUTH_TESTDATA")
	if root == "" {
		t.Skip("REDOXAUTH_TESTDATA is not set")
	}
	return filepath.Join(append([]string{root, "vectors"}, path...)...)
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

// suiteConfig accepts the requests of a suite, also those with dot segments.
func suiteConfig(key, secret, token, region, service string, now time.Time) sigv4.Config {
	return sigv4.Config{
		Credentials:              []sigv4.Credential{{AccessKeyID: key, SecretAccessKey: secret, SessionToken: token}},
		Region:                   region,
		Service:                  service,
		InsecureAllowDotSegments: true,
		Now:                      func() time.Time { return now },
	}
}

// TestAWSSuite runs the SigV4 test suite of https://github.com/awslabs/aws-c-auth.
func TestAWSSuite(t *testing.T) {
	root := vectors(t, "aws-c-auth", "v4")
	folders, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil || len(folders) != 38 {
		t.Fatalf("%d folders, %v; want 38", len(folders), err)
	}
	accepted, dots := 0, 0
	for _, folder := range folders {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			var c struct {
				Credentials struct {
					Key    string `json:"access_key_id"`
					Secret string `json:"secret_access_key"`
					Token  string
				}
				Region, Service string
				Normalize       bool
				Timestamp       time.Time
			}
			readJSON(t, &c, folder, "context.json")
			cfg := suiteConfig(c.Credentials.Key, c.Credentials.Secret, c.Credentials.Token, c.Region, c.Service, c.Timestamp)
			cfg.DisableDoubleEncoding, cfg.DisablePathNormalization = true, !c.Normalize // the suite's paths are not encoded yet
			v := newVerifier(t, cfg)
			r, headerErr := parse(readFile(t, folder, "header-signed-request.txt"))
			query, queryErr := parse(readFile(t, folder, "query-signed-request.txt"))
			if strings.HasPrefix(name, "get-space-") { // a raw space in the request line
				if headerErr == nil || queryErr == nil {
					t.Error("net/http accepts it")
				}
				return
			}
			if headerErr != nil || queryErr != nil {
				t.Fatal(headerErr, queryErr)
			}
			_, err = v.Verify(r)
			if name == "post-sts-header-after" { // the session token was added unsigned
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, "unsigned_header")
			} else if err != nil {
				t.Errorf("header form: %v\n%s", err, v.Explain(r))
			} else {
				accepted++
				explained := v.Explain(r)
				for _, file := range []string{"header-canonical-request.txt", "header-string-to-sign.txt"} {
					want := strings.TrimSpace(string(readFile(t, folder, file)))
					if token := c.Credentials.Token; token != "" {
						want = strings.Replace(want, token, "[redacted]", 1)
					}
					if !strings.Contains(explained, want) {
						t.Errorf("Explain shows\n%s\nwant\n%s", explained, want)
					}
				}
			}
			if checkDotSegments(t, cfg, r) {
				dots++
			}
			_, err = v.Verify(query)
			verifiertest.CheckError(t, err, redoxauth.ErrRejected, "query")
		})
	}
	if accepted != 35 || dots != 8 {
		t.Errorf("%d accepted, %d with dot segments, want 35 and 8", accepted, dots)
	}
}

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
	readJSON(t, &examples, vectors(t, "aws-doc-examples"), "sigv4-doc-examples.json")
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
			v := newVerifier(t, suiteConfig(e.Key, e.Secret, "", e.Region, e.Service, date))
			_, err := v.Verify(r)
			if e.Name == "s3-presigned-get" {
				verifiertest.CheckError(t, err, redoxauth.ErrRejected, "query")
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

// A capture is a request that an independent client sent.
type capture struct {
	File       string
	Key        string `json:"access_key"`
	Secret     string `json:"secret_key"`
	Token      string `json:"session_token"`
	Region     string
	Service    string
	Date       string `json:"x_amz_date"`
	Strict     *bool  `json:"verifies_strict"`
	StrictKept bool   `json:"verifies_strict_without_path_normalisation"`
	raw        []byte
}

func captures(t testing.TB) []capture {
	t.Helper()
	const root = "testdata/captures"
	var all []capture
	readJSON(t, &all, root, "index.json")
	if len(all) == 0 {
		t.Fatal("no captures")
	}
	for i := range all {
		all[i].raw = readFile(t, root, all[i].File)
	}
	return all
}

func (c capture) config(keepPath bool) sigv4.Config {
	date, _ := time.Parse("20060102T150405Z", c.Date)
	cfg := suiteConfig(c.Key, c.Secret, c.Token, c.Region, cmp.Or(c.Service, "execute-api"), date)
	cfg.DisablePathNormalization = keepPath
	return cfg
}

// TestIndependentClients verifies what Node's and Go's signers sent. Requests that do not verify
// deviate from AWS's rules; their files say how.
func TestIndependentClients(t *testing.T) {
	accepted, dots := 0, 0
	for _, c := range captures(t) {
		t.Run(c.File, func(t *testing.T) {
			for _, keepPath := range []bool{false, true} {
				r, err := parse(c.raw)
				if err != nil {
					t.Fatal(err)
				}
				_, err = newVerifier(t, c.config(keepPath)).Verify(r)
				if c.Strict == nil { // presigned
					verifiertest.CheckError(t, err, redoxauth.ErrRejected, "query")
					continue
				}
				want := *c.Strict && !keepPath || c.StrictKept && keepPath
				if want != (err == nil) {
					t.Errorf("without path normalization %t: error %v, want accepted %t", keepPath, err, want)
				}
				if err == nil {
					accepted++
				}
				if checkDotSegments(t, c.config(keepPath), r) {
					dots++
				}
			}
		})
	}
	if accepted == 0 || dots == 0 {
		t.Errorf("%d accepted, %d with dot segments", accepted, dots)
	}
	t.Logf("%d accepted, %d with dot segments", accepted, dots)
}
