package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// An inspector answers what Redox sends, and reports it.
type inspector struct {
	*settings
	reports *reports
	options redoxauth.Options
	trials  chan struct{} // bounds what runs at once

	mu        sync.Mutex
	issued    map[[32]byte]*issued // by the hash of the token
	order     [][32]byte           // of issued, the oldest first
	handshake bool                 // a handshake came with a verification token
}

// An issued is a token request that was answered.
type issued struct {
	request  int // its number
	proposal *proposal
	server   *server // whose token it is; nil if it is of inspect's own making
}

// A finding is the report on one request.
type finding struct {
	number   int
	lines    []string
	proposal *proposal
	trial    trial
}

func (f *finding) say(format string, args ...any) {
	f.lines = append(f.lines, fmt.Sprintf(format, args...))
}

func newInspector(s *settings, out io.Writer) *inspector {
	return &inspector{
		settings: s,
		reports:  &reports{out: out},
		options:  redoxauth.Options{MaxInFlight: 4 * redoxauth.DefaultMaxBodyBytes},
		trials:   make(chan struct{}, 4),
		issued:   map[[32]byte]*issued{},
	}
}

func (i *inspector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.reports.print(i, i.inspect(w, r))
}

// inspect answers a request.
func (i *inspector) inspect(w http.ResponseWriter, r *http.Request) *finding {
	q := &request{Request: r}
	f := &finding{number: i.reports.next()}
	// Check bounds the memory and the time that a body takes.
	_, err := redoxauth.Check(redoxauth.VerifierFunc(func(r *http.Request) (id *redoxauth.Identity, err error) {
		if q.body, err = redoxauth.Body(r); err != nil {
			return nil, err
		}
		return &redoxauth.Identity{}, nil
	}), w, r, &i.options)
	q.describe(f)
	if err != nil {
		f.say("the body could not be read: %v", err)
		redoxauth.WriteError(w, err)
		return f
	}
	now := time.Now()
	h := asHandshake(q)
	if t := asTokenRequest(q); h == nil && t != nil {
		i.tokenRequest(w, q, t, f, now)
	} else {
		i.message(w, q, h, f, now)
	}
	return f
}

// message reports a message, or a handshake, and answers it.
func (i *inspector) message(w http.ResponseWriter, q *request, h *handshake, f *finding, now time.Time) {
	token, bearerText := q.tokens()
	if h != nil {
		f.say("handshake: %s", h.form)
		switch {
		case h.token != "":
			f.say("  verification token beside the challenge: %s", shape(h.token))
		case token == "":
			f.say("  no verification token: the destination has a credential alone, or no token in the dashboard")
		}
		if token != "" && h.token != "" && token != h.token {
			f.say("  the header verification-token has another token")
		}
	} else {
		f.say("message (or anything that is neither a handshake nor a token request)")
	}
	if token != "" {
		f.say("verification-token: in the header: %s", shape(token))
		if bearerText == token {
			f.say("Authorization: Bearer has the same token")
			bearerText = ""
		}
	} else {
		f.say("verification-token: no such header")
	}
	if n := len(q.Header.Values("Authorization")); n > 1 {
		f.say("Authorization: %d such headers, which every Verifier refuses; the first is shown", n)
	}
	p, past := i.proof(q, bearerText, f, now)
	if p == nil && (token != "" || h != nil && h.token != "") {
		p = &proposal{strategy: "verifytoken"}
		p.note("the token cannot be shown: it is the dashboard's verification token")
		if h != nil {
			p.note("a handshake does not show how messages are proved: send a test message")
		}
	}
	if p == nil && past == nil {
		f.say("nothing here proves who sent it, or nothing that this library knows")
	}
	i.mu.Lock()
	if h != nil && (h.token != "" || token != "") {
		i.handshake = true
	}
	seen := i.handshake
	i.mu.Unlock()
	if p != nil {
		f.proposal = p
		p.token = p.token || token != "" && p.strategy != "verifytoken"
		p.handshake = seen
		switch {
		case past == nil:
			f.trial = i.try(p, q, h)
		case past.server == nil:
			f.trial.text = fmt.Sprintf("not tried: the access token is of inspect's own making, because the token request %d was not tried or not accepted", past.request)
		default:
			f.trial = i.tryIssued(p, past.server, q)
		}
	}
	switch {
	case h != nil:
		f.say("answered %s", h.answer(w))
	case i.accept:
		f.say("answered 200, without any proof (-accept)")
	default:
		f.say("answered 503, so that Redox keeps the message (-accept answers 200)")
		w.Header().Set("Retry-After", "10")
		http.Error(w, "inspect takes no messages, as it should: its output says what arrived (-accept answers 200)", http.StatusServiceUnavailable)
	}
}

// tryIssued verifies a message with a token that the proposed endpoint has issued.
func (i *inspector) tryIssued(p *proposal, b *server, q *request) trial {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if p.token && b.token == nil {
		whole, missing, err := p.build(i.settings, p.config)
		if len(missing) > 0 || err != nil {
			t := b.verify(ctx, q)
			t.text += "\nThe verification token was not tried: start inspect with " + hint("REDOX_TOKENS")
			return t
		}
		b = whole
	}
	return b.verify(ctx, q)
}

// proof reports the credential of a request. past is the token request that led to it.
func (i *inspector) proof(q *request, text string, f *finding, now time.Time) (p *proposal, past *issued) {
	if s := asSignature(q.Header); s != nil {
		s.describe(f, now)
		return s.propose(i, q), nil
	}
	if q.URL.Query().Has("X-Amz-Signature") {
		f.say("proof: AWS Signature Version 4 in the query, which sigv4 refuses: it wants the header Authorization")
		return nil, nil
	}
	if text == "" {
		if scheme, _, found := strings.Cut(q.Header.Get("Authorization"), " "); found && !strings.EqualFold(scheme, "Bearer") {
			f.say("Authorization: neither Bearer nor %s, so no strategy of this library", algorithm) // the word may be a secret
		}
		return nil, nil
	}
	i.mu.Lock()
	past = i.issued[sha256.Sum256([]byte(text))]
	i.mu.Unlock()
	if past != nil {
		if past.proposal.config == nil {
			f.say("proof: the access token that token request %d got, in Authorization: Bearer", past.request)
			return nil, past
		}
		f.say("proof: the access token that token request %d got (package %s), in Authorization: Bearer", past.request, past.proposal.strategy)
		again := *past.proposal
		return &again, past
	}
	b := bearer{text: text, jwt: parseJWT(text)}
	b.describe(f, i.strategy, now)
	return b.propose(i), nil
}

// tokenRequest reports a token request, and answers it with a token.
func (i *inspector) tokenRequest(w http.ResponseWriter, q *request, t *tokenRequest, f *finding, now time.Time) {
	t.describe(i, q, f, now)
	p := t.propose(i, q)
	i.mu.Lock()
	p.handshake = i.handshake
	i.mu.Unlock()
	f.proposal = p
	if p.config != nil {
		f.trial = i.try(p, q, nil)
	}
	entry := &issued{request: f.number, proposal: p}
	var body []byte
	if f.trial.accepted {
		entry.server, body = f.trial.server, f.trial.answer.Bytes()
		f.say("answered 200 with an access token of the Config below")
	} else {
		body, _ = json.Marshal(map[string]any{
			"access_token": "inspect-" + rand.Text() + rand.Text(), "token_type": "Bearer", "expires_in": 300, "scope": t.values.Get("scope"),
		})
		f.say("answered 200 with an access token of inspect's own making, without any proof")
	}
	var issued struct {
		Token string `json:"access_token"`
	}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&issued) == nil {
		i.remember(issued.Token, entry)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}

// remember keeps the last tokens.
func (i *inspector) remember(token string, entry *issued) {
	const limit = 100
	i.mu.Lock()
	defer i.mu.Unlock()
	hash := sha256.Sum256([]byte(token))
	if len(i.order) == limit {
		delete(i.issued, i.order[0])
		i.order = i.order[1:]
	}
	i.issued[hash] = entry
	i.order = append(i.order, hash)
}

// shape says what a token looks like, as far as it matters.
func shape(token string) string {
	what := "letters and digits"
	for _, r := range token {
		switch {
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			return fmt.Sprintf("%d bytes, with white space in it", len(token))
		case r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 'a' || r > 'z':
			what = "not only letters and digits"
		}
	}
	return fmt.Sprintf("%d bytes, %s", len(token), what)
}
