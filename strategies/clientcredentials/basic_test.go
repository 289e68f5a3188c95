package clientcredentials_test

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// One value of Basic must not be read as two clients, in whatever way it is sent.
func TestClientsThatLookAlikeInBasic(t *testing.T) {
	for _, c := range []struct {
		name         string
		id, secret   string
		id2, secret2 string
		alike        bool
	}{
		{"the colon elsewhere", "a", "b:c", "a:b", "c", true},
		{"an encoded colon", "a", "b%3Ac", "a:b", "c", true},
		{"a plus, and a space", "a+b", "s", "a b", "s", true},
		{"UTF-8, and the same bytes as Latin-1", "é", "s", "Ã©", "s", true},
		{"the bytes of Latin-1, form-decoded", "Ã©%41", "s", "éA", "s", true},
		{"a plus, and a space, beyond ASCII", "é+b", "s", "é b", "s", true},
		{"a plus, and a space, beyond ASCII, another secret", "é+b", "s", "é b", "t", false},
		{"both encoded, but otherwise", "%41+", "s", "A%20", "s", false},
		{"another secret", "a+b", "s", "a b", "t", false},
		{"not of Latin-1", "€", "s", "é", "s", false},
		{"not of Latin-1, the last byte of a character alone", "€", "s", "¬", "s", false},
		{"not of Latin-1, the colon elsewhere", "€", "b:c", "€:b", "c", true},
		{"not of Latin-1, a plus, and a space", "€+a", "s", "€ a", "s", true},
	} {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			both := []clientcredentials.Client{{ID: c.id, Secrets: []string{c.secret}}, {ID: c.id2, Secrets: []string{c.secret2}}}
			_, err := clientcredentials.NewTokenEndpoint(endpointConfig(clients(both[order[0]], both[order[1]])))
			if alike := err != nil && strings.Contains(err.Error(), "clientcredentials: Clients[1].Secrets[0]: "); alike != c.alike {
				t.Errorf("%s: got %v", c.name, err)
			}
		}
	}
	newEndpoint(t, clients(clientcredentials.Client{ID: "a", Secrets: []string{"b+c", "b c"}})) // both are one client's
}

// Whatever two clients can be configured, what one sends is never taken for the other's.
func FuzzClientsAreToldApart(f *testing.F) {
	f.Add("a", "b%3Ac", "a:b", "c")
	f.Add("a+b", "s", "a b", "s")
	f.Add("Ã©%41", "s", "éA", "s")
	f.Add("é", "s", "Ã©", "t")
	f.Add("é+b", "s", "é b", "s")
	f.Fuzz(func(t *testing.T, id, secret, id2, secret2 string) {
		cfg := endpointConfig()
		cfg.Clients = []clientcredentials.Client{{ID: id, Secrets: []string{secret}}, {ID: id2, Secrets: []string{secret2}}}
		var got string
		cfg.Observe = func(_ *http.Request, d redoxauth.Decision) {
			got = ""
			if d.Identity != nil {
				got = d.Identity.Subject
			}
		}
		e, err := clientcredentials.NewTokenEndpoint(cfg)
		if err != nil {
			return
		}
		for _, c := range cfg.Clients {
			raw := c.ID + ":" + c.Secrets[0]
			sent := []string{raw, url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secrets[0]), url.PathEscape(c.ID) + ":" + url.PathEscape(c.Secrets[0])}
			if bytes, err := latin1(raw); err == nil {
				sent = append(sent, bytes)
			}
			for _, basic := range sent {
				if serve(e, tokenRequest(basic)); got != c.ID && (got != "" || basic == raw) {
					t.Errorf("%q is taken for %q, not for %q", basic, got, c.ID)
				}
			}
		}
	})
}

// latin1 encodes s as Latin-1.
func latin1(s string) (string, error) {
	var b strings.Builder
	for _, r := range s {
		if r > 0xFF {
			return "", fmt.Errorf("%q is not of Latin-1", r)
		}
		b.WriteByte(byte(r))
	}
	return b.String(), nil
}

// A value of Basic is read in three ways, and once more for the operator if it is wrong.
func TestHostileBasicAllocatesLittle(t *testing.T) {
	e, err := clientcredentials.NewTokenEndpoint(endpointConfig(one))
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"a", ":", "+", "%41", "%", "\xe9"} {
		const size, runs = 8 << 10, 10
		var requests []*http.Request
		for range runs {
			requests = append(requests, tokenRequest(strings.Repeat(unit, size*3/4/len(unit))))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, r := range requests {
			if w := serve(e, r); w.Code != http.StatusUnauthorized {
				t.Fatalf("%s: got status %d", unit, w.Code)
			}
		}
		runtime.ReadMemStats(&after)
		if got := int(after.TotalAlloc-before.TotalAlloc) / runs; got > 12*size {
			t.Errorf("%q: %d bytes allocate %d, want at most 12 times as much", unit, size, got)
		}
	}
}
