package oauthclients_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// A request is one that arrived.
type request struct {
	path   string
	header http.Header
	body   string
}

// send gives the request to a handler, and returns the status of the answer.
func (q request) send(h http.Handler) int {
	r := httptest.NewRequest(http.MethodPost, q.path, strings.NewReader(q.body))
	r.Header = q.header.Clone()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// A proof is an accepted request of a client.
type proof struct {
	request
	method  string // see step.Method; "access token" for the message after a token request
	handler http.Handler
	again   func(replay.Store) http.Handler // a new handler; nil if the proof may be used again
}

// The secret is spelled as it is in every encoding.
const theSecret = "s3cretOfTheClient"

// prove returns the accepted requests that a client makes by one method: a token request and
// a message, or a message alone.
func prove(t *testing.T, method string, send func(*server, step, redoxtest.Key) int) []proof {
	t.Helper()
	s := newServer(t)
	q := s.step(method)
	q.ID, q.Subject = "redox", "redox"
	kind, _, _ := strings.Cut(method, ",")
	algorithm := map[string]string{"assertion": "RS384", "grant": "RS256", "direct": "ES256"}[kind]
	var key redoxtest.Key
	if algorithm != "" {
		key = redoxtest.NewKey("key", algorithm)
		q.Algorithm, q.KeyID, q.Key = algorithm, key.ID, privatePEM(t, key)
	}
	serve := func() {
		switch kind {
		case "assertion":
			q.Scopes = scopes[:1] // SMART demands one
			s.serveAssertions(0, key)
		case "grant":
			q.Scopes = scopes[:1] // Google's clients demand one
			s.serveGrants(0, key)
		case "direct":
			q.AssertionAudience = api
			s.serveJWTs(key)
		default:
			q.Secret = theSecret
			s.serveSecrets(0, clientcredentials.Client{ID: q.ID, Secrets: []string{q.Secret}, Scopes: scopes})
		}
	}
	s.replay = forgetful{}
	serve()
	if send(s, q, key) != http.StatusOK {
		return nil
	}
	s.stop()
	message := proof{s.last["/redox"], "access token", s.destination, nil}
	if kind == "direct" {
		message.method = kind
		message.again = func(store replay.Store) http.Handler {
			s.replay = store
			serve()
			return s.destination
		}
		return []proof{message}
	}
	token := proof{s.last["/token"], kind, s.token, nil}
	if form, _ := url.ParseQuery(token.body); form.Has("client_assertion") || form.Has("assertion") {
		_, claims := unverified(t, form.Get("client_assertion")+form.Get("assertion"))
		if claims["jti"] != nil { // without it an assertion is not for a single use
			token.again = func(store replay.Store) http.Handler {
				s.replay = store
				serve()
				return s.token
			}
		}
	}
	return []proof{token, message}
}

// forgetful is a replay.Store that refuses nothing: a replay must not be the reason of a
// refusal.
type forgetful struct{}

func (forgetful) Add(context.Context, string, string, time.Time) (bool, error) { return true, nil }

// redox sends as [redoxtest] thinks that Redox does.
func redox(t *testing.T) func(*server, step, redoxtest.Key) int {
	return func(_ *server, q step, key redoxtest.Key) int {
		var sender redoxtest.Sender
		switch q.Method {
		case "basic", "post":
			sender = &redoxtest.ClientCredentials{URL: q.TokenURL, ClientID: q.ID, ClientSecret: q.Secret, NoBasic: q.Method == "post"}
		case "json":
			sender = &redoxtest.ClientCredentials{URL: q.TokenURL, ClientID: q.ID, ClientSecret: q.Secret, NoBasic: true, ContentType: "application/json"}
		case "assertion":
			sender = &redoxtest.SMARTBackend{URL: q.TokenURL, ClientID: q.ID, Key: key, Scopes: q.Scopes}
		case "grant":
			sender = &redoxtest.JWTBearer{Key: key, Issuer: q.ID, Subject: q.Subject, TokenURL: q.TokenURL}
		case "direct":
			sender = &redoxtest.JWTBearer{Key: key, Issuer: q.ID, Subject: q.Subject, Audience: []string{q.AssertionAudience}}
		}
		response, err := sender.Send(t.Context(), q.URL, []byte(q.Body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
}

// proofs calls check with the accepted requests: those of redoxtest and of golang.org/x/oauth2,
// and with -alter those of every client.
func proofs(t *testing.T, check func(t *testing.T, p proof)) {
	t.Run("clients", func(t *testing.T) {
		t.Run("redoxtest", func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"basic", "post", "json", "assertion", "grant", "direct"} {
				for _, q := range prove(t, method, redox(t)) {
					check(t, q)
				}
			}
		})
		each(t, "basic post json assertion grant direct", func(t *testing.T, p *program) {
			if !*alter && p.name != "golang.org/x/oauth2" {
				return
			}
			accepted := 0
			for _, method := range p.methods {
				all := prove(t, method, func(_ *server, q step, _ redoxtest.Key) int { return p.do(t, q).Status })
				if len(all) == 0 {
					t.Logf("%s, %s: not accepted", p.name, method)
				}
				for _, q := range all {
					check(t, q)
				}
				accepted += len(all)
			}
			if accepted == 0 {
				t.Error("no request is accepted")
			}
		})
	})
}

// An altered request is refused, unless the credential in it is the same once it is decoded.
func TestAlteredRequestsAreRefused(t *testing.T) {
	var mu sync.Mutex
	var requests, alterations, refusals int
	same := map[string]int{} // by reason
	proofs(t, func(t *testing.T, p proof) {
		want := p.credential()
		if status := p.send(p.handler); status != http.StatusOK {
			t.Errorf("%s as it is: got %d", p.method, status)
		}
		all, refused, accepted := 0, 0, map[string]int{}
		for name, altered := range p.alterations() {
			all++
			switch status := altered.send(p.handler); {
			case status >= 400 && status < 500:
				refused++
			case status == http.StatusOK && altered.credential() == want:
				accepted[reason(name)]++
			default:
				t.Errorf("%s, %s: got %d:\n%q\n%s\ninstead of\n%s", p.method, name, status, altered, altered.credential(), want)
			}
		}
		if status := p.send(p.handler); status != http.StatusOK {
			t.Errorf("%s as it is, after its alterations: got %d", p.method, status)
		}
		mu.Lock()
		defer mu.Unlock()
		requests, alterations, refusals = requests+1, alterations+all, refusals+refused
		for reason, n := range accepted {
			same[reason] += n
		}
	})
	total := 0
	for _, n := range same {
		total += n
	}
	t.Logf("%d requests: %d altered, %d refused, %d accepted with the same credential, %d others",
		requests, alterations, refusals, total, alterations-refusals-total)
	for _, reason := range slices.Sorted(maps.Keys(same)) {
		t.Logf("the same credential: %d %s", same[reason], reason)
	}
	if refusals == 0 || total == 0 {
		t.Error("the test does not see both outcomes")
	}
}

// reason says why an alteration leaves the credential as it is.
func reason(alteration string) string {
	header := strings.HasPrefix(alteration, "Authorization")
	switch {
	case header && strings.HasSuffix(alteration, "^0x20"):
		return "the scheme in another case (RFC 9110, Section 11.1)"
	case header && strings.HasSuffix(alteration, "' ' doubled"):
		return "more spaces after the scheme (RFC 9110, Section 11.4)"
	case strings.HasSuffix(alteration, "^0x20"):
		return "a hexadecimal digit in another case"
	case strings.HasPrefix(alteration, "client_id: "):
		return "no client_id beside Basic or a client_assertion (RFC 7521, Section 4.2)"
	case strings.HasSuffix(alteration, "it the secret"):
		return "the same secret in the header and in the body"
	case header:
		return "an Authorization header of another scheme, which a token endpoint ignores"
	case strings.Contains(alteration, "the others "):
		return "a parameter without a value, one of another grant, or the right client_id (RFC 6749, Section 3.2)"
	}
	return alteration
}

// Of a single-use proof that is sent several times at once, one is accepted.
func TestReplaysAreRefused(t *testing.T) {
	const rounds, atOnce = 20, 8
	var mu sync.Mutex
	single := map[string]int{}
	proofs(t, func(t *testing.T, p proof) {
		if p.again == nil {
			return
		}
		for range rounds {
			handler := p.again(replay.NewMemory(0))
			statuses := make([]int, atOnce)
			begin := make(chan struct{})
			var senders sync.WaitGroup
			for i := range statuses {
				senders.Go(func() {
					<-begin
					statuses[i] = p.send(handler)
				})
			}
			close(begin)
			senders.Wait()
			slices.Sort(statuses)
			if statuses[0] != http.StatusOK || statuses[1] < 400 || statuses[atOnce-1] >= 500 {
				t.Errorf("%s, %d at once: got %v, want one 200", p.method, atOnce, statuses)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		single[p.method]++
	})
	t.Logf("single-use proofs: %v; of each, %d times, %d at once: one accepted", single, rounds, atOnce)
	for _, method := range []string{"assertion", "grant", "direct"} {
		if single[method] == 0 {
			t.Errorf("no single-use proof: %s", method)
		}
	}
}

// parameters are those of the body.
func (q request) parameters() url.Values {
	if !q.json() {
		form, err := url.ParseQuery(q.body)
		if err != nil {
			form.Set("grant_type", q.body)
		}
		return form
	}
	values := url.Values{}
	decoder := json.NewDecoder(strings.NewReader(q.body))
	var members map[string]any
	if err := decoder.Decode(&members); err != nil || decoder.More() {
		values.Set("grant_type", q.body)
	}
	for name, value := range members {
		values.Set(name, fmt.Sprint(value))
	}
	return values
}

// credential returns what a request proves itself with, decoded. Two carriers of one credential
// count once.
func (q request) credential() string {
	var all []string
	add := func(kind string, values ...string) {
		for _, value := range values {
			if value != "" { // RFC 6749, Section 3.2: a parameter without a value is omitted
				all = append(all, kind+" "+value)
			}
		}
	}
	message := q.path != "/token"
	for _, value := range q.header["Authorization"] {
		scheme, text, _ := strings.Cut(value, " ")
		text = strings.Trim(text, " ")
		switch {
		case strings.EqualFold(scheme, "Basic"):
			pair, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				pair = []byte(text)
			}
			add("secret", string(pair))
		case message:
			add(strings.ToLower(scheme), text)
		}
	}
	if path, query, _ := strings.Cut(q.path, "?"); query != "" {
		add("query", path, query)
	}
	if !message {
		p := q.parameters()
		for _, name := range []string{"grant_type", "client_assertion", "client_assertion_type"} {
			add(name, p[name]...)
		}
		if p.Get("client_assertion") == "" { // beside it, an assertion is a parameter of another grant
			add("assertion", p["assertion"]...)
		}
		id := p["client_id"]
		for _, secret := range p["client_secret"] {
			if secret != "" {
				add("secret", strings.Join(id, " ")+":"+secret)
			}
		}
		if !p.Has("assertion") && !slices.Equal(id, []string{"redox"}) {
			add("client", id...)
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n")
}

// carriers are the parameters that belong to the credential.
func (p proof) carriers() []string {
	if p.method == "grant" {
		return []string{"grant_type", "assertion"} // no client authenticates: its client_id counts for nothing
	}
	return []string{"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type"}
}

// alterations changes, deletes and doubles every byte of the credential, and adds another
// credential in every place. Their names say what changed, and not where.
func (p proof) alterations() iter.Seq2[string, request] {
	return func(yield func(string, request) bool) {
		values := p.header["Authorization"]
		for _, value := range values {
			for change, altered := range bytewise(value) {
				if !yield("Authorization: "+change, p.with(altered)) {
					return
				}
			}
		}
		for _, part := range p.parts() {
			name, _, _ := strings.Cut(part, "=")
			before, after, _ := strings.Cut(p.body, part)
			for change, altered := range bytewise(part) {
				if !yield(name+": "+change, p.withBody(before+altered+after)) {
					return
				}
			}
		}
		secret := base64.StdEncoding.EncodeToString([]byte("redox:" + theSecret))
		for name, others := range map[string][]string{
			"itself": values, "nothing": {""}, "another Bearer": {"Bearer t"}, "another scheme": {"Other t"},
			"a wrong secret": {"Basic cmVkb3g6eA=="}, "an empty secret": {"Basic cmVkb3g6"}, "the secret": {"Basic " + secret},
		} {
			for _, other := range others {
				if !yield("Authorization, and before it "+name, p.with(append([]string{other}, values...)...)) ||
					!yield("Authorization, and after it "+name, p.with(append(slices.Clone(values), other)...)) ||
					len(values) > 0 && !yield("Authorization, and after a comma "+name, p.with(values[0]+", "+other)) {
					return
				}
			}
		}
		own := p.parameters()
		for name, values := range map[string][]string{
			"grant_type": {"client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"client_id":  {"redox", "other"}, "client_secret": {theSecret, "x"}, "access_token": {"t"},
			"client_assertion": {"x.y.z"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "assertion": {"x.y.z"},
		} {
			for _, value := range append(values, own.Get(name), "") {
				q := p.request
				q.path += "?" + url.Values{name: {value}}.Encode()
				if (name == "access_token" || p.path == "/token" && name != "grant_type") && !yield("the query has "+name, q) ||
					p.path == "/token" && (!yield("before the others "+name, p.withBody(p.insert(name, value, false))) ||
						!yield("after the others "+name, p.withBody(p.insert(name, value, true)))) {
					return
				}
			}
		}
	}
}

// bytewise changes, deletes and doubles every byte of a text.
func bytewise(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := range len(text) {
			before, b, after := text[:i], text[i], text[i+1:]
			for change, to := range map[string][]byte{"^0x01": {b ^ 1}, "^0x20": {b ^ 0x20}, "^0x80": {b ^ 0x80}, "deleted": {}, "doubled": {b, b}} {
				if !yield(fmt.Sprintf("%q %s", b, change), before+string(to)+after) {
					return
				}
			}
		}
	}
}

// with returns the request with these values of Authorization.
func (q request) with(values ...string) request {
	q.header = q.header.Clone()
	q.header["Authorization"] = values
	return q
}

func (q request) withBody(body string) request {
	q.body = body
	return q
}

func (q request) json() bool {
	return strings.HasPrefix(q.header.Get("Content-Type"), "application/json")
}

// parts are the parts of the body that are altered: JSON, or the parameters of a form that
// belong to the credential.
func (p proof) parts() (parts []string) {
	if p.path != "/token" {
		return nil
	}
	if p.json() {
		return []string{p.body}
	}
	for pair := range strings.SplitSeq(p.body, "&") {
		if name, _, _ := strings.Cut(pair, "="); slices.Contains(p.carriers(), name) {
			parts = append(parts, pair)
		}
	}
	return parts
}

// insert returns the body with one more parameter.
func (q request) insert(name, value string, last bool) string {
	pair, separator, first, end := url.Values{name: {value}}.Encode(), "&", 0, len(q.body)
	if q.json() {
		pair, separator, first, end = fmt.Sprintf("%q:%q", name, value), ",", 1, len(q.body)-1
	}
	if last {
		return q.body[:end] + separator + pair + q.body[end:]
	}
	return q.body[:first] + pair + separator + q.body[first:]
}
