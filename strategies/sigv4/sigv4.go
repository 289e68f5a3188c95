// Package sigv4 verifies requests signed with [AWS Signature Version 4], without AWS.
//
// # Redox dashboard
//
// The auth strategy "AWS Signature Version 4" (AwsSigv4) has these fields:
//
//	dashboard      Config
//	accessKey      Credential.AccessKeyID
//	secretKey      Credential.SecretAccessKey
//	sessionToken   Credential.SessionToken; empty on both sides or equal
//	awsRegion      Region
//	serviceName    Service
//
// Region and service are free text that only has to agree. Pick a service other than
// "s3", which has rules of its own, and secrets of your own making, at least 32 random
// characters: nothing here needs an AWS account.
//
// # What is signed
//
// Method, path, query, the headers that SignedHeaders names, the date, and the
// SHA-256 of the body: the [canonical request]. Accepted is the Authorization header
// with X-Amz-Date; a signature in the query is refused. Every x-amz-* header that
// arrives must be signed, except X-Amz-Content-Sha256, which is part of the canonical
// request, and CloudFront's X-Amz-Cf-Id.
//
// A signature does not bind, so a handler must not act on:
//   - headers that SignedHeaders does not name (see Config.RequiredHeaders), and trailers,
//     of which those named x-amz-* are refused
//   - the order of query parameters of different names or values, the case of their
//     escapes, "+" against "%20", "&&", a missing "="
//   - white space runs in header values, and how repeated lines are split at commas
//   - "//", "/./" and "/../" in the path, unless DisablePathNormalization is set;
//     beside escaped slashes or dots, which a handler could resolve to another path than
//     the signed one, dot segments are refused
//   - the fragment, the scheme, and the received Host if Hosts replaced it
//   - what a middleware in front made of r.URL: verified is r.RequestURI, as it was
//     received (in a test, change that)
//
// The same request can be sent again within MaxSkew on either side of its date (see
// Config.Replay), so make handlers idempotent, by Redox's Meta.Logs[].ID for example.
// A request that is sent again later with its old signature is refused: a sender
// that retries must sign anew.
//
// The path has one canonical form: "//" and dot segments resolved, then each segment
// encoded once more, so that "%20" is signed as "%2520". Service "s3" signs the path as
// sent. DisablePathNormalization and DisableDoubleEncoding change either half. In the
// query, names and values are decoded with "+" as a space, encoded, and sorted.
//
// # Which sender needs what
//
//   - Nothing: Node's aws4, aws4-axios, aws4fetch, aws-sigv4-fetch, @smithy/signature-v4
//     and the AWS SDK for JavaScript; botocore and the AWS CLI; PHP's async-aws.
//   - DisablePathNormalization, if paths have "//", "." or "..": AWS's SDK for Go, Ruby's
//     aws-sigv4, Python's aws-requests-auth, curl. async-aws then verifies in no form.
//   - DisableDoubleEncoding, if paths have escapes: curl --aws-sigv4 (7.88), Perl's
//     AWS::Signature4, and @smithy/signature-v4 if it is given the path unescaped. That
//     curl signs the query as typed: it verifies if that is sorted and has "=".
//   - "%20" instead of "+" in the query: botocore, Ruby, aws-requests-auth and curl sign
//     the raw "+", which a handler reads as a space.
//   - No "!'()*" in paths: @aws-sdk/signature-v4, the predecessor of @smithy's.
//   - aws-requests-auth sorts "a-b" before "a"; Ruby and Perl keep runs of spaces in
//     quoted header values, AWS's SDK for Go keeps tabs: avoid these.
//   - Service "s3": InsecureAllowUnsignedPayload for aws4fetch. aws4, aws4-axios, aws4fetch
//     and minio-go decode "%2F"; aws-sigv4-fetch encodes twice. The AWS SDK's streams
//     (STREAMING-…) are always refused.
//
// # Behind a proxy
//
// The path, the query, Host and the signed headers must arrive as they were sent.
// What usually breaks, and [Verifier.Explain] names:
//   - A proxy replaces Host, as nginx's proxy_pass, Apache's ProxyPass and Go's
//     ReverseProxy do unless told otherwise, or drops its port (nginx's $host). Preserve
//     it ("proxy_set_header Host $http_host", "ProxyPreserveHost On"), or set Hosts.
//     HAProxy and Caddy preserve it. Adapters of AWS Lambda make up a Host: set Hosts.
//   - A proxy strips a prefix (nginx's "location /x/" with a path in proxy_pass, Caddy's
//     handle_path): set PathPrefix.
//   - nginx with a path in proxy_pass or a rewrite decodes the path: "proxy_pass
//     http://up" without a slash keeps it; Apache needs "nocanon" and
//     "AllowEncodedSlashes NoDecode". http.ServeMux and gorilla/mux redirect "//" and
//     "..": put the Verifier in front of them.
//   - Signed Accept-Encoding, User-Agent, Range, Transfer-Encoding, Connection and TE are
//     rewritten by CDNs and proxies. They should not be signed.
//   - nginx (unless "underscores_in_headers on") and Caddy drop headers with "_"; fiber's
//     adaptor keeps the last of repeated headers. API Gateway decodes paths before a
//     Lambda sees them, and adapters split header values at commas; examples/frameworks
//     says what can be mended.
//
// [Configurations] of nginx, HAProxy and Caddy that keep signatures valid are tested
// with this package.
//
// # Operation
//
// To rotate a secret, add a [Credential] with the new one, under the same or another
// access key ID, change the dashboard, then remove the old one; Identity.KeyID is the
// position of the one that matched. With Config.CredentialsFunc this needs no restart;
// when the function fails, the last list serves for 24 h, then the answer is 503.
// The clocks may differ by MaxSkew (reason "clock_skew"): run NTP. Nothing else is
// needed to decide, so there is no outage but that of CredentialsFunc and Replay.
// A path and query of more than 8 KiB, an Authorization header of more than 4 KiB, or more
// than 100 signed headers, are refused.
//
// [Configurations]: https://github.com/redoxauth/redoxauth-go/tree/main/.ci/interop/proxies
// [AWS Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
// [canonical request]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
package sigv4

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	strategy = "sigv4"

	defaultMaxSkew = 5 * time.Minute
	maxMaxSkew     = 15 * time.Minute
	maxHosts       = 4
)

// A Config says what to accept. Credentials or CredentialsFunc, Region and Service are
// required.
type Config struct {
	// Credentials are accepted, all of them. Several may share an AccessKeyID.
	Credentials []Credential

	// CredentialsFunc supplies them instead, as [rotation.Secrets] says.
	CredentialsFunc func(context.Context) ([]Credential, error)

	// Region and Service must equal those of the request's credential scope.
	Region, Service string

	// Hosts are the names that a sender may have signed as Host, as it writes them,
	// with the port if it is not the scheme's own; at most 4. A received Host that is
	// among them must have been signed. Any other was put in by a proxy; then
	// each of Hosts is tried, and the handler must not act on r.Host. Empty: the
	// Host as received.
	Hosts []string

	// MaxSkew is how far X-Amz-Date may be from the clock, in both directions;
	// default 5 min, at most 15 min.
	MaxSkew time.Duration

	// RequiredHeaders must be signed when they are present: name here what the
	// handler acts on, as Content-Type.
	RequiredHeaders []string

	// InsecureAllowUnsignedPayload accepts "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD":
	// a body that anybody on the way can exchange, and that Verify does not read.
	InsecureAllowUnsignedPayload bool

	// DisableDoubleEncoding takes the path for signed as it was sent, not encoded once
	// more. Service "s3" implies it.
	DisableDoubleEncoding bool

	// DisablePathNormalization takes empty segments and dot segments of the path for
	// signed as they were sent. Service "s3" implies it.
	DisablePathNormalization bool

	// PathPrefix is what a proxy in front stripped from the path, as "/api/v1". A
	// received path with dot segments, also escaped ones, is then refused.
	PathPrefix string

	// Replay, if set, lets every signature pass once. It is asked last, when all else
	// holds. A sender that sends a signed request again without signing it anew, or
	// the same request twice in one second, is then refused.
	Replay replay.Store

	// Now is the clock; default [time.Now].
	Now func() time.Time
}

// A Credential is an access key. SessionToken is empty, or what must arrive as
// X-Amz-Security-Token.
type Credential struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// A Verifier verifies signatures. It is safe for concurrent use.
type Verifier struct {
	keys       *keys // behind a pointer, so that printing the Verifier shows no secret
	region     string
	service    string
	hosts      []string
	maxSkew    time.Duration
	required   []string // lower case
	prefix     string
	unsigned   bool // UNSIGNED-PAYLOAD is accepted
	encodeOnce bool
	keepPath   bool
	replay     replay.Store
	now        func() time.Time
}

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier. Its error names everything that is wrong with cfg.
func New(cfg Config) (*Verifier, error) {
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	keys, err := newKeys(cfg, now)
	if err := errors.Join(append(cfg.problems(), err)...); err != nil {
		return nil, err
	}
	required := make([]string, len(cfg.RequiredHeaders))
	for i, name := range cfg.RequiredHeaders {
		required[i] = strings.ToLower(name)
	}
	s3 := cfg.Service == "s3"
	return &Verifier{
		keys:       keys,
		region:     cfg.Region,
		service:    cfg.Service,
		hosts:      slices.Clone(cfg.Hosts),
		maxSkew:    cmp.Or(cfg.MaxSkew, defaultMaxSkew),
		required:   required,
		prefix:     cfg.PathPrefix,
		unsigned:   cfg.InsecureAllowUnsignedPayload,
		encodeOnce: s3 || cfg.DisableDoubleEncoding,
		keepPath:   s3 || cfg.DisablePathNormalization,
		replay:     cfg.Replay,
		now:        now,
	}, nil
}

// problems names what is wrong with c, but for its credentials.
func (c *Config) problems() (errs []error) {
	problem := func(field, what string) { errs = append(errs, fmt.Errorf("sigv4: %s: %s", field, what)) }
	for _, scope := range [...]struct{ field, value string }{{"Region", c.Region}, {"Service", c.Service}} {
		if scope.value == "" || strings.ContainsFunc(scope.value, notInCredential) {
			problem(scope.field, "empty, or not printable ASCII without space, comma and slash")
		}
	}
	if len(c.Hosts) > maxHosts {
		problem("Hosts", "more than 4")
	}
	for i, host := range c.Hosts {
		if !isHost(host) || strings.ContainsAny(host, "/?#@,") {
			problem(fmt.Sprintf("Hosts[%d]", i), "not a host or host:port")
		}
	}
	if c.MaxSkew < 0 || c.MaxSkew > maxMaxSkew {
		problem("MaxSkew", "negative or more than 15 min")
	}
	for i, name := range c.RequiredHeaders {
		if name = strings.ToLower(name); !isLowerToken(name) || name == "authorization" {
			problem(fmt.Sprintf("RequiredHeaders[%d]", i), "not the name of a header that can be signed")
		}
	}
	if p := c.PathPrefix; p != "" && (!isWirePath(p) || hasDotSegments(p) || strings.HasSuffix(p, "/") || strings.ContainsAny(p, "?#")) {
		problem("PathPrefix", "not of the form /a/b, escaped as on the wire")
	}
	return errs
}

// Verify implements [redoxauth.Verifier]. The Identity's Subject is the access key ID,
// its KeyID the position of the credential, its Expiry the date plus MaxSkew: from then
// on the same request is refused.
//
// When the request declares the hash of its body in X-Amz-Content-Sha256, the body is
// read only after the signature holds; else it must be read first, within the limits of
// [redoxauth.Options]. For an unknown access key ID it is never read; by that alone can a
// peer tell it from a configured one.
//
// The errors are [redoxauth.ErrNoCredentials] (no Authorization header, or of another
// scheme), [redoxauth.ErrMalformed] (one that cannot be read, two of them, a path or
// query with no canonical form), [redoxauth.ErrUnavailable] (CredentialsFunc or Replay
// failed), those of [redoxauth.Body], and [redoxauth.ErrRejected] for everything else,
// credentials in the query included.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	c := newCanonical()
	defer c.release()
	match, err := v.prove(r, c)
	if err != nil {
		return nil, err
	}
	if err := v.checkReplay(r.Context(), &c.proof); err != nil {
		return nil, err
	}
	return &redoxauth.Identity{
		Strategy: strategy,
		Subject:  match.keyID,
		KeyID:    match.position,
		Expiry:   c.proof.time.Add(v.maxSkew),
	}, nil
}

// Wrap is [redoxauth.Middleware] with v and default Options.
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
