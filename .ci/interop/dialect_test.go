package interop_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// verifying serves a Verifier without a ServeMux, which redirects "//" and "..", and
// hands out what Explain says of each refusal.
func verifying(t *testing.T, cfg sigv4.Config) (address string, explained <-chan string) {
	t.Helper()
	cfg.Credentials = []sigv4.Credential{{AccessKeyID: accessKey, SecretAccessKey: secretKey}}
	cfg.Region = "us-east-1"
	if cfg.Service == "" {
		cfg.Service = "execute-api"
	}
	v, err := sigv4.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	explanations := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := redoxauth.Check(v, nil, r, nil); err != nil {
			explanations <- v.Explain(r)
			redoxauth.WriteError(w, err)
		}
	}))
	t.Cleanup(server.Close)
	return addressOf(t, server.URL), explanations
}

// Senders do not agree on the canonical request. strategies/sigv4/COMPATIBILITY.md tells
// which setting each needs, and which requests of some verify with none.
func TestSigV4Dialects(t *testing.T) {
	t.Parallel()
	asTyped := sigv4.Config{DisablePathNormalization: true, DisableDoubleEncoding: true, InsecureAllowDotSegments: true}
	dots := sigv4.Config{InsecureAllowDotSegments: true}
	s3 := sigv4.Config{Service: "s3"}
	tests := []struct {
		client, target string
		cfg            sigv4.Config
		want           int
		explained      string
	}{
		{"aws4", "/a//b/./c/../d%20e", dots, 200, ""},
		{"smithy", "/a//b/./c/../d%20e", dots, 200, ""},
		{"botocore", "/a//b/./c/../d%20e", dots, 200, ""},
		{"curl", "/a//b/./c/../d%20e", dots, 401, "Config.DisablePathNormalization true and Config.DisableDoubleEncoding true"},
		{"curl", "/a//b/./c/../d%20e", asTyped, 200, ""},
		{"curl", "/a%20b/%C3%BC%2F", sigv4.Config{}, 401, "DisableDoubleEncoding true"},
		{"curl", "/a%20b/%C3%BC%2F", asTyped, 200, ""},
		{"aws4", "/a%20b", asTyped, 401, "DisableDoubleEncoding false"},

		{"aws4", "/?q=a+b", sigv4.Config{}, 200, ""},
		{"smithy", "/?q=a+b", sigv4.Config{}, 200, ""},
		{"botocore", "/?q=a+b", sigv4.Config{}, 401, `signs the query with "+" as it is`},
		{"botocore", "/?q=a%20b", sigv4.Config{}, 200, ""},
		{"curl", "/?q=a+b", sigv4.Config{}, 401, `signs the query with "+" as it is`},
		{"curl", "/?q=a%20b", sigv4.Config{}, 200, ""},
		{"curl", "/?b=1&a=2", sigv4.Config{}, 401, "unsorted"},
		{"curl", "/?a=2&b=1", sigv4.Config{}, 200, ""},
		{"curl", "/?flag", sigv4.Config{}, 401, `without "="`},
		{"curl", "/?flag=", sigv4.Config{}, 200, ""},

		{"aws4", "/a%20b", s3, 200, ""},
		{"smithy", "/a%2Fb%20c", s3, 200, ""},
		{"botocore", "/a%2Fb%20c", s3, 200, ""},
		{"aws4", "/a%2Fb", s3, 401, `it verifies with the path "/a/b"`},
	}
	for _, tt := range tests {
		t.Run(tt.client+" "+tt.target, func(t *testing.T) {
			address, explained := verifying(t, tt.cfg)
			s := signed(t, address, tt.target)
			s.host = "api.example.test" // else Explain suspects a proxy
			if tt.cfg.Service != "" {
				s.service = tt.cfg.Service
			}
			got := signers[tt.client](t, s)
			var why string
			if got.Status != http.StatusOK {
				why = <-explained
			}
			if got.Status != tt.want || !strings.Contains(why, tt.explained) {
				t.Errorf("got %+v, explained by\n%s\nwant %d, %q", got, why, tt.want, tt.explained)
			}
		})
	}
}
