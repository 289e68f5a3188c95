package redoxauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// asked is a verifier that records that it was asked.
func asked(log *[]string, name string, err error) redoxauth.Verifier {
	return redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		*log = append(*log, name)
		return verifier(name, err).Verify(r)
	})
}

func kindError(kind error, reason redoxauth.Reason, challenge string) error {
	return &redoxauth.Error{Kind: kind, Strategy: "test", Reason: reason, Challenge: challenge}
}

func TestAnyOfLetsTheFirstThatRecognisesDecide(t *testing.T) {
	none, broken := redoxauth.ErrNoCredentials, errors.New("no kind")
	for name, tt := range map[string]struct {
		errs  []error
		want  error
		id    string
		asked int
	}{
		"first accepts":             {[]error{nil, nil}, nil, "0", 1},
		"second accepts":            {[]error{none, nil, nil}, nil, "1", 2},
		"wrapped none, second":      {[]error{fmt.Errorf("x: %w", none), nil}, nil, "1", 2},
		"first rejects":             {[]error{redoxauth.ErrRejected, nil}, redoxauth.ErrRejected, "", 1},
		"first lacks a scope":       {[]error{redoxauth.ErrForbidden, nil}, redoxauth.ErrForbidden, "", 1},
		"first malformed":           {[]error{redoxauth.ErrMalformed, nil}, redoxauth.ErrMalformed, "", 1},
		"first unavailable":         {[]error{redoxauth.ErrUnavailable, nil}, redoxauth.ErrUnavailable, "", 1},
		"first has no known kind":   {[]error{broken, nil}, broken, "", 1},
		"none knows it":             {[]error{none, none, none}, none, "", 3},
		"only one":                  {[]error{none}, none, "", 1},
		"none as a cause, second":   {[]error{&redoxauth.Error{Reason: "missing", Err: none}, nil}, nil, "1", 2},
		"a rejection wrapping none": {[]error{&redoxauth.Error{Kind: redoxauth.ErrRejected, Err: none}, nil}, redoxauth.ErrRejected, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log []string
			var vs []redoxauth.Verifier
			for i, err := range tt.errs {
				vs = append(vs, asked(&log, fmt.Sprint(i), err))
			}
			id, err := redoxauth.AnyOf(vs[0], vs[1:]...).Verify(post(""))
			if !errors.Is(err, tt.want) || (id == nil) != (tt.id == "") || id != nil && id.Strategy != tt.id {
				t.Errorf("got %+v, %v, want %q, %v", id, err, tt.id, tt.want)
			}
			if len(log) != tt.asked {
				t.Errorf("asked %q, want %d", log, tt.asked)
			}
		})
	}
}

// A verifier that panics or answers (nil, nil) does not open the door for the next.
func TestAnyOfStopsAtABrokenVerifier(t *testing.T) {
	for name, v := range map[string]redoxauth.Verifier{
		"panics":  redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { panic("p") }),
		"neither": redoxauth.VerifierFunc(func(*http.Request) (*redoxauth.Identity, error) { return nil, nil }),
	} {
		for combination, c := range map[string]redoxauth.Verifier{"AnyOf": redoxauth.AnyOf(v, verifier("second", nil)), "AllOf": redoxauth.AllOf(verifier("first", nil), v)} {
			id, err := c.Verify(post(""))
			if id != nil || redoxauth.StatusCode(err) != http.StatusInternalServerError {
				t.Errorf("%s of one that %s: %+v, %v, want 500", combination, name, id, err)
			}
		}
	}
}

func TestAnyOfKeepsTheMostTellingReasonAndAllChallenges(t *testing.T) {
	none := redoxauth.ErrNoCredentials
	for name, tt := range map[string]struct {
		errs          []error
		wantReason    redoxauth.Reason
		wantChallenge string
	}{
		"foreign issuer beats missing":     {[]error{kindError(none, "missing", "A a=1"), kindError(none, "issuer", "B b=1")}, "issuer", "A a=1, B b=1"},
		"the first telling one stays":      {[]error{kindError(none, "issuer", ""), kindError(none, "type", "")}, "issuer", ""},
		"all missing":                      {[]error{kindError(none, "missing", "A a=1"), kindError(none, "missing", "")}, "missing", "A a=1"},
		"one challenge of two bearer ones": {[]error{kindError(none, "missing", "A a=1"), kindError(none, "missing", "A a=1")}, "missing", "A a=1"},
		"bare errors":                      {[]error{none, fmt.Errorf("x: %w", none)}, "missing", ""},
		"bare, then telling":               {[]error{none, kindError(none, "issuer", "B b=1")}, "issuer", "B b=1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := redoxauth.AnyOf(verifier("", tt.errs[0]), verifier("", tt.errs[1])).Verify(post(""))
			var e *redoxauth.Error
			if !errors.As(err, &e) || !errors.Is(err, none) || e.Reason != tt.wantReason || e.Challenge != tt.wantChallenge {
				t.Errorf("got %#v, want reason %q, challenge %q", e, tt.wantReason, tt.wantChallenge)
			}
		})
	}
}

// A verifier may return one *Error for all requests: AnyOf must not write to it.
func TestAnyOfLeavesItsMembersErrorsAlone(t *testing.T) {
	shared := &redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "issuer", Challenge: "A a=1"}
	v := redoxauth.AnyOf(verifier("", shared), verifier("", kindError(redoxauth.ErrNoCredentials, "issuer", "B b=1")))
	redoxauth.Check(v, nil, post(""), nil)
	if want := (redoxauth.Error{Kind: redoxauth.ErrNoCredentials, Reason: "issuer", Challenge: "A a=1"}); *shared != want {
		t.Errorf("got %#v, want %#v", *shared, want)
	}
}

func TestAllOfNeedsAll(t *testing.T) {
	none := redoxauth.ErrNoCredentials
	for name, tt := range map[string]struct {
		errs   []error
		want   error
		reason redoxauth.Reason
		asked  int
	}{
		"all accept":                 {[]error{nil, nil, nil}, nil, "", 3},
		"only one":                   {[]error{nil}, nil, "", 1},
		"first absent":               {[]error{none, nil}, none, "", 1},
		"second absent":              {[]error{nil, none}, redoxauth.ErrRejected, "missing", 2},
		"second absent, with reason": {[]error{nil, kindError(none, "issuer", "B b=1")}, redoxauth.ErrRejected, "issuer", 2},
		"second absent, for a cause": {[]error{nil, &redoxauth.Error{Kind: none, Err: fmt.Errorf("nested: %w", none)}}, redoxauth.ErrRejected, "missing", 2},
		"second rejects":             {[]error{nil, redoxauth.ErrRejected, nil}, redoxauth.ErrRejected, "", 2},
		"second unavailable":         {[]error{nil, redoxauth.ErrUnavailable}, redoxauth.ErrUnavailable, "", 2},
		"first rejects":              {[]error{redoxauth.ErrRejected, nil}, redoxauth.ErrRejected, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log []string
			var vs []redoxauth.Verifier
			for i, err := range tt.errs {
				vs = append(vs, asked(&log, fmt.Sprint(i), err))
			}
			id, err := redoxauth.AllOf(vs[0], vs[1:]...).Verify(post(""))
			if !errors.Is(err, tt.want) || (id != nil) != (tt.want == nil) {
				t.Fatalf("got %+v, %v, want %v", id, err, tt.want)
			}
			if id != nil && id.Strategy != fmt.Sprint(len(vs)-1) {
				t.Errorf("the Identity is that of %s, want the last one's", id.Strategy)
			}
			var e *redoxauth.Error
			if tt.reason != "" && (!errors.As(err, &e) || e.Reason != tt.reason) {
				t.Errorf("got %v, want reason %q", err, tt.reason)
			}
			if errors.Is(tt.want, redoxauth.ErrRejected) && errors.Is(err, none) {
				t.Errorf("%v is ErrNoCredentials too: AnyOf would go on", err)
			}
			if len(log) != tt.asked {
				t.Errorf("asked %q, want %d", log, tt.asked)
			}
		})
	}
}

// The challenge of a credential that is missing beside another must reach the peer.
func TestAllOfKeepsTheChallenge(t *testing.T) {
	v := redoxauth.AllOf(verifier("", nil), verifier("", kindError(redoxauth.ErrNoCredentials, "missing", "B b=1")))
	w := serve(redoxauth.Middleware(v, nil)(never(t)), post(""))
	if got := w.Header().Get("WWW-Authenticate"); w.Code != http.StatusUnauthorized || got != "B b=1" {
		t.Errorf("%d, WWW-Authenticate %q", w.Code, got)
	}
}

// Half a credential is not "not mine" for an AnyOf around.
func TestAllOfInAnyOfGivesNoSecondTry(t *testing.T) {
	both := redoxauth.AllOf(verifier("first", nil), verifier("", redoxauth.ErrNoCredentials))
	if id, err := redoxauth.AnyOf(both, verifier("second", nil)).Verify(post("")); !errors.Is(err, redoxauth.ErrRejected) {
		t.Errorf("got %+v, %v", id, err)
	}
}

func TestCombinationsDoNotChangeWithTheCallersSlice(t *testing.T) {
	rest := []redoxauth.Verifier{verifier("second", redoxauth.ErrRejected)}
	v := redoxauth.AllOf(verifier("first", nil), rest...)
	rest[0] = verifier("replaced", nil)
	if id, err := v.Verify(post("")); err == nil {
		t.Errorf("accepted by %q, which was put into the slice later", id.Strategy)
	}
}
