package sigv4senders

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
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

// dialects are the requests that are altered without -alter: one of each sender. Those that are
// not here have "s3".
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
		if _, ok := r.setting(); ok && (*alter || cmp.Or(dialects[s.name], "s3") == r.name) {
			accepted = append(accepted, r)
		}
	}
	if len(accepted) == 0 {
		t.Fatalf("no request of %s is accepted", s)
	}
	return accepted
}

// A tally counts what became of requests.
type tally map[outcome]int

type outcome string

const (
	refusedByVerifier outcome = "refused by the Verifier"
	refusedByHTTP     outcome = "refused by net/http"
	sameForm          outcome = "accepted with the same canonical form"
	cutOff            outcome = "accepted with the same canonical form and a body that cannot be read to its end"
)

func (c tally) String() string {
	var parts []string
	for _, o := range []outcome{refusedByVerifier, refusedByHTTP, sameForm, cutOff} {
		parts = append(parts, fmt.Sprintf("%d %s", c[o], o))
	}
	return strings.Join(parts, ", ")
}

// An altered request is refused, unless its canonical form is the same.
func TestAlteredRequestsAreRefused(t *testing.T) {
	var mu sync.Mutex
	var requests, alterations, others int
	count := tally{}
	t.Run("senders", func(t *testing.T) {
		for _, s := range selected() {
			t.Run(s.name, func(t *testing.T) {
				recordings := altered(t, s)
				t.Parallel()
				for _, r := range recordings {
					n, of := r.alter(t)
					mu.Lock()
					requests, alterations, others = requests+1, alterations+n, others+n
					for o, n := range of {
						count[o] += n
						others -= n
					}
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("%d requests: %d altered, %v, %d others", requests, alterations, count, others)
	for _, o := range []outcome{refusedByVerifier, refusedByHTTP, sameForm, cutOff} {
		if count[o] == 0 {
			t.Errorf("the test sees none that is %s", o)
		}
	}
}

// alter verifies every alteration of the recording.
func (r *recording) alter(t *testing.T) (alterations int, count tally) {
	d := newDestination(t, r)
	defer d.Close()
	want, result := d.receive(t, r.raw)
	if result != sameForm {
		t.Fatalf("%s as it is: %s", r.name, result)
	}
	count = tally{}
	for name, raw := range r.alterations() {
		alterations++
		got, result := d.receive(t, raw)
		if got != "" && got != want {
			t.Errorf("%s, %s: accepted:\n%.3000q\nits form:\n%s\ninstead of:\n%s", r.name, name, raw, got, want)
			continue
		}
		count[result]++
	}
	return alterations, count
}

// A destination accepts a recording.
type destination struct {
	*httptest.Server
	verifier *sigv4.Verifier
	cfg      sigv4.Config
	s3       bool
}

func newDestination(t *testing.T, r *recording) *destination {
	d := &destination{s3: r.service == "s3"}
	d.cfg, _ = r.setting()
	d.verifier = r.verifier(t, d.cfg, secretKey, newSecretKey)
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, err := d.verifier.Verify(r); {
		case err != nil && r.Context().Err() != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		case err != nil:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	return d
}

// receive verifies a request. If it is accepted, receive returns what its signature covers.
func (d *destination) receive(t *testing.T, raw []byte) (form string, result outcome) {
	r, err := parse(raw)
	if err != nil {
		return "", refusedByHTTP
	}
	if _, err := d.verifier.Verify(r); err != nil {
		return "", refusedByVerifier
	}
	// A server checks more than http.ReadRequest, such as that there is one Host.
	status := d.status(t, raw)
	// The end of what is sent cancels the request in net/http. That may be before the decision.
	for again := 0; status == http.StatusServiceUnavailable && again < 100; again++ {
		status = d.status(t, raw)
	}
	switch status {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusServiceUnavailable:
		return "", refusedByVerifier
	default:
		return "", refusedByHTTP
	}
	if r, err = parse(raw); err != nil {
		t.Fatal(err)
	}
	form, err = covered(r, d.cfg, d.s3)
	if err != nil { // with UNSIGNED-PAYLOAD a Verifier does not read the body
		return form, cutOff
	}
	return form, sameForm
}

// status returns the status that the server answers, or 0.
func (d *destination) status(t *testing.T, raw []byte) int {
	c, err := net.Dial("tcp", d.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write(raw)
	c.(*net.TCPConn).CloseWrite()
	for answers := bufio.NewReader(c); ; {
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return 0
		}
		if answer.StatusCode != http.StatusContinue {
			return answer.StatusCode
		}
	}
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
