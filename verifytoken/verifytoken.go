// Package verifytoken verifies the token that Redox sends with every message, and
// answers the handshake by which Redox verifies a destination.
//
// # Redox dashboard
//
// The destination's fields and where they go:
//
//	verification token     Config.Tokens (choose it: long, random, letters and digits)
//	verification method    GET or POST: Handshake answers both
//
// Redox sends the token in the header "verification-token" of each message
// ([Authenticate incoming data]), and once, with a challenge, when somebody presses
// "Verify & Save" ([Create and verify an endpoint]). A destination with an auth
// credential needs a token too, for that handshake; Redox does not document whether
// its messages then carry the header.
//
// # Use
//
// [Verifier.Handshake] is always the outermost wrapper: its own proof is complete, and
// the token of a POST handshake is in the body, not in the header.
//
//	http.Handle("/redox", token.Handshake(token.Wrap(handler)))      // token alone
//	http.Handle("/redox", token.Handshake(signature.Wrap(handler)))  // credential
//
// Register the path without a method: a "POST /redox" pattern loses the GET form of
// the handshake. Keep queries out of access logs: the GET form has the token there.
//
// # Rotation
//
// Redox holds one token per destination and changes it at once, so list the new and
// the old one, change the dashboard, and drop the old one when [redoxauth.Identity].KeyID
// (the position of the token that matched) no longer names it. With TokensFunc no
// restart is needed.
//
// # When Redox's destination verification fails
//
// Redox shows the status it got. 401: the token differs from the dashboard's; white
// space is never part of a token. 400: the request is no handshake that Redox
// documents, see the error given to Config.Observe. 404 or 405: the path or the method
// is not registered. 503: TokensFunc failed. A self-signed certificate or a time-out
// shows as "Error code".
//
// A token alone proves that the sender knows the token, not what it sends: put
// TLS in front of it, and prefer a credential, or both ([redoxauth.AllOf]).
//
// [Authenticate incoming data]: https://docs.redoxengine.com/basics/data-exchange-with-redox/authenticating-incoming-data
// [Create and verify an endpoint]: https://docs.redoxengine.com/how-to/manage-your-redox-configuration/create-and-verify-an-endpoint
package verifytoken

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

const (
	strategy  = "verifytoken"
	header    = "Verification-Token"
	maxToken  = 4 << 10 // bytes; a longer one is refused unread
	challenge = `verification-token realm="redox"`
)

// Config configures [New]. Exactly one of Tokens and TokensFunc is required.
type Config struct {
	// Tokens are the accepted tokens: several during a rotation. A token is not
	// empty, has no white space around it, and has at most 4096 bytes.
	Tokens []string

	// TokensFunc supplies them instead, so that a rotation needs no restart: it is
	// called on use, at most every 30 s, and for at most 10 s; see [redoxauth.Secrets].
	TokensFunc func(context.Context) ([]string, error)

	// Observe is called for every handshake, as [redoxauth.Options].Observe is for
	// every message.
	Observe func(*http.Request, redoxauth.Decision)
}

// A Verifier verifies the token of a message. It is safe for concurrent use.
type Verifier struct {
	digests func(context.Context) ([]digest, error)
	observe func(*http.Request, redoxauth.Decision)
}

var _ redoxauth.Verifier = (*Verifier)(nil)

// A digest stands for a token, so that comparing takes the same time whatever the
// lengths are.
type digest [sha256.Size]byte

// New returns a Verifier for cfg, or all that is wrong with cfg.
func New(cfg Config) (*Verifier, error) {
	v := &Verifier{observe: cfg.Observe}
	switch {
	case len(cfg.Tokens) > 0 && cfg.TokensFunc != nil:
		return nil, errors.New("verifytoken: Tokens, TokensFunc: exactly one is required, not both")
	case cfg.TokensFunc != nil:
		secrets := redoxauth.NewSecrets(strategy, cfg.TokensFunc, digestsOf, time.Now)
		v.digests = secrets.Get
	default:
		digests, err := digestsOf(cfg.Tokens)
		if err != nil {
			return nil, err
		}
		v.digests = func(context.Context) ([]digest, error) { return digests, nil }
	}
	return v, nil
}

// Verify accepts a request whose one verification-token header holds a configured
// token. The Identity has no Subject: the token names nobody.
//
// The error is [redoxauth.ErrNoCredentials] without the header, ErrMalformed for two,
// ErrRejected for a wrong token, and ErrUnavailable when TokensFunc has failed.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	values := r.Header[header]
	switch len(values) {
	case 0:
		return nil, refused(redoxauth.ErrNoCredentials, "missing", nil)
	case 1:
		return v.match(r.Context(), values[0])
	default:
		return nil, refused(redoxauth.ErrMalformed, "malformed", errors.New("more than one verification-token header"))
	}
}

// Wrap lets requests through to next that [Verifier.Verify] accepts, with the default
// limits of [redoxauth.Options].
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}

// match compares with every token and does not stop at the first that matches: how
// long it takes tells nothing about which.
func (v *Verifier) match(ctx context.Context, token string) (*redoxauth.Identity, error) {
	digests, err := v.digests(ctx)
	if err != nil {
		return nil, err
	}
	if token == "" || len(token) > maxToken {
		return nil, refused(redoxauth.ErrRejected, "token", nil)
	}
	var stack [256]byte // most tokens fit, and need no allocation
	presented := digest(sha256.Sum256(append(stack[:0], token...)))
	found := -1
	for i := range digests {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(presented[:], digests[i][:]), i, found)
	}
	if found < 0 {
		return nil, refused(redoxauth.ErrRejected, "token", nil)
	}
	return &redoxauth.Identity{Strategy: strategy, KeyID: strconv.Itoa(found)}, nil
}

func refused(kind error, reason redoxauth.Reason, err error) error {
	return &redoxauth.Error{Kind: kind, Strategy: strategy, Reason: reason, Challenge: challenge, Err: err}
}

// digestsOf checks the tokens and hashes them. An empty token would accept whoever
// sends none, as several public receivers do.
func digestsOf(tokens []string) ([]digest, error) {
	if len(tokens) == 0 {
		return nil, errors.New("verifytoken: Tokens: at least one is required")
	}
	var errs []error
	digests := make([]digest, len(tokens))
	for i, token := range tokens {
		digests[i] = sha256.Sum256([]byte(token))
		wrong := ""
		switch {
		case token == "":
			wrong = "is empty"
		case strings.TrimSpace(token) != token:
			wrong = "has white space around it"
		case strings.ContainsFunc(token, unicode.IsControl):
			wrong = "has a control character"
		case len(token) > maxToken:
			wrong = fmt.Sprintf("is longer than %d bytes", maxToken)
		default:
			continue
		}
		errs = append(errs, fmt.Errorf("verifytoken: Tokens[%d]: %s", i, wrong))
	}
	return digests, errors.Join(errs...)
}
