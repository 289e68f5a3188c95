package gcpjwt_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
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
	google, err := gcpjwt.New(gcpjwt.Config{
		ServiceAccounts:   []string{account.ID}, // such as "112233445566778899001"
		AccessTokens:      true,
		Scopes:            []string{"https://www.googleapis.com/auth/cloud-platform"},
		Endpoints:         gcpjwt.Endpoints{TokenInfoURL: fake.TokenInfoURL},
		InsecureAllowHTTP: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	both := redoxauth.AllOf(token, google)
	protect := redoxauth.Middleware(both, &redoxauth.Options{Observe: redoxauth.LogDecisions(slog.Default())})
	messages := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		fmt.Println("message from the account:", id.Strategy, id.Subject == account.ID)
	}))
	server := httptest.NewServer(token.Handshake(messages))
	defer server.Close()

	// Redox sends the access token alone, then with the verification token.
	redox := &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: fake.TokenURL}
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
	// message from the account: gcpjwt true
	// 200
}

// withHeader is a transport that adds a header.
type withHeader struct{ name, value string }

func (h withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(h.name, h.value)
	return http.DefaultTransport.RoundTrip(r)
}

// ID tokens are bound to this endpoint. They need no call to Google for each.
func ExampleNew_idTokens() {
	fake := redoxtest.NewGoogle() // in production Endpoints and InsecureAllowHTTP are left out
	defer fake.Close()
	account := fake.AddServiceAccount("redox@example-project.iam.gserviceaccount.com")

	google, err := gcpjwt.New(gcpjwt.Config{
		ServiceAccounts:   []string{account.ID},
		Audience:          []string{"https://customer.example/redox"},
		Endpoints:         gcpjwt.Endpoints{CertsURL: fake.CertsURL},
		InsecureAllowHTTP: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(google.Wrap(verifytoken.Challenge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := redoxauth.FromContext(r.Context())
		var claims struct{ Email string }
		if err := id.Claims(&claims); err != nil {
			log.Print(err)
		}
		fmt.Println("message from", claims.Email)
	}))))
	defer server.Close()

	redox := &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: fake.TokenURL, TargetAudience: "https://customer.example/redox"}
	response, err := redox.Send(context.Background(), server.URL, redoxtest.PatientAdmin())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.StatusCode)
	response.Body.Close()
	// Output:
	// message from redox@example-project.iam.gserviceaccount.com
	// 200
}

// A new key of the service account needs no change here. To replace the account, list both, and
// remove the old one when no Subject names it.
func ExampleNew_rotation() {
	fake := redoxtest.NewGoogle() // in production Endpoints and InsecureAllowHTTP are left out
	defer fake.Close()
	first := fake.AddServiceAccount("redox@example-project.iam.gserviceaccount.com")
	second := fake.AddServiceAccount("redox-2@example-project.iam.gserviceaccount.com")

	for _, listed := range [][]string{{first.ID, second.ID}, {second.ID}} {
		google, err := gcpjwt.New(gcpjwt.Config{
			ServiceAccounts:   listed,
			AccessTokens:      true,
			Endpoints:         gcpjwt.Endpoints{TokenInfoURL: fake.TokenInfoURL},
			InsecureAllowHTTP: true,
		})
		if err != nil {
			log.Fatal(err)
		}
		for _, account := range []redoxtest.ServiceAccount{first, second} {
			_, err := google.Verify(redoxtest.NewRequest(&redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: fake.TokenURL}))
			fmt.Println(account.Email, redoxauth.StatusCode(err))
		}
	}
	// Output:
	// redox@example-project.iam.gserviceaccount.com 200
	// redox-2@example-project.iam.gserviceaccount.com 200
	// redox@example-project.iam.gserviceaccount.com 401
	// redox-2@example-project.iam.gserviceaccount.com 200
}

// Behind a proxy all connections come from it. The proxy appends who connected to it to
// X-Forwarded-For. Only this last address is true: all others are what the sender wrote.
func ExampleConfig_peer() {
	peer := func(r *http.Request) string {
		all := strings.Join(r.Header["X-Forwarded-For"], ",")
		return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:]) // "" is nobody
	}
	_, err := gcpjwt.New(gcpjwt.Config{
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
