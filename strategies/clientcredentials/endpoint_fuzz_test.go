package clientcredentials_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Whatever a Basic credential is, it passes only if one of three readings is right.
func FuzzBasic(f *testing.F) {
	for _, seed := range []string{
		clientID + ":" + clientSecret, url.QueryEscape(clientID) + ":" + url.QueryEscape(clientSecret), clientID + ":s3cr&t/+ %\xe9",
		"", ":", "a", "a:", ":b", "a:b:c", "%", "%3A:%", "redox-client%3A1:the+old+secret", "another:another's secret\x00",
	} {
		f.Add(seed)
	}
	e := newTokenEndpoint(f)
	right := map[string]bool{
		clientID + ":" + clientSecret: true,
		clientID + ":the old secret":  true,
		"another:another's secret":    true,
	}
	f.Fuzz(func(t *testing.T, credential string) {
		var latin1 strings.Builder
		for _, b := range []byte(credential) {
			latin1.WriteRune(rune(b))
		}
		want := right[credential] || right[latin1.String()]
		if id, secret, ok := strings.Cut(credential, ":"); ok {
			id, err1 := url.QueryUnescape(id)
			secret, err2 := url.QueryUnescape(secret)
			want = want || err1 == nil && err2 == nil && right[id+":"+secret]
		}
		r := tokenRequest("")
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(credential)))
		w := serve(e, r)
		switch w.Code {
		case http.StatusOK:
			if !want {
				t.Errorf("accepted %q", credential)
			}
		case http.StatusUnauthorized, http.StatusTooManyRequests:
			if want {
				t.Errorf("refused %q", credential)
			}
		default:
			t.Errorf("status %d for %q", w.Code, credential)
		}
	})
}
