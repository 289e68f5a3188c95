package clientcredentials_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzIntrospectionAnswer sends any answer of the endpoint. A token is accepted only if
// encoding/json finds it active, for this API and of the configured client.
func FuzzIntrospectionAnswer(f *testing.F) {
	for _, s := range []string{
		good, `{"active":false}`, `{"active":"true"}`, with("active", `1`), with("active", `false,"active":true`),
		with("aud", `["x"]`), with("exp", `1e300`), with("scope", `null`), with("cnf", `{}`), with("cnf", `null`), with("exp", `-62135596800`), with("exp", `253402300799`), with("exp", `253402300800`), "<html>", "", "[]", "null", good + good,
		`{"active":true,"client_id":"` + clientID + `","scope":"write","aud":"` + destination + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := newIntrospection(t, introspectionConfig(answering(http.StatusOK, string(data)))).Verify(message(opaque))
		if (id == nil) == (err == nil) {
			t.Fatalf("identity %v, error %v", id, err)
		}
		if err != nil {
			return
		}
		var a map[string]any
		if err := json.Unmarshal(data, &a); err != nil {
			t.Fatalf("accepted an answer that is not JSON: %v", err)
		}
		wantJSON(t, id)
		bound := a["cnf"] != nil
		exp, expires := a["exp"].(float64)
		expired := expires && exp < float64(time.Now().Add(-2*time.Minute).Unix())
		if expired || a["active"] != true || a["client_id"] != clientID || bound || !holds(a["aud"], destination) || !holds(a["scope"], "write") {
			t.Errorf("accepted %s", data)
		}
	})
}

// holds reports whether v, a string or an array, contains the word.
func holds(v any, word string) bool {
	if s, ok := v.(string); ok {
		for _, w := range strings.Fields(s) {
			if w == word {
				return true
			}
		}
		return false
	}
	list, _ := v.([]any)
	for _, e := range list {
		if s, ok := e.(string); ok && holds(s, word) {
			return true
		}
	}
	return false
}
