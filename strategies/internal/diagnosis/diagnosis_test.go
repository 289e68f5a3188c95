package diagnosis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

func TestDifference(t *testing.T) {
	for _, test := range []struct{ received, want, difference string }{
		{"https://x.example/", "https://x.example", "the slash at the end"},
		{"https://X.example", "https://x.example", "upper and lower case"},
		{"http://x.example", "https://x.example", "the scheme"},
		{"x.example", "https://x.example", "the scheme"},
		{"https://x.example:443/a", "https://x.example/a", "the port"},
		{"https://x.example:8443", "https://x.example:443", "the port"},
		{" https://x.example", "https://x.example", "white space"},
		{`"https://x.example"`, "https://x.example", "quotation marks"},
		{"http://X.example:80/", "https://x.example", "upper and lower case and the scheme and the port and the slash at the end"},
		{"https://x.example/ap", "https://x.example/app", "character 21"},
		{"https://y.example/app", "https://x.example/app", "character 9"},
		{"https://x.example/app/v2", "https://x.example/app", `what follows "https://x.example/app"`},
		{"api://0a1b2c3d", "0a1b2c3d", "the scheme"},
		{"feed@0a1b2c3d", "0a1b2c3d", `what precedes "0a1b2c3d"`},
		{"https://x.example", "https://x.example", ""},
		{"https://x.example", "https://other.test", ""},
		{"", "https://x.example", ""},
		{"a", "b", ""},
	} {
		if got := diagnosis.Difference(test.received, test.want); got != test.difference {
			t.Errorf("%q and %q: got %q, want %q", test.received, test.want, got, test.difference)
		}
	}
}

func TestValuesAreQuotedAndBounded(t *testing.T) {
	long, large := strings.Repeat("x", 200), strings.Repeat("x", 8<<10)
	for _, test := range []struct{ got, want string }{
		{diagnosis.Quote("a\n\u2028"), `"a\n\u2028"`},
		{diagnosis.Quote(long), `"` + long[:128] + `..."`},
		{diagnosis.Text("", false), "absent"},
		{diagnosis.Text("", true), "empty"},
		{diagnosis.List(nil), "absent"},
		{diagnosis.List([]string{}), "empty"},
		{diagnosis.List([]string{"a"}), `"a"`},
		{diagnosis.List(strings.Split("a b c d e f g h i j", " ")), `["a" "b" "c" "d" "e" "f" "g" "h"] and 2 more`},
		{diagnosis.OneOf([]string{"a"}), `"a"`},
		{diagnosis.OneOf([]string{"a", "b"}), `one of ["a" "b"]`},
		{diagnosis.Time(time.Unix(1_700_000_000, 5)), "2023-11-14T22:13:20Z"},
		{diagnosis.Time(time.Unix(1_700_000_000_000, 0)), "1700000000000 s since 1970"},
		{diagnosis.URL("https://user:secret@x.example/keys?key=secret#secret"), `"https://x.example/keys"`},
		{diagnosis.Content([]byte("<!DOCTYPE html>")), "an HTML page"},
		{diagnosis.Content([]byte(`{"error":"x"}`)), "a JSON object that tells an error"},
		{diagnosis.Content(nil), "an empty answer"},
		{diagnosis.Content([]byte(`{"x":"` + large + `"}`)), "a JSON object"},
		{diagnosis.Content([]byte(`["` + large + `"]`)), "a JSON array"},
		{diagnosis.Content([]byte(`{"x":"` + large + `"`)), "JSON that is malformed or cut off"},
		{diagnosis.Content([]byte(`["` + large + `"`)), "JSON that is malformed or cut off"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestUnit(t *testing.T) {
	for n, want := range map[int64]string{
		1_700_000_000: "", 253402300799: "", 0: "", -1: "", 1 << 62: "",
		1_700_000_000_000: "milliseconds", 1_700_000_000_000_000: "microseconds", 1_700_000_000_000_000_000: "nanoseconds",
	} {
		if got := diagnosis.Unit(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

// The zone of the server is not that of the sender or of the reader.
func TestTimeIsInUTC(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	if got, want := diagnosis.Time(at), "2026-01-02T02:04:05Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReport(t *testing.T) {
	var r diagnosis.Report
	if got, want := r.Text("x: accepted"), "x: accepted\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Error(redoxauth.Errorf(redoxauth.ErrRejected, "audience", "aud is %s", "absent").In("x"))
	r.Line("a\nb")
	r.Hint("h")
	r.Hint("h")
	if got, want := r.Text("x: no"), "x: no\naud is absent\na; b\n\nhints:\n- h\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
