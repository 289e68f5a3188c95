package sigv4_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// The table in COMPATIBILITY.md says how requests of other senders are accepted. testdata
// has what these senders sent for it to a server on loopback, six requests each, one for each
// column. The data is invented.
func TestSendersAreAcceptedAsCompatibilitySays(t *testing.T) {
	text, err := os.ReadFile("COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 8 {
			table[cells[0]] = cells[2:]
		}
	}
	delete(table, "sender")
	delete(table, "---")
	var senders map[string][]string
	readJSON(t, &senders, "testdata", "senders.json")
	for sender := range table {
		if senders[sender] == nil {
			t.Errorf("testdata has no requests of %s", sender)
		}
	}

	settings := map[string]sigv4.Config{
		"yes":                        {},
		"`DisablePathNormalization`": {DisablePathNormalization: true},
		"`DisableDoubleEncoding`":    {DisableDoubleEncoding: true},
		"both":                       {DisablePathNormalization: true, DisableDoubleEncoding: true},
	}
	for sender, requests := range senders {
		cells := table[sender]
		if len(cells) != len(requests) {
			t.Errorf("%s: the table has %d cells, want %d", sender, len(cells), len(requests))
			continue
		}
		for i, raw := range requests {
			_, known := settings[cells[i]]
			if !known && cells[i] != "no" {
				t.Errorf("%s: the table says %q, want yes, no or a field", sender, cells[i])
			}
			for name, cfg := range settings {
				r, err := parse([]byte(raw))
				if err != nil {
					t.Fatal(err)
				}
				date, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
				if err != nil {
					t.Fatal(err)
				}
				scope := strings.Split(r.Header.Get("Authorization"), "/") // some senders take the service from Host
				cfg.Credentials, cfg.Region, cfg.Service = testConfig().Credentials, "us-east-1", scope[3]
				cfg.Now = func() time.Time { return date }
				_, err = newVerifier(t, cfg).Verify(r)
				var wrong bool
				switch name {
				case cells[i]:
					wrong = err != nil
				case "yes": // another setting is necessary, or none helps
					wrong = err == nil
				default:
					wrong = err == nil && cells[i] == "no"
				}
				if wrong {
					t.Errorf("%s: %s: the table says %q, with %q the error is %v", sender, r.RequestURI, cells[i], name, err)
				}
			}
		}
	}
}
