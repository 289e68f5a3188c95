package lambda

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A requestOf makes the request that an event tells of.
type requestOf[E any] func(context.Context, E) (*http.Request, error)

func restRequest(ctx context.Context, event events.APIGatewayProxyRequest) (*http.Request, error) {
	m := message{
		method: event.HTTPMethod,
		path:   event.Path,
		query:  url.Values(all(event.MultiValueQueryStringParameters, event.QueryStringParameters)).Encode(),
		host:   event.RequestContext.DomainName,
		peer:   event.RequestContext.Identity.SourceIP,
		header: header(all(event.MultiValueHeaders, event.Headers)),
		body:   event.Body,
		base64: event.IsBase64Encoded,
	}
	return m.request(ctx)
}

func httpAPIRequest(ctx context.Context, event events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	m := message{
		method: event.RequestContext.HTTP.Method,
		path:   cmp.Or(event.RawPath, event.RequestContext.HTTP.Path),
		query:  event.RawQueryString,
		host:   event.RequestContext.DomainName,
		peer:   event.RequestContext.HTTP.SourceIP,
		header: header(all(nil, event.Headers)),
		body:   event.Body,
		base64: event.IsBase64Encoded,
	}
	if m.query == "" { // an event made by hand
		m.query = url.Values(all(nil, event.QueryStringParameters)).Encode()
	}
	if len(event.Cookies) > 0 && m.header["Cookie"] == nil {
		m.header.Set("Cookie", strings.Join(event.Cookies, "; "))
	}
	// An HTTP API has decoded the path, a function URL has not. Both name a stage, but only
	// the domains of function URLs contain "lambda-url".
	m.decoded = event.RequestContext.Stage != "" && !strings.Contains(m.host, ".lambda-url.")
	return m.request(ctx)
}

func albRequest(ctx context.Context, event events.ALBTargetGroupRequest) (*http.Request, error) {
	query, err := encodedQuery(all(event.MultiValueQueryStringParameters, event.QueryStringParameters))
	if err != nil {
		return nil, err
	}
	m := message{
		method: event.HTTPMethod,
		path:   event.Path,
		query:  query,
		header: header(all(event.MultiValueHeaders, event.Headers)),
		body:   event.Body,
		base64: event.IsBase64Encoded,
	}
	if forwarded := m.header.Values("X-Forwarded-For"); len(forwarded) > 0 {
		last := forwarded[len(forwarded)-1] // what stands before the last comma, the peer wrote
		m.peer = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	}
	return m.request(ctx)
}

// all returns several, or single if the platform has not sent several.
func all(several map[string][]string, single map[string]string) map[string][]string {
	if several != nil {
		return several
	}
	several = make(map[string][]string, len(single))
	for name, value := range single {
		several[name] = []string{value}
	}
	return several
}

// header sorts the names: if two differ only in case, the order of their values must not be
// that of a map.
func header(values map[string][]string) http.Header {
	h := make(http.Header, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			h.Add(name, value)
		}
	}
	return h
}

// encodedQuery joins names and values that are still encoded.
func encodedQuery(values map[string][]string) (string, error) {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			if strings.ContainsAny(name, "&=") || strings.Contains(value, "&") {
				return "", malformed("query", "a name has & or =, or a value has &")
			}
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&"), nil
}

// A message is what all kinds of events have in common.
type message struct {
	method, path, query, host, peer string // path and query without their "?"
	decoded                         bool   // path
	header                          http.Header
	body                            string
	base64                          bool
}

// request returns what a server would have made of m. It sets field by field. If it joined
// path and query to one string and parsed that, a "?" or "#" in a path that the platform has
// decoded would move the border, and the handler's event would say something else than what
// was verified. Even so, handlers join them. So m is refused if that would not give the same
// path and query again.
//
// The errors quote nothing: the query may hold a verification token.
func (m *message) request(ctx context.Context) (*http.Request, error) {
	path, err := m.escapedPath()
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(m.query, isControl) || strings.Contains(m.query, "#") {
		return nil, malformed("query", "the query has a # or a control character")
	}
	u := &url.URL{RawPath: path, RawQuery: m.query}
	if u.Path, err = url.PathUnescape(path); err != nil {
		return nil, malformed("path", "the path has a % that starts no escape")
	}
	body := []byte(m.body)
	if m.base64 {
		if body, err = base64.StdEncoding.DecodeString(m.body); err != nil {
			return nil, malformed("malformed", "the body is not base64")
		}
	}
	host := cmp.Or(m.host, m.header.Get("Host"))
	if strings.ContainsAny(host, " /\\?#@%") || strings.ContainsFunc(host, isControl) {
		return nil, malformed("host", "the host is no name")
	}
	m.header.Del("Host") // as in a server
	r := &http.Request{
		Method: m.method,
		URL:    u,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        m.header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Host:          host,
		RequestURI:    path,
	}
	if m.query != "" {
		r.RequestURI += "?" + m.query
	}
	if m.peer != "" {
		r.RemoteAddr = net.JoinHostPort(m.peer, "0") // the platform does not tell the port
	}
	return r.WithContext(ctx), nil
}

// escapedPath returns the path as it is on the wire. If it is decoded, it gets the escapes
// that clients write. If it is not, bytes that cannot be on the wire do.
//
// A "%" in a decoded path is refused: a handler that decodes it again would read another
// path.
func (m *message) escapedPath() (string, error) {
	path := cmp.Or(m.path, "/")
	special := ""
	if m.decoded {
		special = "\"<>\\^`{|}"
	}
	switch {
	case path[0] != '/':
		return "", malformed("path", "the path does not start with a slash")
	case strings.ContainsAny(path, "?#") || strings.ContainsFunc(path, isControl):
		return "", malformed("path", "the path has a ?, a # or a control character")
	case m.decoded && strings.Contains(path, "%"):
		return "", malformed("path", "the decoded path has a %")
	}
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c == ' ' || c >= 0x80 || strings.IndexByte(special, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func malformed(reason redoxauth.Reason, what string) error {
	return redoxauth.Errorf(redoxauth.ErrMalformed, reason, "%s", what)
}
