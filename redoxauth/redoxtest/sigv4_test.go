package redoxtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

func clock() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) }

// The example of AWS's page "Create a signed AWS API request", signed for ListUsers.
func TestSigV4SignsAWSExample(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://iam.amazonaws.com/?Version=2010-05-08&Action=ListUsers", nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	s := redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ServiceName: "iam", AWSRegion: "us-east-1", Now: clock}
	if err := s.Sign(r); err != nil {
		t.Fatal(err)
	}
	want := "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, " +
		"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("Authorization:\ngot  %s\nwant %s", got, want)
	}
	// The request line of a handler's request follows the query that was signed.
	if got, want := r.RequestURI, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"; got != want {
		t.Errorf("RequestURI: got %q, want %q", got, want)
	}
}

func TestSigV4Headers(t *testing.T) {
	message := redoxtest.PatientAdmin()
	sum := sha256.Sum256(message)
	hash := hex.EncodeToString(sum[:])
	for name, tt := range map[string]struct {
		sender                redoxtest.SigV4
		wantHash, wantSession string
		wantSigned            string
	}{
		"plain":         {redoxtest.SigV4{ServiceName: "redox"}, "", "", "application-name;content-length;content-type;host;x-amz-date"},
		"declared hash": {redoxtest.SigV4{ServiceName: "redox", DeclarePayloadHash: true}, hash, "", "application-name;content-length;content-type;host;x-amz-content-sha256;x-amz-date"},
		"s3":            {redoxtest.SigV4{ServiceName: "s3"}, hash, "", "application-name;content-length;content-type;host;x-amz-content-sha256;x-amz-date"},
		"session":       {redoxtest.SigV4{ServiceName: "redox", SessionToken: "session"}, "", "session", "application-name;content-length;content-type;host;x-amz-date;x-amz-security-token"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.sender.AccessKey, tt.sender.SecretKey, tt.sender.AWSRegion, tt.sender.Now = "AKIDEXAMPLE", "secret", "us-east-1", clock
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if body, err := io.ReadAll(r.Body); err != nil || string(body) != string(message) {
					t.Errorf("body: %d bytes, %v", len(body), err)
				}
				signed := regexp.MustCompile(`SignedHeaders=([^,]*)`).FindStringSubmatch(r.Header.Get("Authorization"))
				if len(signed) != 2 || signed[1] != tt.wantSigned {
					t.Errorf("SignedHeaders: got %q, want %q", signed, tt.wantSigned)
				}
				for header, want := range map[string]string{"X-Amz-Content-Sha256": tt.wantHash, "X-Amz-Security-Token": tt.wantSession, "X-Amz-Date": "20150830T123600Z"} {
					if got := r.Header.Get(header); got != want {
						t.Errorf("%s: got %q, want %q", header, got, want)
					}
				}
			}))
			defer server.Close()
			response, err := tt.sender.Send(t.Context(), server.URL+"/redox", message)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		})
	}
}

// AWS's signer caches derived keys by key ID, and so keeps signing with the old secret
// after a rotation (aws/aws-sdk-go-v2#3350). The sender must not.
func TestSigV4SignsWithTheNewSecretAfterRotation(t *testing.T) {
	signature := func(secret string) string {
		s := redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: secret, ServiceName: "redox", AWSRegion: "us-east-1", Now: clock}
		r := httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader("same"))
		if err := s.Sign(r); err != nil {
			t.Fatal(err)
		}
		return r.Header.Get("Authorization")
	}
	before, after, again := signature("old"), signature("new"), signature("old")
	if before == after {
		t.Error("two secrets give one signature")
	}
	if before != again {
		t.Error("one secret gives two signatures")
	}
}

func TestSignReportsABodyThatBreaks(t *testing.T) {
	broken := errors.New("connection reset")
	r := httptest.NewRequest(http.MethodPost, "/redox", iotest.ErrReader(broken))
	if err := (redoxtest.SigV4{}).Sign(r); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func ExampleSigV4() {
	v, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}},
		Region:      "us-east-1", Service: "redox",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(v.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("from", id.Subject)
	})))
	defer server.Close()

	redox := redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "secret", ServiceName: "redox", AWSRegion: "us-east-1"}
	response, err := redox.Send(context.Background(), server.URL+"/redox", redoxtest.FHIRBundle())
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(response.Status)
	// Output:
	// from AKIDEXAMPLE
	// 200 OK
}
