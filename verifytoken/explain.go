package verifytoken

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

const (
	maxHashes = 1000 // of one Explain
	maxValues = 64   // other headers, parameters and members in which Explain looks for a token
	maxNames  = 8    // members of a body that are listed
	maxHints  = 32   // a peer can send a megabyte of headers that each deserve one
)

// Explain tells an operator whether r is a handshake or a message, what arrived, and what to
// change: see [redoxauth.Explain]. r may also be the request that Config.Observe got. It tries
// what often happens to a token, such as quotation marks or another encoding. It does not call
// TokensFunc. It shows the length of what arrived, and no byte of a token.
func (v *Verifier) Explain(r *http.Request) string {
	if v == nil {
		v = &Verifier{}
	}
	if r == nil {
		return strategy + ": no request\n"
	}
	e := &explanation{v: v, r: r.WithContext(rotation.LoadedOnly(r.Context())), hashes: maxHashes}
	e.read(r)
	var id *redoxauth.Identity
	handled, err := false, error(nil)
	if !e.bodyGone() {
		id, handled, err = v.decide(e.r, e.challenge, e.readErr)
	}
	if !handled {
		id, err = v.Verify(e.r)
	}
	decision := fmt.Sprintf("%s: accepted: %v", strategy, id)
	if err != nil {
		decision = err.Error()
	}
	if v.tokens != nil {
		e.digests, e.tokensErr = v.tokens.Get(e.r.Context())
	}
	e.kind(handled, err)
	e.tokens()
	e.place()
	if e.challenge != nil && e.challenge.malformed == nil {
		e.line("challenge: %d bytes, want 1 to %d, UTF-8 without control characters", len(e.challenge.text), maxChallenge)
	}
	e.elsewhere()
	e.near()
	return e.text(decision)
}

// An explanation is what Explain tells beside the decision.
type explanation struct {
	v *Verifier
	r *http.Request // loads no tokens

	challenge *challenge
	readErr   error
	data      []byte // of a small body that can be read

	digests   []digest
	tokensErr error
	hashes    int // that may still be computed
	wrong     []wrong

	lines, hints []string
}

// A wrong value is where a token belongs, and is none.
type wrong struct{ where, value string }

func (e *explanation) line(format string, args ...any) {
	e.lines = append(e.lines, fmt.Sprintf(format, args...))
}

func (e *explanation) hint(format string, args ...any) {
	if hint := fmt.Sprintf(format, args...); len(e.hints) < maxHints && !slices.Contains(e.hints, hint) {
		e.hints = append(e.hints, hint)
	}
}

func (e *explanation) text(decision string) string {
	text := strings.ReplaceAll(decision, "\n", "; ") + "\n" + strings.Join(append(e.lines, ""), "\n")
	if len(e.hints) > 0 {
		text += "\nhints:\n- " + strings.Join(e.hints, "\n- ") + "\n"
	}
	return text
}

// read finds the challenge, and leaves the body of r readable.
func (e *explanation) read(r *http.Request) {
	if seen, ok := r.Body.(*observed); ok {
		e.challenge, e.readErr = seen.challenge, seen.err
		return
	}
	e.challenge, e.readErr = readChallenge(nil, e.r)
	read, isComplete := e.r.Body.(complete)
	if isComplete && read.Len() == 0 {
		return // r may be what Observe got, whose body keeps a hash for other Verifiers
	}
	if isComplete {
		e.data = make([]byte, read.Len())
		read.ReadAt(e.data, 0)
	}
	r.Body = e.r.Body
}

// bodyGone reports whether nothing shows what the body was. So it is with a request that
// Options.Observe got, also when the request is over: Handshake has not taken it for a handshake.
func (e *explanation) bodyGone() bool {
	_, seen := e.r.Body.(*observed)
	return !seen && (consumed(e.readErr) || e.readErr != nil && e.r.Context().Err() != nil)
}

// kind says whether the request is a handshake, and why.
func (e *explanation) kind(handled bool, err error) {
	r, inHeader := e.r, strings.Join(e.r.Header[header], "") != ""
	switch {
	case handled && e.readErr != nil:
		e.line("request: a POST that may be a handshake; its body could not be read")
		if consumed(e.readErr) {
			e.hint("put Handshake in front of everything that reads the body")
		}
	case e.bodyGone():
		e.line("request: taken for a message, because its body is gone, as always in Observe; if this request is not from Observe, something in front has read the body, and then Handshake answers 500 unless a token is in the header")
	case handled:
		e.line("request: a %s", e.challenge.form(r.Method))
		if _, answered := r.Body.(*observed); err == nil && e.challenge.hasToken && !answered {
			e.hint("Verify and Wrap look for the token in the header alone: if one of them refused this handshake, Handshake is missing or is not the outermost wrapper")
		}
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		e.line("request: a message, because its method is %s, want POST or GET of a handshake", quote(r.Method))
	case r.Method == http.MethodGet && e.challenge == nil:
		e.line("request: a message, because the query has no challenge")
	case r.Method == http.MethodPost && r.ContentLength > maxHandshake:
		e.line("request: a message, because Content-Length is %d, want at most %d bytes of a handshake", r.ContentLength, maxHandshake)
	case e.challenge == nil:
		e.line("request: a message, because its body is %s", e.body())
	case inHeader:
		e.line("request: a message with a token in the header, because its body has members beside challenge: %s", e.members())
	default:
		e.line("request: a message, because a challenge arrived without a token in header, body or query")
		if e.challenge.alone {
			e.hint("a challenge without a token is the handshake of a destination that has a credential and no verification token: put verifytoken.Challenge inside the credential's wrapper, or set the verification token in the Redox dashboard")
		}
	}
	if method, _, ok := strings.Cut(r.Pattern, " "); ok {
		e.hint("the pattern %s has the method %s, so other methods never arrive here: messages and most handshakes are POST, a destination whose verification method is GET sends GET; register the path alone", quote(r.Pattern), quote(method))
	}
	if id, ok := redoxauth.FromContext(r.Context()); ok && handled {
		e.hint("a wrapper of %s is in front of this one and has accepted the request: Handshake is to be the outermost wrapper", quote(id.Strategy))
	}
}

// body says what a POST body is that has no challenge.
func (e *explanation) body() string {
	data := bytes.TrimSpace(bytes.TrimPrefix(e.data, []byte("\ufeff")))
	var object map[string]any
	switch {
	case e.r.Body == nil || e.r.Body == http.NoBody:
		return "absent"
	case e.data == nil:
		if _, ok := e.r.Body.(complete); ok {
			return "empty, or was not kept (the request that Options.Observe gets has none)"
		}
		return fmt.Sprintf("longer than the %d bytes of a handshake", maxHandshake)
	case bytes.HasPrefix(data, []byte("{")) && json.Unmarshal(data, &object) == nil:
		return fmt.Sprintf("a JSON object of the members %s, want challenge and verification-token of a handshake", e.members())
	case bytes.HasPrefix(data, []byte("{")):
		return "no complete JSON object, want one of a handshake"
	}
	return fmt.Sprintf("no JSON object (%d bytes), want one of a handshake", len(e.data))
}

// members lists the names in the body. A name that is a token is left out.
func (e *explanation) members() string {
	var object map[string]json.RawMessage
	json.Unmarshal(bytes.TrimPrefix(e.data, []byte("\ufeff")), &object)
	var names []string
	for name := range object {
		if isName(name) && e.match(name) < 0 && len(names) < maxNames {
			names = append(names, quote(name))
			if isNearly(name, challengeName) || isNearly(name, tokenName) {
				e.hint("the body has the member %s, want %q or %q, exactly so (fixed by Redox)", quote(name), challengeName, tokenName)
			}
		}
	}
	slices.Sort(names)
	text := "[" + strings.Join(names, " ") + "]"
	if more := len(object) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (e *explanation) tokens() {
	switch {
	case e.v.tokens == nil:
		e.line("Config: none, because the Verifier was not made by New")
	case e.tokensErr != nil:
		e.line("%s: nothing to compare with: %s", e.v.field, strings.ReplaceAll(cause(e.tokensErr), "\n", "; "))
	default:
		e.line("%s: %d to compare with", e.v.field, len(e.digests))
	}
}

// place says of each place of the token what arrived there.
func (e *explanation) place() {
	headers := e.r.Header[header]
	switch len(headers) {
	case 0:
		e.line("header verification-token: absent")
	case 1:
		e.value("header verification-token", headers[0])
	default:
		for i, value := range headers[:min(len(headers), maxNames)] {
			e.value(fmt.Sprintf("header verification-token, %d of %d", i+1, len(headers)), value)
		}
		if !slices.ContainsFunc(headers, func(h string) bool { return h != headers[0] }) {
			e.hint("the verification-token headers are equal: something between Redox and this server adds one, or a custom header of the dashboard repeats the verification token")
		}
	}
	if e.challenge == nil || !e.challenge.hasToken {
		return
	}
	where := "body"
	if e.r.Method == http.MethodGet {
		where = "query"
	}
	if e.challenge.malformed == nil {
		e.value(where+" verification-token", e.challenge.token)
	}
}

// value says which token arrived in a place where it belongs, or what is near to one.
func (e *explanation) value(where, value string) {
	i := e.match(value)
	switch {
	case value == "":
		e.line("%s: empty", where)
	case e.digests == nil:
		e.line("%s: %d bytes, not compared", where, len(value))
	case i >= 0:
		e.line("%s: %d bytes, equal to %s", where, len(value), e.name(i))
	case len(value) > maxToken:
		e.line("%s: %d bytes, want at most %d", where, len(value), maxToken)
	default:
		e.line("%s: %d bytes, equal to none of %s (Redox dashboard: verification token)", where, len(value), e.v.field)
		e.wrong = append(e.wrong, wrong{where, value})
	}
}

// near adds a hint for each wrong token that is near to a configured one.
func (e *explanation) near() {
	for _, w := range e.wrong {
		if i, did, advice := e.nearly(w.value); i >= 0 {
			e.hint("%s: it matches %s %s: %s", w.where, e.name(i), did, fmt.Sprintf(advice, e.name(i)))
		} else if placeholder.MatchString(w.value) {
			e.hint("%s: it has the form of a variable that nothing has replaced, such as ${NAME}: enter the token itself in the Redox dashboard", w.where)
		}
	}
}

// elsewhere looks for tokens where Verify does not look.
func (e *explanation) elsewhere() {
	h := e.r.Header
	scheme, value, _ := strings.Cut(h.Get("Authorization"), " ")
	i := e.match(value)
	if strings.EqualFold(scheme, "Bearer") {
		switch {
		case i >= 0 && len(h[header]) > 0:
			e.line("header Authorization: Bearer with %s, as Redox's older pages show; nobody compares it", e.name(i))
		case i >= 0:
			e.line("header Authorization: Bearer with %s, and nobody compares it", e.name(i))
			e.hint("the token arrived in Authorization: Bearer alone: enter it as the verification token of the destination in the Redox dashboard, and not as a credential or a custom header")
		default:
			e.line("header Authorization: Bearer with no token of %s; that is a credential for another package", e.v.field)
		}
	} else if i >= 0 {
		e.hint("%s arrived in the header \"Authorization\" after a scheme, want it in verification-token", e.name(i))
	}
	if user, password, ok := e.r.BasicAuth(); ok {
		for part, value := range map[string]string{"user": user, "password": password} {
			if i := e.match(value); i >= 0 {
				e.hint("%s arrived as the %s of Authorization: Basic: enter it as the verification token of the destination in the Redox dashboard", e.name(i), part)
			}
		}
	}
	left := maxValues
	for _, name := range sorted(h) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		shown := "whose name is not shown"
		if isName(name) {
			shown = quote(name)
		}
		switch {
		case name == header:
			continue
		case canonical == header:
			e.hint("http.Header has the key %s, want %q: what makes the request must set headers by Header.Set or Header.Add", quote(name), header)
		case isNearly(name, tokenName):
			e.hint("the header %s arrived, want the name verification-token (fixed by Redox); something in front of this server may rename headers", shown)
		}
		for _, value := range h[name] {
			if canonical == header {
				break
			}
			if left--; left < 0 {
				break
			}
			if i := e.match(value); i >= 0 {
				e.hint("%s arrived in the header %s, want it in verification-token", e.name(i), shown)
			}
		}
	}
	e.inQueryAndBody()
}

func (e *explanation) inQueryAndBody() {
	left := maxValues
	if e.r.URL != nil {
		query := e.r.URL.Query()
		for _, name := range sorted(query) {
			for _, value := range query[name] {
				if left--; left < 0 {
					return
				}
				i := e.match(value)
				if i < 0 || e.r.Method == http.MethodGet && name == tokenName && e.challenge != nil {
					continue
				}
				e.hint("%s arrived in the query, want it in the header verification-token; only a GET handshake, with a parameter challenge, has it there", e.name(i))
			}
		}
	}
	var object map[string]any
	json.Unmarshal(bytes.TrimPrefix(e.data, []byte("\ufeff")), &object)
	for _, name := range sorted(object) {
		if left--; left < 0 {
			return
		}
		value, _ := object[name].(string)
		i := e.match(value)
		if i < 0 || name == tokenName && e.challenge != nil {
			continue
		}
		e.hint("%s arrived in the body, want it in the header verification-token; only a POST handshake, with a member challenge, has it there", e.name(i))
	}
}

// match returns the position of the token that value is, or -1.
func (e *explanation) match(value string) int {
	if value == "" || len(value) > maxToken || e.hashes == 0 {
		return -1
	}
	e.hashes--
	return find(e.digests, value)
}

// isName reports whether the name of a header or a member may be shown. Others may be a token that
// was entered as the name, in whatever form.
func isName(name string) bool {
	if name == "" || len(name) > 40 {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '-' || c == '_' || c == '.'
		if !letter && (c < '0' || c > '9' || len(name) >= 12) {
			return false
		}
	}
	return true
}

// name names the token at a position.
func (e *explanation) name(i int) string { return fmt.Sprintf("%s[%d]", e.v.field, i) }

// isNearly reports whether name is another spelling of want.
func isNearly(name, want string) bool {
	plain := strings.NewReplacer("-", "", "_", "", " ", "", ".", "")
	return name != want && strings.HasSuffix(strings.ToLower(plain.Replace(name)), plain.Replace(want))
}

// quote returns what a peer wrote, bounded.
func quote(s string) string {
	if len(s) > 128 {
		return fmt.Sprintf("%+q...", s[:128])
	}
	return fmt.Sprintf("%+q", s)
}

func cause(err error) string {
	var e *redoxauth.Error
	if errors.As(err, &e) && e.Err != nil {
		err = e.Err
	}
	return err.Error()
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
