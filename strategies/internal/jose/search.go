package jose

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// A Source finds the key that signed a token. [SourceOf] returns that of a keyset.Set.
type Source interface {
	// Find returns the key that q finds among the keys that are trusted now. The error is a
	// [*redoxauth.Error]: ErrRejected if none of them signed the token, ErrUnavailable if
	// the keys are not available now.
	Find(ctx context.Context, q *Search) (*Key, error)

	// URL is where the keys are published. It is empty if they are configured, or if the
	// URL is not known yet.
	URL() string
}

// SourceOf returns the Source of a keyset.Set, and nil of nil. Package keyset sets this
// variable. A method of keyset.Set would show users the types of this package.
var SourceOf func(set any) Source

// maxTries bounds the signature checks that a token costs: this many with the keys that
// there are, and this many more after a fetch. Anybody can send a token that no key
// verifies.
const maxTries = 4

// A Search looks for the public key that signed a token. It serves one request.
type Search struct {
	jws   *JWS
	token string
	known *Key // that has verified the token before; or nil
	cfg   *Config

	seen         *[]*Key // for Explain: those that it looked among last; else nil
	rounds, left int32   // of tries
	tried        []*Key
}

// In returns the key that signed the token. It tries those of keys that fit, at most four.
// When it is called again, with keys that were fetched since, it tries those that it has
// not tried before, at most four more, however often that is.
func (q *Search) In(keys []*Key) (*Key, error) {
	q.see(keys)
	named := q.Names(keys)
	candidates, fit, known := 0, (*Key)(nil), (*Key)(nil)
	for _, k := range keys {
		if !q.concerns(k, named) {
			continue
		}
		candidates++
		if !k.serves(q.jws.alg) {
			continue
		}
		if fit != nil && named && q.cfg.OneKey && !k.same(fit) {
			return nil, refuse("unknown_key", "more than one key has the %s, want one%s", q.name(), diagnosis.Field(q.cfg.Fields.Keys))
		}
		fit = k
		if known == nil && q.known != nil && k.same(q.known) {
			known = k
		}
	}
	switch {
	case known != nil:
		return known, nil
	case candidates == 0:
		return nil, refuse("unknown_key", "kid is %s, want %s%s", diagnosis.Text(q.jws.kid, true), diagnosis.OneOf(ids(keys)), diagnosis.Field(q.cfg.Fields.Keys))
	case fit == nil:
		return nil, q.noneServes(keys, named)
	}
	return q.try(keys, named)
}

func (q *Search) noneServes(keys []*Key, named bool) error {
	var concerned []*Key
	for _, k := range keys {
		if q.concerns(k, named) {
			concerned = append(concerned, k)
		}
	}
	return refuse("algorithm", "no key is for alg %s and %s, want a signature by %s%s",
		diagnosis.Text(q.jws.alg, q.jws.hasAlg), q.name(), described(concerned), diagnosis.Field(q.cfg.Fields.Keys))
}

func (q *Search) see(keys []*Key) {
	if q.seen != nil {
		*q.seen = keys
	}
}

func (q *Search) try(keys []*Key, named bool) (*Key, error) {
	input, signature, err := q.split()
	if err != nil {
		return nil, err
	}
	if q.rounds++; q.rounds <= 2 {
		q.left = maxTries
	}
	for _, k := range keys {
		if q.left == 0 {
			break
		}
		if !q.concerns(k, named) || !k.serves(q.jws.alg) || slices.ContainsFunc(q.tried, k.same) {
			continue
		}
		q.left--
		q.tried = append(q.tried, k)
		if k.verify(q.jws.alg, input, signature) {
			return k, nil
		}
	}
	return nil, refuse("signature", "the signature verifies under none of the keys that fit %s: %d tried, %s%s", q.name(), len(q.tried), described(q.tried), diagnosis.Field(q.cfg.Fields.Keys))
}

// ids returns the kids of the keys.
func ids(keys []*Key) (ids []string) {
	for _, k := range keys {
		if k.hasKid && !slices.Contains(ids, k.id) {
			ids = append(ids, k.id)
		}
	}
	return ids
}

// described tells which keys these are, up to eight.
func described(keys []*Key) string {
	const most = 8
	var texts []string
	for _, k := range keys[:min(len(keys), most)] {
		texts = append(texts, k.describe())
	}
	if more := len(keys) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

// Names reports whether the token has the kid of one of the keys.
func (q *Search) Names(keys []*Key) bool {
	return q.jws.hasKid && slices.ContainsFunc(keys, func(k *Key) bool { return k.hasKid && k.id == q.jws.kid })
}

// concerns reports whether k may have signed the token, as far as the kid tells. A token
// without kid may be of any key. named is what Names says: if no key has the token's kid,
// it may be of a key without one.
func (q *Search) concerns(k *Key, named bool) bool {
	return !q.jws.hasKid || k.hasKid == named && (!named || k.id == q.jws.kid)
}

// amongSecrets returns the secret that made the signature. It compares all of them, so that
// the time does not show which one matched.
func (q *Search) amongSecrets(secrets []*Key) (*Key, error) {
	q.see(secrets)
	for _, k := range secrets {
		if !k.serves(q.jws.alg) {
			return nil, refuse("algorithm", "alg is %s, which secret %s is too short for%s", diagnosis.Quote(q.jws.alg), diagnosis.Quote(k.id), diagnosis.Field(q.cfg.Fields.Keys))
		}
	}
	if key := q.known.among(secrets); key != nil {
		return key, nil
	}
	input, signature, err := q.split()
	if err != nil {
		return nil, err
	}
	var found *Key
	for _, k := range secrets {
		if k.verify(q.jws.alg, input, signature) && found == nil {
			found = k
		}
	}
	switch {
	case found == nil && len(secrets) == 1:
		return nil, refuse("signature", "the signature does not verify under the one secret%s", diagnosis.Field(q.cfg.Fields.Keys))
	case found == nil:
		return nil, refuse("signature", "the signature verifies under none of the %d secrets%s", len(secrets), diagnosis.Field(q.cfg.Fields.Keys))
	}
	return found, nil
}

// split returns what is signed, and the signature.
func (q *Search) split() (input, signature []byte, err error) {
	dot := strings.LastIndexByte(q.token, '.')
	signature, err = base64.RawURLEncoding.DecodeString(q.token[dot+1:])
	if err != nil {
		return nil, nil, refuse("malformed", "signature: not base64url")
	}
	return []byte(q.token[:dot]), signature, nil
}

func (q *Search) name() string {
	if !q.jws.hasKid {
		return "a token without kid"
	}
	return "kid " + diagnosis.Quote(q.jws.kid)
}
