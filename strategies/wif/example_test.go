package wif_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// An access token is not bound to this endpoint, so the verification token is required too.
// It is checked first: a request without it costs no call to Google.
func ExampleNew() {
	fake := redoxtest.NewGoogle() // in production Endpoints and InsecureAllowHTTP are left out
	defer fake.Close()
	account := fake.AddServiceAccount("redox@example-project.iam.gserviceaccount.com")

	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theVerificationToken"}})
	if err != nil {
		log.Fatal(err)
	}
	google, err := wif.New(wif.Config{
		ServiceAccounts:   []string{account.ID}, // such as "112233445566778899001"
		AccessTokens:      true,
		Scopes:            []string{"https://www.googleapis.com/auth/cloud-platform"},
		Endpoints:         wif.Endpoints{TokenInfoURL: fake.TokenInfoURL},
		InsecureAllowHTTP: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	messages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from the account:", id.Strategy, id.Subject == account.ID)
	})
	server := httptest.NewServer(token.Handshake(token.Wrap(google.Wrap(messages))))
	defer server.Close()

	// Redox sends the access token alone, then with the verification token.
	redox := &redoxtest.WIF{
		Audience:                       "//iam.googleapis.com/projects/123456/locations/global/workloadIdentityPools/redox/providers/redox",
		TokenURL:                       fake.STSURL,
		ServiceAccountImpersonationURL: fake.ImpersonationURL(account.Email),
		SubjectToken:                   func(context.Context) (string, error) { return "a token of Redox's own identity", nil },
	}
	for _, verificationToken := range []string{"", "theVerificationToken"} {
		redox.Client = &http.Client{Transport: withHeader{"verification-token", verificationToken}}
		response, err := redox.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(response.StatusCode)
		response.Body.Close()
	}
	// Output:
	// 401
	// message from the account: wif true
	// 200
}

// withHeader is a transport that adds a header.
type withHeader struct{ name, value string }

func (h withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(h.name, h.value)
	return http.DefaultTransport.RoundTrip(r)
}

// Behind a proxy all connections come from it. The proxy appends who connected to it to
// X-Forwarded-For. Only this last address is true: all others are what the sender wrote.
func ExampleConfig_peer() {
	peer := func(r *http.Request) string {
		all := strings.Join(r.Header["X-Forwarded-For"], ",")
		return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]) // "" is nobody
	}
	_, err := wif.New(wif.Config{
		ServiceAccounts: []string{"112233445566778899001"},
		AccessTokens:    true,
		Peer:            peer,
	})
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest("POST", "/redox", nil)
	r.Header.Add("X-Forwarded-For", "198.51.100.7")
	r.Header.Add("X-Forwarded-For", "10.0.0.1, 203.0.113.9")
	fmt.Println(peer(r))
	// Output: 203.0.113.9
}
