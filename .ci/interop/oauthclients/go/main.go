// The clients of Go. Each line of stdin is a step, and each line of stdout its answer: see
// the type step of ../steps_test.go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/httptransport"
	"github.com/zitadel/oidc/v3/pkg/client"
	"github.com/zitadel/oidc/v3/pkg/client/profile"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"
)

type step struct {
	Client, Method, Again           string
	TokenURL, Issuer, URL, Body     string
	ID, Secret, Subject, Key, KeyID string
	Algorithm, AssertionAudience    string
	Scopes                          []string
	Audience, Resource              string
}

type answer struct {
	Version string `json:"version"`
	Status  int    `json:"status"`
	Error   string `json:"error,omitempty"`
}

// A sender gets a token and sends a message with it.
type sender interface {
	fetch() error
	send(step) (int, error)
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var s sender
	for {
		var p step
		switch err := in.Decode(&p); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			log.Fatal(err)
		}
		a := answer{Version: version(p.Client)}
		var err error
		if p.Again == "" {
			s, err = newSender(p)
		}
		if err == nil && p.Again != "message" {
			err = s.fetch()
		}
		if err == nil {
			a.Status, err = s.send(p)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			log.Fatal(err)
		}
	}
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if strings.TrimSuffix(m.Path, "/v3") == module {
			return strings.TrimPrefix(m.Version, "v")
		}
	}
	return ""
}

func newSender(p step) (sender, error) {
	style := oauth2.AuthStyleInHeader
	if p.Method == "post" {
		style = oauth2.AuthStyleInParams
	}
	form := url.Values{}
	for name, value := range map[string]string{"audience": p.Audience, "resource": p.Resource} {
		if value != "" {
			form.Set(name, value)
		}
	}
	ctx := context.Background()
	switch p.Client + " " + p.Method {
	case "golang.org/x/oauth2 basic", "golang.org/x/oauth2 post":
		cfg := &clientcredentials.Config{ClientID: p.ID, ClientSecret: p.Secret, TokenURL: p.TokenURL, Scopes: p.Scopes, EndpointParams: form, AuthStyle: style}
		return &tokens{new: func() oauth2.TokenSource { return cfg.TokenSource(ctx) }}, nil
	case "golang.org/x/oauth2 grant":
		cfg := &jwt.Config{Email: p.ID, PrivateKey: []byte(p.Key), PrivateKeyID: p.KeyID, Subject: p.Subject, Scopes: p.Scopes, TokenURL: p.TokenURL, Audience: p.AssertionAudience}
		return &tokens{new: func() oauth2.TokenSource { return cfg.TokenSource(ctx) }}, nil
	case "github.com/zitadel/oidc basic", "github.com/zitadel/oidc post":
		party, err := rp.NewRelyingPartyOAuth(&oauth2.Config{ClientID: p.ID, ClientSecret: p.Secret, Scopes: p.Scopes, Endpoint: oauth2.Endpoint{TokenURL: p.TokenURL}}, rp.WithAuthStyle(style))
		if err != nil {
			return nil, err
		}
		return &tokens{new: func() oauth2.TokenSource {
			return source(func() (*oauth2.Token, error) { return rp.ClientCredentials(ctx, party, form) })
		}}, nil
	case "github.com/zitadel/oidc assertion":
		signer, err := client.NewSignerFromPrivateKeyByte([]byte(p.Key), p.KeyID)
		if err != nil {
			return nil, err
		}
		return &tokens{new: func() oauth2.TokenSource {
			return source(func() (*oauth2.Token, error) {
				assertion, err := client.SignedJWTProfileAssertion(p.ID, []string{p.TokenURL}, 5*time.Minute, signer)
				if err != nil {
					return nil, err
				}
				request := &oidc.ClientCredentialsRequest{GrantType: oidc.GrantTypeClientCredentials, Scope: p.Scopes, ClientID: p.ID}
				return client.CallTokenEndpointWithAuthFn(ctx, request, client.ClientAssertionFormAuthorization(assertion), endpoint(p.TokenURL))
			})
		}}, nil
	case "github.com/zitadel/oidc grant":
		s, err := profile.NewJWTProfileTokenSource(ctx, p.Issuer, p.ID, p.KeyID, []byte(p.Key), p.Scopes, profile.WithStaticTokenEndpoint(p.Issuer, p.TokenURL))
		return &tokens{new: func() oauth2.TokenSource { return s }}, err
	case "cloud.google.com/go/auth grant":
		return newGoogle(p)
	}
	return nil, errors.New("no such client or method")
}

type endpoint string

func (e endpoint) TokenEndpoint() string    { return string(e) }
func (e endpoint) HttpClient() *http.Client { return http.DefaultClient }

type source func() (*oauth2.Token, error)

func (s source) Token() (*oauth2.Token, error) { return s() }

// tokens sends with the http.Client of golang.org/x/oauth2, which asks the source for a
// token when the old one has expired.
type tokens struct {
	new    func() oauth2.TokenSource
	client *http.Client
}

func (t *tokens) fetch() error {
	s := t.new()
	token, err := s.Token()
	if err != nil {
		return err
	}
	t.client = oauth2.NewClient(context.Background(), oauth2.ReuseTokenSource(token, s))
	return nil
}

func (t *tokens) send(p step) (int, error) { return post(t.client, p) }

// google sends with the http.Client of cloud.google.com/go/auth.
type google struct {
	options *auth.Options2LO
	client  *http.Client
}

func newGoogle(p step) (*google, error) {
	return &google{options: &auth.Options2LO{
		Email: p.ID, PrivateKey: []byte(p.Key), PrivateKeyID: p.KeyID, Subject: p.Subject, Scopes: p.Scopes, TokenURL: p.TokenURL, Audience: p.AssertionAudience,
	}}, nil
}

func (g *google) fetch() error {
	provider, err := auth.New2LOTokenProvider(g.options)
	if err != nil {
		return err
	}
	credentials := auth.NewCredentials(&auth.CredentialsOptions{TokenProvider: auth.NewCachedTokenProvider(provider, nil)})
	if _, err := credentials.Token(context.Background()); err != nil {
		return err
	}
	g.client, err = httptransport.NewClient(&httptransport.Options{Credentials: credentials})
	return err
}

func (g *google) send(p step) (int, error) { return post(g.client, p) }

func post(c *http.Client, p step) (int, error) {
	if c == nil {
		return 0, errors.New("no token")
	}
	response, err := c.Post(p.URL, "application/json", strings.NewReader(p.Body))
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}
