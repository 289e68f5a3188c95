package jwtbearer_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A destination that receives JWTs signed with published keys.
func ExampleNew() {
	published := redoxtest.NewKeyServer(redoxtest.NewKey("2026-11", "RS256")) // stands in for Redox's
	defer published.Close()

	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: published.JWKSURL, InsecureAllowHTTP: true})
	if err != nil {
		panic(err)
	}
	v, err := jwtbearer.New(jwtbearer.Config{
		Keys:       keys,
		Algorithms: []string{"RS256"},
		Issuer:     "https://redox.example",
		Audience:   []string{"https://customer.example/redox"},
	})
	if err != nil {
		panic(err)
	}
	protect := redoxauth.Middleware(v, &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.Default())})
	handler := protect(verifytoken.Challenge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("from", id.Subject, "under key", id.KeyID)
	})))

	for _, audience := range []string{"https://customer.example/redox", "https://other.example"} {
		redox := &redoxtest.JWTBearer{Key: published.Key(), Issuer: "https://redox.example", Subject: "feed", Audience: []string{audience}}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, redoxtest.NewRequest(redox))
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// from feed under key 2026-11
	// 200 ""
	// 401 "Bearer realm=\"redox\", error=\"invalid_token\""
}

// A destination that shares a secret with Redox. The token has the form of Redox SSO, which is
// another feature, and the only one whose bearer tokens Redox documents.
func ExampleNew_secret() {
	secret := []byte("0123456789abcdef0123456789abcdef")
	v, err := jwtbearer.New(jwtbearer.Config{
		Secrets:  [][]byte{secret},
		Issuer:   "0f4bd1d1-451d-4351-8cfd-b767d1b488d6",
		Audience: []string{"d9f5d293-7110-461e-a875-3beb089e79f3"},
	})
	if err != nil {
		panic(err)
	}
	id, err := v.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{
		Key:      redoxtest.Key{Algorithm: "HS256", Secret: secret},
		Issuer:   "0f4bd1d1-451d-4351-8cfd-b767d1b488d6",
		Audience: []string{"d9f5d293-7110-461e-a875-3beb089e79f3"},
		Lifetime: 15 * time.Minute,
	}))
	if err != nil {
		panic(err)
	}
	fmt.Println("from", id.Issuer)
	// Output: from 0f4bd1d1-451d-4351-8cfd-b767d1b488d6
}

// You know the key and nothing else about the token. Each refusal shows one more value, in the
// order of the checks: iss, typ, alg, kid, aud, sub, scope. No token is accepted until all are
// right.
func ExampleNew_unknownToken() {
	key := redoxtest.NewKey("2026-11", "RS256")
	keys, err := keyset.ParseJWKS(redoxtest.JWKS(key))
	if err != nil {
		panic(err)
	}
	for _, cfg := range []jwtbearer.Config{
		{Keys: keys, Issuer: "unknown", Audience: []string{"unknown"}},
		{Keys: keys, Issuer: "https://redox.example", Audience: []string{"unknown"}},
		{Keys: keys, Issuer: "https://redox.example", Audience: []string{"urn:customer"}},
	} {
		v, err := jwtbearer.New(cfg)
		if err != nil {
			panic(err)
		}
		handler := redoxauth.Middleware(v, &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) {
			fmt.Println("accepted:", d.Identity != nil, d.Err) // or redoxauth.LogDecisions
		}})(http.NotFoundHandler())

		redox := &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Subject: "feed", Audience: []string{"urn:customer"}}
		handler.ServeHTTP(httptest.NewRecorder(), redoxtest.NewRequest(redox))
	}
	// Output:
	// accepted: false jwtbearer: no credentials (issuer): iss is "https://redox.example", want "unknown" (Config.Issuer; Redox dashboard: issuer)
	// accepted: false jwtbearer: credentials rejected (audience): aud is "urn:customer", want "unknown" (Config.Audience; Redox dashboard: audience)
	// accepted: true <nil>
}
