package sigv4senders

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// dialects are the requests that the gate alters: one of each sender that it has.
var dialects = map[string]string{
	"aws4":                 "escapes",
	"botocore":             "session token",
	"AWS SDK for Go v2":    "//",
	"curl --aws-sigv4":     "// and escapes",
	"@smithy/signature-v4": "unsigned payload",
}

// altered returns the accepted recordings that the tests alter and replay.
func altered(t *testing.T, s sender) (accepted []recording) {
	for _, r := range record(t, s) {
		if _, ok := r.setting(); ok && (*alter || dialects[s.name] == r.name) {
			accepted = append(accepted, r)
		}
	}
	if len(accepted) == 0 {
		t.Fatalf("no request of %s is accepted", s)
	}
	return accepted
}

// An altered request is refused, unless its canonical form is the same.
func TestAlteredRequestsAreRefused(t *testing.T) {
	var mu sync.Mutex
	var requests, alterations, refusals, same int
	t.Run("senders", func(t *testing.T) {
		for _, s := range selected() {
			t.Run(s.name, func(t *testing.T) {
				recordings := altered(t, s)
				t.Parallel()
				for _, r := range recordings {
					a, f, u := r.alter(t)
					mu.Lock()
					requests, alterations, refusals, same = requests+1, alterations+a, refusals+f, same+u
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d requests: %d altered, %d refused, %d accepted with the same canonical form, %d others",
		requests, alterations, refusals, same, alterations-refusals-same)
	if refusals == 0 || same == 0 {
		t.Error("the test does not see both outcomes")
	}
}

// alter verifies every alteration of the recording.
func (r *recording) alter(t *testing.T) (alterations, refusals, same int) {
	cfg, _ := r.setting()
	v := r.verifier(t, cfg, secretKey, newSecretKey)
	want, err := verified(v, r.raw, cfg, r.service)
	if err != nil {
		t.Fatalf("%s as it is: %v", r.name, err)
	}
	for name, raw := range r.alterations() {
		alterations++
		got, err := verified(v, raw, cfg, r.service)
		switch {
		case err != nil || got != want && serverRefuses(t, v, raw):
			refusals++
		case got == want:
			same++
		default:
			t.Errorf("%s, %s: accepted:\n%.3000q\nits form:\n%s\ninstead of:\n%s", r.name, name, raw, got, want)
		}
	}
	return alterations, refusals, same
}

// verified verifies a request and returns what its signature covers.
func verified(v *sigv4.Verifier, raw []byte, cfg sigv4.Config, service string) (string, error) {
	r, err := parse(raw)
	if err != nil {
		return "", err
	}
	if _, err := v.Verify(r); err != nil {
		return "", err
	}
	if r, err = parse(raw); err != nil {
		return "", err
	}
	return covered(r, cfg, service == "s3")
}

// serverRefuses reports whether a request fails at a server. It checks more than
// [http.ReadRequest], such as that there is one Host.
func serverRefuses(t *testing.T, v *sigv4.Verifier, raw []byte) bool {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := v.Verify(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(raw)
	c.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(c)
	return err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200"))
}

// alterations changes, deletes and doubles every byte of the head and the body, and removes,
// doubles and adds headers. Of a body over 1 KiB it changes 64 bytes, and its head is left to
// the other requests of the sender.
func (r *recording) alterations() iter.Seq2[string, []byte] {
	end := bytes.Index(r.raw, []byte("\r\n\r\n"))
	body := end + 4
	positions := make([]int, 0, len(r.raw))
	if long := len(r.raw) - body; long > 1<<10 {
		for i := range 64 {
			positions = append(positions, body+i*(long-1)/63)
		}
	} else {
		for i := range r.raw {
			positions = append(positions, i)
		}
	}
	lines := strings.SplitAfter(string(r.raw[:end+2]), "\r\n")
	lines = lines[:len(lines)-1]
	with := func(lines ...string) []byte {
		return slices.Concat([]byte(strings.Join(lines, "")), r.raw[end+2:])
	}
	return func(yield func(string, []byte) bool) {
		for _, i := range positions {
			before, b, after := r.raw[:i], r.raw[i], r.raw[i+1:]
			for _, changed := range [][]byte{{b ^ 1}, {b ^ 0x20}, {b ^ 0x80}, {}, {b, b}} {
				if !yield(fmt.Sprintf("%q for byte %d, %q", changed, i, b), slices.Concat(before, changed, after)) {
					return
				}
			}
		}
		for i, line := range lines[1:] {
			i++
			name, _, _ := strings.Cut(line, ":")
			for what, raw := range map[string][]byte{
				"without":         with(slices.Delete(slices.Clone(lines), i, i+1)...),
				"doubled":         with(slices.Insert(slices.Clone(lines), i, line)...),
				"another before ": with(slices.Insert(slices.Clone(lines), i, name+": 1\r\n")...),
				"another after ":  with(slices.Insert(slices.Clone(lines), i+1, name+": 1\r\n")...),
				"empty before ":   with(slices.Insert(slices.Clone(lines), i, name+":\r\n")...),
				"folded":          with(slices.Insert(slices.Clone(lines), i+1, " folded\r\n")...),
			} {
				if !yield(what+" "+name, raw) {
					return
				}
			}
		}
		for _, added := range []string{
			"X-Added: 1", "X-Amz-Added: 1", "x-amz-added:", "X_Amz_Date: 1", "X-Amz-Date: 20260102T030405Z", "X-Amz-Security-Token: t", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD",
			"Authorization: Bearer t", "Host: other.example", "Content-Length: 0", "Content-Length: 1", "Content-Length: 2", "Transfer-Encoding: chunked", "Date: 1", "X-Forwarded-Host: other.example",
			"X-HTTP-Method-Override: DELETE", "Content-Encoding: gzip", "Connection: Authorization", "Expect: 100-continue", "Trailer: X-Amz-Date",
		} {
			for _, place := range []int{1, len(lines)} {
				if !yield("with "+added, with(slices.Insert(slices.Clone(lines), place, added+"\r\n")...)) {
					return
				}
			}
		}
	}
}
