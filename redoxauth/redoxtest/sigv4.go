package redoxtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A SigV4 signs with AWS's own signer ([AWS Signature Version 4]). Which headers Redox
// signs is not documented; the signer signs host, x-amz-date, content-length,
// content-type and every other header but those that proxies change.
//
// [AWS Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
type SigV4 struct {
	AccessKey, SecretKey   string // the dashboard's accessKey, secretKey
	ServiceName, AWSRegion string // the dashboard's serviceName, awsRegion
	SessionToken           string // the dashboard's sessionToken; optional

	// DeclarePayloadHash sends the header x-amz-content-sha256, signed. For the service
	// s3 it is always sent.
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
	// A signer of its own for each request: AWS's caches derived keys by the key ID
	// alone, and would go on signing with an old secret after a rotation.
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s3 })
	if err := signer.SignHTTP(r.Context(), credentials, r, hash, s.ServiceName, s.AWSRegion, now()); err != nil {
		return fmt.Errorf("redoxtest: SigV4: %w", err)
	}
	if path, _, query := strings.Cut(r.RequestURI, "?"); query { // a request for a handler
		r.RequestURI = path + "?" + r.URL.RawQuery
	}
	return nil
}

// readBody returns the body of r, and leaves it readable.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("redoxtest: body: %w", err)
	}
	if err := r.Body.Close(); err != nil {
		return nil, fmt.Errorf("redoxtest: body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}
