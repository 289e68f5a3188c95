package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An answer is what a client got.
type answer struct {
	Status int
	Text   string
}

type parameters map[string]any

// run runs a program of clients/, which reads its parameters from stdin.
func (p parameters) run(t *testing.T, client string) answer {
	t.Helper()
	var command []string
	switch filepath.Ext(client) {
	case ".mjs":
		command = []string{program(t, "node")}
		if err := npm(); err != nil {
			missing(t, "%v", err)
		}
	case ".py": // Debian's, which alone sees Debian's packages
		command = []string{"/usr/bin/python3", "-I"}
		module := map[string]string{"botocore_client.py": "botocore", "google_auth.py": "google.auth"}[client]
		if err := exec.Command("/usr/bin/python3", "-I", "-c", "import "+module).Run(); err != nil {
			missing(t, "python3 with %s is not installed", module)
		}
	}
	input, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(output(t, input, append(command, filepath.Join("clients", client))...), &a); err != nil {
		t.Fatalf("%s: %v", client, err)
	}
	return a
}

func output(t *testing.T, input []byte, command ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, &stderr)
	}
	return out
}

// curl runs curl, which has no script: its arguments are the parameters.
func curl(t *testing.T, args ...string) answer {
	t.Helper()
	command := []string{program(t, "curl"), "--disable", "--silent", "--show-error", "--noproxy", "*", "--path-as-is", "--write-out", "\n%{http_code}"}
	out := string(output(t, nil, append(command, args...)...))
	end := strings.LastIndexByte(out, '\n')
	status, err := strconv.Atoi(out[end+1:])
	if err != nil {
		t.Fatal(err)
	}
	return answer{status, out[:end]}
}

// file returns the name of a file with the content.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// message is JSON with more than ASCII in it, and longer than a handshake.
var message = slices.Concat([]byte(`{"Meta":{"DataModel":"PatientAdmin"},"Patient":{"Name":"Zoë Müller-Łukasz 李","Note":"`),
	bytes.Repeat([]byte("é "), 4<<10), []byte(`"}}`))

// intercepted returns the request that send makes, in place of letting it through.
func intercepted(t *testing.T, send func(address string) answer) *http.Request {
	t.Helper()
	caught := make(chan *http.Request, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body, r.GetBody = nil, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		select {
		case caught <- r:
		default: // the client tries again
		}
	}))
	defer s.Close()
	send(addressOf(t, s.URL))
	return <-caught
}

// forward sends a copy of an intercepted request to server, after a change.
func forward(t *testing.T, r *http.Request, server string, change func(*http.Request)) answer {
	t.Helper()
	r = r.Clone(t.Context())
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", server
	r.Body, _ = r.GetBody()
	change(r)
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, string(text)}
}

func addressOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// alterBody changes the last byte but one, and no length.
func alterBody(r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err == nil && len(data) > 1 {
		data[len(data)-2] ^= 1
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
}

// alterLast changes the last character of a header, as of a signature in hex.
func alterLast(name string) func(*http.Request) {
	return func(r *http.Request) {
		value := r.Header.Get(name)
		last := "0"
		if strings.HasSuffix(value, last) {
			last = "1"
		}
		r.Header.Set(name, value[:max(0, len(value)-1)]+last)
	}
}
