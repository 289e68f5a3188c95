package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// A Client is the only HTTP client of the strategies. It follows no redirect: a token goes
// to the configured URL and nowhere else, and keys come from there and nowhere else. It is
// safe for concurrent use.
type Client struct {
	http     http.Client
	maxBytes int64
}

// A Response is the answer of a remote service.
type Response struct {
	URL    string // without what may be a secret
	Status int
	Header http.Header
	Body   []byte
}

// NewClient returns a Client that sends like user, which may be nil, and accepts a body of
// at most maxBytes, after decompression. It copies user.
func NewClient(user *http.Client, maxBytes int64) *Client {
	c := &Client{maxBytes: maxBytes}
	if user != nil {
		c.http = *user
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Do makes one request with header: a GET, or if form is not nil a POST of form. A secret
// belongs in form or header, because proxies log URLs. A redirect is returned like any
// other answer.
//
// Do reads the body of an answer with status 200, and of an answer to a POST with status
// 400. A body of a 400 that is too large or cannot be read is left out: then the status
// alone matters. The header "Connection: close" keeps the connection out of the pool.
//
// The error is about the connection, or about the body of a 200. It holds neither the query
// of address nor what an OAuth server answered to a user's client of golang.org/x/oauth2.
func (c *Client) Do(ctx context.Context, address string, header http.Header, form url.Values) (*Response, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, cause(err)
	}
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Close = r.Header.Get("Connection") == "close" // net/http does not look at the header
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Name(address), cause(err))
	}
	defer resp.Body.Close()
	answer := &Response{URL: Name(address), Status: resp.StatusCode, Header: resp.Header}
	if answer.Status != http.StatusOK && (answer.Status != http.StatusBadRequest || form == nil) {
		return answer, nil
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBytes+1))
	if err == nil && int64(len(data)) > c.maxBytes {
		err = fmt.Errorf("the answer is larger than %d bytes", c.maxBytes)
	}
	if err == nil {
		answer.Body = data
	} else if answer.Status == http.StatusOK {
		return nil, fmt.Errorf("%s: %w", answer.URL, cause(err))
	}
	return answer, nil
}

// Name returns the parts of a URL that hold no secret.
func Name(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "a URL that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// cause returns err without secrets. A [*url.Error] shows a URL, whose query may hold a
// key. An [*oauth2.RetrieveError] shows what a token endpoint answered, which may hold
// anything.
func cause(err error) error {
	var token *oauth2.RetrieveError
	if errors.As(err, &token) {
		status := 0
		if token.Response != nil {
			status = token.Response.StatusCode
		}
		return fmt.Errorf("the Client got no token for itself: status %d", status)
	}
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			break
		}
		err = u.Err // of which one may hold another
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time: %w", err)
	}
	return err
}
