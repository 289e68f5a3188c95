package redoxtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A SigV4 signs with AWS's own signer ([AWS Signature Version 4]). Redox does not document
// which headers it signs. The signer signs host, x-amz-date, content-length, content-type
// and every other header, except those that proxies change.
//
// [AWS Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
type SigV4 struct {
	AccessKey, SecretKey   string // the dashboard's accessKey, secretKey
	ServiceName, AWSRegion string // the dashboard's serviceName, awsRegion
	SessionToken           string // the dashboard's sessionToken; optional

	// DeclarePayloadHash sends and signs the header x-amz-content-sha256. The service s3
	// always has it.
	DeclarePayloadHash bool

	Client *http.Client     // default http.DefaultClient
	Now    func() time.Time // default time.Now
}

var _ interface {
	Sender
	Signer
} = SigV4{}

// Send implements [Sender].
func (s SigV4) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return send(ctx, s.Client, url, message, s)
}

// Sign implements [Signer]. AWS's signer rewrites the query in its canonical order.
func (s SigV4) Sign(r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	s3 := s.ServiceName == "s3"
	if s.DeclarePayloadHash || s3 {
		r.Header.Set("X-Amz-Content-Sha256", hash)
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	credentials := aws.Credentials{AccessKeyID: s.AccessKey, SecretAccessKey: s.SecretKey, SessionToken: s.SessionToken}
	// Each request gets a new signer. AWS's signer caches derived keys by key ID, and would
	// use the old secret after a rotation.
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s3 })
	if err := signer.SignHTTP(r.Context(), credentials, r, hash, s.ServiceName, s.AWSRegion, now()); err != nil {
		return fmt.Errorf("redoxtest: SigV4: %w", err)
	}
	if path, _, query := strings.Cut(r.RequestURI, "?"); query { // a request for a handler
		r.RequestURI = path + "?" + r.URL.RawQuery
	}
	return nil
}

// Forgeries returns what an attacker may send instead. One signature is an hour old.
func (s SigV4) Forgeries() []Forgery {
	f := forgeries{client: s.Client}
	with := func(change func(*SigV4)) SigV4 {
		other := s
		change(&other)
		return other
	}
	clocked := func(d time.Duration) SigV4 {
		return with(func(other *SigV4) { other.Now = func() time.Time { return clock(s.Now)().Add(d) } })
	}
	f.carrier("Authorization", s)
	f.signed("wrong secret", with(func(s *SigV4) { s.SecretKey += "x" }))
	f.signed("unknown key", with(func(s *SigV4) { s.AccessKey = "AKIAOFNOBODY" }))
	f.signed("other region", with(func(s *SigV4) { s.AWSRegion += "x" }))
	f.signed("other service", with(func(s *SigV4) { s.ServiceName += "x" }))
	f.signed("other session token", with(func(s *SigV4) { s.SessionToken += "x" }))
	f.signed("stale", clocked(-time.Hour))
	f.signed("from the future", clocked(time.Hour))
	for _, declared := range []bool{false, true} {
		name := "body changed"
		if declared {
			name += ", hash declared"
		}
		f.tampered(name, http.StatusUnauthorized, with(func(s *SigV4) { s.DeclarePayloadHash = declared }), changeBody)
	}
	f.tampered("path changed", http.StatusUnauthorized, s, func(r *http.Request) { setTarget(r, r.URL.Path+"/other", r.URL.RawQuery) })
	f.tampered("query changed", http.StatusUnauthorized, s, func(r *http.Request) { setTarget(r, r.URL.Path, r.URL.RawQuery+"&admin=true") })
	f.tampered("signed header changed", http.StatusUnauthorized, s, func(r *http.Request) { r.Header.Set("Content-Type", "text/html") })
	f.tampered("x-amz header added", http.StatusUnauthorized, s, func(r *http.Request) { r.Header.Set("X-Amz-Meta-Role", "admin") })
	return f.all
}
