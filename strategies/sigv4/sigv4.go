// Package sigv4 verifies requests that Redox signs with [AWS Signature Version 4]. It needs
// no AWS account.
//
//	signature, err := sigv4.New(sigv4.Config{
//		Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "a-long-random-secret-of-your-own"}},
//		Region:      "us-east-1",
//		Service:     "redox",
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	http.Handle("/redox", signature.Wrap(verifytoken.Challenge(handler)))
//
// # Redox dashboard
//
//	dashboard      Config
//	accessKey      Credential.AccessKeyID
//	secretKey      Credential.SecretAccessKey
//	sessionToken   Credential.SessionToken
//	awsRegion      Region
//	serviceName    Service
//
// Choose any region, any service except "s3", and a secret of at least 32 random characters.
//
// # Settings
//
//   - Rotate a secret: add a Credential, change the dashboard, remove the old Credential
//     (ExampleConfig_rotation on pkg.go.dev). CredentialsFunc needs no restart.
//   - Behind a proxy that changes Host or strips a prefix: set Hosts or PathPrefix
//     (ExampleConfig_behindProxy). The rest must arrive as it was sent. [COMPATIBILITY.md] says
//     what proxies change, and what senders other than Redox need.
//   - A verification token too: ExampleNew_verificationToken.
//
// # Operation
//
// An error names the field that decides. The reason "signature" has many causes: ask
// [Verifier.Explain]. If it finds none, compare its canonical request with the sender's.
//
// Run NTP. Watch for the reasons "stale" and "clock_skew": a sender that retries without
// signing again is refused for ever. If CredentialsFunc or Replay fails, the answer is 503.
// Verify calls nothing else.
//
// # Limits
//
// The signature covers the method, the path, the query, the headers in SignedHeaders, and the
// body. Every X-Amz-* header must be signed, except X-Amz-Content-Sha256 and CloudFront's
// X-Amz-Cf-Id. A signature in the query is refused.
//
// A handler must not act on parts that the signature does not cover:
//   - unsigned headers (see RequiredHeaders), trailers, the scheme, the fragment
//   - the order of different query parameters, the case of their escapes, "+" for "%20",
//     "&&", a missing "="
//   - runs of white space in headers, and repeated headers joined by commas
//   - "//" and dot segments in the path, unless DisablePathNormalization is set
//   - r.Host if Hosts is set, and r.URL if middleware changed it (Verify reads r.RequestURI)
//
// Without Replay, a request can be repeated for MaxSkew: handle each message once (by
// Meta.Logs[].ID).
//
// Verify costs a few microseconds and a SHA-256 of the body. Path and query may have 8 KiB,
// Authorization 4 KiB and 100 signed headers. The target must be a path or http://host/path.
//
// # A signed request
//
// The program above accepts this request at its date:
//
//	POST /redox/a%20b?to=x+y&from=z HTTP/1.1
//	Host: api.example.com
//	Content-Length: 2
//	X-Amz-Date: 20260102T030405Z
//	Authorization: AWS4-HMAC-SHA256 Credential=REDOX1/20260102/us-east-1/redox/aws4_request, SignedHeaders=content-length;host;x-amz-date, Signature=5984cfdf0c50f95402c6f58d914660d51aebf10cbf23b99e0198d08ec6949269
//
//	{}
//
// Its canonical request encodes the path again, encodes and sorts the query, and ends with
// the SHA-256 of the body:
//
//	POST
//	/redox/a%2520b
//	from=z&to=x%20y
//	content-length:2
//	host:api.example.com
//	x-amz-date:20260102T030405Z
//
//	content-length;host;x-amz-date
//	44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
//
// Its string to sign ends with the SHA-256 of that:
//
//	AWS4-HMAC-SHA256
//	20260102T030405Z
//	20260102/us-east-1/redox/aws4_request
//	6db821f52ee120d737083ee87f4f2c35fb4f0ab12cd5945c80979bc405e39d38
//
// [COMPATIBILITY.md]: https://github.com/redoxauth/redoxauth-go/blob/main/strategies/sigv4/COMPATIBILITY.md
// [AWS Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
package sigv4

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/config"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	strategy  = "sigv4"
	challenge = algorithm + ` realm="redox"`

	defaultMaxSkew = 5 * time.Minute
	maxMaxSkew     = 15 * time.Minute
	maxHosts       = 4
)

// A Config says what to accept. Credentials or CredentialsFunc, Region and Service are required.
type Config struct {
	// Credentials are the access keys. Any is accepted. Several may share an AccessKeyID.
	Credentials []Credential

	// CredentialsFunc supplies the credentials instead. See [rotation.Secrets].
	CredentialsFunc func(context.Context) ([]Credential, error)

	// Region and Service must be those that the signature names.
	Region, Service string

	// Hosts are up to 4 names that the sender may have signed as Host, with the port unless it
	// is the scheme's default. By default the signed Host must be the received one, exactly.
	// If the received Host is not listed, apart from case, port and a final dot, a proxy has
	// replaced it: every entry is tried, and the handler must not act on r.Host.
	Hosts []string

	// MaxSkew limits how far X-Amz-Date may be from the clock. Default 5 min, at most 15 min.
	// Older requests have the reason "stale" if the signature holds and X-Amz-Content-Sha256
	// declares the hash of the body, else "clock_skew".
	MaxSkew time.Duration

	// RequiredHeaders must be signed if they are present, as Host and X-Amz-* always must. List
	// those that the handler acts on.
	RequiredHeaders []string

	// InsecureAllowDotSegments accepts "." and ".." in the path, unless PathPrefix is set or
	// escapes make them ambiguous. By default they are refused with ErrMalformed: a proxy or
	// the handler may resolve them to another path than the signed one.
	InsecureAllowDotSegments bool

	// InsecureAllowUnsignedPayload accepts "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD". Then
	// anybody on the way can replace the body. Verify does not read it.
	InsecureAllowUnsignedPayload bool

	// DisableDoubleEncoding is for senders that do not encode the path again to sign it.
	DisableDoubleEncoding bool

	// DisablePathNormalization is for senders that sign "//" and dot segments as they send
	// them. Service "s3" implies this and DisableDoubleEncoding.
	DisablePathNormalization bool

	// PathPrefix is what a proxy stripped from the path, such as "/api/v1". The URL in the
	// dashboard must be longer, at least by a slash.
	PathPrefix string

	// Replay, if set, makes every signature single-use: a retry must be signed again, in
	// another second.
	Replay replay.Store

	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// A Credential is an access key. X-Amz-Security-Token must be SessionToken, or absent if that is
// empty.
type Credential struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// A Verifier verifies signatures. It is safe for concurrent use. The zero Verifier answers 500.
type Verifier struct {
	keys     *rotation.Secrets[*keyring] // behind a pointer, so that printing the Verifier shows no secret
	region   string
	service  string
	hosts    []string
	maxSkew  time.Duration
	required []string // lower case
	form     pathForm
	unsigned bool // UNSIGNED-PAYLOAD is accepted
	replay   replay.Store
	now      func() time.Time
}

var _ redoxauth.Verifier = (*Verifier)(nil)

// New returns a Verifier. Its error names everything that is wrong with cfg.
func New(cfg Config) (*Verifier, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := config.Problems{Package: strategy}
	cfg.check(&p)
	keys := newKeys(&cfg, &p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	required := make([]string, len(cfg.RequiredHeaders))
	for i, name := range cfg.RequiredHeaders {
		required[i] = strings.ToLower(name)
	}
	s3 := cfg.Service == "s3"
	return &Verifier{
		keys:     keys,
		region:   cfg.Region,
		service:  cfg.Service,
		hosts:    slices.Clone(cfg.Hosts),
		maxSkew:  cmp.Or(cfg.MaxSkew, defaultMaxSkew),
		required: required,
		form: pathForm{
			prefix:      cfg.PathPrefix,
			dotSegments: cfg.InsecureAllowDotSegments,
			encodedOnce: s3 || cfg.DisableDoubleEncoding,
			kept:        s3 || cfg.DisablePathNormalization,
		},
		unsigned: cfg.InsecureAllowUnsignedPayload,
		replay:   cfg.Replay,
		now:      cfg.Now,
	}, nil
}

// check checks everything except the credentials.
func (c *Config) check(p *config.Problems) {
	checkScopePart(p, "Region", c.Region)
	checkScopePart(p, "Service", c.Service)
	if len(c.Hosts) > maxHosts {
		p.Add("Hosts", "%d, want at most %d", len(c.Hosts), maxHosts)
	}
	for i, host := range c.Hosts {
		if !isHost(host) || config.Trim(host) != host {
			p.Add(fmt.Sprintf("Hosts[%d]", i), "%q is not a host or host:port", host)
		}
	}
	p.Duration("MaxSkew", c.MaxSkew)
	if c.MaxSkew < 0 || c.MaxSkew > maxMaxSkew {
		p.Add("MaxSkew", "%v, want 0 to %v", c.MaxSkew, maxMaxSkew)
	}
	for i, name := range c.RequiredHeaders {
		switch name = strings.ToLower(name); {
		case !lowerToken.hasAll(name) || name == "authorization":
			p.Add(fmt.Sprintf("RequiredHeaders[%d]", i), "%q is not a header that can be signed", name)
		case slices.Contains(hopByHop, name):
			p.Add(fmt.Sprintf("RequiredHeaders[%d]", i), "%q is for one connection: net/http and proxies remove it, so it cannot be checked", name)
		}
	}
	raw, escaped := findDotSegments(c.PathPrefix)
	switch prefix := c.PathPrefix; {
	case prefix == "":
	case prefix[0] != '/':
		p.Add("PathPrefix", "does not start with a slash")
	case strings.HasSuffix(prefix, "/"):
		p.Add("PathPrefix", "ends with a slash")
	case raw || escaped:
		p.Add("PathPrefix", "has dot segments")
	case !isWirePath(prefix) || config.Trim(prefix) != prefix || strings.ContainsAny(prefix, "?#"):
		p.Add("PathPrefix", "not a path that is escaped as it is sent")
	}
}

// Verify implements [redoxauth.Verifier]. The Identity's Subject is the access key ID, its
// KeyID the position of the Credential, its Expiry the date plus MaxSkew.
//
// Verify reads the body after it has verified the signature if X-Amz-Content-Sha256 declares
// its hash, else before. For an unknown access key ID it never does.
//
// The errors are [redoxauth.ErrNoCredentials] (no Authorization header, or another scheme),
// [redoxauth.ErrMalformed] (an Authorization header, path or query that cannot be parsed),
// [redoxauth.ErrUnavailable], those of [redoxauth.Body], and else [redoxauth.ErrRejected].
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	c := newCanonical()
	defer c.release()
	match, err := v.decide(r.Context(), r, c)
	if err == nil {
		err = v.useOnce(r.Context(), &c.claim)
	}
	if err != nil {
		return nil, refusal(err)
	}
	return v.identity(match, &c.claim), nil
}

func (v *Verifier) identity(match *credential, c *claim) *redoxauth.Identity {
	return &redoxauth.Identity{
		Strategy: strategy,
		Subject:  match.keyID,
		KeyID:    match.position,
		Expiry:   c.time.Add(v.maxSkew),
	}
}

// refusal names the strategy, and adds the challenge that a 401 must have (RFC 9110, Section
// 15.5.2).
func refusal(err error) error {
	e, ok := err.(*redoxauth.Error)
	if !ok {
		return err
	}
	e = e.In(strategy)
	if e.Kind == redoxauth.ErrRejected || e.Kind == redoxauth.ErrNoCredentials {
		e.Challenge = challenge
	}
	return e
}

// Wrap is redoxauth.Middleware(v, nil). It logs nothing: for that give Middleware an Observe.
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
