package verifiertest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// TestBroken runs in the child processes of the tests below.
func TestBroken(t *testing.T) {
	name := os.Getenv("VERIFIERTEST_BROKEN")
	if name == "" {
		t.Skip("run by the tests below")
	}
	if s, ok := invalidSuites()[name]; ok {
		verifiertest.TestVerifier(t, s)
		return
	}
	isAlone := strings.HasPrefix(name, alone)
	if name == alone {
		verifiertest.SetPatience(time.Second)
	}
	for name, b := range brokenVerifiers() {
		if b.alone == isAlone {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				verifiertest.TestVerifier(t, b.suite)
			})
		}
	}
}

const alone = "those that run alone"

// invalidSuites would test nothing. The keys are the messages that say so.
func invalidSuites() map[string]verifiertest.Suite {
	change := func(f func(*verifiertest.Suite)) verifiertest.Suite {
		s := macSuite(newMAC())
		f(&s)
		return s
	}
	return map[string]verifiertest.Suite{
		"New, Genuine and Forged are required": change(func(s *verifiertest.Suite) { s.Forged = nil }),
		`unknown part "headers"`:               change(func(s *verifiertest.Suite) { s.Covers = []string{"headers"} }),
		`Genuine has no header "X-None"`:       change(func(s *verifiertest.Suite) { s.Covers = []string{"header:x-none"} }),
		"the body has 0 bytes": change(func(s *verifiertest.Suite) {
			s.Covers = nil
			s.Genuine = func() *http.Request { return httptest.NewRequest(http.MethodPost, "/redox", nil) }
		}),
		"no credential of 16 characters": change(func(s *verifiertest.Suite) {
			s.Covers = nil
			s.Genuine = request(tokenSender{token: "short"})
		}),
	}
}

// run runs TestBroken. A failure cannot be undone, so it needs a process of its own.
func run(t *testing.T, name, pattern string) string {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern)
	cmd.Env = append(os.Environ(), "VERIFIERTEST_BROKEN="+name)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("%s: want a test that fails, got %v:\n%s", name, err, out)
	}
	return string(out)
}

func TestInvalidSuiteFails(t *testing.T) {
	for message := range invalidSuites() {
		if out := run(t, message, "^TestBroken$"); !strings.Contains(out, message) || strings.Contains(out, "TestBroken/") {
			t.Errorf("want the failure %q and no sub-test:\n%s", message, out)
		}
	}
}

// A broken Verifier must fail the sub-test of the promise that it breaks, and no other. All of
// them together must fail every check of the suite.
func TestVerifierCatches(t *testing.T) {
	all := brokenVerifiers()
	patterns := []string{}
	for name, b := range all {
		if b.alone {
			patterns = append(patterns, "^TestBroken$/^"+underscored(name)+"$/^"+underscored(b.promise)+"$")
		}
	}
	got := map[string][]string{} // the sub-tests that fail, by Verifier
	var outputs []string         // of those sub-tests
	for _, out := range []string{run(t, "all others", "^TestBroken$"), run(t, alone, strings.Join(patterns, "|"))} {
		for _, failure := range strings.Split(out, "--- FAIL: TestBroken/")[1:] {
			title, text, _ := strings.Cut(failure, " (")
			name, promise, isSubTest := strings.Cut(title, "/")
			if isSubTest {
				got[name] = append(got[name], promise)
				outputs = append(outputs, failure)
			}
			if isSubTest && !strings.Contains(text, "\tpromise: ") {
				t.Errorf("%s does not name its promise:\n%s", title, text)
			}
		}
	}
	for _, s := range sites(t) { // a check that no Verifier fails might check nothing
		if !slices.ContainsFunc(outputs, s.failedIn) {
			t.Errorf("no broken Verifier fails the check at %v", s)
		}
	}
	for name, b := range all {
		want := append([]string{b.promise}, b.also...)
		failed := got[underscored(name)]
		if slices.Equal(b.also, []string{others}) && slices.Contains(failed, underscored(b.promise)) {
			continue
		}
		for i := range want {
			want[i] = underscored(want[i])
		}
		slices.Sort(want)
		slices.Sort(failed)
		if diff := cmp.Diff(want, failed); diff != "" {
			t.Errorf("%s: the sub-tests that fail (-want +got):\n%s", name, diff)
		}
	}
}

func TestVerifierThatReadsTheBodyItselfIsNotWaitedFor(t *testing.T) {
	for _, name := range []string{"consumes_the_body", "leaves_another_body"} {
		out := run(t, alone+", but do not hang", "^TestBroken$/^"+name+"$")
		for _, promise := range []string{"slow_body_ends", "nothing_after_the_answer", "context_honoured"} {
			if want := name + "/" + promise + ": not run to its end, because the Verifier reads r.Body itself"; strings.Count(out, want) != 1 {
				t.Errorf("want %q once:\n%s", want, out)
			}
		}
		if strings.Contains(out, "did not return within") {
			t.Errorf("%s: something was waited for:\n%s", name, out)
		}
	}
}

func TestPrintedSecretIsReportedOnce(t *testing.T) {
	const want = "holds a secret: keep it behind a pointer field"
	if out := run(t, "all others", "^TestBroken$/^prints_its_key$/^no_secrets$"); strings.Count(out, want) != 1 {
		t.Errorf("want %q once:\n%s", want, out)
	}
}

func underscored(name string) string { return strings.ReplaceAll(name, " ", "_") }

// Otherwise a sub-test that checks nothing would pass.
func TestEveryPromiseIsBroken(t *testing.T) {
	broken := map[string]bool{}
	for _, b := range brokenVerifiers() {
		broken[b.promise] = true
	}
	for _, promise := range verifiertest.Promises() {
		if !broken[promise] {
			t.Errorf("no Verifier breaks %q", promise)
		}
	}
}
