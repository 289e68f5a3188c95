package sigv4

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const dateLayout = "20060102T150405Z"

// A proof is what the headers of a request claim, well formed but not verified.
type proof struct {
	authorization
	path, query string // as on the wire
	date        string // X-Amz-Date
	time        time.Time
	payload     string            // X-Amz-Content-Sha256; empty if absent
	token       [sha256.Size]byte // digest of X-Amz-Security-Token
	hasToken    bool
}

// read reads the headers that make up a proof. It decides what is this scheme's
// own: no other scheme is claimed.
func (p *proof) read(r *http.Request) error {
	path, query, ok := target(r)
	parameters, err := readCarrier(r, query)
	if err != nil {
		return err
	}
	if !ok {
		return malformed("path", "the request target is not a path, too long, or names a user or another host")
	}
	p.reset()
	p.path, p.query = path, query
	if err := p.authorization.parse(parameters); err != nil {
		return malformed("malformed", err.Error())
	}
	if !p.signs("host") {
		return reject("unsigned_header", "host is not signed")
	}
	dates, payloads, tokens := r.Header["X-Amz-Date"], r.Header["X-Amz-Content-Sha256"], r.Header["X-Amz-Security-Token"]
	if len(dates) != 1 || len(payloads) > 1 || len(tokens) > 1 {
		return malformed("malformed", "X-Amz-Date is absent, or an X-Amz- header of the signature is repeated")
	}
	p.date = dates[0]
	if p.time, ok = parseDate(p.date); !ok {
		return malformed("malformed", "X-Amz-Date is not of the form YYYYMMDD'T'HHMMSS'Z'")
	}
	if len(payloads) == 1 {
		if p.payload = payloads[0]; p.payload == "" {
			return malformed("malformed", "X-Amz-Content-Sha256 is empty")
		}
	}
	if p.hasToken = len(tokens) == 1; p.hasToken {
		p.token = sha256.Sum256([]byte(tokens[0]))
	}
	return nil
}

// parseDate parses a date of dateLayout. time.Parse would also take fractions of a second,
// and twice as long.
func parseDate(s string) (t time.Time, ok bool) {
	if len(s) != len(dateLayout) || s[8] != 'T' || s[15] != 'Z' {
		return t, false
	}
	var n [7]int
	for i, at := range [...]int{0, 2, 4, 6, 9, 11, 13} {
		tens, ones := s[at]-'0', s[at+1]-'0'
		if tens > 9 || ones > 9 {
			return t, false
		}
		n[i] = 10*int(tens) + int(ones)
	}
	month, day, hour, minute, second := time.Month(n[2]), n[3], n[4], n[5], n[6]
	t = time.Date(100*n[0]+n[1], month, day, hour, minute, second, 0, time.UTC)
	return t, t.Month() == month && t.Day() == day && hour < 24 && minute < 60 && second < 60
}

// reset empties p, but for the room that its names took.
func (p *proof) reset() {
	clear(p.names)
	*p = proof{authorization: authorization{names: p.names[:0]}}
}

// readCarrier returns the parameters of the Authorization header. It is the only
// carrier: MinIO took credentials from the query too, and without an Authorization
// header checked no signature (CVE-2026-41145).
func readCarrier(r *http.Request, query string) (parameters string, err error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1:
		return "", malformed("malformed", "more than one Authorization header")
	case len(values) == 0 && hasCredentials(query):
		return "", reject("query", "credentials in the query are not accepted")
	case len(values) == 0:
		return "", missing("no Authorization header")
	}
	// The scheme is compared exactly, not in any case as RFC 9110 has it, because it is
	// the algorithm of the string to sign. "AWS4-HMAC-SHA256-PAYLOAD" is another one.
	parameters, ours := strings.CutPrefix(values[0], algorithm)
	if !ours || parameters != "" && parameters[0] != ' ' && parameters[0] != '\t' {
		return "", missing("the Authorization header is of another scheme")
	}
	if hasCredentials(query) {
		return "", malformed("query", "credentials in the query beside the Authorization header")
	}
	return parameters, nil
}

// hasCredentials reports whether a query carries a signature. Names are compared in
// any case: aws-iam-authenticator was fooled by a second spelling (CVE-2022-2385).
func hasCredentials(query string) bool {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		name, _, _ := strings.Cut(pair, "=")
		if len(name) < len("X-Amz-Signature") {
			continue
		}
		if strings.IndexByte(name, '%') >= 0 {
			name, _ = url.QueryUnescape(name)
		}
		for _, own := range [...]string{"X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential"} {
			if strings.EqualFold(name, own) {
				return true
			}
		}
	}
	return false
}
