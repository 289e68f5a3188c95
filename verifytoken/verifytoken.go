// Package verifytoken verifies the token that Redox sends in the header "verification-token" of
// every message ([Authenticate incoming data]). It also answers the handshake, which Redox
// sends when somebody presses "Verify & Save" ([Create and verify an endpoint]): the answer to
// it must repeat the text that it has as "challenge".
//
//	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"..."}})
//	http.Handle("/redox", token.Handshake(token.Wrap(handler)))
//
// # Redox dashboard
//
//	destination            Config
//	verification token     Tokens; choose it: long, random, letters and digits
//	verification method    nothing: GET and POST are answered
//
// # Settings
//
// A destination has "an auth credential or verification token" ([Set up a destination]). Take
// the line that fits what your messages carry. Here signature is the Verifier of a credential,
// such as one of sigv4:
//
//	token.Handshake(token.Wrap(handler))                            // the token
//	signature.Wrap(verifytoken.Challenge(handler))                  // a credential
//	token.Handshake(signature.Wrap(verifytoken.Challenge(handler))) // a credential; the handshake has the token or the credential
//	token.Handshake(token.Wrap(signature.Wrap(handler)))            // both
//
// Redox does not document how it proves the handshake of a destination without a token. Our
// guess is the credential, because white space in a secret makes "Verify & Save" fail ([Create
// an auth credential]). Nor does it document whether messages with a credential carry the token
// too. The third line fits every destination with a credential.
//
// Handshake is always outermost: a handshake may have its token in the body or the query, where
// Wrap does not look. It protects no message: a Wrap must be inside. Challenge is always
// innermost.
//
// Register the path without a method: "POST /redox" does not match a GET handshake. Log no
// queries: a GET handshake has the token there.
//
// # Operation
//
// Redox has one token per destination, and a change in the dashboard takes effect at once. To
// rotate, list the new and the old token, change the dashboard, and remove the old one when
// [redoxauth.Identity].KeyID no longer names its position. The examples of package [rotation]
// take tokens from a file or a secret manager, and need no restart.
//
// When "Verify & Save" fails, Redox shows the status that it got:
//
//	401         another token or credential than in the dashboard, or Handshake is missing or not outermost
//	400         the handshake has another form than Redox documents
//	404, 405    the path or the method is not registered
//	500         something in front has read the body (reason "body_consumed")
//	503         TokensFunc failed, or the body was too slow
//	Error code  a time-out, or a self-signed certificate
//
// If your handler has answered 200, it took the handshake for a message: put Challenge around it.
//
// The error of a refusal says what to change. Observe gets it: that of Config for handshakes,
// that of [redoxauth.Options] for messages. [Verifier.Explain] says more.
//
// # Limits
//
// The token does not cover the message, and whoever reads it can use it. Use TLS, and prefer a
// credential, or demand both ([redoxauth.AllOf]).
//
// [Authenticate incoming data]: https://docs.redoxengine.com/basics/data-exchange-with-redox/authenticating-incoming-data
// [Create an auth credential]: https://developer.redoxengine.com/how-to-use-redox/manage-your-redox-setup/manage-authentication/create-an-auth-credential
// [Create and verify an endpoint]: https://docs.redoxengine.com/how-to/manage-your-redox-configuration/create-and-verify-an-endpoint
// [Set up a destination]: https://docs.redoxengine.com/permalink/5FMTxkOE7yrDCBgiqfV3Z7
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
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

const (
	strategy        = "verifytoken"
	header          = "Verification-Token"
	maxToken        = 4 << 10 // bytes; a longer token is refused without hashing it
	wwwAuthenticate = `verification-token realm="redox"`
)

// Config configures [New]. Exactly one of Tokens and TokensFunc is required.
type Config struct {
	// Tokens are the accepted tokens: several during a rotation. A token has 1 to 4096
	// bytes, no white space around it, and no control characters.
	Tokens []string

	// TokensFunc supplies the tokens instead. It is called on use, at most every 30 s, and
	// for at most 10 s. If it fails, the last tokens serve for 24 h: see [rotation.Secrets].
	TokensFunc func(context.Context) ([]string, error)

	// Observe is called for every handshake, as [redoxauth.Options].Observe is for every
	// message. The Event is "handshake".
	Observe func(*http.Request, redoxauth.Decision)
}

// A Verifier verifies the token of a message. It is safe for concurrent use. The zero
// Verifier refuses every message and handshake with status 500.
type Verifier struct {
	tokens *rotation.Secrets[[]digest]
	field  string // of Config, that has the tokens
	refusals
	observe func(*http.Request, redoxauth.Decision)
}

var _ redoxauth.Verifier = (*Verifier)(nil)

// A digest is the SHA-256 of a token. Digests have one length, so comparing them takes
// the same time for every token.
type digest [sha256.Size]byte

// New returns a Verifier. Its error names everything that is wrong with cfg. It makes no
// request.
func New(cfg Config) (*Verifier, error) {
	v := &Verifier{observe: cfg.Observe, field: "Config.Tokens"}
	wanted := "Config.Tokens[0]"
	switch {
	case len(cfg.Tokens) == 0 && cfg.TokensFunc == nil:
		return nil, errors.New("verifytoken: Tokens: exactly one of Tokens and TokensFunc is required, and there is no token")
	case len(cfg.Tokens) != 0 && cfg.TokensFunc != nil:
		return nil, errors.New("verifytoken: Tokens: exactly one of Tokens and TokensFunc is required, and both are set")
	case cfg.TokensFunc != nil:
		v.tokens = rotation.NewSecrets(strategy, "Config.TokensFunc", cfg.TokensFunc, digestsOfFunc, time.Now)
		v.field, wanted = "Config.TokensFunc", "one of those that Config.TokensFunc returns"
	default:
		digests, err := digestsOf(cfg.Tokens, "verifytoken: Tokens")
		if err != nil {
			return nil, err
		}
		v.tokens = rotation.Static(digests)
		if n := len(digests); n > 1 {
			wanted = fmt.Sprintf("one of the %d in Config.Tokens", n)
		}
	}
	v.refusals = refusalsFor(wanted)
	return v, nil
}

// Verify accepts a request with one verification-token header that holds a configured token.
// The Identity has no Subject, because the token names nobody. Its KeyID is the position of the
// token, from "0".
//
// The error is [redoxauth.ErrNoCredentials] without the header, ErrMalformed for two headers,
// ErrRejected for a wrong token, and ErrUnavailable if TokensFunc failed.
func (v *Verifier) Verify(r *http.Request) (*redoxauth.Identity, error) {
	values := r.Header[header]
	switch {
	case len(values) == 1:
		return v.match(r.Context(), values[0])
	case v.tokens == nil:
		return nil, errZero
	case len(values) == 0:
		return nil, v.absent
	}
	return nil, v.two
}

// Wrap is redoxauth.Middleware(v, nil). It logs nothing: for that give Middleware an Observe.
func (v *Verifier) Wrap(next http.Handler) http.Handler {
	return redoxauth.Middleware(v, nil)(next)
}

func (v *Verifier) match(ctx context.Context, token string) (*redoxauth.Identity, error) {
	if v.tokens == nil {
		return nil, errZero
	}
	digests, err := v.tokens.Get(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case token == "":
		return nil, v.empty
	case len(token) > maxToken:
		return nil, v.long
	}
	found := find(digests, token)
	if found < 0 {
		return nil, v.tokens.Refusal(v.wrong)
	}
	return &redoxauth.Identity{Strategy: strategy, KeyID: strconv.Itoa(found)}, nil
}

// find compares token with all digests, and returns the position of the last that matches, or
// -1. It does not stop at the first match, so the time it takes does not show which one matched.
func find(digests []digest, token string) int {
	var stack [256]byte // most tokens fit: no allocation
	presented := digest(sha256.Sum256(append(stack[:0], token...)))
	found := -1
	for i := range digests {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(presented[:], digests[i][:]), i, found)
	}
	return found
}

func refused(kind error, reason redoxauth.Reason, why string) error {
	return &redoxauth.Error{Kind: kind, Strategy: strategy, Reason: reason, Challenge: wwwAuthenticate, Err: errors.New(why)}
}

var errZero = refused(nil, "internal", "a zero Verifier: make it with New")

// refusals are the same for all requests, because strangers cause many.
type refusals struct{ absent, two, empty, long, wrong error }

func refusalsFor(wanted string) refusals {
	const dashboard = " (Redox dashboard: verification token)"
	return refusals{
		absent: refused(redoxauth.ErrNoCredentials, "missing", "the verification-token header is absent, want it with "+wanted+dashboard+
			"; a handshake may have its token in the body or query, where only Handshake looks"),
		two: refused(redoxauth.ErrMalformed, "malformed", "the verification-token header arrived more than once, want it once, with "+wanted+dashboard+
			"; something in front of this server may have added one"),
		empty: refused(redoxauth.ErrRejected, "token", "the token is empty, want "+wanted+dashboard),
		long:  refused(redoxauth.ErrRejected, "token", fmt.Sprintf("the token is longer than %d bytes, want %s%s", maxToken, wanted, dashboard)),
		wrong: refused(redoxauth.ErrRejected, "token", "the token is another one, want "+wanted+dashboard),
	}
}

func digestsOfFunc(tokens []string) ([]digest, error) {
	return digestsOf(tokens, "Config.TokensFunc: ")
}

// isBlank matches white space, and what nobody sees either, such as a byte order mark.
func isBlank(c rune) bool { return unicode.In(c, unicode.White_Space, unicode.Cf) }

// digestsOf checks the tokens of a list and hashes them. An empty token would accept
// requests without a token, as several public receivers do.
func digestsOf(tokens []string, list string) ([]digest, error) {
	var errs []error
	digests := make([]digest, len(tokens))
	for i, token := range tokens {
		digests[i] = sha256.Sum256([]byte(token))
		wrong := ""
		switch {
		case token == "":
			wrong = "required"
		case strings.TrimFunc(token, isBlank) != token:
			wrong = "white space around it"
		case strings.ContainsFunc(token, unicode.IsControl):
			wrong = "control characters in it"
		case len(token) > maxToken:
			wrong = fmt.Sprintf("longer than %d bytes", maxToken)
		default:
			continue
		}
		errs = append(errs, fmt.Errorf("%s[%d]: %s", list, i, wrong))
	}
	return digests, errors.Join(errs...)
}
