package interop_test

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"testing"
)

// A signature is what a SigV4 client is to send, and how to sign it.
type signature struct {
	address, host string // host is sent and signed; default address
	method        string // default POST
	target        string
	headers       map[string]string
	body          string // file
	chunked       bool

	accessKey, secretKey, sessionToken, region, service string
}

const (
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// signed is a signature of the message, as the destinations here expect it.
func signed(t *testing.T, address, target string) signature {
	return signature{
		address: address, host: address, method: "POST", target: target, body: file(t, message),
		headers:   map[string]string{"Content-Type": "application/json"},
		accessKey: accessKey, secretKey: secretKey, region: "us-east-1", service: "execute-api",
	}
}

var sigv4Environment = []string{"SIGV4_ACCESS_KEY=" + accessKey, "SIGV4_SECRET_KEY=" + secretKey, "SIGV4_REGION=us-east-1", "SIGV4_SERVICE=execute-api"}

// signers are the clients that sign.
var signers = map[string]func(*testing.T, signature) answer{
	"aws4":     func(t *testing.T, s signature) answer { return s.parameters().run(t, "aws4.mjs") },
	"smithy":   func(t *testing.T, s signature) answer { return s.parameters().run(t, "smithy.mjs") },
	"botocore": func(t *testing.T, s signature) answer { return s.parameters().run(t, "botocore_client.py") },
	"curl":     curlSigned,
}

func (s signature) parameters() parameters {
	p := parameters{
		"address": s.address, "host": s.host, "method": s.method, "target": s.target, "headers": s.headers, "body": s.body, "chunked": s.chunked,
		"accessKeyId": s.accessKey, "secretAccessKey": s.secretKey, "region": s.region, "service": s.service,
	}
	if s.sessionToken != "" {
		p["sessionToken"] = s.sessionToken
	}
	return p
}

func curlSigned(t *testing.T, s signature) answer {
	headers := maps.Clone(s.headers)
	if s.sessionToken != "" {
		headers["X-Amz-Security-Token"] = s.sessionToken
	}
	args := []string{"--request", s.method, "--aws-sigv4", "aws:amz:" + s.region + ":" + s.service, "--user", s.accessKey + ":" + s.secretKey, "--data-binary", "@" + s.body}
	for name, value := range headers {
		args = append(args, "--header", name+": "+value)
	}
	return curl(t, append(args, "--connect-to", "::"+s.address, "http://"+s.host+s.target)...)
}

func TestSigV4ClientsAreAccepted(t *testing.T) {
	t.Parallel()
	address := destination(t, sigv4Environment...)
	withToken := destination(t, append(sigv4Environment, "SIGV4_SESSION_TOKEN=a/session+token==")...)
	huge := file(t, bytes.Repeat([]byte("0123456789abcdef"), 40<<20/16))
	tests := []struct {
		name   string
		change func(*signature)
		except string // client with a dialect of its own, see TestSigV4Dialects
	}{
		{"UTF-8", func(s *signature) {}, ""},
		{"another method", func(s *signature) { s.method = "PUT" }, ""},
		{"empty body", func(s *signature) { s.body = os.DevNull }, ""},
		{"session token", func(s *signature) {
			s.address, s.host, s.sessionToken = withToken, withToken, "a/session+token=="
		}, ""},
		{"another Host", func(s *signature) { s.host = "api.example.test:8443" }, ""},
		{"sorted query", func(s *signature) { s.target += "?a=1&a=2&b=x%20y" }, ""},
		{"40 MiB", func(s *signature) { s.body = huge }, ""},
		{"escaped path", func(s *signature) { s.target += "/a%20b/c%2Fd/%C3%BC/~e!'(f)*" }, "curl"},
		{"repeated and unsorted query", func(s *signature) { s.target += "?b=%C3%BC&a=2&a=1&c" }, "curl"},
	}
	for _, tt := range tests {
		for client, send := range signers {
			if client == tt.except {
				continue
			}
			t.Run(tt.name+"/"+client, func(t *testing.T) {
				s := signed(t, address, "/redox/sigv4")
				tt.change(&s)
				if got := send(t, s); got.Status != http.StatusOK {
					t.Errorf("got %+v", got)
				}
			})
		}
	}
	t.Run("chunked/smithy", func(t *testing.T) {
		s := signed(t, address, "/redox/sigv4")
		s.chunked = true
		if got := signers["smithy"](t, s); got.Status != http.StatusOK {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAlteredSigV4RequestsAreRefused(t *testing.T) {
	t.Parallel()
	address := destination(t, append(sigv4Environment, "SIGV4_SESSION_TOKEN=theSession")...)
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"nothing changed", func(r *http.Request) {}, 200},
		{"altered body", alterBody, 401},
		{"altered path", func(r *http.Request) { r.URL.Path += "/x" }, 401},
		{"altered query", func(r *http.Request) { r.URL.RawQuery = "a=2" }, 401},
		{"altered method", func(r *http.Request) { r.Method = "PUT" }, 401},
		{"altered host", func(r *http.Request) { r.Host = "other.example" }, 401},
		{"altered signature", alterLast("Authorization"), 401},
		{"altered date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") }, 401},
		{"altered session token", alterLast("X-Amz-Security-Token"), 401},
		{"session token taken off", func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }, 401},
		{"added x-amz header", func(r *http.Request) { r.Header.Set("X-Amz-Target", "other") }, 401},
		{"another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Basic dTpw") }, 401},
		{"signature taken off", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"signature twice", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 400},
	}
	for client, send := range signers {
		t.Run(client, func(t *testing.T) {
			genuine := intercepted(t, func(to string) answer {
				s := signed(t, to, "/redox/sigv4?a=1")
				s.sessionToken = "theSession"
				return send(t, s)
			})
			for _, tt := range tests {
				if got := forward(t, genuine, address, tt.change); got.Status != tt.want {
					t.Errorf("%s: got %+v, want %d", tt.name, got, tt.want)
				}
			}
		})
	}
}

func TestSigV4RequestsNotAsConfiguredAreRefused(t *testing.T) {
	t.Parallel()
	address := destination(t, append(sigv4Environment, "SIGV4_SESSION_TOKEN=theSession")...)
	tests := []struct {
		name, client string
		change       func(*signature)
		want         int
	}{
		{"as configured", "aws4", func(s *signature) {}, 200},
		{"wrong secret", "aws4", func(s *signature) { s.secretKey += "x" }, 401},
		{"wrong secret", "smithy", func(s *signature) { s.secretKey += "x" }, 401},
		{"wrong secret", "botocore", func(s *signature) { s.secretKey += "x" }, 401},
		{"wrong secret", "curl", func(s *signature) { s.secretKey += "x" }, 401},
		{"unknown key", "aws4", func(s *signature) { s.accessKey += "X" }, 401},
		{"another region", "aws4", func(s *signature) { s.region = "eu-west-1" }, 401},
		{"another service", "aws4", func(s *signature) { s.service = "lambda" }, 401},
		{"another session token", "aws4", func(s *signature) { s.sessionToken = "other" }, 401},
		{"no session token", "aws4", func(s *signature) { s.sessionToken = "" }, 401},
		{"signed long ago", "aws4", func(s *signature) { s.headers["X-Amz-Date"] = "20200101T000000Z" }, 401},
		{"over 40 MiB", "curl", func(s *signature) { s.body = file(t, make([]byte, 40<<20+1)) }, 413},
	}
	for _, tt := range tests {
		t.Run(tt.name+"/"+tt.client, func(t *testing.T) {
			s := signed(t, address, "/redox/sigv4")
			s.sessionToken = "theSession"
			tt.change(&s)
			if got := signers[tt.client](t, s); got.Status != tt.want {
				t.Errorf("got %+v, want %d", got, tt.want)
			}
		})
	}
}
