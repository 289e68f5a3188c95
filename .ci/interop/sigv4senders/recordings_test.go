package sigv4senders

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A sent is a recording in testdata of strategies/sigv4: what arrived, and which setting accepts it.
type sent struct {
	Outcome string `json:"outcome"`
	Request string `json:"request"`
}

// testdata of strategies/sigv4 has what the senders send today. Its tests verify it without the
// senders.
func TestRecordings(t *testing.T) {
	const file = "../../../strategies/sigv4/testdata/senders.json"
	recordings := map[string]map[string]sent{}
	readJSON(t, file, &recordings)
	same := cmp.Comparer(func(a, b sent) bool { return a.Outcome == b.Outcome && timeless(a.Request) == timeless(b.Request) })
	for _, s := range selected() {
		got := map[string]sent{}
		for _, r := range record(t, s) {
			if r.kept() {
				got[r.name] = sent{r.outcome, r.text(t)}
			}
		}
		diff := cmp.Diff(recordings[s.name], got, same)
		if diff != "" && !*update {
			t.Errorf("%s: -recorded +sent:\n%s", s, diff)
		}
		if diff != "" {
			recordings[s.name] = got
		}
	}
	if *all && len(recordings) != len(senders) {
		t.Errorf("%s has %d senders, want %d", file, len(recordings), len(senders))
	}
	if *update {
		writeJSON(t, file, recordings)
	}
}

// kept reports whether testdata has the recording: every request that shows a dialect, without
// those that show the same with another body or secret.
func (r *recording) kept() bool {
	if r.outcome == notSent || strings.HasSuffix(r.name, "1 MiB") || strings.HasSuffix(r.name, "new secret") {
		return false
	}
	return r.outcome != "yes" || r.name == "s3" || r.name == "unsigned payload" || slices.Contains(columns, r.name)
}

// text returns the request without the headers that the signature ignores.
func (r *recording) text(t *testing.T) string {
	t.Helper()
	request, err := parse(r.raw)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.head() + "\n" + string(body)
}

// timeless returns a request without what differs each time.
func timeless(request string) string {
	head, body, _ := strings.Cut(request, "\n\n")
	lines := strings.Split(differing.ReplaceAllString(head, "…"), "\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n") + "\n\n" + body
}

var differing = regexp.MustCompile(`127\.0\.0\.1:\d+|\d{8}T\d{6}Z|/\d{8}/|Signature=[0-9a-f]{64}|(?i:X-Amz-Meta-[^:]*:).*`)

// head returns the head of the request, without the headers that the signature ignores.
func (r *recording) head() string {
	head, _, _ := strings.Cut(string(r.raw), "\r\n\r\n")
	line, fields, _ := strings.Cut(head, "\r\n")
	signed := append(r.signedHeaders(), "host", "authorization", "content-length")
	for field := range strings.SplitSeq(fields, "\r\n") {
		name, _, _ := strings.Cut(strings.ToLower(field), ":")
		if slices.Contains(signed, name) || strings.HasPrefix(name, "x-amz-") {
			line += "\n" + field
		}
	}
	return line + "\n"
}
