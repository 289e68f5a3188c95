package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
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
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func tokenContest() []contest {
	const token = "chosenByTheCustomer4Benchmarks"
	v := must(verifytoken.New(verifytoken.Config{Tokens: []string{token}}))
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	check(redoxtest.VerificationToken{Token: token}.Sign(r))
	stored, presented := sha256.Sum256([]byte(token)), []byte(token)
	return []contest{{"verification token", []contender{
		{"SHA-256 and compare", func() {
			sum := sha256.Sum256(presented)
			if subtle.ConstantTimeCompare(sum[:], stored[:]) != 1 {
				panic("differ")
			}
		}},
		{"redoxauth verifytoken", func() { must(v.Verify(r)) }},
	}}}
}

const signedDate = 1767323045 // a clock that stands still

func now() time.Time { return time.Unix(signedDate, 0).UTC() }

// sigv4Contests read and hash the body and verify the signature. The limit is reading
// the body into a buffer of its size and its SHA-256. Every contender gets a fresh
// body, as a server would.
func sigv4Contests() []contest {
	var contests []contest
	for _, size := range []int{1 << 10, 100 << 10, 10 << 20} {
		for _, declared := range []bool{false, true} {
			contests = append(contests, sigv4Contest(size, declared))
		}
	}
	return contests
}

func sigv4Contest(size int, declared bool) contest {
	body := bytes.Repeat([]byte("x"), size)
	sender := redoxtest.SigV4{AccessKey: "AKIDEXAMPLE", SecretKey: "secret", AWSRegion: "us-east-1", ServiceName: "execute-api", DeclarePayloadHash: declared, Now: now}
	r := httptest.NewRequest(http.MethodPost, "/redox/events?source=redox", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	check(sender.Sign(r))
	fresh := func() *http.Request {
		c := *r
		c.Body = io.NopCloser(bytes.NewReader(body))
		return &c
	}
	ours := must(sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}},
		Region:      "us-east-1", Service: "execute-api", Now: now,
	}))
	name := fmt.Sprintf("sigv4, %d KB body", size>>10)
	if declared {
		name += ", payload hash declared"
	}
	return contest{name, []contender{
		{"read and SHA-256", func() {
			buf := make([]byte, size)
			must(io.ReadFull(fresh().Body, buf))
			if sha256.Sum256(buf) == none {
				panic("a hash of zeros")
			}
		}},
		{"redoxauth sigv4", func() { must(ours.Verify(fresh())) }},
		{"re-sign with the AWS SDK", resign(fresh)},
	}}
}

var none [sha256.Size]byte

// resign verifies as one would with AWS's signer alone: read the Authorization header,
// check scope, date and query, read the body, sign a shadow of the request that has
// only the signed headers, and compare.
func resign(fresh func() *http.Request) func() {
	signer := v4.NewSigner()
	credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	return func() {
		r := fresh()
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
			scope[2] != "us-east-1", scope[3] != "execute-api", scope[4] != "aws4_request",
			err != nil, queryErr != nil, now().Sub(date).Abs() > 5*time.Minute:
			panic("not acceptable")
		}
		body := must(io.ReadAll(r.Body))
		hash := sha256.Sum256(body)
		shadow := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, ContentLength: r.ContentLength, Header: http.Header{}}
		for name := range strings.SplitSeq(fields["SignedHeaders"], ";") {
			key := http.CanonicalHeaderKey(name)
			if values, ok := r.Header[key]; ok && key != "X-Amz-Date" {
				shadow.Header[key] = values
			}
		}
		check(signer.SignHTTP(context.Background(), credentials, shadow, hex.EncodeToString(hash[:]), "execute-api", "us-east-1", date))
		if subtle.ConstantTimeCompare([]byte(shadow.Header.Get("Authorization")), []byte(r.Header.Get("Authorization"))) != 1 {
			panic("the signature differs")
		}
	}
}
