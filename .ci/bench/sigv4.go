package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

const (
	accessKeyID     = "AKIDEXAMPLE"
	secretAccessKey = "secret"
	region          = "us-east-1"
	service         = "execute-api"
)

// signed is the time on the clock of signer and verifiers. It stands still.
func signed() time.Time { return time.Unix(1767323045, 0).UTC() }

func newSigV4() *sigv4.Verifier {
	return must(sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}},
		Region:      region, Service: service, Now: signed,
	}))
}

// signedRequest returns a request with a body that anybody can read once.
func signedRequest(target string, body []byte, declareHash bool) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	check(redoxtest.SigV4{
		AccessKey: accessKeyID, SecretKey: secretAccessKey, AWSRegion: region, ServiceName: service,
		DeclarePayloadHash: declareHash, Now: signed,
	}.Sign(r))
	return r
}

// sigv4Contests read and hash the body and verify the signature. The limit is reading
// the body into a buffer of its size and its SHA-256. Every contender gets a fresh
// body, as a server would.
func sigv4Contests() []contest {
	large := []goal{{"× the limit", 1.05}, {"B a byte", 1.05}}
	var contests []contest
	for _, declared := range []bool{false, true} {
		contests = append(contests,
			sigv4Contest("1 KB", 1<<10, declared, []goal{{"× the limit", 3.0}}),
			sigv4Contest("100 KB", 100<<10, declared, large),
			sigv4Contest("10 MB", 10<<20, declared, large))
	}
	return contests
}

func sigv4Contest(label string, size int, declared bool, goals []goal) contest {
	body := bytes.Repeat([]byte("x"), size)
	r := signedRequest("/redox/events?source=redox", body, declared)
	fresh := func() *http.Request {
		c := *r
		c.Body = io.NopCloser(bytes.NewReader(body))
		return &c
	}
	ours, theirs := newSigV4(), resigner()
	name := "sigv4, " + label + " body"
	if declared {
		name += ", hash declared"
	}
	return contest{name, size, []contender{
		{"read and SHA-256", func() {
			buf := make([]byte, size)
			must(io.ReadFull(fresh().Body, buf))
			if sha256.Sum256(buf) == none {
				panic("a hash of zeros")
			}
		}, nil},
		{"redoxauth sigv4", func() { must(ours.Verify(fresh())) }, goals},
		{"re-sign with the AWS SDK", func() { must(theirs(fresh())) }, nil},
	}}
}

var none [sha256.Size]byte

// resigner verifies as one would with AWS's signer alone: read the Authorization header,
// check scope, date and query, read the body, sign a shadow of the request that has
// only the signed headers, and compare. It returns the body.
func resigner() func(r *http.Request) ([]byte, error) {
	signer := v4.NewSigner()
	credentials := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}
	return func(r *http.Request) ([]byte, error) {
		parameters, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
		fields := map[string]string{}
		for field := range strings.SplitSeq(parameters, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			fields[name] = value
		}
		scope := strings.Split(fields["Credential"], "/")
		date, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		_, queryErr := url.ParseQuery(r.URL.RawQuery)
		switch {
		case !ok, len(scope) != 5, scope[0] != credentials.AccessKeyID, scope[1] != date.Format("20060102"),
			scope[2] != region, scope[3] != service, scope[4] != "aws4_request",
			err != nil, queryErr != nil, signed().Sub(date).Abs() > 5*time.Minute:
			return nil, errors.New("not acceptable")
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		hash := sha256.Sum256(body)
		shadow := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, ContentLength: r.ContentLength, Header: http.Header{}}
		for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
			key := http.CanonicalHeaderKey(name)
			if values, ok := r.Header[key]; ok && key != "X-Amz-Date" {
				shadow.Header[key] = values
			}
		}
		if err := signer.SignHTTP(context.Background(), credentials, shadow, hex.EncodeToString(hash[:]), service, region, date); err != nil {
			return nil, err
		}
		if subtle.ConstantTimeCompare([]byte(shadow.Header.Get("Authorization")), []byte(r.Header.Get("Authorization"))) != 1 {
			return nil, errors.New("the signature differs")
		}
		return body, nil
	}
}
