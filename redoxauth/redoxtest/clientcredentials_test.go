package redoxtest_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func ExampleClientCredentials() {
	server := redoxtest.NewAuthorizationServer(redoxtest.NewKey("1", "ES256"))
	defer server.Close()
	server.AddClient("redox", "secret", "write")

	sender := &redoxtest.ClientCredentials{
		URL:          server.TokenURL,
		ClientID:     "redox",
		ClientSecret: "wrong",
		Audience:     "https://customer.example",
	}
	_, err := sender.Send(context.Background(), "https://customer.example/redox", redoxtest.PatientAdmin())
	fmt.Println(err)
	// Output: redoxtest: token endpoint answered 401 invalid_client
}

func TestClientCredentialsOnTheWire(t *testing.T) {
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		name   string
		sender *redoxtest.ClientCredentials
		want   recorded
	}{
		{
			"as RFC 6749, Sections 2.3.1 and 4.4.2, show",
			&redoxtest.ClientCredentials{ClientID: "s6BhdRkqt3", ClientSecret: "7Fjfp0ZBr1KtDRbnfVdmIw"},
			recorded{"POST", "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3", form, "grant_type=client_credentials"},
		},
		{
			"form-encoded Basic",
			&redoxtest.ClientCredentials{ClientID: "a:b", ClientSecret: "s %+/é"},
			recorded{"POST", basic("a%3Ab:s+%25%2B%2F%C3%A9"), form, "grant_type=client_credentials"},
		},
		{
			"raw Basic",
			&redoxtest.ClientCredentials{ClientID: "a", ClientSecret: "s %+/é", RawBasic: true},
			recorded{"POST", basic("a:s %+/é"), form, "grant_type=client_credentials"},
		},
		{
			"every parameter",
			&redoxtest.ClientCredentials{ClientID: "a", ClientSecret: "s", Scopes: []string{"system/*.rs", "x"}, Audience: "https://a.example", Resource: "r", ContentType: form, CustomFieldName: "tenant", CustomFieldValue: "7"},
			recorded{"POST", basic("a:s"), form, "audience=https%3A%2F%2Fa.example&grant_type=client_credentials&resource=r&scope=system%2F%2A.rs+x&tenant=7"},
		},
		{
			"body, not Basic",
			&redoxtest.ClientCredentials{ClientID: "a", ClientSecret: "s&", NoBasic: true, RawBasic: true, BasicAndBody: true},
			recorded{"POST", "", form, "client_id=a&client_secret=s%26&grant_type=client_credentials"},
		},
		{
			"Basic and body",
			&redoxtest.ClientCredentials{ClientID: "a", ClientSecret: "s", BasicAndBody: true},
			recorded{"POST", basic("a:s"), form, "client_id=a&client_secret=s&grant_type=client_credentials"},
		},
		{
			"JSON",
			&redoxtest.ClientCredentials{ClientID: "a", ClientSecret: `s"`, NoBasic: true, ContentType: "application/json", Scopes: []string{"x", "y"}},
			recorded{"POST", "", "application/json", `{"client_id":"a","client_secret":"s\"","grant_type":"client_credentials","scope":"x y"}`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tokens := record(t, issues(300))
			test.sender.URL = tokens.URL
			if got := authorization(t, test.sender); got != "t1" {
				t.Errorf("token %q, want t1", got)
			}
			if diff := cmp.Diff([]recorded{test.want}, tokens.all()); diff != "" {
				t.Errorf("token request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClientCredentialsRefuseAnotherContentType(t *testing.T) {
	tokens := record(t, issues(300))
	s := &redoxtest.ClientCredentials{URL: tokens.URL, ContentType: "text/plain"}
	if _, err := s.Send(t.Context(), tokens.URL, nil); err == nil {
		t.Error("sent")
	}
	if n := len(tokens.all()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}
