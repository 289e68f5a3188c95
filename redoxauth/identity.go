package redoxauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// An Identity says who sent a request, and which proof showed it. Each request gets a new one.
type Identity struct {
	// Strategy is the package that accepted the proof: "verifytoken", "sigv4", …
	Strategy string

	// Subject is the access key ID, client ID, service account or the token's sub; empty if the
	// proof names nobody, as a shared token does.
	Subject string

	// Issuer is who issued the proof; empty if the Subject made it.
	Issuer string

	// KeyID is the secret that matched (its position, from "0") or the key (its key ID, or its
	// position). It shows whether an old one is still in use.
	KeyID string

	// Scopes are the scopes of an access token.
	Scopes []string

	// Expiry is when the proof ends; zero if it does not.
	Expiry time.Time

	// RawClaims is the JSON object that was verified; nil if the proof has no claims.
	RawClaims json.RawMessage
}

// String returns one line for a log: the strategy, and what is known of subject, issuer, key
// ID, scopes and expiry, quoted and cut to 128 bytes each.
func (id *Identity) String() string {
	if id == nil {
		return "no identity"
	}
	line := shorten(id.Strategy, 128)
	for _, part := range [...]struct{ name, value string }{
		{"subject", id.Subject}, {"issuer", id.Issuer}, {"key ID", id.KeyID}, {"scopes", strings.Join(id.Scopes, " ")},
	} {
		if part.value != "" {
			line += fmt.Sprintf(", %s %+q", part.name, shorten(part.value, 128))
		}
	}
	if !id.Expiry.IsZero() {
		line += ", expires " + id.Expiry.UTC().Format(time.RFC3339)
	}
	return line
}

// Claims decodes RawClaims into v, as [json.Unmarshal] does. Two names of one object that are
// equal, or differ only in case, are an error: of "sub" and "SUB" Unmarshal would take the
// last, and not the one that was verified.
func (id *Identity) Claims(v any) error {
	if id.RawClaims == nil {
		return errors.New("redoxauth: the proof has no claims")
	}
	if json.Valid(id.RawClaims) {
		d := json.NewDecoder(bytes.NewReader(id.RawClaims))
		d.UseNumber()
		if err := checkNames(d); err != nil {
			return err
		}
	}
	return json.Unmarshal(id.RawClaims, v)
}

// checkNames checks the names in the next value of d, which is valid JSON.
func checkNames(d *json.Decoder) error {
	open, err := d.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return err
	}
	names := map[string]string{} // by their folded form
	for d.More() {
		if open == json.Delim('{') {
			t, err := d.Token()
			if err != nil {
				return err
			}
			name := t.(string)
			folded := strings.Map(fold, name)
			if other, twice := names[folded]; twice {
				return fmt.Errorf("redoxauth: ambiguous claims: the names %.64q and %.64q are equal, or differ only in case", other, name)
			}
			names[folded] = name
		}
		if err := checkNames(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// fold returns the same rune for all that encoding/json takes for the same letter, such as
// "s", "S" and "ſ".
func fold(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next // the smallest of them
		}
		r = next
	}
}

type identityKey struct{}

// NewContext returns a context that carries id, for tests of a handler.
func NewContext(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// FromContext returns the Identity that [Middleware] or [Check] put into the context: with
// nested wrappers, that of the innermost one.
func FromContext(ctx context.Context) (*Identity, bool) {
	id, _ := ctx.Value(identityKey{}).(*Identity)
	return id, id != nil
}
