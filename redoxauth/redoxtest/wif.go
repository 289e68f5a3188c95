package redoxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2/google/externalaccount"
)

// A WIF gets a token of a Google service account by [Workload Identity Federation]. It
// exchanges a token of its own identity for a federated token, and uses that to
// impersonate the account. It sends the account's token with many messages, until it
// expires. [Google.Forgeries] forges it.
//
// The dashboard's field options is missing here, because it is for workforce pools.
//
// [Workload Identity Federation]: https://cloud.google.com/iam/docs/workload-identity-federation
type WIF struct {
	// Audience is the dashboard's audience. It is required and must begin with
	// "//iam.googleapis.com/": //iam.googleapis.com/projects/…/providers/…
	Audience string

	TokenURL string   // token_url; default https://sts.googleapis.com/v1/token, the real Google; in tests Google.STSURL
	STSScope []string // sts_scope, of the federated token; default https://www.googleapis.com/auth/cloud-platform

	// ServiceAccountImpersonationURL is the dashboard's
	// service_account_impersonation_url. If it is empty, the federated token is sent.
	ServiceAccountImpersonationURL string

	Scope     []string      // scope, of the account's access token; default as STSScope
	Delegates []string      // delegates: service accounts between the identity and the account
	Lifetime  time.Duration // lifetime, of the account's access token; default 1 h

	// TargetAudience asks for an ID token for this audience instead of an access
	// token. The dashboard has no such field.
	TargetAudience string

	// SubjectToken returns the token of the sender's own identity. It is required. Its type
	// is SubjectTokenType; default urn:ietf:params:oauth:token-type:jwt. Redox does not
	// document its identity, so [Google] accepts any token.
	SubjectToken     func(context.Context) (string, error)
	SubjectTokenType string

	Client *http.Client     // default http.DefaultClient
	Now    func() time.Time // for the lifetime of tokens; default time.Now

	token accessToken
}

var _ interface {
	Sender
	Signer
} = (*WIF)(nil)

// Send implements [Sender]. If the Security Token Service refuses the exchange, or the account
// may not be impersonated, the error is a [TokenError].
func (f *WIF) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, f.Client, url, message, f)
}

// Sign implements [Signer].
func (f *WIF) Sign(r *http.Request) error {
	return f.token.sign(r, f.Now, f.fetch)
}

func (f *WIF) fetch(ctx context.Context) (string, time.Duration, error) {
	if f.SubjectToken == nil {
		return "", 0, errors.New("redoxtest: WIF: SubjectToken: required")
	}
	cfg := externalaccount.Config{
		Audience:             f.Audience,
		TokenURL:             f.TokenURL,
		Scopes:               f.STSScope,
		SubjectTokenType:     f.SubjectTokenType,
		SubjectTokenSupplier: supplier(f.SubjectToken),
	}
	if len(cfg.Scopes) == 0 {
		cfg.Scopes = []string{cloudScope}
	}
	if cfg.SubjectTokenType == "" {
		cfg.SubjectTokenType = "urn:ietf:params:oauth:token-type:jwt"
	}
	client := noRedirects(f.Client)
	sts := &stsTransport{next: client.Transport}
	client.Transport = sts
	source, err := externalaccount.NewTokenSource(withClient(ctx, client), cfg)
	if err != nil {
		return "", 0, fmt.Errorf("redoxtest: WIF: %w", err)
	}
	federated, err := source.Token()
	if sts.refusal != nil {
		return "", 0, sts.refusal
	}
	if err != nil {
		return "", 0, tokenError(err)
	}
	if f.ServiceAccountImpersonationURL == "" {
		return bearer(federated)
	}
	return f.impersonate(ctx, federated.AccessToken)
}

// An stsTransport keeps a refusal of the Security Token Service: x/oauth2 returns it as text.
type stsTransport struct {
	next    http.RoundTripper
	refusal *TokenError
}

func (t *stsTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err != nil || response.StatusCode < 300 {
		return response, err
	}
	defer response.Body.Close()
	t.refusal = &TokenError{StatusCode: response.StatusCode}
	var body struct {
		Error       string
		Description string `json:"error_description"`
	}
	if json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&body) == nil {
		t.refusal.Code, t.refusal.Description = body.Error, body.Description
	}
	return nil, t.refusal
}

type supplier func(context.Context) (string, error)

func (s supplier) SubjectToken(ctx context.Context, _ externalaccount.SupplierOptions) (string, error) {
	return s(ctx)
}

// impersonate calls the IAM Credentials API itself. x/oauth2 sends no delegates and does
// not request ID tokens.
func (f *WIF) impersonate(ctx context.Context, federated string) (string, time.Duration, error) {
	life := f.Lifetime
	if life == 0 {
		life = time.Hour
	}
	url := f.ServiceAccountImpersonationURL
	request := map[string]any{"delegates": append([]string{}, f.Delegates...)}
	if f.TargetAudience != "" {
		life = time.Hour // Google's, for ID tokens
		url = strings.TrimSuffix(url, ":generateAccessToken") + ":generateIdToken"
		request["audience"], request["includeEmail"] = f.TargetAudience, true
	} else {
		request["scope"], request["lifetime"] = f.Scope, fmt.Sprintf("%ds", int(life.Seconds()))
		if len(f.Scope) == 0 {
			request["scope"] = []string{cloudScope}
		}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return "", 0, fmt.Errorf("redoxtest: WIF: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", 0, fmt.Errorf("redoxtest: WIF: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+federated)
	response, err := do(f.Client, r)
	if err != nil {
		return "", 0, fmt.Errorf("redoxtest: WIF: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", 0, &TokenError{StatusCode: response.StatusCode}
	}
	var answer struct{ AccessToken, Token string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer); err != nil {
		return "", 0, fmt.Errorf("redoxtest: WIF: impersonation: %w", err)
	}
	token := answer.AccessToken
	if f.TargetAudience != "" {
		token = answer.Token
	}
	if token == "" {
		return "", 0, errors.New("redoxtest: WIF: impersonation: no token in the answer")
	}
	return token, life, nil
}
