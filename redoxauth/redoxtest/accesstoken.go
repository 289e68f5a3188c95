package redoxtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// A TokenError says that a token endpoint issued no token. Find it with [errors.As].
type TokenError struct {
	StatusCode  int    // of the answer
	Code        string // "invalid_client", …; empty if the answer has none
	Description string
}

// Error returns status, code and description in one line.
func (e *TokenError) Error() string {
	return strings.TrimRight(fmt.Sprintf("redoxtest: token endpoint answered %d %s %s", e.StatusCode, e.Code, e.Description), " ")
}

// An accessToken is used for many messages. Redox's dashboard suggests so, because it asks
// for the lifetime of tokens.
type accessToken struct {
	mu     sync.Mutex
	value  string
	expiry time.Time // zero: none
}

// earlier is how long before its expiry a token is no longer used, as in x/oauth2.
const earlier = 10 * time.Second

// A fetch gets a token and its lifetime. Zero means that the token does not expire.
type fetch func(ctx context.Context) (value string, life time.Duration, err error)

// sign puts the token into r. If there is no usable token, it fetches one. Concurrent
// requests wait for the same fetch.
func (a *accessToken) sign(r *http.Request, now func() time.Time, f fetch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := clock(now)()
	if a.value == "" || !a.expiry.IsZero() && !at.Add(earlier).Before(a.expiry) {
		value, life, err := f(r.Context())
		if err != nil {
			return err
		}
		a.value, a.expiry = value, time.Time{}
		if life != 0 {
			a.expiry = at.Add(life)
		}
	}
	r.Header.Set("Authorization", "Bearer "+a.value)
	return nil
}

func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

// retrieve asks a token endpoint as cfg says.
func retrieve(ctx context.Context, client *http.Client, cfg *clientcredentials.Config) (string, time.Duration, error) {
	token, err := cfg.Token(withClient(ctx, client))
	if err != nil {
		return "", 0, tokenError(err)
	}
	return bearer(token)
}

// withClient makes x/oauth2 use client without redirects, because a credential is for one
// URL.
func withClient(ctx context.Context, client *http.Client) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, noRedirects(client))
}

func tokenError(err error) error {
	var e *oauth2.RetrieveError
	if errors.As(err, &e) {
		return &TokenError{StatusCode: e.Response.StatusCode, Code: e.ErrorCode, Description: e.ErrorDescription}
	}
	return fmt.Errorf("redoxtest: token: %w", err)
}

// bearer returns the token and its lifetime, which x/oauth2 counts from the system's clock.
func bearer(token *oauth2.Token) (string, time.Duration, error) {
	if token.AccessToken == "" {
		return "", 0, errors.New("redoxtest: token: the answer has no access_token")
	}
	if !strings.EqualFold(token.Type(), "Bearer") {
		return "", 0, fmt.Errorf("redoxtest: token: token_type %q is not Bearer", token.Type())
	}
	if token.Expiry.IsZero() {
		return token.AccessToken, 0, nil
	}
	return token.AccessToken, time.Until(token.Expiry), nil
}
