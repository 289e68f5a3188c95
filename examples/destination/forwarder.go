package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	dialTimeout   = 5 * time.Second
	answerTimeout = time.Minute // from the end of the message to the header of the answer
	allTimeout    = 2 * time.Minute
)

// A forwarder hands accepted messages on to the server behind: method, path, query, headers and
// body. It adds who sent them, removes the credentials, and streams both bodies.
//
// The server's status is the answer to Redox, so 400 or more pauses the feed. There are
// exceptions: if the server is down, slow or answers with a redirect, the answer is 503, so that
// Redox sends the message again. It is never 401, and never a success.
type forwarder struct {
	log   *slog.Logger
	proxy httputil.ReverseProxy
}

// newForwarder returns an error if the target is no base URL.
func newForwarder(target string, log *slog.Logger) (*forwarder, error) {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("-forward: want a URL such as http://localhost:9000, without user and query")
	}
	f := &forwarder{log: log}
	f.proxy = httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(u)
			rewrite(p.Out)
		},
		ModifyResponse: f.check,
		ErrorHandler:   f.refuse,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// No Proxy: health data takes no other way than to the target. A connection that
		// the server ends while it is idle could fail a message, so idle ones are kept
		// for less time than servers keep them.
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: answerTimeout,
			IdleConnTimeout:       time.Second,
			MaxIdleConnsPerHost:   100,
			DisableCompression:    true, // the answer stays as it is
		},
	}
	return f, nil
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), allTimeout) // also for a server that reads or sends nothing
	defer cancel()
	f.proxy.ServeHTTP(w, r.WithContext(ctx))
}

// rewrite makes of an accepted request the one for the server behind. What is for one
// connection is not in it any more: Connection and what that header names.
func rewrite(r *http.Request) {
	for name := range r.Header {
		if !plain.MatchString(name) || removed.MatchString(name) {
			delete(r.Header, name) // not Del, which changes the case
		}
	}
	r.Trailer = nil // headers that come late
	r.URL.RawQuery = withoutCredentials(r.URL.RawQuery)
	id, _ := redoxauth.FromContext(r.Context())
	for name, value := range map[string]string{
		"Strategy": id.Strategy,
		"Subject":  id.Subject,
		"Issuer":   id.Issuer,
		"Key-Id":   id.KeyID,
		"Scopes":   strings.Join(id.Scopes, " "),
		"Expiry":   expiry(id.Expiry),
	} {
		if value != "" {
			r.Header.Set("Redox-Auth-"+name, url.PathEscape(value))
		}
	}
}

func expiry(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

var (
	// plain matches the names that pass. Servers that make variables of headers (CGI, WSGI)
	// take "_" and others for "-". So what is removed could come back under another name.
	plain = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

	// removed matches the headers that do not pass: the identity that only the forwarder may
	// name; credentials; what makes servers believe in another address, host, path, method or
	// user; and what asks this server for something.
	removed = regexp.MustCompile(`(?i)^(redox-auth-.*|` +
		`authorization|proxy-authorization|verification-token|x-amz-.*|cookie2?|` +
		`forwarded|x-forwarded-.*|x-real-ip|true-client-ip|x-client-ip|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override|(x-)?remote-user|proxy|` +
		`expect|connection|upgrade|te)$`)

	// credential matches parameters of the query that carry a token or a signature.
	credential = regexp.MustCompile(`(?i)^(verification-token|access_token|x-amz-.*)$`)
)

// withoutCredentials leaves the other parameters as they are.
func withoutCredentials(query string) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && !credential.MatchString(name) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// check refuses answers that Redox might take for a success although the server has not stored
// the message.
func (f *forwarder) check(response *http.Response) error {
	switch status := response.StatusCode; {
	case status == http.StatusSwitchingProtocols:
		return errors.New("the server switches protocols")
	case status >= 300 && status < 400:
		return fmt.Errorf("the server answers %d with Location %+.256q: forward to where it redirects to", status, response.Header.Get("Location"))
	case status >= 400:
		f.log.Warn("the server behind refuses a message: Redox pauses the feed", "status", status, "path", response.Request.URL.Path)
	}
	return nil
}

// refuse answers when there is no answer of the server.
func (f *forwarder) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		err = redoxauth.Errorf(redoxauth.ErrTooLarge, "body_size", "a message of more than %d bytes", limit.Limit)
	case errors.Is(err, context.Canceled): // the peer hung up
		f.log.Info("a message was not forwarded", "path", r.URL.Path, "error", err)
		err = redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%w", err)
	default:
		f.log.Error("a message was not forwarded", "path", r.URL.Path, "error", err)
		err = redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%w", err)
	}
	redoxauth.WriteError(w, err)
}
