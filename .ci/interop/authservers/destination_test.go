package authservers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A destination is a server with a wrapped handler, which answers with the Identity.
type destination struct {
	url string

	mu      sync.Mutex
	reasons map[redoxauth.Reason]int // of refusals
	keys    map[string]int           // the accepted messages by key ID
}

func newDestination(t *testing.T, v redoxauth.Verifier) *destination {
	d := &destination{reasons: make(map[redoxauth.Reason]int), keys: make(map[string]int)}
	s := httptest.NewServer(redoxauth.Middleware(v, &redoxauth.Options{Observe: d.observe})(http.HandlerFunc(answer)))
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

func answer(w http.ResponseWriter, r *http.Request) {
	id, _ := redoxauth.FromContext(r.Context())
	json.NewEncoder(w).Encode(id)
}

func (d *destination) observe(_ *http.Request, decision redoxauth.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var e *redoxauth.Error
	if errors.As(decision.Err, &e) {
		d.reasons[e.Reason]++
	}
	if decision.Identity != nil {
		d.keys[decision.Identity.KeyID]++
	}
}

// refused returns how many messages were refused for which reason.
func (d *destination) refused() map[redoxauth.Reason]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.reasons)
}

// accepted returns how many tokens under a key were accepted.
func (d *destination) accepted(keyID string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.keys[keyID]
}

// send sends a message. The Identity is nil unless it was accepted.
func (d *destination) send(ctx context.Context, s redoxtest.Sender) (status int, id *redoxauth.Identity, err error) {
	response, err := s.Send(ctx, d.url, redoxtest.PatientAdmin())
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode == http.StatusOK {
		err = json.Unmarshal(body, &id)
	}
	return response.StatusCode, id, err
}

// A sender can also be asked for its token.
type sender interface {
	redoxtest.Sender
	redoxtest.Signer
}

// A bearer sends a token as it is.
type bearer string

// Send implements redoxtest.Sender.
func (b bearer) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	b.Sign(r)
	return http.DefaultClient.Do(r)
}

// Sign implements redoxtest.Signer.
func (b bearer) Sign(r *http.Request) error {
	r.Header.Set("Authorization", "Bearer "+string(b))
	return nil
}
