package refusals_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A row is one wrong setting, of a Config or of the dashboard. It is a destination and a sender
// that fit, and what spoils them. The error of the refusal must have every part of what: what
// arrived, what was expected, and the field that decides.
type row[S any] struct {
	name  string
	also  func(*S) // another setting, with which the destination still accepts
	spoil func(*S)
	what  []string
}

// A site makes a destination and sends it one message.
type site interface{ run(*world) error }

// try checks that each row is refused, and why, and that it is accepted unspoiled.
func try[S any, P interface {
	*S
	site
}](t *testing.T, fresh func(*world) S, rows []row[S]) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			attempt := func(spoiled bool) *world {
				w := newWorld(t)
				s := fresh(w)
				if row.also != nil {
					row.also(&s)
				}
				if spoiled {
					row.spoil(&s)
				}
				var refused *redoxtest.TokenError
				if err := P(&s).run(w); err != nil && !errors.As(err, &refused) {
					t.Fatal(err)
				}
				return w
			}
			right := attempt(false)
			if right.accepted != 1 || len(right.refusals) > 0 {
				t.Errorf("without the wrong setting: accepted %d messages, and refused %v", right.accepted, right.refusals)
			}
			wrong := attempt(true)
			if wrong.accepted != 0 || len(wrong.refusals) != 1 {
				t.Fatalf("accepted %d messages, and refused %v, want one refusal", wrong.accepted, wrong.refusals)
			}
			refusal := wrong.refusals[0]
			for _, part := range row.what {
				if !strings.Contains(refusal.err, part) {
					t.Errorf("no %s in: %s", part, refusal.err)
				}
			}
			if reason, _, _ := strings.Cut(refusal.err, "): "); !strings.HasPrefix(refusal.explained, reason+"): ") { // times in the text differ
				t.Errorf("Explain begins otherwise than %q:\n%s", reason, refusal.explained)
			}
			wrong.checkSecrets(refusal.err + "\n" + refusal.explained)
		})
	}
}

// A world is a server and what happened there. It is also the transport of all senders, to know
// which secrets were sent.
type world struct {
	t        *testing.T
	url      string
	mux      *http.ServeMux
	client   *http.Client
	accepted int
	refusals []refusal
	secrets  []string
}

type refusal struct{ err, explained string }

func newWorld(t *testing.T) *world {
	w := &world{t: t, mux: http.NewServeMux()}
	server := httptest.NewServer(w.mux)
	t.Cleanup(server.Close)
	w.url, w.client = server.URL, &http.Client{Transport: w}
	return w
}

// protect serves messages at /redox behind v.
func (w *world) protect(v redoxauth.Verifier) {
	w.mux.Handle("/redox", redoxauth.Middleware(v, &redoxauth.Options{Observe: w.observe(v)})(http.HandlerFunc(w.accept)))
}

func (w *world) accept(http.ResponseWriter, *http.Request) { w.accepted++ }

// observe explains each refusal by v, which has a method Explain.
func (w *world) observe(v any) func(*http.Request, redoxauth.Decision) {
	return func(r *http.Request, d redoxauth.Decision) {
		if d.Err == nil {
			return
		}
		explained := "no method Explain\n"
		if e, ok := v.(interface{ Explain(*http.Request) string }); ok {
			explained = e.Explain(r)
		}
		w.refusals = append(w.refusals, refusal{strings.ReplaceAll(d.Err.Error(), "\n", "; "), explained})
	}
}

func (w *world) send(s redoxtest.Sender) error {
	answer, err := s.Send(w.t.Context(), w.url+"/redox", redoxtest.PatientAdmin())
	if err == nil {
		answer.Body.Close()
	}
	return err
}

func (w *world) secret(values ...string) { w.secrets = append(w.secrets, values...) }

// RoundTrip remembers the secrets of a request, and sends it.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.secret(r.Header["Verification-Token"]...)
	w.secret(r.Header["X-Amz-Security-Token"]...)
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if _, password, ok := r.BasicAuth(); ok {
		credential = password
	} else if strings.HasPrefix(scheme, "AWS4") {
		_, credential, _ = strings.Cut(credential, "Signature=")
	}
	w.secret(strings.Split(credential, ".")...)
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" && r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		form := &http.Request{Method: http.MethodPost, Header: r.Header, Body: body}
		for _, name := range []string{"assertion", "client_assertion", "client_secret"} {
			w.secret(strings.Split(form.PostFormValue(name), ".")...)
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// checkSecrets fails if 8 bytes of a secret are in text.
func (w *world) checkSecrets(text string) {
	for _, s := range w.secrets {
		for i := 0; i+8 <= len(s); i++ {
			if strings.Contains(text, s[i:i+8]) {
				w.t.Errorf("a part of a secret, %q, is in\n%s", s[i:i+8], text)
				break
			}
		}
	}
}

// A senderFunc changes a request that is otherwise as a browser sends it.
type senderFunc func(*http.Request)

func (s senderFunc) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(string(message)))
	if err != nil {
		return nil, err
	}
	s(r)
	return http.DefaultClient.Do(r)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
