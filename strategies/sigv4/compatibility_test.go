package sigv4_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// A sent is a request that a sender of others sent to a server on loopback. Its data is
// invented.
type sent struct {
	Outcome string // the first setting that accepts it, or "no"
	Request string
}

// sentRequests returns testdata/senders.json: requests by sender and by what they have.
func sentRequests(t *testing.T) (senders map[string]map[string]sent) {
	t.Helper()
	readJSON(t, &senders, "testdata", "senders.json")
	return senders
}

// Requests of other senders are accepted as testdata says.
func TestSendersAreAcceptedAsRecorded(t *testing.T) {
	settings := []struct {
		name string
		cfg  sigv4.Config
	}{
		{"yes", sigv4.Config{}},
		{"DisablePathNormalization", sigv4.Config{DisablePathNormalization: true}},
		{"DisableDoubleEncoding", sigv4.Config{DisableDoubleEncoding: true}},
		{"both", sigv4.Config{DisablePathNormalization: true, DisableDoubleEncoding: true}},
		{"InsecureAllowUnsignedPayload", sigv4.Config{InsecureAllowUnsignedPayload: true}},
	}
	for sender, requests := range sentRequests(t) {
		for name, sent := range requests {
			outcome, errs := "no", []error(nil)
			for _, s := range settings {
				r, err := parse([]byte(sent.Request))
				if err != nil {
					t.Fatal(err)
				}
				date, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
				if err != nil {
					t.Fatal(err)
				}
				cfg := s.cfg
				cfg.Credentials = testConfig().Credentials
				if strings.HasSuffix(name, "session token") {
					cfg.Credentials[0].SessionToken = "a/session+token=="
				}
				scope := strings.Split(r.Header.Get("Authorization"), "/") // some senders take the service from Host
				cfg.Region, cfg.Service = "us-east-1", scope[3]
				cfg.Now = func() time.Time { return date }
				if _, err = newVerifier(t, cfg).Verify(r); err == nil {
					outcome = s.name
					break
				}
				errs = append(errs, err)
			}
			if outcome != sent.Outcome {
				t.Errorf("%s, %s: got %q, want %q\n%s\n%v", sender, name, outcome, sent.Outcome, sent.Request, errs)
			}
		}
	}
}

// testdata has a request of each row and column of the table in COMPATIBILITY.md, with the
// outcome in its cell.
func TestCompatibilityTable(t *testing.T) {
	text, err := os.ReadFile("COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"//", "escapes", "?q=a+b", "?code=YWJj==", "?u=a:b/c@d,e", "?q=%c3%bc"}
	senders, rows := sentRequests(t), 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		if len(cells) != 2+len(columns) || cells[0] == "sender" || cells[0] == "---" {
			continue
		}
		rows++
		var got []string
		for _, name := range columns {
			got = append(got, senders[cells[0]][name].Outcome)
		}
		if !slices.Equal(got, cells[2:]) {
			t.Errorf("%s: the table says %q, testdata %q", cells[0], cells[2:], got)
		}
	}
	if rows < 20 {
		t.Errorf("the table has %d rows", rows)
	}
}

// testdata has a request of each dialect: of each way to sign that a sender shares with few
// others.
func TestDialectsAreRecorded(t *testing.T) {
	senders := sentRequests(t)
	for _, tt := range []struct{ dialect, sender, name, outcome string }{
		{"the path is not normalized", "AWS SDK for Go v2", "//", "DisablePathNormalization"},
		{"the path is encoded once", "curl --aws-sigv4", "escapes", "DisableDoubleEncoding"},
		{"both", "AWS::Signature4 (Perl)", "// and escapes", "both"},
		{"the query as it is", "botocore", "?q=a+b", "no"},
		{"the query in the order in which it was typed", "curl --aws-sigv4", "?b=2&a=1", "no"},
		{"the query unsigned", "boto 2", "?a=1&b=2", "no"},
		{"the order a-b before a", "aws-requests-auth", "?a-b=1&a=2", "no"},
		{"values of a name not sorted", "go-aws-auth", "?a=2&a=1", "no"},
		{"+ as %2B", "awscrt (Python)", "?q=a+b", "no"},
		{"a value up to its first =", "Net::Amazon::Signature::V4", "?code=YWJj==", "no"},
		{"runs of spaces", "Net::Amazon::Signature::V4", "header a   b", "no"},
		{"quoted runs of spaces, Ruby", "aws-sigv4 (Ruby)", `header "a   b"`, "no"},
		{"quoted runs of spaces, Perl", "AWS::Signature4 (Perl)", `header "a   b"`, "no"},
		{"X-Amz-Content-Sha256 unsigned", "aws-requests-auth", "unsigned payload", "yes"},
		{"X-Amz-Content-Sha256: UNSIGNED-PAYLOAD", "aws4", "unsigned payload", "InsecureAllowUnsignedPayload"},
		{"s3 without the hash of the body", "aws4fetch", "s3", "InsecureAllowUnsignedPayload"},
		{"s3 with the hash of the body", "s3cmd", "s3", "yes"},
		{"s3 encoded twice", "aws-sigv4-fetch", "s3 escapes", "no"},
		{"s3 normalized", "aws-sigv4-fetch", "s3 //", "no"},
		{"s3 decoded", "aws4", "s3 %2F", "no"},
		{"the session token unsigned", "aws-sign-web", "session token", "no"},
	} {
		if got := senders[tt.sender][tt.name].Outcome; got != tt.outcome {
			t.Errorf("%s: %s, %s: testdata has %q, want %q", tt.dialect, tt.sender, tt.name, got, tt.outcome)
		}
	}
}
