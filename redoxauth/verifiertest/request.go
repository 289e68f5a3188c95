package verifiertest

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// setTarget changes the path and the query, in the URL and in the request line.
func setTarget(r *http.Request, escapedPath, query string) {
	u := *r.URL
	u.Path, u.RawPath = escapedPath, ""
	if p, err := u.Parse(escapedPath); err == nil {
		u.Path, u.RawPath = p.Path, p.RawPath
	}
	u.RawQuery = query
	r.URL = &u
	r.RequestURI = u.RequestURI()
}

// readBody reads the body of r and leaves it readable.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

func setBody(r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
}

// change changes one part of r. A proof that covers the part must notice it.
func change(r *http.Request, part string) *http.Request {
	switch part {
	case "method":
		if r.Method == http.MethodPost {
			r.Method = http.MethodPut
		} else {
			r.Method = http.MethodPost
		}
	case "host":
		r.Host = "other." + r.Host
	case "path":
		setTarget(r, r.URL.EscapedPath()+"x", r.URL.RawQuery)
	case "query":
		query := "verifiertest=1"
		if r.URL.RawQuery != "" {
			query = r.URL.RawQuery + "&" + query
		}
		setTarget(r, r.URL.EscapedPath(), query)
	case "body":
		body, _ := readBody(r)
		body = bytes.Clone(body)
		body[len(body)-1] ^= 1
		setBody(r, body)
	default:
		name, _ := headerName(part)
		r.Header.Set(name, r.Header.Get(name)+"x")
	}
	return r
}

func headerName(part string) (string, bool) {
	name, ok := strings.CutPrefix(part, "header:")
	return http.CanonicalHeaderKey(name), ok
}
