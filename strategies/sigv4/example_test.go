package sigv4_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A server for a destination without a verification token. It answers "Verify & Save", and
// accepts messages that are signed with the secret.
func ExampleNew() {
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret-of-your-own"}},
		Region:      "us-east-1",
		Service:     "redox",
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("received from", id.Subject)
	})
	server := httptest.NewServer(signature.Wrap(verifytoken.Challenge(handler)))
	defer server.Close()

	ctx := context.Background()
	redox := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret-of-your-own", AWSRegion: "us-east-1", ServiceName: "redox"}
	fmt.Println("handshake:", redoxtest.SignedHandshake(ctx, server.URL+"/redox", redox, http.MethodPost))
	for _, secret := range []string{redox.SecretKey, "a guess"} {
		redox.SecretKey = secret
		response, err := redox.Send(ctx, server.URL+"/redox", []byte(`{"Meta":{}}`))
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.Status)
	}
	// Output:
	// handshake: <nil>
	// received from REDOX1
	// 200 OK
	// 401 Unauthorized
}

// A destination with a verification token and a signature: a message must have both.
func ExampleNew_verificationToken() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		log.Fatal(err)
	}
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret-of-your-own"}},
		Region:      "us-east-1",
		Service:     "redox",
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Println("received") })
	protect := redoxauth.Middleware(redoxauth.AllOf(token, signature), nil)
	server := httptest.NewServer(token.Handshake(protect(handler)))
	defer server.Close()

	ctx := context.Background()
	fmt.Println("handshake:", redoxtest.Handshake(ctx, server.URL+"/redox", "theToken", http.MethodPost))
	signed := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret-of-your-own", AWSRegion: "us-east-1", ServiceName: "redox"}
	for _, redox := range []redoxtest.Sender{
		redoxtest.Both(redoxtest.VerificationToken{Token: "theToken"}, signed),
		redoxtest.VerificationToken{Token: "theToken"},
		signed,
	} {
		response, err := redox.Send(ctx, server.URL+"/redox", []byte(`{"Meta":{}}`))
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.Status)
	}
	// Output:
	// handshake: <nil>
	// received
	// 200 OK
	// 401 Unauthorized
	// 401 Unauthorized
}

// Redox sends to https://api.example.com/api/redox. A reverse proxy strips "/api" and replaces
// Host, and the signature is for the request as Redox sent it.
func ExampleConfig_behindProxy() {
	signature, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret-of-your-own"}},
		Region:      "us-east-1",
		Service:     "redox",
		Hosts:       []string{"api.example.com"},
		PathPrefix:  "/api",
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(signature.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("received", r.URL.Path)
	})))
	defer server.Close()
	upstream, err := url.Parse(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	proxy := http.StripPrefix("/api", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(upstream) }, // replaces Host too
	})

	for _, host := range []string{"api.example.com", "other.example.com"} {
		r := httptest.NewRequest(http.MethodPost, "https://"+host+"/api/redox", strings.NewReader("{}"))
		redox := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret-of-your-own", AWSRegion: "us-east-1", ServiceName: "redox"}
		if err := redox.Sign(r); err != nil {
			log.Fatal(err)
		}
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// received /redox
	// 200
	// 401
}

// A rotation: the dashboard may use either secret until the first is removed, and the
// KeyID tells which it used.
func ExampleConfig_rotation() {
	verifier, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{
			{AccessKeyID: "REDOX1", SecretAccessKey: "the-old-random-secret"},
			{AccessKeyID: "REDOX1", SecretAccessKey: "the-new-random-secret"},
		},
		Region:  "us-east-1",
		Service: "redox",
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, secret := range []string{"the-old-random-secret", "the-new-random-secret"} {
		r := httptest.NewRequest(http.MethodPost, "/redox/events", strings.NewReader("{}"))
		redox := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: secret, AWSRegion: "us-east-1", ServiceName: "redox"}
		if err := redox.Sign(r); err != nil {
			log.Fatal(err)
		}
		id, err := verifier.Verify(r)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id.Subject, id.KeyID)
	}
	// Output:
	// REDOX1 0
	// REDOX1 1
}

// Refusals are explained in the log while an endpoint is set up.
func ExampleVerifier_Explain() {
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	verifier, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret-of-your-own"}},
		Region:      "us-east-1",
		Service:     "redox",
		Now:         func() time.Time { return date },
	})
	if err != nil {
		log.Fatal(err)
	}
	observe := func(r *http.Request, d redoxauth.Decision) {
		if d.Err != nil {
			fmt.Println(verifier.Explain(r))
		}
	}
	protect := redoxauth.Middleware(verifier, &redoxauth.Options{Observe: observe})
	handler := protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	r := httptest.NewRequest(http.MethodPost, "https://api.example.test/redox/events", strings.NewReader("{}"))
	redox := redoxtest.SigV4{AccessKey: "REDOX1", SecretKey: "a-long-random-secret-of-your-own", AWSRegion: "us-east-1", ServiceName: "redox", Now: func() time.Time { return date }}
	if err := redox.Sign(r); err != nil {
		log.Fatal(err)
	}
	r.Host = "upstream:8080" // what a proxy made of it
	r.Header.Set("X-Forwarded-Host", "api.example.test")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// sigv4: credentials rejected (signature): the signature does not verify with the secret of the access key ID "REDOX1" (Config.Credentials[0].SecretAccessKey; Redox dashboard: secretKey): the request is not as the sender signed it, or the sender has another secret
	// received: method "POST", Host "upstream:8080", body of 2 bytes
	// request target: "/redox/events", no query
	// Authorization: AWS4-HMAC-SHA256, as expected
	// access key ID: "REDOX1", as configured (Config.Credentials[0].AccessKeyID)
	// region: "us-east-1", as configured (Config.Region)
	// service: "redox", as configured (Config.Service)
	// X-Amz-Date: 20260102T030405Z, 0s behind this server's clock (now 20260102T030405Z), within 5m0s (Config.MaxSkew)
	// Host: "upstream:8080", must be what the sender signed (Config.Hosts is empty)
	// signed headers: ["content-length", "host", "x-amz-date"]
	// X-Amz-Content-Sha256: absent, so the hash of the body counts
	// X-Amz-Security-Token: absent, as configured
	// path: Config.PathPrefix "", DisablePathNormalization false, DisableDoubleEncoding false
	// query: it has a canonical form
	// signature: it does not verify with the secret of this access key ID
	//
	// canonical request:
	// POST
	// /redox/events
	//
	// content-length:2
	// host:upstream:8080
	// x-amz-date:20260102T030405Z
	//
	// content-length;host;x-amz-date
	// 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
	//
	// string to sign:
	// AWS4-HMAC-SHA256
	// 20260102T030405Z
	// 20260102/us-east-1/redox/aws4_request
	// 62b623298209b88847d8a8553007d7aed012f96e977fc844ae62262905998436
	//
	// hints:
	// - it verifies with Host "api.example.test", and Host "upstream:8080" arrived: a proxy replaced it: add "api.example.test" to Config.Hosts, or let the proxy keep Host (nginx: proxy_set_header Host $http_host; Apache: ProxyPreserveHost On)
}
