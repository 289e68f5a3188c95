package sigv4senders

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// judge finds the first setting that accepts the recording. The destination has the secrets
// before and after a rotation.
func (r *recording) judge(t *testing.T) {
	t.Helper()
	if r.raw == nil {
		r.outcome = notSent
		return
	}
	r.outcome = refused
	for _, s := range settings {
		if r.verify(t, r.raw, s.cfg, secretKey, newSecretKey) == nil {
			r.outcome = s.name
			return
		}
	}
	request, err := parse(r.raw)
	if err != nil {
		r.failure = err.Error()
		return
	}
	r.failure = r.verifier(t, sigv4.Config{}, secretKey, newSecretKey).Explain(request)
}

// verify verifies a request at the time of the recording.
func (r *recording) verify(t *testing.T, raw []byte, cfg sigv4.Config, secrets ...string) error {
	t.Helper()
	request, err := parse(raw)
	if err != nil {
		return err
	}
	_, err = r.verifier(t, cfg, secrets...).Verify(request)
	return err
}

func (r *recording) verifier(t *testing.T, cfg sigv4.Config, secrets ...string) *sigv4.Verifier {
	t.Helper()
	for _, secret := range secrets {
		cfg.Credentials = append(cfg.Credentials, sigv4.Credential{AccessKeyID: accessKey, SecretAccessKey: secret, SessionToken: r.token})
	}
	cfg.Region, cfg.Service = region, r.service
	cfg.Now = func() time.Time { return r.at }
	v, err := sigv4.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// setting returns the setting that accepts the recording.
func (r *recording) setting() (cfg sigv4.Config, accepted bool) {
	for _, s := range settings {
		if s.name == r.outcome {
			return s.cfg, true
		}
	}
	return sigv4.Config{}, false
}

// A matrix has for each sender the cases by outcome. A case that is refused has a reason: words
// of COMPATIBILITY.md, from a paragraph that names the sender.
type matrix map[string]*outcomes

type outcomes struct {
	Accepted map[string][]string `json:"accepted"` // by setting
	NotSent  []string            `json:"notSent,omitempty"`
	Refused  map[string]string   `json:"refused"` // with the reason
}

const matrixFile = "testdata/matrix.json"

// What each sender sends is accepted as testdata and COMPATIBILITY.md say.
func TestMatrix(t *testing.T) {
	want := matrix{}
	readJSON(t, matrixFile, &want)
	if *all && !*update && len(want) != len(senders) {
		t.Errorf("%s has %d senders, want %d", matrixFile, len(want), len(senders))
	}
	page := readPage(t)
	count := map[string]int{}
	for _, s := range selected() {
		t.Run(s.name, func(t *testing.T) {
			got := &outcomes{Accepted: map[string][]string{}, Refused: map[string]string{}}
			for _, r := range record(t, s) {
				count[r.outcome]++
				switch r.outcome {
				case notSent:
					t.Logf("%s: not sent: %s", r.name, r.failure)
					got.NotSent = append(got.NotSent, r.name)
				case refused:
					got.Refused[r.name] = ""
					if known := want[s.name]; known != nil {
						got.Refused[r.name] = known.Refused[r.name]
					}
					if reason := got.Refused[r.name]; !page.says(s, reason) {
						t.Errorf("%s: it is refused and COMPATIBILITY.md does not say %q of it:\n%s\n%s", r.name, reason, r.head(), r.failure)
					}
				default:
					got.Accepted[r.outcome] = append(got.Accepted[r.outcome], r.name)
				}
			}
			if diff := cmp.Diff(want[s.name], got); diff != "" && !*update {
				t.Errorf("-want +got:\n%s", diff)
			}
			want[s.name] = got
		})
	}
	t.Logf("%d senders, cases by outcome: %v", len(selected()), count)
	if *update {
		writeJSON(t, matrixFile, want)
	}
}

// After a rotation only the new secret is accepted.
func TestRotation(t *testing.T) {
	count := map[string]int{}
	for _, s := range selected() {
		t.Run(s.name, func(t *testing.T) {
			for _, r := range record(t, s) {
				cfg, accepted := r.setting()
				if !accepted {
					continue
				}
				count[r.signedBy]++
				switch err := r.verify(t, r.raw, cfg, newSecretKey); {
				case r.signedBy == newSecretKey && err != nil:
					t.Errorf("%s: the new secret is refused: %v", r.name, err)
				case r.signedBy == secretKey && !errors.Is(err, redoxauth.ErrRejected):
					t.Errorf("%s: the old secret: got %v, want %v", r.name, err, redoxauth.ErrRejected)
				}
			}
		})
	}
	if count[newSecretKey] < len(selected()) || count[secretKey] < len(selected()) {
		t.Errorf("accepted requests by secret: %v", count)
	}
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		if *update && errors.Is(err, os.ErrNotExist) {
			return
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}

func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.FromSlash(name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
