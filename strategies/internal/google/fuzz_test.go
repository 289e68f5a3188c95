package google_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/internal/google"
)

// FuzzTokenInfo sends any answer of tokeninfo. A request is accepted only if encoding/json
// finds a listed account and a time in the future in the answer. It is refused as the
// sender's fault only if Google says so.
func FuzzTokenInfo(f *testing.F) {
	for _, change := range []map[string]any{
		nil,
		{"azp": "99", "aud": "99"},
		{"azp": nil}, {"aud": nil}, {"azp": nil, "aud": nil},
		{"azp": "1-x.apps.googleusercontent.com", "aud": "1-x.apps.googleusercontent.com"},
		{"email_verified": true}, {"email_verified": "false"}, {"email_verified": nil},
		{"exp": 1e9}, {"exp": "soon"}, {"exp": nil}, {"expires_in": nil}, {"expires_in": -1}, {"exp": nil, "expires_in": nil},
		{"sub": accountID}, {"sub": "99"}, {"email": "jane@example.com"}, {"email": "jane@example.com", "email_verified": "false"},
		{"scope": nil}, {"scope": []string{scope}},
	} {
		answer := info(change)
		f.Add(answer.status, answer.body)
	}
	for _, body := range []string{
		`{"error":"invalid_token","error_description":"Invalid Value"}`, `{"error_description":"Invalid Value"}`, `{"error":"invalid_request"}`,
		`{"azp":"112233445566778899001","azp":"99","exp":4102444800}`, `{"azp":null,"exp":4102444800}`, `{"exp":4102444800}`, "", "null", "<html>", "{}{}",
	} {
		for _, status := range []int{200, 204, 302, 400, 401, 429, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 100 || status > 999 {
			t.Skip()
		}
		v, err := google.New(google.Config{
			Strategy:        "example",
			ServiceAccounts: []string{accountID, account},
			AccessTokens:    true,
			Scopes:          []string{scope},
			Client:          &http.Client{Transport: always{status, body}},
			Now:             func() time.Time { return start },
		})
		if err != nil {
			t.Fatal(err)
		}
		id, err := v.Verify(request("ya29.fuzz"))
		var e *redoxauth.Error
		switch {
		case err == nil:
			if status != http.StatusOK || !good(body) || string(id.RawClaims) != body || !id.Expiry.After(start.Add(-time.Minute)) {
				t.Errorf("accepted %+v", id)
			}
		case !errors.As(err, &e):
			t.Errorf("error %v is of no kind", err)
		case e.Kind == redoxauth.ErrUnavailable:
		case e.Kind == redoxauth.ErrRejected && e.Reason == "inactive" && status == http.StatusBadRequest:
		case (e.Kind == redoxauth.ErrRejected || e.Kind == redoxauth.ErrForbidden) && status == http.StatusOK && json.Valid([]byte(body)):
		default:
			t.Errorf("status %d: error %v", status, err)
		}
	})
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// good reports whether encoding/json finds a listed account and an expiry in body.
func good(body string) bool {
	var m map[string]any
	if len(body) > 16<<10 || json.Unmarshal([]byte(body), &m) != nil {
		return false
	}
	azp, _ := m["azp"].(string)
	aud, _ := m["aud"].(string)
	id := cmp.Or(azp, aud)
	issued := digits.MatchString(id) && (aud == "" || aud == id)
	own := (m["email"] == nil || isServiceAccount(m["email"])) && (m["sub"] == nil || m["sub"] == "" || m["sub"] == id)
	byEmail := m["email"] == account && (m["email_verified"] == true || m["email_verified"] == "true")
	return issued && own && (id == accountID || byEmail) && (m["exp"] != nil || m["expires_in"] != nil)
}

func isServiceAccount(email any) bool {
	s, _ := email.(string)
	return s == "" || strings.HasSuffix(strings.ToLower(s), ".gserviceaccount.com")
}

type always struct {
	status int
	body   string
}

func (a always) RoundTrip(r *http.Request) (*http.Response, error) {
	return respond(r, a.status, a.body), nil
}
