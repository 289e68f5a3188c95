package sigv4_test

import (
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

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
	root := testdata(t, "captures", "sigv4")
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
	service := c.Service
	if service == "" {
		service = "execute-api"
	}
	return sigv4.Config{
		Credentials:              []sigv4.Credential{{AccessKeyID: c.Key, SecretAccessKey: c.Secret, SessionToken: c.Token}},
		Region:                   c.Region,
		Service:                  service,
		DisablePathNormalization: keepPath,
		Now:                      func() time.Time { return date },
	}
}

// TestIndependentClients verifies what Node's and Go's signers sent. Those that do not
// verify deviate from AWS's rules; their files say how.
func TestIndependentClients(t *testing.T) {
	accepted := 0
	for _, c := range captures(t) {
		t.Run(c.File, func(t *testing.T) {
			for _, keepPath := range []bool{false, true} {
				r, err := parse(c.raw)
				if err != nil {
					t.Fatal(err)
				}
				_, err = newVerifier(t, c.config(keepPath)).Verify(r)
				if c.Strict == nil { // presigned
					if reasonOf(err) != "query" {
						t.Errorf("error %v, want query", err)
					}
					continue
				}
				want := *c.Strict && !keepPath || c.StrictKept && keepPath
				if want != (err == nil) {
					t.Errorf("without path normalisation %t: error %v, want accepted %t", keepPath, err, want)
				}
				if err == nil {
					accepted++
				}
			}
		})
	}
	if accepted == 0 {
		t.Error("none accepted")
	}
	t.Logf("%d accepted", accepted)
}
