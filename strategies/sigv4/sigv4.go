// Package sigv4 verifies requests signed with [AWS Signature Version 4]. It needs no AWS
// account.
//
//	signature, err := sigv4.New(sigv4.Config{
//		Credentials: []sigv4.Credential{{AccessKeyID: "REDOX1", SecretAccessKey: "..."}},
//		Region:      "us-east-1",
//		Service:     "redox",
//	})
//	http.Handle("/redox", signature.Wrap(verifytoken.Challenge(handler))) // with a verification token: see verifytoken
//
// # Redox dashboard
//
// The auth strategy "AWS Signature Version 4" (AwsSigv4) has these fields:
//
//	dashboard      Config
//	accessKey      Credential.AccessKeyID
//	secretKey      Credential.SecretAccessKey
//	sessionToken   Credential.SessionToken; empty on both sides, or equal
//	awsRegion      Region
//	serviceName    Service
//
// Region and service are free text. They must be the same on both sides. Choose a service
// other than "s3", which has its own rules. Choose the secret yourself: we advise at least
// 32 random characters, and New does not check that.
//
// # What is signed
//
// The signature covers the method, the path, the query, the date, the headers that
// SignedHeaders names, and the SHA-256 of the body: the [canonical request]. It must be in
// the Authorization header, and the date in X-Amz-Date. A signature in the query is refused.
// Every x-amz-* header that arrives must be signed. The exceptions are X-Amz-Content-Sha256,
// which is part of the canonical request, and CloudFront's X-Amz-Cf-Id.
//
// Some differences between requests do not change the signature. A handler must not act on:
//   - headers that SignedHeaders does not name (see Config.RequiredHeaders), and trailers.
//     Trailers named x-amz-* are refused.
//   - the order of query parameters with different names or values, the case of their
//     escapes, "+" instead of "%20", "&&", a missing "="
//   - runs of white space in header values, and how repeated lines are joined with commas
//   - "//" in the path, unless DisablePathNormalization is set. With
//     InsecureAllowDotSegments also "/./" and "/../".
//   - the fragment, and the scheme
//   - with Config.Hosts: the case, the port and a dot at the end of r.Host. If Hosts does not
//     list r.Host, all of it.
//   - r.URL after a middleware in front changed it. Verify uses r.RequestURI, which is the
//     target as it was received. (To change the target in a test, change r.RequestURI.)
//
// The same request can be sent again until its date is more than MaxSkew away from the clock
// (see Config.Replay). So handlers should be idempotent, for example by Redox's
// Meta.Logs[].ID. After that the request is refused: a sender that retries must sign again.
// Otherwise it is refused for ever. Watch for the reasons "stale" and "clock_skew".
//
// The path has one canonical form. Empty segments ("//") are removed. Dot segments are
// refused (400), or removed too with InsecureAllowDotSegments. Then each segment is encoded
// again, so that "%20" is signed as "%2520". For service "s3" the path is signed as it was
// sent. DisablePathNormalization switches off the removal, and DisableDoubleEncoding the
// encoding. In the query, names and values are decoded (with "+" as a space),
// encoded, and sorted. [COMPATIBILITY.md] says what signers other than Redox's need.
//
// # Behind a proxy
//
// The path, the query, Host and the signed headers must arrive as they were sent. These
// proxies change them. [Verifier.Explain] tells what was changed:
//   - Proxies that replace Host: nginx's proxy_pass, Apache's ProxyPass and Go's ReverseProxy
//     by default. nginx's $host drops the port. Keep Host ("proxy_set_header Host
//     $http_host", "ProxyPreserveHost On"), or set Hosts. HAProxy and Caddy keep it. Adapters
//     for AWS Lambda invent a Host: set Hosts.
//   - Proxies that strip a prefix: nginx's "location /x/" with a path in proxy_pass, Caddy's
//     handle_path. Set PathPrefix.
//   - Proxies that decode the path: nginx with a path in proxy_pass or a rewrite. Use
//     "proxy_pass http://up" without a slash. Apache needs "nocanon" and
//     "AllowEncodedSlashes NoDecode". http.ServeMux and gorilla/mux redirect "//" and "..":
//     put the Verifier in front of them.
//   - CDNs and proxies rewrite Accept-Encoding, User-Agent, Range, Transfer-Encoding,
//     Connection and TE. The sender should not sign these.
//   - nginx (unless "underscores_in_headers on") and Caddy drop headers with "_". fiber's
//     adaptor keeps only the last of repeated headers. API Gateway decodes paths before a
//     Lambda sees them, and its adapters split header values at commas: examples/frameworks
//     says what helps.
//
// [Configurations] of nginx, HAProxy and Caddy that keep signatures valid are tested with this
// package.
//
// # When a signature is refused
//
// The error says what arrived, what was expected, and which field of Config and of the
// dashboard decides. If it is the signature itself that does not verify (reason "signature"),
// something changed the request on the way, or the sender signs in another way, or it has
// another secret. An error cannot tell which. [Verifier.Explain] can in most cases: it tries what
// proxies and signers often do, and names what verifies and what to change. Call it in
// [redoxauth.Options].Observe for one refused request, or for one that Observe has kept:
//
//	Observe: func(r *http.Request, d redoxauth.Decision) {
//		if d.Err != nil {
//			refused.Store(r) // an atomic.Pointer[http.Request], for a handler on a private port
//		}
//	},
//
// If nothing verifies, compare the canonical request in its text with the one that the sender
// logs, line by line. The first line that differs is the cause. If all agree, the secrets differ.
//
// # Operation
//
// To rotate a secret, add a [Credential] with the new secret, under the same or another
// access key ID. Then change the dashboard. Then remove the old one. Identity.KeyID is the
// position of the Credential that matched. With Config.CredentialsFunc this needs no restart.
// If the function fails, the last list is used for 24 h. After that the answer is 503.
//
// The clocks of both sides may differ by MaxSkew (reason "clock_skew"), so run NTP. The reason
// "stale" is for a genuine request that arrives late: it was held up, or a sender repeats it
// without signing it again. Verify calls no other service, unless CredentialsFunc or Replay
// does.
//
// A path and query of more than 8 KiB, an Authorization header of more than 4 KiB, and more
// than 100 signed headers are refused. The request target must be a path or an absolute URI
// (http://host/path). "*", those of CONNECT, and URIs without "//" are refused.
//
// [COMPATIBILITY.md]: https://github.com/redoxauth/redoxauth-go/blob/main/strategies/sigv4/COMPATIBILITY.md
// [Configurations]: https://github.com/redoxauth/redoxauth-go/tree/main/.ci/interop/proxies
// [AWS Signature Version 4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
// [canonical request]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
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

// A Config says what to accept. Credentials or CredentialsFunc, Region and Service are
// required.
type Config struct {
	// Credentials are the access keys. Any one of them is accepted. Several may have the
	// same AccessKeyID.
	Credentials []Credential

	// CredentialsFunc supplies the credentials instead. See [rotation.Secrets] for when it
	// is called.
	CredentialsFunc func(context.Context) ([]Credential, error)

	// Region and Service must be those of the request's credential scope.
	Region, Service string

	// Hosts lists the names that a sender may have signed as Host, as it writes them: with
	// the port, unless that is the default port of the scheme. At most 4. By default the
	// signed Host must equal the received one in every character.
	//
	// A received Host matches an entry if they differ only in case, port, or a dot at the
	// end: "API.example.com.:443" matches "api.example.com:8443". Then the signed Host must
	// be the received one in every character, or an entry that it matches.
	//
	// If it matches no entry, a proxy has replaced it. Then each entry is tried, and the
	// handler must not act on r.Host.
	Hosts []string

	// MaxSkew limits the difference between X-Amz-Date and the clock, in both directions.
	// Default 5 min, at most 15 min. Beyond it a request is refused without reading its body:
	// with reason "stale" if the date is old, the hash of the body is declared, and the
	// signature holds, else with "clock_skew".
	MaxSkew time.Duration

	// RequiredHeaders must be signed if they are present, as host, x-amz-date and every other
	// x-amz-* header always must. List the headers that the handler acts on, such as
	// Content-Type. Headers for one connection cannot be listed: Trailer, Transfer-Encoding,
	// Connection, Keep-Alive, Proxy-Connection, TE, Upgrade and Expect.
	RequiredHeaders []string

	// InsecureAllowDotSegments accepts paths with the segments "." and "..", also escaped
	// ("/%2e%2e/", "%2F../"). By default they are refused with ErrMalformed, for service "s3"
	// too. A proxy, a router or a handler may resolve them, in another way than the canonical
	// request does, and then act on another path than the signed one. With PathPrefix they are
	// always refused. With path normalization they are refused if the path also has escaped
	// slashes, or both raw and escaped dot segments.
	InsecureAllowDotSegments bool

	// InsecureAllowUnsignedPayload accepts "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD". Then
	// the signature does not cover the body: anybody between the sender and you can replace
	// it. Verify does not read such a body.
	InsecureAllowUnsignedPayload bool

	// DisableDoubleEncoding is for senders that sign the path as they send it. By default
	// each segment is encoded once more. Service "s3" implies it.
	DisableDoubleEncoding bool

	// DisablePathNormalization is for senders that sign "//", and dot segments if they are
	// allowed, as they send them. Service "s3" implies it.
	DisablePathNormalization bool

	// PathPrefix is what a proxy in front stripped from the path, such as "/api/v1".
	PathPrefix string

	// Replay, if set, makes every signature single-use. It is asked last, when everything
	// else is right. Then a request is refused if the sender sends it again without
	// signing it again, and if the sender sends the same request twice in one second.
	Replay replay.Store

	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// A Credential is an access key. If SessionToken is not empty, it must arrive as
// X-Amz-Security-Token. If it is empty, no token may arrive.
type Credential struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// A Verifier verifies signatures. It is safe for concurrent use. The zero Verifier refuses
// every request with status 500.
type Verifier struct {
	keys     *keys // behind a pointer, so that printing the Verifier shows no secret
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

// New returns a Verifier. Its error names everything that is wrong with cfg. It makes no
// request.
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

// Verify implements [redoxauth.Verifier]. The Identity's Subject is the access key ID. Its
// KeyID is the position of the Credential. Its Expiry is the date plus MaxSkew: after that the
// same request is refused.
//
// If the request declares the hash of its body in X-Amz-Content-Sha256, the body is read only
// after the signature was verified. Otherwise it must be read before, within the limits of
// [redoxauth.Options]. For an unknown access key ID it is never read. This is the only
// observable difference between an unknown access key ID and a wrong signature.
//
// The errors are [redoxauth.ErrNoCredentials] (no Authorization header, or another scheme),
// [redoxauth.ErrMalformed] (an Authorization header that cannot be parsed, two of them, a
// path or query without a canonical form), [redoxauth.ErrUnavailable] (CredentialsFunc or
// Replay failed), those of [redoxauth.Body], and [redoxauth.ErrRejected] for everything else,
// such as credentials in the query.
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

// Wrap is redoxauth.Middleware(v, nil).
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}
