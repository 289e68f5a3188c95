package clientcredentials_test

import (
	"bytes"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// Each example plays a server: publishedBy returns its public keys, and deliver sends a message
// with a token of that server's shape. COMPATIBILITY.md has the source of each shape.

// Auth0 with its default token profile. ClientIDs is the Client ID of the machine-to-machine
// application for Redox. Audience is the Identifier of the API, and the dashboard's audience.
func ExampleNew_auth0() {
	const issuer = "https://acme.eu.auth0.com/" // with the slash at its end
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:          publishedBy(issuer), // keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer})
		Issuer:        issuer,
		Audience:      []string{"https://api.example.com"},
		ClientIDs:     []string{"K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja"},
		ClientIDClaim: "azp",
		Types:         []string{"JWT"},
		Scopes:        []string{"write:messages"},
	})
	if err != nil {
		log.Fatal(err)
	}

	header := map[string]any{"typ": "JWT"}
	token := map[string]any{ // and iat and exp
		"iss":   issuer,
		"sub":   "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients",
		"aud":   "https://api.example.com",
		"azp":   "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
		"scope": "write:messages",
		"gty":   "client-credentials",
	}
	deliver(verifier, header, token) // signs the token, and sends a message with it
	token["azp"] = "anotherClientOfTheTenant"
	deliver(verifier, header, token)
	// Output:
	// 200 K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja [write:messages]
	// 401 clientcredentials: credentials rejected (client): azp is "anotherClientOfTheTenant", want "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
}

// An authorization server of Okta, such as the one that is called default. Its tokens have no
// typ. Audience is the Audience of the authorization server.
func ExampleNew_okta() {
	const issuer = "https://acme.okta.com/oauth2/default"
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:          publishedBy(issuer), // keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer})
		Issuer:        issuer,
		Audience:      []string{"api://default"},
		ClientIDs:     []string{"0oabucvyc38HLL1ef0h7"},
		ClientIDClaim: "cid",
		ScopeClaim:    "scp",
		Types:         []string{""},
		Scopes:        []string{"messages.write"},
	})
	if err != nil {
		log.Fatal(err)
	}

	header := map[string]any{"typ": nil} // alg and kid alone
	token := map[string]any{             // and iat and exp
		"ver": 1,
		"jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
		"iss": issuer,
		"aud": "api://default",
		"cid": "0oabucvyc38HLL1ef0h7",
		"scp": []string{"messages.write"},
		"sub": "0oabucvyc38HLL1ef0h7",
	}
	deliver(verifier, header, token) // signs the token, and sends a message with it
	token["cid"] = "anotherClient"
	deliver(verifier, header, token)
	// Output:
	// 200 0oabucvyc38HLL1ef0h7 [messages.write]
	// 401 clientcredentials: credentials rejected (client): cid is "anotherClient", want "0oabucvyc38HLL1ef0h7" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
}

// Entra ID, if requestedAccessTokenVersion in the manifest of the API is not 2. Audience lists
// both names of the API. The dashboard's scopes are "api://…/.default". Scopes are app roles.
func ExampleNew_entraV1() {
	const issuer = "https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/" // the tenant
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:          publishedBy(issuer), // keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer})
		Issuer:        issuer,
		Audience:      []string{"api://00001111-aaaa-2222-bbbb-3333cccc4444", "00001111-aaaa-2222-bbbb-3333cccc4444"},
		ClientIDs:     []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
		ClientIDClaim: "appid",
		ScopeClaim:    "roles",
		Types:         []string{"JWT"},
		Scopes:        []string{"Messages.Write"},
	})
	if err != nil {
		log.Fatal(err)
	}

	header := map[string]any{"typ": "JWT", "x5t": "i6lGk3FZzxRcUb2C3nEQ7syHJlY"}
	token := map[string]any{ // and iat and exp
		"aud":      "api://00001111-aaaa-2222-bbbb-3333cccc4444",
		"nbf":      time.Now().Unix(),
		"iss":      issuer,
		"appid":    "11112222-bbbb-3333-cccc-4444dddd5555",
		"appidacr": "1",
		"idp":      issuer,
		"oid":      "22223333-cccc-4444-dddd-5555eeee6666",
		"roles":    []string{"Messages.Write"},
		"sub":      "22223333-cccc-4444-dddd-5555eeee6666",
		"tid":      "aaaabbbb-0000-cccc-1111-dddd2222eeee",
		"uti":      "B-MZA2sdDUOEjC-VR4ATAA",
		"ver":      "1.0",
	}
	deliver(verifier, header, token) // signs the token, and sends a message with it
	token["appid"] = "anotherApp"
	deliver(verifier, header, token)
	// Output:
	// 200 11112222-bbbb-3333-cccc-4444dddd5555 [Messages.Write]
	// 401 clientcredentials: credentials rejected (client): appid is "anotherApp", want "11112222-bbbb-3333-cccc-4444dddd5555" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
}

// Entra ID, if requestedAccessTokenVersion in the manifest of the API is 2. Audience is the
// API's application ID. The dashboard's scopes are "api://…/.default". Scopes are app roles.
func ExampleNew_entraV2() {
	const issuer = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:          publishedBy(issuer), // keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer})
		Issuer:        issuer,
		Audience:      []string{"00001111-aaaa-2222-bbbb-3333cccc4444"},
		ClientIDs:     []string{"11112222-bbbb-3333-cccc-4444dddd5555"},
		ClientIDClaim: "azp",
		ScopeClaim:    "roles",
		Types:         []string{"JWT"},
		Scopes:        []string{"Messages.Write"},
	})
	if err != nil {
		log.Fatal(err)
	}

	header := map[string]any{"typ": "JWT"}
	token := map[string]any{ // and iat and exp
		"aud":    "00001111-aaaa-2222-bbbb-3333cccc4444",
		"nbf":    time.Now().Unix(),
		"iss":    issuer,
		"azp":    "11112222-bbbb-3333-cccc-4444dddd5555",
		"azpacr": "1",
		"oid":    "22223333-cccc-4444-dddd-5555eeee6666",
		"roles":  []string{"Messages.Write"},
		"sub":    "22223333-cccc-4444-dddd-5555eeee6666",
		"tid":    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
		"uti":    "B-MZA2sdDUOEjC-VR4ATAA",
		"ver":    "2.0",
	}
	deliver(verifier, header, token) // signs the token, and sends a message with it
	token["azp"] = "anotherApp"
	deliver(verifier, header, token)
	// Output:
	// 200 11112222-bbbb-3333-cccc-4444dddd5555 [Messages.Write]
	// 401 clientcredentials: credentials rejected (client): azp is "anotherApp", want "11112222-bbbb-3333-cccc-4444dddd5555" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
}

// A user pool of Amazon Cognito. Its tokens have no typ, and no aud. A scope begins with the
// identifier of the resource server, which is this API. So Scopes replaces Audience.
func ExampleNew_cognito() {
	const issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE"
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:               publishedBy(issuer), // keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer})
		Issuer:             issuer,
		InsecureNoAudience: true,
		ClientIDs:          []string{"1example23456789"},
		Types:              []string{""},
		Scopes:             []string{"https://api.example.com/messages.write"},
	})
	if err != nil {
		log.Fatal(err)
	}

	header := map[string]any{"typ": nil} // alg and kid alone
	token := map[string]any{             // and iat and exp
		"sub":       "1example23456789",
		"token_use": "access",
		"scope":     "https://api.example.com/messages.write",
		"auth_time": time.Now().Unix(),
		"iss":       issuer,
		"version":   2,
		"jti":       "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
		"client_id": "1example23456789",
	}
	deliver(verifier, header, token) // signs the token, and sends a message with it
	token["client_id"] = "anotherAppClient"
	deliver(verifier, header, token)
	// Output:
	// 200 1example23456789 [https://api.example.com/messages.write]
	// 401 clientcredentials: credentials rejected (client): client_id is "anotherAppClient", want "1example23456789" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
}

// A realm of Keycloak. The client for Redox has a service account. An Audience mapper writes
// this API into aud.
func ExampleNew_keycloak() {
	const issuer = "https://sso.example.com/realms/acme"
	verifier, err := clientcredentials.New(clientcredentials.Config{
		Keys:          publishedBy(issuer), // keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer})
		Issuer:        issuer,
		Audience:      []string{"https://api.example.com"},
		ClientIDs:     []string{"redox"},
		ClientIDClaim: "azp",
		Types:         []string{"JWT"},
		Scopes:        []string{"messages.write"},
	})
	if err != nil {
		log.Fatal(err)
	}

	header := map[string]any{"typ": "JWT"}
	token := map[string]any{ // and iat and exp
		"jti":                "trrtcc:44e3cc3a-b9f3-4d4c-9a26-4d1b7f0ac1f4",
		"iss":                issuer,
		"aud":                []string{"https://api.example.com", "account"},
		"sub":                "b4c2a3f0-8f0e-4c8e-9f52-6f3c1f7ad2f5",
		"typ":                "Bearer",
		"azp":                "redox",
		"acr":                "1",
		"scope":              "profile messages.write",
		"clientHost":         "203.0.113.9",
		"preferred_username": "service-account-redox",
		"client_id":          "redox",
	}
	deliver(verifier, header, token) // signs the token, and sends a message with it
	token["azp"] = "frontend"
	deliver(verifier, header, token)
	// Output:
	// 200 redox [profile messages.write]
	// 401 clientcredentials: credentials rejected (client): azp is "frontend", want "redox" (Config.ClientIDs; Redox dashboard: clientId; the claim: Config.ClientIDClaim)
}

// serverKey plays the key of every server.
var serverKey = redoxtest.NewKey("1", "RS256")

// publishedBy finds the key by the issuer's discovery, which it plays in memory.
func publishedBy(issuer string) keyset.Set {
	server := redoxtest.NewKeyServer(serverKey)
	server.Close() // its handler serves on
	server.Issuer, server.JWKSURL = issuer, "https://keys.example.com/jwks.json"
	keys, err := keyset.NewRemote(keyset.RemoteConfig{Issuer: issuer, Client: &http.Client{Transport: inMemory{server}}})
	if err != nil {
		log.Fatal(err)
	}
	return keys
}

type inMemory struct{ http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Result(), nil
}

// deliver sends a message with a new token, and prints what was decided.
func deliver(v redoxauth.Verifier, header, claims map[string]any) {
	now := time.Now().Unix()
	claims["iat"], claims["exp"] = now, now+3600
	token, err := serverKey.Token(header, claims)
	if err != nil {
		log.Fatal(err)
	}
	report := func(_ *http.Request, d redoxauth.Decision) {
		if d.Err != nil {
			fmt.Println(d.Status, d.Err)
		}
	}
	server := httptest.NewServer(redoxauth.Middleware(v, &redoxauth.Options{Observe: report})(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			id, _ := redoxauth.FromContext(r.Context())
			fmt.Println(http.StatusOK, id.Subject, id.Scopes)
		})))
	defer server.Close()
	r, err := http.NewRequest("POST", server.URL, bytes.NewReader(redoxtest.PatientAdmin()))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
}
