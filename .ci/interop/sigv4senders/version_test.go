package sigv4senders

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// version returns the version of what is installed.
func (s sender) version(t *testing.T) string {
	t.Helper()
	from := s.from
	if from == "" {
		from = s.name
	}
	program := ""
	if s.each == nil {
		program = s.command[0]
	}
	var command []string
	switch program {
	case "node":
		return npmVersion(t, from)
	case "go":
		command = []string{"go", "list", "-C", "sdk", "-m", "-f", "{{.Version}}", from}
	default:
		command = []string{"dpkg-query", "--show", "--showformat=${Version}", from}
	}
	out, err := run(t.Context(), nil, command...)
	if err != nil {
		t.Fatal(err)
	}
	// v1.2.3 and v0.0.0-20180515143844-0c1422d1fdb9 are Go's, 1.2.3+dfsg-1 is Debian's.
	m := regexp.MustCompile(`^v?([0-9.]+(-\d{14}-[0-9a-f]{12})?)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%q: %q", command, out)
	}
	return string(m[1])
}

func npmVersion(t *testing.T, name string) string {
	t.Helper()
	if err := npm(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(npmDir(), "node_modules", name, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Version string }
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p.Version
}
