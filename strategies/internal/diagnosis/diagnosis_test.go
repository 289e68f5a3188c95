package diagnosis_test

import (
	"errors"
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
		{"", "/", ""},
		{"/", "", ""},
		{"abcdefgh", "abcdefgx", "character 8"},
		{"abcdefg", "abcdefx", ""},
		{"https://x.example/apps", "https://x.example/app", "character 22"},
		{"abcdefgh/v2", "abcdefgh", `what follows "abcdefgh"`},
		{"abcdefgh", "abcdefgh/v2", `what follows "abcdefgh"`},
		{"abcdefg/v2", "abcdefg", ""},
		{"abcdefg", "abcdefg/v2", ""},
		{"v2/abcdefgh", "abcdefgh", `what precedes "abcdefgh"`},
		{"abcdefgh", "v2/abcdefgh", `what precedes "abcdefgh"`},
		{"v2/abcdefg", "abcdefg", ""},
		{"abcdefg", "v2/abcdefg", ""},
		{"https://x.example/a/token", "https://other.test/a/token", `what precedes the path "/a/token"`},
		{"https://x.example/one", "https://other.test/two", ""},
		{"https://x.example/?a=b", "https://other.test/?c=d", ""},
		{"/token", "https://x.example/token", ""},
		{"https://x.example/token", "/token", ""},
		{"https://x y/token", "https://other.test/token", ""}, // no URL
		{"https://other.test/token", "https://x y/token", ""},
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
		{diagnosis.Quote(long[:128]), `"` + long[:128] + `"`},
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
		{diagnosis.Time(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)), "9999-12-31T00:00:00Z"},
		{diagnosis.Time(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), "0000-01-01T00:00:00Z"},
		{diagnosis.Time(time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)), "-62198755200 s since 1970"},
		{diagnosis.Field(""), ""},
		{diagnosis.Field("Config.Issuers"), " (Config.Issuers)"},
		{diagnosis.URL("https://user:secret@x.example:port"), "a URL that cannot be read"},
		{diagnosis.URL("https://user:secret@x.example/keys?key=secret#secret"), `"https://x.example/keys"`},
		{diagnosis.Content([]byte("<!DOCTYPE html>")), "an HTML page"},
		{diagnosis.Content([]byte("\n<HTML><body>")), "an HTML page"},
		{diagnosis.Content([]byte("<?xml version='1.0'?>")), "XML or HTML"},
		{diagnosis.Content([]byte("-----BEGIN PUBLIC KEY-----")), "PEM"},
		{diagnosis.Content([]byte("404 page not found")), "text that is no JSON"},
		{diagnosis.Content([]byte(`an "error"`)), "text that is no JSON"},
		{diagnosis.Content([]byte(`{"error":"x"}`)), "a JSON object that tells an error"},
		{diagnosis.Content([]byte(`{"errors":[]}`)), "a JSON object that tells an error"},
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
		946_684_800_000: "milliseconds", 946_684_799_999: "", 4_102_444_799_999: "milliseconds", 4_102_444_800_000: "",
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
	if got, want := r.Text("x: no\nand why"), "x: no; and why\naud is absent\na; b\n\nhints:\n- h\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An error of another package, or one without a cause, is its own cause.
func TestCause(t *testing.T) {
	plain, none := errors.New("plain"), &redoxauth.Error{Kind: redoxauth.ErrRejected, Reason: "client"}
	for _, c := range []struct{ err, want error }{
		{plain, plain},
		{none, none},
		{redoxauth.Errorf(redoxauth.ErrRejected, "client", "%w", plain), plain},
	} {
		if got := diagnosis.Cause(c.err); !errors.Is(got, c.want) || got.Error() != c.want.Error() {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}

// Each value that is near is a hint, and no other one is.
func TestNear(t *testing.T) {
	var r diagnosis.Report
	r.Near("iss", "Redox", []string{"other", "redox", "REDOX"}, "Config.Issuers")
	want := "x: no\n\nhints:\n" + `- iss "Redox" and the configured "redox" (Config.Issuers) differ only in upper and lower case
- iss "Redox" and the configured "REDOX" (Config.Issuers) differ only in upper and lower case
`
	if got := r.Text("x: no"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The form of a token tells what it is. No part of it is shown.
func TestToken(t *testing.T) {
	const cut = "\nhints:\n- the token is the first part of a JWT: something cut it off at the dot\n"
	for token, want := range map[string]string{
		"abcdef":      "6 bytes with 0 dots\n",
		"eyJhbG":      "6 bytes with 0 dots\n" + cut,
		"eyJh.b":      "6 bytes with one dot\n",
		"ya29.a":      "6 bytes with one dot, with the prefix of Google's access tokens (ya29.)\n",
		"ya29.a.b":    "8 bytes with 2 dots, with the prefix of Google's access tokens (ya29.)\n",
		"eyJh.b.c":    "8 bytes with two dots, the form of a JWT\n",
		"abcd.e.f":    "8 bytes with two dots, but what is before the first is no JSON object\n",
		"eyJh.b.c.d":  "10 bytes with 3 dots\n",
		"eyJ.b.c.d.e": "11 bytes with four dots, the form of an encrypted token (JWE)\n\nhints:\n- encrypted tokens are not accepted: the issuer must sign the token and not encrypt it\n",
	} {
		var r diagnosis.Report
		r.Token(token)
		if got, want := r.Text("x"), "x\ntoken: "+want; got != want {
			t.Errorf("%s: got %q, want %q", token, got, want)
		}
	}
}
