// Package verifytoken verifies the token that Redox sends with every message. It also answers
// the handshake by which Redox verifies a destination, with a token or without.
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
// Redox sends the token in the header "verification-token" of each message
// ([Authenticate incoming data]). When somebody presses "Verify & Save", Redox sends a
// handshake: a challenge, which the answer must repeat, and the token ([Create and verify an
// endpoint]). [Verifier.Handshake] answers it.
//
// A destination has "an auth credential or verification token" ([Set up a destination]). So it
// may have a credential alone. Then [Challenge] answers the handshake, and the credential is
// the proof. Redox does not document:
//
//   - how it proves the handshake of a destination that has no token. The credential is our
//     guess, because white space in a secret makes "Verify & Save" fail ([Create an auth
//     credential]).
//   - whether the token is in the header, if it is not in the body. Both are answered.
//   - whether messages carry the header, if the destination has a credential too
//
// # Use
//
// Handshake is always the outermost wrapper: a handshake may have its token in the body or the
// query, where Wrap does not look. Challenge is always inside the wrappers. Here signature is
// a Verifier of another package, such as sigv4:
//
//	http.Handle("/redox", token.Handshake(token.Wrap(handler)))                             // token
//	http.Handle("/redox", signature.Wrap(verifytoken.Challenge(handler)))                   // credential
//	http.Handle("/redox", token.Handshake(signature.Wrap(verifytoken.Challenge(handler))))  // either in the handshake
//	http.Handle("/redox", token.Handshake(token.Wrap(signature.Wrap(handler))))             // both in every message
//
// The third answers the handshake of every destination with a credential. In a framework that
// does not use [http.Handler], see [Verifier.CheckHandshake] and [Challenge].
//
// Register the path without a method: the pattern "POST /redox" does not match the GET
// form of the handshake. Do not log queries: the GET form has the token there.
//
// A token proves that the sender knows the token. It does not cover the message. Use TLS,
// and prefer a credential, or demand both ([redoxauth.AllOf]).
//
// # Rotation
//
// Redox has one token per destination, and a change in the dashboard takes effect at once.
// List the new and the old token, change the dashboard, and remove the old one when
// [redoxauth.Identity].KeyID no longer names its position. With TokensFunc this needs no
// restart.
//
// # When "Verify & Save" fails
//
// Redox shows the status that it got:
//
//	401         the token or credential differs from the dashboard's, or Handshake is missing or not outermost
//	400         the request is no handshake that Redox documents; Config.Observe gets the error
//	404, 405    the path or the method is not registered
//	500         something in front has read the body (reason "body_consumed")
//	503         TokensFunc failed, or the body was too slow
//	Error code  a time-out, or a self-signed certificate
//
// The log of Config.Observe has the cause. For more, see [Verifier.Explain].
//
// If it fails although your handler has answered 200, the handler took the handshake for a
// message: put Challenge around it, inside the wrappers.
//
// # When a request is refused
//
// The error says what arrived, what was expected, and where to change it. It is in the log of
// [redoxauth.Options].Observe for messages, and of Config.Observe for handshakes:
//
//	another token   the dashboard's verification token is none of Tokens: enter it anew in one of the two places
//	absent          the destination has no verification token, or Handshake is missing or is not the outermost wrapper
//	more than once  something in front of the server adds the header, or a custom header of the dashboard repeats it
//	header differs  a custom header of the dashboard has another token than the dashboard
//	challenge       the handshake is no Redox handshake: a limit, or the form of its body, is fixed
//
// [Verifier.Explain] says more. It tries what often happens to a token: white space, quotation
// marks, another encoding, the wrong header. Call it for the request that Observe got:
//
//	Observe: func(r *http.Request, d redoxauth.Decision) {
//		if d.Err != nil {
//			lastRefused.Store(r) // and, when an operator asks: token.Explain(lastRefused.Load())
//		}
//	}
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

	// TokensFunc supplies the tokens instead, so that a rotation needs no restart. It is
	// called on use, at most every 30 s, and for at most 10 s; see [rotation.Secrets].
	TokensFunc func(context.Context) ([]string, error)

	// Observe is called for every handshake, as [redoxauth.Options].Observe is called
	// for every message. The Event is "handshake".
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
	case (len(cfg.Tokens) == 0) == (cfg.TokensFunc == nil):
		return nil, errors.New("verifytoken: Tokens: exactly one of Tokens and TokensFunc is required")
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

// Verify accepts a request whose one verification-token header holds a configured
// token. The Identity has no Subject, because the token names nobody.
//
// The error is [redoxauth.ErrNoCredentials] without the header, ErrMalformed for two
// headers, ErrRejected for a wrong token, and ErrUnavailable if TokensFunc failed.
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

// Wrap is redoxauth.Middleware(v, nil).
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
		return nil, v.wrong
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
