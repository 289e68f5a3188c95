package clientcredentials_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
)

// explain explains a request before it is served, and the one that Observe got afterwards.
// Both must say the same, and show no secret: none that is configured, and none that was sent.
func explain(t *testing.T, change change, r func() *http.Request, secrets ...string) string {
	t.Helper()
	var seen *http.Request
	var decision redoxauth.Decision
	e, err := clientcredentials.NewTokenEndpoint(endpointConfig(change, func(c *clientcredentials.EndpointConfig) {
		c.Observe = func(r *http.Request, d redoxauth.Decision) { seen, decision = r, d }
	}))
	if err != nil {
		t.Fatal(err)
	}
	before := e.Explain(r())
	server := httptest.NewServer(e)
	defer server.Close()
	request := r()
	request.URL, request.RequestURI = must(url.Parse(server.URL+"/token")), ""
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if decision.Status != response.StatusCode || decision.Event != "token_request" {
		t.Errorf("status %d, decision %+v", response.StatusCode, decision)
	}
	after := e.Explain(seen)
	if rest := func(s string) string { _, rest, _ := strings.Cut(s, "\n"); return rest }; decision.Err != nil && (before != after || !strings.HasPrefix(after, decision.Err.Error()+"\n")) || rest(before) != rest(after) {
		t.Errorf("before: %s\nafter: %s\nlogged: %v", before, after, decision.Err)
	}
	if strings.Contains(after, "panic: ") {
		t.Errorf("a panic: %s", after)
	}
	for _, secret := range append(secrets, clientSecret, "the old secret", "another's secret", string(tokenSecret)) {
		for i := 0; i+12 <= len(secret); i++ {
			if strings.Contains(after, secret[i:i+12]) {
				t.Fatalf("a part of a secret, %q, in %s", secret[i:i+12], after)
			}
		}
	}
	return after
}

func must(u *url.URL, err error) *url.URL {
	if err != nil {
		panic(err)
	}
	return u
}

// Each hint is a cause that was tried and fits.
func TestHintsOfSecrets(t *testing.T) {
	const secret, marks = "plain-secret/of+16=bytes", "???>>>???>>>???>>>?"
	configured := func(secrets ...string) change {
		return clients(clientcredentials.Client{ID: "redox", Secrets: secrets, Scopes: []string{"read"}},
			clientcredentials.Client{ID: "other", Secrets: []string{"a secret of another client"}})
	}
	plain := configured(secret)
	base64Of := base64.StdEncoding.EncodeToString([]byte(secret))
	for _, c := range []struct {
		name     string
		change   change
		id, sent string
		want     string
	}{
		{"a line break", plain, "redox", secret + "\n", "when the white space around it, such as a line break, is removed"},
		{"a space", plain, "redox", " " + secret, "when the white space around it, such as a line break, is removed"},
		{"quotation marks", plain, "redox", `"` + secret + `"`, "when the quotes around it are removed"},
		{"encoded twice", plain, "redox", url.QueryEscape(secret), "when it is form-decoded once more"},
		{"the encoded form configured", configured(url.QueryEscape(secret)), "redox", secret, "when it is form-encoded: the configured secret is in that form"},
		{"base64", plain, "redox", base64Of, "when it is decoded from base64"},
		{"base64 without padding", configured(marks), "redox", base64.RawStdEncoding.EncodeToString([]byte(marks)), "when it is decoded from base64"},
		{"base64url", configured(marks), "redox", base64.URLEncoding.EncodeToString([]byte(marks)), "when it is decoded from base64"},
		{"base64url without padding", configured(marks), "redox", base64.RawURLEncoding.EncodeToString([]byte(marks)), "when it is decoded from base64"},
		{"base64 configured", configured(base64Of), "redox", secret, "when it is written in base64: the configured secret is in that form"},
		{"hex", plain, "redox", hex.EncodeToString([]byte(secret)), "when it is decoded from hex"},
		{"hex configured", configured(hex.EncodeToString([]byte(secret))), "redox", secret, "when it is written in hex: the configured secret is in that form"},
		{"base64url configured", configured(base64.RawURLEncoding.EncodeToString([]byte(marks))), "redox", marks, "when it is written in base64url: the configured secret is in that form"},
		{"the percent-encoded form configured", configured("a%20secret%20with%20spaces"), "redox", "a secret with spaces", "when it is percent-encoded: the configured secret is in that form"},
		{"a plus not form-encoded", plain, "redox", strings.ReplaceAll(secret, "+", " "), `when its spaces are read as "+": it was not form-encoded`},
		{"exchanged", plain, secret, "redox", "are exchanged"},
		{"the ID in another case", plain, "Redox", secret, `differs from "redox" only in case (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`},
		{"a space in the ID", plain, "redox ", secret, `is "redox" when white space and quotes around it are removed`},
		{"another client's", plain, "redox", "a secret of another client", `is one of client "other"`},
	} {
		for place, request := range map[string]func() *http.Request{
			"Basic":    func() *http.Request { return tokenRequest(url.QueryEscape(c.id) + ":" + url.QueryEscape(c.sent)) },
			"the body": func() *http.Request { return tokenRequest("", "client_id", c.id, "client_secret", c.sent) },
		} {
			if place == "Basic" && c.name == "the encoded form configured" {
				continue // which is accepted: Basic may be read without decoding
			}
			t.Run(c.name+" in "+place, func(t *testing.T) {
				text := explain(t, c.change, request, secret, c.sent)
				_, hints, _ := strings.Cut(text, "\nhints:\n")
				if !strings.Contains(hints, c.want) || !strings.Contains(hints, place) {
					t.Errorf("got %s, want the hint %s", text, c.want)
				}
				if c.sent == secret && c.id != "redox" && strings.Contains(hints, "when it is") {
					t.Errorf("got %s, want no hint that the secret is wrong, because it is right", text)
				}
			})
		}
	}
	if text := explain(t, plain, func() *http.Request { return tokenRequest("redox:wrong") }, secret); strings.Contains(text, "hints:") {
		t.Errorf("a wrong secret: got %s, want no hints", text)
	}
	if text := explain(t, plain, func() *http.Request { return tokenRequest(url.QueryEscape("redox:" + secret)) }, secret); !strings.Contains(text, "the colon between them is form-encoded too") {
		t.Errorf("an encoded colon: got %s", text)
	}
	if text := explain(t, plain, func() *http.Request { return tokenRequest("redox:"+secret, "client_id", secret) }, secret); !strings.Contains(text, "client_id: a secret in the body") {
		t.Errorf("the secret as client_id beside Basic: got %s", text)
	}
}

// about returns what an explanation says about the client and its scopes, and its hints.
func about(text string) (lines, hints []string) {
	text, rest, _ := strings.Cut(text, "\nhints:\n- ")
	for line := range strings.SplitSeq(text, "\n") {
		for _, prefix := range []string{"client authentication: ", "client_id: ", "scope: "} {
			if strings.HasPrefix(line, prefix) {
				lines = append(lines, line)
			}
		}
	}
	if rest != "" {
		hints = strings.Split(strings.TrimSuffix(rest, "\n"), "\n- ")
	}
	return lines, hints
}

// eachOne configures an ID and a secret, another ID and secret, and so on. The scope of each client
// is its ID, if that can be one.
func eachOne(pairs ...string) change {
	var all []clientcredentials.Client
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, clientcredentials.Client{ID: pairs[i], Secrets: []string{pairs[i+1]}, Scopes: []string{strings.ReplaceAll(pairs[i], "é", "e")}})
	}
	return clients(all...)
}

// A line tells what each place has, and the scopes are those of the client that it names.
func TestExplainTellsTheClientOfARequest(t *testing.T) {
	const secret = "plain-secret/of+16=bytes"
	const (
		absent    = "client_id: absent in the body, as allowed beside Basic"
		ofRedox   = `scope: absent; client "redox" may get "redox" (EndpointConfig.Clients[].Scopes; Redox dashboard: scopes)`
		ofNobody  = "scope: absent; what may be granted is not known without a client"
		rightHere = `client authentication: in Basic: a right secret of client "redox"`
	)
	shared := eachOne("redox", secret, "other", secret)
	for _, c := range []struct {
		name    string
		change  change
		request func() *http.Request
		lines   []string
		hints   []string
	}{
		{"Basic", shared, func() *http.Request { return tokenRequest("redox:" + secret) }, []string{rightHere, absent, ofRedox}, nil},
		{"body", shared, func() *http.Request { return tokenRequest("", "client_id", "redox", "client_secret", secret) },
			[]string{`client authentication: in the body: a right secret of client "redox"`, ofRedox}, nil},
		{"Basic, client_id beside", shared, func() *http.Request { return tokenRequest("redox:"+secret, "client_id", "redox") },
			[]string{rightHere, `client_id: "redox" in the body, want that of Basic, or none`, ofRedox}, nil},
		{"Basic and body", shared, func() *http.Request {
			return tokenRequest("redox:"+secret, "client_id", "redox", "client_secret", secret)
		},
			[]string{rightHere, `client authentication: in the body: a right secret of client "redox"`, ofRedox}, nil},
		{"the text has two IDs that are configured", eachOne("a", "b:d", "a:b", "c"), func() *http.Request { return tokenRequest("a:b:d") },
			[]string{`client authentication: in Basic: a right secret of client "a"`, absent, strings.ReplaceAll(ofRedox, "redox", "a")}, nil},
		{"a right secret that is the ID too", eachOne("redox", "redox"), func() *http.Request { return tokenRequest("redox:redox") }, []string{rightHere, absent, ofRedox}, nil},
		{"no secret in Basic", shared, func() *http.Request { return tokenRequest("redox:") },
			[]string{`client authentication: in Basic: no secret of client "redox", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)`, absent, ofRedox}, nil},
		{"Basic without a value", shared, func() *http.Request {
			r := tokenRequest("")
			r.Header.Set("Authorization", "Basic")
			return r
		}, []string{"client authentication: in Basic: empty, want base64 of ID:secret", absent, ofNobody}, nil},
		{"client_secret alone", shared, func() *http.Request { return tokenRequest("", "client_secret", secret) },
			[]string{`client authentication: in the body: client_secret without a client ID: the parameter client_id is absent, the parameters that arrived: ["client_secret" "grant_type"] (Redox dashboard: clientIdName, want "client_id"), want one of ["redox" "other"] (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`, ofNobody},
			[]string{`the secret in the body is one of client "redox"`, `the secret in the body is one of client "other"`}},
		{"client_id alone", shared, func() *http.Request { return tokenRequest("", "client_id", "redox") },
			[]string{`client authentication: no secret of client "redox", want one of its Secrets (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret); there is no Authorization header, the parameter client_secret is absent, the parameters that arrived: ["client_id" "grant_type"] (Redox dashboard: clientSecretName, want "client_secret"), want HTTP Basic or both parameters (Redox dashboard: noBasic)`, ofRedox}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, hints := about(explain(t, c.change, c.request, secret))
			if diff := gocmp.Diff([2][]string{c.lines, c.hints}, [2][]string{lines, hints}); diff != "" {
				t.Errorf("lines and hints (-want +got):\n%s", diff)
			}
		})
	}
}

// A hint is given only if what it says was tried and is right, so each mistake is made with a right
// secret and with a wrong one.
func TestHintsAreTrue(t *testing.T) {
	const secret, marks = "plain-secret/of+16=bytes", "???>>>???>>>???>>>?"
	two := eachOne("redox", secret, "other", marks)
	basic := func(value string) func() *http.Request {
		return func() *http.Request {
			r := tokenRequest("")
			r.Header.Set("Authorization", "Basic "+value)
			return r
		}
	}
	encoded := func(text string) func() *http.Request { return basic(base64.StdEncoding.EncodeToString([]byte(text))) }
	body := func(id, secret string) func() *http.Request {
		return func() *http.Request { return tokenRequest("", "client_id", id, "client_secret", secret) }
	}
	unpadded := func(text string) string { return base64.RawStdEncoding.EncodeToString([]byte(text)) }
	inURL := func(text string) string { return base64.URLEncoding.EncodeToString([]byte(text)) }
	twice := func(text string) func() *http.Request {
		return encoded(base64.StdEncoding.EncodeToString([]byte(text)))
	}
	line := func(place, id string) string {
		return "the secret in " + place + " is right for client " + id + " when the white space around it, such as a line break, is removed (EndpointConfig.Clients[].Secrets; Redox dashboard: clientSecret)"
	}
	onlyCase := func(id string) string {
		return `the client ID in the body differs from "` + id + `" only in case (EndpointConfig.Clients[].ID; Redox dashboard: clientId)`
	}
	const around = `the client ID in the body is "redox" when white space and quotes around it are removed (Redox dashboard: clientId)`
	const escaped = `the client ID in the body is the form-encoded "redox-client:1"`
	const withIt = `with the client ID "redox" the secret in the body is right`
	for _, c := range []struct {
		name    string
		change  change
		request func() *http.Request
		want    []string
	}{
		{"without padding", two, basic(unpadded("other:" + marks)), []string{"ID and secret are right when the base64 in Basic is read without padding, want base64 with padding"}},
		{"without padding, wrong", two, basic(unpadded("other:" + marks + "???")), nil},
		{"without padding, right and more", two, basic(unpadded("redox:"+secret) + "****"), nil},
		{"base64url", two, basic(inURL("other:" + marks)), []string{"ID and secret are right when Basic is read as base64url, want base64 in its standard alphabet"}},
		{"base64url, wrong", two, basic(inURL("other:" + marks + "???")), nil},
		{"not encoded", two, basic("redox:" + secret), []string{"Basic has ID and secret as they are, want base64 of them"}},
		{"not encoded, wrong", two, basic("redox:wrong"), nil},
		{"the colon encoded, wrong", two, encoded("redox%3Awrong"), nil},
		{"base64 twice", two, twice("redox:" + secret), []string{"ID and secret in Basic are right when they are decoded from base64 twice, want base64 once"}},
		{"base64 twice, wrong", two, twice("redox:wrong"), nil},
		{"a colon in the ID", eachOne("redox:1", secret), encoded("redox:1:" + secret + "\n"), []string{line("Basic", `"redox:1"`)}},
		{"Latin-1", eachOne("éé", secret), encoded("\xe9\xe9:" + secret + "\n"), []string{line("Basic", `"\u00e9\u00e9"`)}},
		{"Latin-1, wrong", eachOne("éé", secret), encoded("\xe9\xe9:x"), nil},
		{"no colon", two, encoded("redox"), nil},
		{"no colon, a letter before the secret", two, encoded("x" + secret), nil},
		{"the ID encoded, the secret with its plus and a line break not", eachOne("redox-client:1", secret), encoded("redox%2Dclient%3A1:" + secret + "\n"), []string{strings.Replace(escaped, "the body", "Basic", 1), line("Basic", `"redox-client:1"`)}},
		{"8 KiB", two, body("redox", secret+strings.Repeat(" ", 8<<10-len("redox"+secret))), []string{line("the body", `"redox"`)}},
		{"longer, which is not tried", two, body("redox", secret+strings.Repeat(" ", 8<<10-len("redox"+secret)+1)), nil},
		{"the ID in quotes", two, body(`'redox"`, secret), []string{around, withIt}},
		{"the ID in quotes, wrong", two, body(`'redox"`, "wrong"), []string{around}},
		{"a space in the ID, a line break in the secret", two, body("redox ", secret+"\n"), []string{around, line("the body", `"redox"`)}},
		{"the ID in another case, wrong", two, body("REDOX", "wrong"), []string{onlyCase("redox")}},
		{"the ID in another case, a line break in the secret", two, body("REDOX", secret+"\n"), []string{onlyCase("redox"), line("the body", `"redox"`)}},
		{"many IDs alike, of which three are told", eachOne("redox", "1", "Redox", "2", "rEdox", "3", "reDox", "4", "redOx", "5"), body("REDOX", "wrong"), []string{onlyCase("redox"), onlyCase("Redox"), onlyCase("rEdox")}},
		{"the ID encoded", eachOne("redox-client:1", secret), body("redox%2Dclient%3A1", secret), []string{escaped, strings.Replace(withIt, "redox", "redox-client:1", 1)}},
		{"the ID encoded, a line break in the secret", eachOne("redox-client:1", secret), body("redox%2Dclient%3A1", secret+"\n"), []string{escaped, line("the body", `"redox-client:1"`)}},
		{"ID and secret cut elsewhere", eachOne("redox:1", secret), body("redox", "1:"+secret), nil},
		{"ID and secret cut elsewhere, quotes", eachOne("a", "b:"), body("a:b", `""`), nil},
		{"base64, right and more", two, body("redox", base64.StdEncoding.EncodeToString([]byte(secret))+"****"), nil},
		{"hex, right and more", two, body("redox", hex.EncodeToString([]byte(secret))+"x"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, hints := about(explain(t, c.change, c.request, secret, marks))
			if diff := gocmp.Diff(c.want, hints); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
		})
	}
	r := encoded("other:" + marks)()
	r.Header["Authorization"][0] += " " // which net/http removes
	if _, hints := about(newEndpoint(t, two).Explain(r)); hints != nil {
		t.Errorf("a space behind what is right: got %q, want no hints", hints)
	}
}

// What is wrong with a request, and what decides, is in the log, and in what Explain says.
func TestRefusalsSayWhatToChange(t *testing.T) {
	none := func(*clientcredentials.EndpointConfig) {}
	for _, c := range []struct {
		name    string
		request func() *http.Request
		want    []string // in the first line
		more    []string // in another
	}{
		{"unknown client", func() *http.Request { return tokenRequest("nobody:x") },
			[]string{`in Basic: unknown client "nobody"`, `want one of ["another" "redox-client:1"]`, "EndpointConfig.Clients[].ID", "Redox dashboard: clientId"}, nil},
		{"wrong secret", func() *http.Request { return tokenRequest("", "client_id", "another", "client_secret", "x") },
			[]string{`in the body: wrong secret of client "another"`, "EndpointConfig.Clients[].Secrets", "Redox dashboard: clientSecret"}, []string{`grant_type: "client_credentials", as required`}},
		{"another name for client_id", func() *http.Request { return tokenRequest("", "clientId", "another", "client_secret", "x") },
			[]string{"the parameter client_id is absent", `["clientId" "client_secret" "grant_type"]`, "clientIdName"}, []string{`- the parameter "clientId" is "client_id" in another spelling`}},
		{"an assertion", func() *http.Request { return tokenRequest("", "client_id", "another", "client_assertion", "a.b.c") },
			[]string{`no secret of client "another"`, "an assertion, which this strategy does not take"}, []string{"- client_assertion arrived: package smartbackend takes client_assertion"}},
		{"an assertion beside a secret", func() *http.Request { return tokenRequest(genuine, "assertion", "a.b.c") },
			[]string{"want a secret alone"}, []string{"assertion: present, want it absent"}},
		{"two credentials", func() *http.Request {
			return tokenRequest(genuine, "client_id", clientID, "client_secret", "x")
		}, []string{`in Basic: a right secret of client "redox-client:1"; in the body: wrong secret of client "redox-client:1"`}, nil},
		{"a bearer token instead", func() *http.Request {
			r := tokenRequest("", "client_id", clientID)
			r.Header.Set("Authorization", "Bearer a-verification-token")
			return r
		}, []string{"an Authorization header of another scheme than Basic", "the parameter client_secret is absent"}, []string{"Authorization: another scheme than Basic, which is ignored"}},
		{"another scope", func() *http.Request { return tokenRequest(genuine, "scope", "Write") },
			[]string{`scope is "Write"`, `want some of ["system/*.rs" "write"]`, "EndpointConfig.Clients[].Scopes"}, []string{`scope "Write": nothing of it would be granted: it differs from "write" only in case`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, rest, _ := strings.Cut(explain(t, none, c.request, "a-verification-token"), "\n")
			for _, want := range c.want {
				if !strings.Contains(first, want) {
					t.Errorf("got %s, want %s in it", first, want)
				}
			}
			for _, want := range c.more {
				if !strings.Contains(rest, want) {
					t.Errorf("got %s, want %s in it", rest, want)
				}
			}
		})
	}
	text := explain(t, none, func() *http.Request { return tokenRequest(genuine, "scope", "write read") })
	for _, want := range []string{"clientcredentials: accepted: clientcredentials, subject \"redox-client:1\"", `scope "write": would be granted`, `scope "read": nothing of it`} {
		if !strings.Contains(text, want) {
			t.Errorf("genuine: got %s, want %s in it", text, want)
		}
	}
}

func TestExplainOfZeroEndpoints(t *testing.T) {
	for _, e := range []*clientcredentials.TokenEndpoint{nil, {}} {
		for _, r := range []*http.Request{nil, {}, tokenRequest(genuine)} {
			if got := e.Explain(r); got != "redoxauth (internal): a zero TokenEndpoint: make it with NewTokenEndpoint\n" {
				t.Errorf("got %q", got)
			}
		}
	}
}

// The Verifier of the issued tokens says which field of the EndpointConfig decides.
func TestIssuedTokensAreExplained(t *testing.T) {
	issued := newEndpoint(t).ask(t, tokenRequest(genuine, "scope", "write"), "200").Token
	for name, c := range map[string]struct {
		verifier *clientcredentials.Verifier
		want     []string
	}{
		"accepted":        {newEndpoint(t).verifier(t, "write"), []string{"clientcredentials: accepted: ", `scope: has "write"`}},
		"a scope missing": {newEndpoint(t).verifier(t, "write", "system/*.rs"), []string{`scope is "write"`, `"system/*.rs"`, "EndpointConfig.Clients[].Scopes"}},
		"client removed": {newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Clients = c.Clients[:1] }).verifier(t),
			[]string{`client "redox-client:1" is no longer configured (EndpointConfig.Clients[].ID)`, `client_id is "redox-client:1", want "another" (EndpointConfig.Clients[].ID)`}},
		"another audience": {newEndpoint(t, func(c *clientcredentials.EndpointConfig) { c.Audience += "/x" }).verifier(t),
			[]string{"- the key of an access token depends on Issuer and Audience of its EndpointConfig beside TokenSecrets"}},
	} {
		text := c.verifier.Explain(message(issued))
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: got %s, want %s in it", name, text, want)
			}
		}
		for _, part := range strings.Split(issued, ".") {
			if strings.Contains(text, part[:12]) {
				t.Errorf("%s: a part of the token in %s", name, text)
			}
		}
	}
}
