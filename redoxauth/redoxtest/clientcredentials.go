package redoxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// A ClientCredentials gets an access token by the client credentials grant ([RFC 6749,
// Section 4.4]). It sends the token with many messages, until it expires. Redox documents
// the fields of its dashboard, but not their defaults.
//
// [RFC 6749, Section 4.4]: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
type ClientCredentials struct {
	URL          string   // the dashboard's url: the token endpoint
	ClientID     string   // clientId
	ClientSecret string   // clientSecret
	Scopes       []string // scopes
	Audience     string   // audience
	Resource     string   // resource

	// ContentType is the dashboard's contentType: "application/x-www-form-urlencoded",
	// which is the default here, or "application/json".
	ContentType string

	CustomFieldName, CustomFieldValue string // one more parameter

	// NoBasic is the dashboard's noBasic: it sends the credentials in the body instead of
	// as HTTP Basic.
	NoBasic bool

	// BasicAndBody sends the credentials as HTTP Basic and in the body. Redox does not
	// document whether it does so.
	BasicAndBody bool

	// RawBasic puts ID and secret into HTTP Basic without form-encoding, as curl and many
	// others do. RFC 6749, Section 2.3.1, demands form-encoding. Redox does not document
	// what it does.
	RawBasic bool

	Client *http.Client     // default http.DefaultClient
	Now    func() time.Time // for the lifetime of tokens; default time.Now

	token accessToken
}

var _ interface {
	Sender
	Signer
} = (*ClientCredentials)(nil)

// Send implements [Sender]. If the token endpoint refuses, the error is a [TokenError].
func (c *ClientCredentials) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, c.Client, url, message, c)
}

// Sign implements [Signer].
func (c *ClientCredentials) Sign(r *http.Request) error {
	return c.token.sign(r, c.Now, c.fetch)
}

// Forgeries returns what an attacker may send instead: token requests, and messages with
// access tokens. [AuthorizationServer.Forgeries] has more.
func (c *ClientCredentials) Forgeries() []Forgery {
	f := forgeries{client: c.Client}
	f.carrier("Authorization", c)
	f.tokenRequest("wrong secret", http.StatusUnauthorized, variant(c, func(c *ClientCredentials) { c.ClientSecret += "x" }).fetch)
	f.tokenRequest("unknown client", http.StatusUnauthorized, variant(c, func(c *ClientCredentials) { c.ClientID += "x" }).fetch)
	f.tokenRequest("scope not granted", http.StatusBadRequest, variant(c, func(c *ClientCredentials) { c.Scopes = []string{"not-granted"} }).fetch)
	f.issued(c)
	return f.all
}

func (c *ClientCredentials) fetch(ctx context.Context) (string, time.Duration, error) {
	style, more := oauth2.AuthStyleInHeader, url.Values{}
	set := func(name, value string) {
		if value != "" {
			more.Set(name, value)
		}
	}
	set("audience", c.Audience)
	set("resource", c.Resource)
	if c.CustomFieldName != "" {
		more.Set(c.CustomFieldName, c.CustomFieldValue)
	}
	if c.NoBasic {
		style = oauth2.AuthStyleInParams
	} else if c.BasicAndBody {
		set("client_id", c.ClientID)
		set("client_secret", c.ClientSecret)
	}
	client := *noRedirects(c.Client)
	client.Transport = tokenTransport{c, client.Transport}
	return retrieve(ctx, &client, &clientcredentials.Config{
		ClientID:       c.ClientID,
		ClientSecret:   c.ClientSecret,
		TokenURL:       c.URL,
		Scopes:         c.Scopes,
		EndpointParams: more,
		AuthStyle:      style,
	})
}

// A tokenTransport changes the token request where x/oauth2 has no setting.
type tokenTransport struct {
	sender *ClientCredentials
	next   http.RoundTripper
}

func (t tokenTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	r = r.Clone(r.Context())
	if t.sender.RawBasic && r.Header.Get("Authorization") != "" {
		r.SetBasicAuth(t.sender.ClientID, t.sender.ClientSecret)
	}
	switch t.sender.ContentType {
	case "", "application/x-www-form-urlencoded":
	case "application/json":
		if err := formToJSON(r); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("ContentType %q is neither form nor JSON", t.sender.ContentType)
	}
	return next.RoundTrip(r)
}

func formToJSON(r *http.Request) error {
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	members := make(map[string]string, len(form))
	for name := range maps.Keys(form) {
		members[name] = form.Get(name)
	}
	body, err = json.Marshal(members)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = nil
	return nil
}
