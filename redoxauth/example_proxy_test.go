package redoxauth_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
)

// lastForwarded returns who sent a request to the one proxy in front of this server. The proxy
// appends it to X-Forwarded-For. The sender writes what stands before it, so do not trust that.
func lastForwarded(r *http.Request) string {
	all := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
}

// Behind a proxy, all connections come from the proxy. Tokens that cost a call are rationed by
// the peer, so tell the Verifier who it is: otherwise strangers can use up what Redox needs.
func Example_proxy() {
	google := redoxtest.NewGoogle() // in production Endpoints and InsecureAllowHTTP are left out
	defer google.Close()
	account := google.AddServiceAccount("redox@example-project.iam.gserviceaccount.com")
	verifier, err := gcpjwt.New(gcpjwt.Config{
		ServiceAccounts:   []string{account.ID},
		AccessTokens:      true,
		Endpoints:         gcpjwt.Endpoints{TokenInfoURL: google.TokenInfoURL},
		InsecureAllowHTTP: true,
		Peer:              lastForwarded,
	})
	if err != nil {
		log.Fatal(err)
	}
	opts := &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) {
		fmt.Println("from", lastForwarded(r), "of", r.Header["X-Forwarded-For"])
	}}
	server := httptest.NewServer(redoxauth.Middleware(verifier, opts)(destination))
	defer server.Close()

	// A proxy. The sender has invented an address.
	target, err := url.Parse(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Header.Set("X-Forwarded-For", "198.51.100.7")
		r.SetXForwarded()
	}})
	defer proxy.Close()

	redox := &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL}
	response, err := redox.Send(context.Background(), proxy.URL+"/redox", redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.StatusCode)
	// Output:
	// from 127.0.0.1 of [198.51.100.7, 127.0.0.1]
	// accepted by gcpjwt
	// 200
}
