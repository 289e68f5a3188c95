package verifiertest_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
)

// TestBroken runs in the child processes of the tests below.
func TestBroken(t *testing.T) {
	name := os.Getenv("VERIFIERTEST_BROKEN")
	if name == "" {
		t.Skip("run by TestVerifierCatches")
	}
	if s, ok := invalidSuites()[name]; ok {
		verifiertest.TestVerifier(t, s)
		return
	}
	verifiertest.TestVerifier(t, brokenVerifiers()[name].suite)
}

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

// run runs TestBroken for one suite. A failure cannot be undone, so it needs a process of
// its own.
func run(t *testing.T, name, subTest string) ([]byte, error) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBroken$"+subTest, "-test.v")
	cmd.Env = append(os.Environ(), "VERIFIERTEST_BROKEN="+name)
	return cmd.CombinedOutput()
}

func TestInvalidSuiteFails(t *testing.T) {
	for message := range invalidSuites() {
		out, err := run(t, message, "")
		if err == nil || !bytes.Contains(out, []byte(message)) || bytes.Contains(out, []byte("TestBroken/")) {
			t.Errorf("want the failure %q and no sub-test, got %v:\n%s", message, err, out)
		}
	}
}

// A broken Verifier must fail the sub-test of the promise that it breaks.
func TestVerifierCatches(t *testing.T) {
	for name, broken := range brokenVerifiers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			underscored := strings.ReplaceAll(broken.promise, " ", "_")
			out, err := run(t, name, "/^"+underscored+"$")
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("the sub-test %q did not fail: %v\n%s", broken.promise, err, out)
			}
			if !bytes.Contains(out, []byte("--- FAIL: TestBroken/"+underscored+" ")) || !bytes.Contains(out, []byte("\tpromise: ")) {
				t.Errorf("the sub-test %q did not name the promise:\n%s", broken.promise, out)
			}
		})
	}
}

// Every promise has a broken Verifier. Otherwise a sub-test that checks nothing would pass.
func TestEveryPromiseIsBroken(t *testing.T) {
	broken := map[string]bool{}
	for _, b := range brokenVerifiers() {
		broken[strings.ReplaceAll(b.promise, " ", "_")] = true
	}
	out, _ := run(t, "no strategy", "") // fails, as it should
	promises := regexp.MustCompile(`(?m)^=== RUN +TestBroken/([^/\n]+)$`).FindAllSubmatch(out, -1)
	if len(promises) != len(broken) {
		t.Errorf("%d promises, %d of them broken:\n%s", len(promises), len(broken), out)
	}
	for _, p := range promises {
		if !broken[string(p[1])] {
			t.Errorf("no Verifier breaks %q", p[1])
		}
	}
}
