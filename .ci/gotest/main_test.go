package main

import (
	"os"
	"strings"
	"testing"
)

// A module with these tests is reported as the go command of this machine runs it.
// Its fuzz target does not begin a line, because .ci/fuzz would take it for one of ours.
func TestReport(t *testing.T) {
	const passes = `package p
import ("syscall"; "testing")
var _ = syscall.Exit
func TestPasses(t *testing.T) { t.Log("silent"); t.Run("sub", func(t *testing.T) {}) }
func TestSkips(t *testing.T) { t.Skip() }
func TestSkipsInPart(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Skip() }) }; func FuzzTakesOne(f *testing.F) {
	f.Add(1)
	f.Add(2)
	f.Fuzz(func(t *testing.T, n int) {
		if n == 1 { t.Skip() }
	})
}
func Example() {}
`
	for _, c := range []struct {
		name, test   string
		want, reject []string // of the output
		skipped      string
		fails        bool
	}{
		{
			name: "passes", test: passes,
			want: []string{"ok  \tp\t", "3 tests ran, 2 were skipped\n"}, reject: []string{"silent", "PASS"},
			skipped: "before\np TestSkips\np TestSkipsInPart/sub\n",
		},
		{
			name: "fails", test: passes + `func TestFails(t *testing.T) { t.Error("the reason") }`,
			want: []string{"the reason", "FAIL\tp\t"}, reject: []string{"silent"}, skipped: "before\n", fails: true,
		},
		{
			name: "crashes", test: passes + `func TestCrashes(t *testing.T) { panic("the reason") }`,
			want: []string{"the reason", "FAIL\tp\t"}, reject: []string{"silent"}, skipped: "before\n", fails: true,
		},
		{
			name: "does not compile", test: passes + `func TestWrong(t *testing.T) { undefinedName() }`,
			want: []string{"undefinedName", "FAIL\tp ["}, skipped: "before\n", fails: true,
		},
		// The go command says "ok" to these.
		{
			name: "a test ends the process", test: passes + `func TestExits(t *testing.T) { syscall.Exit(0) }`,
			skipped: "before\n", fails: true,
		},
		{
			name: "a subtest ends the process", test: passes + `func TestExits(t *testing.T) { t.Run("sub", func(t *testing.T) { syscall.Exit(0) }) }`,
			skipped: "before\n", fails: true,
		},
		{
			name: "TestMain runs nothing", test: passes + `func TestMain(m *testing.M) { syscall.Exit(0) }`,
			skipped: "before\n", fails: true,
		},
		{
			name: "TestMain hides a failure", skipped: "before\n", fails: true,
			test: passes + `func TestFails(t *testing.T) { t.Error("the reason") }; func TestMain(m *testing.M) { m.Run(); syscall.Exit(0) }`,
			want: []string{"the reason"},
		},
		{
			name: "TestMain exits with the result", test: passes + `func TestMain(m *testing.M) { syscall.Exit(m.Run()) }`,
			want: []string{"3 tests ran"}, skipped: "before\np TestSkips\np TestSkipsInPart/sub\n",
		},
		{
			name: "no test", test: `package p; func Example() {}`, skipped: "before\n", fails: true,
		},
		{
			name: "all tests are skipped", test: `package p; import "testing"; func TestSkips(t *testing.T) { t.Skip() }`,
			want: []string{"0 tests ran, 1 were skipped"}, skipped: "before\np TestSkips\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write := func(name, text string) {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("go.mod", "module p\n")
			write("p_test.go", c.test)
			write("skipped", "before\n")
			var out strings.Builder
			if err := run(&out, "skipped", []string{"."}); (err != nil) != c.fails {
				t.Errorf("error %v, want one: %t", err, c.fails)
			}
			for _, text := range c.want {
				if !strings.Contains(out.String(), text) {
					t.Errorf("lacks %q", text)
				}
			}
			for _, text := range c.reject {
				if strings.Contains(out.String(), text) {
					t.Errorf("has %q", text)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
			if got, err := os.ReadFile("skipped"); err != nil || string(got) != c.skipped {
				t.Errorf("skipped %q, %v; want %q", got, err, c.skipped)
			}
		})
	}
}
