package keyset_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// FuzzRemote lets a key server answer anything. Then the set is ready, with keys whose life
// is within the bounds, or it is not ready and says why.
func FuzzRemote(f *testing.F) {
	f.Add(jwks("a"), "max-age=60", "5")
	f.Add(jwks(), "no-store", "")
	f.Add(`{"keys":[{"kty":"RSA"},{}]}`, `public, MAX-AGE="3600", =, ,max-age`, "-1")
	f.Add(`<html>`, "max-age=99999999999999999999999", "99999999999999999999999")
	f.Fuzz(func(t *testing.T, body, cacheControl, age string) {
		srv := &server{answer: func(*http.Request) (*http.Response, error) {
			r, err := respond(200, body)(nil)
			r.Header["Cache-Control"], r.Header["Age"] = []string{cacheControl}, []string{age}
			return r, err
		}}
		s := newRemote(t, keyset.RemoteConfig{URL: "https://keys.example/", Client: &http.Client{Transport: srv}})
		err := s.Ready(t.Context())
		st := s.Status()
		if (err == nil) != (st.Keys > 0) || (err == nil) != (st.Err == nil) || st.Keys > 64 {
			t.Fatalf("error %v, status %+v", err, st)
		}
		if life := st.Expires.Sub(st.Fetched); err == nil && (life < time.Minute || life > 24*time.Hour) {
			t.Fatalf("life %v for %q, Age %q", life, cacheControl, age)
		}
	})
}

// FuzzDiscovery lets the metadata of an issuer be anything. What is used repeats the issuer
// and names an https URL. Nothing but that URL is fetched then.
func FuzzDiscovery(f *testing.F) {
	const issuer = "https://issuer.example/tenant"
	f.Add(`{"issuer":"` + issuer + `","jwks_uri":"https://keys.example/"}`)
	f.Add(`{"issuer":"` + issuer + `/","jwks_uri":"https://keys.example/"}`)
	f.Add(`{"issuer":"` + issuer + `","jwks_uri":"http://keys.example/"}`)
	f.Add(`{"issuer":"` + issuer + `","Issuer":"x","jwks_uri":"file:///etc/passwd"}`)
	f.Add("\ufeff" + `{"issuer":"` + issuer + `","jwks_uri":"https://keys.example/"}`)
	f.Add(`{"issuer":"` + issuer + `","jwks_uri":"https://key` + "\x89" + `s.example/"}`)
	f.Fuzz(func(t *testing.T, metadata string) {
		var fetched []string
		srv := &server{answer: func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "/.well-known/") && r.URL.Host == "issuer.example" {
				return respond(200, metadata)(r)
			}
			fetched = append(fetched, r.URL.String())
			return respond(200, jwks("a"))(r)
		}}
		s := newRemote(t, keyset.RemoteConfig{Issuer: issuer, Client: &http.Client{Transport: srv}})
		if s.Ready(t.Context()) != nil {
			return
		}
		url := jose.SourceOf(s).URL()
		var m map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(metadata, "\ufeff")), &m); err != nil || m["issuer"] != issuer || m["jwks_uri"] != url {
			t.Fatalf("used %q, URL %q", metadata, url)
		}
		if !strings.HasPrefix(strings.ToLower(url), "https://") || len(fetched) != 1 {
			t.Fatalf("URL %q, fetched %q", url, fetched)
		}
	})
}
