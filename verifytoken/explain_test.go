package verifytoken_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestExplainText(t *testing.T) {
	v := newVerifier(t, newToken, oldToken)
	for name, tt := range map[string]struct {
		r    *http.Request
		want string
	}{
		"an accepted message": {message(oldToken), `verifytoken: accepted: verifytoken, key ID "1"
request: a message, because its body is a JSON object of the members ["Meta"], want challenge and verification-token of a handshake
Config.Tokens: 2 to compare with
header verification-token: 27 bytes, equal to Config.Tokens[1]
`},
		"a refused handshake": {post(document(newToken+" ", uuid)), `verifytoken: credentials rejected (token): handshake (POST, token in the body): the token is another one, want one of the 2 in Config.Tokens (Redox dashboard: verification token)
request: a handshake (POST, token in the body)
Config.Tokens: 2 to compare with
header verification-token: absent
body verification-token: 28 bytes, equal to none of Config.Tokens (Redox dashboard: verification token)
challenge: 36 bytes, want 1 to 1024, UTF-8 without control characters

hints:
- body verification-token: it matches Config.Tokens[0] without the white space around it: enter Config.Tokens[0] in the Redox dashboard exactly as it is configured
`},
	} {
		if diff := cmp.Diff(tt.want, v.Explain(tt.r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// rebuilt changes a request that was built, as an adapter or something in front may.
func rebuilt(r *http.Request, change func(*http.Request)) *http.Request {
	change(r)
	return r
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// Each cause was tried: the hint says where the token is, or what was done to it.
func TestExplainFindsTheCause(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("redox:"+oldToken))
	for name, tt := range map[string]struct {
		r    *http.Request
		want []string
	}{
		"white space":             {message(" " + newToken + "\u00a0"), []string{"header verification-token: it matches Config.Tokens[0] without the white space around it: enter Config.Tokens[0] in the Redox dashboard exactly as it is configured"}},
		"quotation marks":         {message(`"` + newToken + `"`), []string{"without the quotation marks around it"}},
		"apostrophes in a body":   {post(document("'"+newToken+"'", uuid)), []string{"body verification-token: it matches Config.Tokens[0] without the quotation marks"}},
		"angle brackets":          {message("<" + oldToken + ">"), []string{"matches Config.Tokens[1] without the brackets around it"}},
		"punctuation":             {message(newToken + "."), []string{"without the punctuation around it"}},
		"Bearer":                  {message("Bearer " + newToken), []string{"without the scheme in front of it, such as Bearer"}},
		"the name":                {message("verification-token: " + newToken), []string{"without the name in front of it"}},
		"an assignment":           {message(`TOKEN="` + newToken + `"`), []string{"without the name in front of it and without the quotation marks around it"}},
		"an escaped newline":      {message(newToken + `\n`), []string{`without the escape \n`}},
		"a newline":               {post(document(newToken+`\n`, uuid)), []string{"without the white space around it"}},
		"upper case":              {message(strings.ToUpper(lower)), []string{"matches Config.Tokens[2] in lower case"}},
		"a capital letter":        {message(strings.ToUpper(newToken[:1]) + newToken[1:]), []string{"with the first letter in lower case"}},
		"hyphens":                 {message(newToken[:4] + "-" + newToken[4:]), []string{"without the hyphens in it"}},
		"a line break within":     {post(document(newToken[:4]+`\r\n`+newToken[4:], uuid)), []string{"without the white space in it"}},
		"joined headers":          {message(newToken + ", " + oldToken), []string{"matches Config.Tokens[0] without what follows the first comma"}},
		"percent escapes":         {message(url.QueryEscape(special)), []string{"matches Config.Tokens[3] when its escapes"}},
		"a plus in a query":       {get("challenge=x&verification-token="+plus, ""), []string{"query verification-token: 12 bytes, equal to Config.Tokens[4]"}},
		"HTML":                    {message(strings.ReplaceAll(special, "&", "&amp;")), []string{"when its HTML escapes are decoded"}},
		"base64":                  {message(base64.StdEncoding.EncodeToString([]byte(newToken))), []string{"when it is decoded from base64"}},
		"base64 of a line":        {message(base64.URLEncoding.EncodeToString([]byte(newToken + "\n"))), []string{"when it is decoded from base64"}},
		"base64, ending with /":   {message(base64.StdEncoding.EncodeToString([]byte(special))), []string{"matches Config.Tokens[3] when it is decoded from base64"}},
		"base64url":               {message(base64.URLEncoding.EncodeToString([]byte(special))), []string{"matches Config.Tokens[3] when it is decoded from base64"}},
		"hexadecimal":             {message(hex.EncodeToString([]byte(newToken))), []string{"when it is decoded from hexadecimal"}},
		"base64 in the Config":    {message("Q7zv0x9Kpw1m"), []string{"matches Config.Tokens[5] when it is encoded in base64: change Config.Tokens[5]"}},
		"quotes in the Config":    {message("5f1e7d3c"), []string{"matches Config.Tokens[7] with quotation marks around it: change Config.Tokens[7]"}},
		"escapes in the Config":   {message("Zx/8+9=q"), []string{"matches Config.Tokens[8] when it is escaped for a query: change Config.Tokens[8]"}},
		"something behind it":     {message(oldToken + "x12"), []string{"matches Config.Tokens[1] without its last 3 bytes"}},
		"something in front":      {message("x" + oldToken), []string{"matches Config.Tokens[1] without its first byte"}},
		"quoted, and cut":         {message(`"` + oldToken + `x"`), []string{"matches Config.Tokens[1] without the quotation marks around it and without its last byte"}},
		"quoted, in front":        {message(`"x` + oldToken + `"`), []string{"matches Config.Tokens[1] without the quotation marks around it and without its first byte"}},
		"quoted base64":           {message(`"` + base64.StdEncoding.EncodeToString([]byte(oldToken)) + `"`), []string{"matches Config.Tokens[1] without the quotation marks around it and when it is decoded from base64"}},
		"sent twice":              {message(newToken + newToken), []string{"without its last 27 bytes"}},
		"a placeholder":           {message("${REDOX_TOKEN}"), []string{"- header verification-token: it has the form of a variable that nothing has replaced"}},
		"two equal headers":       {message(newToken, newToken), []string{"header verification-token, 2 of 2: 27 bytes, equal to Config.Tokens[0]", "- the verification-token headers are equal"}},
		"Bearer too":              {rebuilt(message(newToken), header("Authorization", "Bearer "+oldToken)), []string{"accepted", "header Authorization: Bearer with Config.Tokens[1], as Redox's older pages show"}},
		"Bearer alone":            {rebuilt(message(), header("Authorization", "Bearer "+oldToken)), []string{"the verification-token header is absent", "header Authorization: Bearer with Config.Tokens[1], and nobody compares it", "- the token arrived in Authorization: Bearer alone"}},
		"another Bearer":          {rebuilt(message(), header("Authorization", "Bearer abcdef")), []string{"header Authorization: Bearer with no token of Config.Tokens"}},
		"Authorization alone":     {rebuilt(message(), header("Authorization", newToken)), []string{`Config.Tokens[0] arrived in the header "Authorization", want it in verification-token`}},
		"another scheme":          {rebuilt(message(), header("Authorization", "Token "+oldToken)), []string{`Config.Tokens[1] arrived in the header "Authorization" after a scheme, want it in verification-token`}},
		"another Bearer too":      {rebuilt(message(newToken), header("Authorization", "Bearer abcdef")), []string{"header Authorization: Bearer with no token of Config.Tokens"}},
		"Basic":                   {rebuilt(message(), header("Authorization", basic)), []string{"Config.Tokens[1] arrived as the password of Authorization: Basic"}},
		"another header":          {rebuilt(message(), header("X-Api-Key", oldToken)), []string{`Config.Tokens[1] arrived in the header "X-Api-Key"`}},
		"a header nearly so":      {rebuilt(message(), header("Redox_Verification_Token", "x")), []string{`the header "Redox_verification_token" arrived, want the name verification-token`}},
		"a key in lower case":     {rebuilt(message(), func(r *http.Request) { r.Header["verification-token"] = []string{newToken} }), []string{`http.Header has the key "verification-token", want "Verification-Token"`}},
		"a key in upper case":     {rebuilt(message(), func(r *http.Request) { r.Header["VERIFICATION-TOKEN"] = []string{newToken} }), []string{`http.Header has the key "VERIFICATION-TOKEN", want "Verification-Token"`}},
		"in the query":            {rebuilt(message(), func(r *http.Request) { r.URL.RawQuery = "verification-token=" + newToken }), []string{"Config.Tokens[0] arrived in the query, want it in the header"}},
		"in the query of a POST":  {rebuilt(post(document(newToken, uuid)), func(r *http.Request) { r.URL.RawQuery = "verification-token=" + newToken }), []string{"Config.Tokens[0] arrived in the query"}},
		"another parameter":       {get("challenge=x&token="+newToken, newToken), []string{"Config.Tokens[0] arrived in the query"}},
		"another member":          {post(`{"challenge":"x","verification-token":"` + newToken + `","token":"` + newToken + `"}`), []string{"Config.Tokens[0] arrived in the body"}},
		"GET without a challenge": {get("verification-token=" + oldToken), []string{"the query has no challenge", "Config.Tokens[1] arrived in the query"}},
		"in the body":             {post(`{"verification-token":"` + newToken + `","a":1}`), []string{`members ["a" "verification-token"], want challenge and verification-token`, "Config.Tokens[0] arrived in the body"}},
		"after a byte order mark": {post("\ufeff" + `{"verification-token":"` + oldToken + `","a":1}`), []string{`members ["a" "verification-token"], want challenge and verification-token`, "Config.Tokens[1] arrived in the body"}},
		"members in another case": {post(`{"Verification-Token":"` + newToken + `","Challenge":"x"}`), []string{`the body has the member "Challenge", want "challenge"`, `the member "Verification-Token"`}},
		"a token as a member":     {post(`{"` + newToken + `":1}`), []string{"members [] and 1 more"}},
		"a token of letters":      {post(`{"` + letters + `":1}`), []string{"members [] and 1 more"}},
		"many members":            {post(`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1}`), []string{"] and 1 more"}},
		"a challenge alone":       {post(bare), []string{"a challenge arrived without a token", "put verifytoken.Challenge inside the credential's wrapper"}},
		"GET, a challenge alone":  {get("challenge=x"), []string{"a challenge arrived without a token", "put verifytoken.Challenge inside the credential's wrapper"}},
		"GET with a large body":   {rebuilt(get("challenge=x"), func(r *http.Request) { r.ContentLength = 4097 }), []string{"a challenge arrived without a token"}},
		"more than a challenge":   {withHeader(post(`{"challenge":"x","Meta":{}}`), newToken), []string{`members beside challenge: ["Meta" "challenge"]`}},
		"broken JSON":             {post(`{"challenge":`), []string{"no complete JSON object"}},
		"no JSON":                 {post("MSH|"), []string{"its body is no JSON object (4 bytes)"}},
		"null":                    {post("null"), []string{"its body is no JSON object (4 bytes)"}},
		"4096 bytes":              {post(strings.Repeat("x", 4096)), []string{"its body is no JSON object (4096 bytes)"}},
		"an empty body":           {post(""), []string{"its body is empty, or was not kept"}},
		"http.NoBody":             {rebuilt(post(""), func(r *http.Request) { r.Body = http.NoBody }), []string{"its body is absent"}},
		"no body":                 {rebuilt(post(""), func(r *http.Request) { r.Body = nil }), []string{"its body is absent"}},
		"a large body":            {post(strings.Repeat("x", 4097)), []string{"Content-Length is 4097, want at most 4096 bytes of a handshake"}},
		"a large body, chunked":   {chunked(post(strings.Repeat("x", 4097))), []string{"its body is longer than the 4096 bytes of a handshake"}},
		"PUT":                     {rebuilt(post(document(newToken, uuid)), func(r *http.Request) { r.Method = "PUT" }), []string{`its method is "PUT", want POST or GET`}},
		"a method of 128 bytes":   {rebuilt(message(), func(r *http.Request) { r.Method = strings.Repeat("P", 128) }), []string{`its method is "` + strings.Repeat("P", 128) + `", want`}},
		"a longer method":         {rebuilt(message(), func(r *http.Request) { r.Method = strings.Repeat("P", 129) }), []string{`its method is "` + strings.Repeat("P", 128) + `"..., want`}},
		"a pattern with POST":     {rebuilt(message(), func(r *http.Request) { r.Pattern = "POST /redox" }), []string{`the pattern "POST /redox" has the method "POST"`, "register the path alone"}},
		"Handshake not outermost": {post(document(newToken, uuid)), []string{"accepted", "if one of them refused this handshake, Handshake is missing or is not the outermost wrapper"}},
		"Handshake inside": {rebuilt(post(document(newToken, uuid)), func(r *http.Request) {
			*r = *r.WithContext(redoxauth.NewContext(r.Context(), &redoxauth.Identity{Strategy: "sigv4"}))
		}), []string{`a wrapper of "sigv4" is in front of this one`}},
		"a body that was read":      {rebuilt(post(document(newToken, uuid)), func(r *http.Request) { io.Copy(io.Discard, r.Body) }), []string{"the verification-token header is absent", "something in front has read the body, and then Handshake answers 500"}},
		"header and query disagree": {get("challenge=x&verification-token="+newToken, oldToken), []string{"(GET, token in the query): the verification-token header has another token", "header verification-token: 27 bytes, equal to Config.Tokens[1]", "query verification-token: 27 bytes, equal to Config.Tokens[0]"}},
		"4096 bytes of a token":     {message(strings.Repeat("x", 4096)), []string{"the token is another one", "4096 bytes, equal to none of Config.Tokens"}},
		"a long token":              {message(strings.Repeat("x", 5000)), []string{"the token is longer than 4096 bytes", "5000 bytes, want at most 4096"}},
		"an empty token":            {message(""), []string{"the token is empty, want one of the 10 in Config.Tokens", "header verification-token: empty"}},
		"Latin-1":                   {message("caf\xe9-t0ken"), []string{"Config.Tokens[6] when it is converted from Latin-1 to UTF-8"}},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := []string{newToken, oldToken, lower, special, "a token+with", base64.StdEncoding.EncodeToString([]byte("Q7zv0x9Kpw1m")), "café-t0ken", `"5f1e7d3c"`, url.QueryEscape("Zx/8+9=q"), letters}
			v := newVerifier(t, tokens...)
			text := v.Explain(tt.r)
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			wantNoToken(t, text, append(tokens, "abcdef", "Q7zv0x9Kpw1m")...)
		})
	}
}

// A hint that does not apply sends the operator to the wrong place.
func TestExplainGivesNoOtherHint(t *testing.T) {
	v := newVerifier(t, newToken, oldToken, "kPD9zqx")
	const hints = "\nhints:\n"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("redox:abcdef"))
	for name, tt := range map[string]struct {
		r        *http.Request
		unwanted string
	}{
		"token in the header":       {withHeader(post(bare), newToken), hints},
		"only the header":           {withHeader(post(bare), newToken), "body verification-token"},
		"token in the query":        {get("challenge=x&verification-token="+newToken, newToken), "arrived in the query"},
		"two tokens in the query":   {get("challenge=x&verification-token=" + newToken + "&verification-token=" + newToken), "query verification-token"},
		"a message":                 {rebuilt(message(newToken), func(r *http.Request) { r.URL.RawQuery = "feed=1" }), hints},
		"a message with challenge":  {post(`{"challenge":"x","Meta":{}}`), hints},
		"the same with a header":    {withHeader(post(`{"challenge":"x","Meta":{}}`), newToken), hints},
		"two headers":               {message(newToken, oldToken), hints},
		"three headers, two equal":  {message(newToken, newToken, oldToken), hints},
		"a wrong token":             {message("wrong"), hints},
		"a letter beyond Latin-1":   {message("kP\u01449zqx"), hints}, // U+0144 ends with the byte of D
		"another Basic":             {rebuilt(message(newToken), header("Authorization", basic)), hints},
		"a key in lower case, once": {rebuilt(message(), func(r *http.Request) { r.Header["verification-token"] = []string{newToken} }), "arrived in the header"},
	} {
		if text := v.Explain(tt.r); strings.Contains(text, tt.unwanted) {
			t.Errorf("%s: %q is in\n%s", name, tt.unwanted, text)
		}
	}
}

// The Config may have another form of the token than the dashboard.
func TestExplainFindsTheFormInTheConfig(t *testing.T) {
	const token = "kP?w9~Qx>m" // in base64 it has padding, and letters that base64url has not
	sum := sha256.Sum256([]byte(token))
	const change, enter = "change Config.Tokens[0], or", "enter Config.Tokens[0] in the Redox dashboard exactly as it is configured"
	for _, tt := range []struct{ sent, configured, did, advice string }{
		{token, base64.StdEncoding.EncodeToString([]byte(token)), "when it is encoded in base64", change},
		{token, base64.RawStdEncoding.EncodeToString([]byte(token)), "when it is encoded in base64 without padding", change},
		{token, base64.URLEncoding.EncodeToString([]byte(token)), "when it is encoded in base64url", change},
		{token, base64.RawURLEncoding.EncodeToString([]byte(token)), "when it is encoded in base64url without padding", change},
		{token, base64.StdEncoding.EncodeToString([]byte(token + "\n")), "when it is encoded in base64 with a newline at its end", change},
		{token, hex.EncodeToString([]byte(token)), "when it is encoded in hexadecimal", change},
		{token, hex.EncodeToString(sum[:]), "when it is hashed by SHA-256, in hexadecimal", change},
		{token, `"` + token + `"`, "with quotation marks around it", change},
		{token, `'` + token + `'`, "with apostrophes around it", change},
		{token, "Bearer " + token, "with Bearer in front of it", change},
		{token, url.QueryEscape(token), "when it is escaped for a query", change},
		{"kP w9/Qx", "kP%20w9%2FQx", "when it is escaped for a path", change},
		{"kP&w9<Qx", "kP&amp;w9&lt;Qx", "when it is escaped for HTML", change},
		{"kp3w9zqx", "KP3W9ZQX", "in upper case", enter},
		{"kp3w9zqx", "Kp3w9zqx", "with the first letter in upper case", enter},
		{"kPéÿ9zqx", "kP\xe9\xff9zqx", "when it is converted from UTF-8 to Latin-1", enter},
	} {
		text := newVerifier(t, tt.configured).Explain(message(tt.sent))
		if want := "- header verification-token: it matches Config.Tokens[0] " + tt.did + ": " + tt.advice; !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
		wantNoToken(t, text, tt.sent)
	}
}

const (
	lower   = "l0wer-9w8x7y6z"
	special = "q&r/w%y=u+i?"         // ends with / in base64, and with _ in base64url
	letters = "qwrtpsdfghjklzxcvbnm" // could be a name
	plus    = "a+token%2Bwith"
)

// wantNoToken fails if 4 bytes of a token are in text, in an encoding that a log may show.
func wantNoToken(t *testing.T, text string, tokens ...string) {
	t.Helper()
	if !strings.HasSuffix(text, "\n") && strings.Contains(text, "\n") {
		t.Errorf("it does not end with a newline: %q", text)
	}
	for _, token := range tokens {
		for _, form := range []string{token, base64.StdEncoding.EncodeToString([]byte(token)), hex.EncodeToString([]byte(token)), strings.Trim(fmt.Sprintf("%q", token), `"`)} {
			for i := 0; i+4 <= len(form); i++ {
				if part := form[i : i+4]; strings.Contains(text, part) && !strings.Contains("a token+with ChosenByTheCustomer", part) {
					t.Errorf("a part of a token, %q, is in\n%s", part, text)
				}
			}
		}
	}
}

// Config.Observe may keep its request and explain it later.
func TestExplainAfterObserve(t *testing.T) {
	var seen *http.Request
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: func(r *http.Request, _ redoxauth.Decision) { seen = r }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(v.Handshake(v.Wrap(accepted)))
	defer server.Close()
	for _, body := range []string{document(newToken, uuid), document(newToken+" ", uuid), document(newToken, ""), `{"verification-token":"` + newToken + `","challenge":7}`} {
		answer, err := http.Post(server.URL, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		later, now := v.Explain(seen), v.Explain(post(body))
		now, _, _ = strings.Cut(now, "\nhints:\n- Verify and Wrap look for the token in the header alone") // Handshake was there
		if diff := cmp.Diff(now, later); diff != "" {
			t.Errorf("%s (-from the request itself, +from the observed one):\n%s", body, diff)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", seen, seen), newToken) {
			t.Error("the observed request prints the token")
		}
	}
}

// Options.Observe may keep its request too. Its context ends with the request.
func TestExplainAMessageWhenItIsOver(t *testing.T) {
	v := newVerifier(t, newToken)
	seen := make(chan *http.Request, 1)
	var logged error
	protect := redoxauth.Middleware(v, &redoxauth.Options{Observe: func(r *http.Request, d redoxauth.Decision) {
		logged = d.Err
		seen <- r
	}})
	server := httptest.NewServer(v.Handshake(protect(accepted)))
	defer server.Close()
	for _, token := range []string{"wrong", newToken} {
		r, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(`{"Meta":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("verification-token", token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		kept := <-seen
		<-kept.Context().Done()
		want := "verifytoken: accepted: "
		if logged != nil {
			want = logged.Error() + "\n"
		}
		if got := v.Explain(kept); (logged == nil) != (token == newToken) || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want it to begin with %q", token, got, want)
		}
	}
}

func TestExplainAHandshakeWhoseBodyIsConsumed(t *testing.T) {
	var seen *http.Request
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{newToken}, Observe: func(r *http.Request, _ redoxauth.Decision) { seen = r }})
	if err != nil {
		t.Fatal(err)
	}
	serve(v.Handshake(next(t)), rebuilt(post(bare), func(r *http.Request) { io.Copy(io.Discard, r.Body) }))
	if text := v.Explain(seen); !strings.HasPrefix(text, "verifytoken (body_consumed): a POST with a small body may be a handshake: ") || !strings.Contains(text, "- put Handshake in front of everything that reads the body") {
		t.Errorf("got\n%s", text)
	}
}

// Nothing is wrong with the application if a peer breaks off.
func TestExplainABodyThatBreaksOff(t *testing.T) {
	r := post(document(newToken, uuid))
	r.Body = io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }))
	text := newVerifier(t, newToken).Explain(r)
	for want, is := range map[string]bool{
		"verifytoken: malformed request (body_read): a POST with a small body may be a handshake: ": true,
		"\nrequest: a POST that may be a handshake; its body could not be read\n":                   true,
		"put Handshake in front of everything that reads the body":                                  false,
	} {
		if strings.Contains(text, want) != is {
			t.Errorf("%q: want %t in\n%s", want, is, text)
		}
	}
}

// A handshake without a body can be explained when it is over.
func TestExplainAGETWhenItIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := get("challenge=" + uuid + "&verification-token=" + newToken).WithContext(ctx)
	if text := newVerifier(t, newToken).Explain(r); !strings.HasPrefix(text, "verifytoken: accepted: ") {
		t.Error(text)
	}
}

// A challenge that is no text has no length, and one that is there twice has two.
func TestExplainCountsOnlyAReadableChallenge(t *testing.T) {
	v := newVerifier(t, newToken)
	for body, counted := range map[string]bool{
		document(newToken, uuid):                                                    true,
		`{"challenge":5,"verification-token":"` + newToken + `"}`:                   false,
		`{"challenge":"a","challenge":"b","verification-token":"` + newToken + `"}`: false,
	} {
		if text := v.Explain(post(body)); strings.Contains(text, "\nchallenge: ") != counted {
			t.Errorf("a line about the length of the challenge: want %t in\n%s", counted, text)
		}
	}
}

func TestExplainLeavesTheBody(t *testing.T) {
	v := newVerifier(t, newToken)
	for _, body := range []string{document(newToken, uuid), `{"Meta":{}}`, "", strings.Repeat("x", 5000)} {
		for _, r := range []*http.Request{post(body), chunked(post(body)), withHeader(post(body), newToken)} {
			first := v.Explain(r)
			if second := v.Explain(r); first != second {
				t.Errorf("first\n%s\nthen\n%s", first, second)
			}
			if got, err := io.ReadAll(r.Body); string(got) != body || err != nil {
				t.Errorf("the body is %.80q, %v afterwards, want %.80q", got, err, body)
			}
		}
	}
}

// After Check, and for the copy that Options.Observe gets, whose body is gone.
func TestExplainMessages(t *testing.T) {
	v := newVerifier(t, newToken)
	var seen *http.Request
	opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) { seen = r }}
	for _, r := range []*http.Request{message(newToken), message("other"), message()} {
		want := v.Explain(r)
		accepted, err := redoxauth.Check(v, nil, r, opts)
		first, _, _ := strings.Cut(v.Explain(seen), "\n")
		if err != nil && first != err.Error() || err == nil && !strings.HasPrefix(first, "verifytoken: accepted") {
			t.Errorf("got %q, want %v", first, err)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(want, v.Explain(accepted)); diff != "" {
			t.Errorf("after Check: %s", diff)
		}
		if body, err := io.ReadAll(accepted.Body); string(body) != `{"Meta":{}}` || err != nil {
			t.Errorf("the body is %q, %v afterwards", body, err)
		}
	}
}

// The request that Options.Observe got has the hash of its body, for the next Verifier's Explain.
func TestExplainLeavesTheHashOfTheBody(t *testing.T) {
	v := newVerifier(t, newToken)
	var seen *http.Request
	opts := &redoxauth.Options{Observe: func(r *http.Request, _ redoxauth.Decision) { seen = r }}
	hashes := redoxauth.VerifierFunc(func(r *http.Request) (*redoxauth.Identity, error) {
		if err := redoxauth.HashBody(r, sha256.New()); err != nil {
			return nil, err
		}
		return nil, redoxauth.ErrRejected
	})
	for _, r := range []*http.Request{message(newToken), chunked(message(newToken))} {
		redoxauth.Check(redoxauth.AllOf(v, hashes), nil, r, opts)
		v.Explain(seen)
		h := sha256.New()
		if err := redoxauth.HashBody(seen, h); err != nil || [32]byte(h.Sum(nil)) != sha256.Sum256([]byte(`{"Meta":{}}`)) {
			t.Errorf("length %d: the hash is %x, %v", r.ContentLength, h.Sum(nil), err)
		}
	}
}

func TestExplainCallsNothing(t *testing.T) {
	calls := 0
	v, err := verifytoken.New(verifytoken.Config{
		TokensFunc: func(context.Context) ([]string, error) { calls++; return []string{newToken}, nil },
		Observe:    func(*http.Request, redoxauth.Decision) { t.Error("Explain has called Observe") },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*http.Request{message(newToken), post(document(newToken, uuid))} {
		if text := v.Explain(r); calls > 0 || !strings.Contains(text, "Config.TokensFunc: nothing to compare with: not loaded yet, and Explain loads nothing\n") || !strings.Contains(text, "verification-token: 27 bytes, not compared\n") {
			t.Errorf("%d calls\n%s", calls, text)
		}
	}
	if text := v.Explain(message("")); !strings.Contains(text, "header verification-token: empty\n") {
		t.Error(text)
	}
	if _, err := v.Verify(message(newToken)); err != nil {
		t.Fatal(err)
	}
	if text := v.Explain(message(newToken)); !strings.Contains(text, "equal to Config.TokensFunc[0]") {
		t.Error(text)
	}
}

func TestExplainNeverPanics(t *testing.T) {
	var none *verifytoken.Verifier
	for i, v := range []*verifytoken.Verifier{none, {}, newVerifier(t, newToken)} {
		for _, method := range []string{"", http.MethodGet, http.MethodPost, "PUT"} {
			for _, r := range []*http.Request{nil, {Method: method}, {Method: method, ContentLength: 5}, {Method: method, ContentLength: -1, Body: http.NoBody, Header: http.Header{"Verification-Token": nil}}, {Method: method, Header: http.Header{"Verification-Token": {newToken, "", `""`, " "}}}} {
				text := v.Explain(r)
				if !strings.HasPrefix(text, "verifytoken") {
					t.Errorf("got %q", text)
				}
				if none := strings.Contains(text, "\nConfig: none, because the Verifier was not made by New\n"); r != nil && none != (i < 2) {
					t.Errorf("without a Config: %t in %q", none, text)
				}
			}
		}
	}
}

// A name may be a token with something around it. A megabyte of headers that each deserve a hint
// gets few.
func TestExplainOfHostileNames(t *testing.T) {
	const token = "kV9x-Qz7LmW2pT4rYb8NcD6sF1gH3jKe"
	v, err := verifytoken.New(verifytoken.Config{Tokens: []string{token}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{token, `"` + token + `"`, token + "-verification-token", "Bearer " + token, strings.ToLower(token)} {
		body, err := json.Marshal(map[string]string{"challenge": "c", name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header[name] = []string{token}
		r.Header.Set("verification-token", "x")
		if text := v.Explain(r); strings.Contains(strings.ToLower(text), strings.ToLower(token[4:12])) {
			t.Errorf("%q: %s", name, text)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	for i := range 10_000 {
		r.Header[fmt.Sprint("X-", i, "-Verification-Token")] = []string{"x"}
	}
	const renamed = "something in front of this server may rename headers"
	if text := v.Explain(r); len(text) > 16<<10 || strings.Count(text, renamed) != 1 {
		t.Errorf("%d bytes, want the hint once", len(text))
	}
	for i := range 100 {
		r.Header[fmt.Sprintf("X-%c%c-Verification-Token", 'A'+i/10, 'A'+i%10)] = []string{"x"}
	}
	if text := v.Explain(r); strings.Count(text, renamed) != 32 {
		t.Errorf("%d hints, want 32", strings.Count(text, renamed))
	}
	// A token of letters is no name either.
	wantNoToken(t, newVerifier(t, letters).Explain(post(`{"`+letters+`":1}`)), letters)
}

func TestExplainShowsOnlyWhatIsAName(t *testing.T) {
	v := newVerifier(t, newToken)
	long := strings.Repeat("a", 40)
	for name, shown := range map[string]bool{
		"a-z_A.Z": true, "a0": true, "a9": true, "abcdefghij1": true, long: true,
		"": false, "abcdefghijk1": false, long + "a": false, "a/b": false, "a:b": false, "a~b": false, "a b": false, "\u00e4": false,
	} {
		want := "members [] and 1 more,"
		if shown {
			want = fmt.Sprintf("members [%q],", name)
		}
		if text := v.Explain(post(`{"` + name + `":1}`)); !strings.Contains(text, want) {
			t.Errorf("%q: no %q in\n%s", name, want, text)
		}
	}
}

// What a peer sends must not keep Explain busy: each of these is searched up to its bound.
func TestExplainIsBounded(t *testing.T) {
	v := newVerifier(t, newToken)
	nested := func(depth int) *http.Request {
		value := newToken
		for i := range depth {
			value = []string{`"` + value + `"`, "<" + value + ">"}[i%2]
		}
		return message(value)
	}
	padded := func(length int) *http.Request { return message(newToken + strings.Repeat("x", length-len(newToken))) }
	headers := func(values int) *http.Request {
		r := message()
		for range values - 1 {
			r.Header.Add("X-Token", "x")
		}
		r.Header.Add("X-Token", newToken)
		return r
	}
	query := func(values int) *http.Request {
		return get(strings.Repeat("a=x&", values-1) + "a=" + newToken)
	}
	body := func(members int) *http.Request {
		text := "{"
		for i := range members - 1 {
			text += fmt.Sprintf(`"a%02d":"x",`, i)
		}
		return post(text + `"token":"` + newToken + `"}`)
	}
	wrong := func(tokens int) *http.Request {
		r := message()
		for i := range tokens - 1 {
			r.Header.Add("Verification-Token", fmt.Sprintf("%x", sha512.Sum512([]byte{byte(i)}))) // 128 bytes: all their parts differ
		}
		r.Header.Add("Verification-Token", newToken+"x")
		return r
	}
	for name, tt := range map[string]struct {
		found, not *http.Request
		want       string
	}{
		"layers":       {nested(8), nested(9), "it matches Config.Tokens[0] without"},
		"length":       {padded(128), padded(129), "it matches Config.Tokens[0] without"},
		"headers":      {headers(64), headers(65), "Config.Tokens[0] arrived in the header"},
		"parameters":   {query(64), query(65), "Config.Tokens[0] arrived in the query"},
		"members":      {body(64), body(65), "Config.Tokens[0] arrived in the body"},
		"wrong tokens": {wrong(2), wrong(7), "it matches Config.Tokens[0] without its last byte"},
	} {
		if text := v.Explain(tt.found); !strings.Contains(text, tt.want) {
			t.Errorf("%s: no %q in\n%s", name, tt.want, text)
		}
		if text := v.Explain(tt.not); strings.Contains(text, tt.want) {
			t.Errorf("%s, beyond the bound: %q is in\n%s", name, tt.want, text)
		}
	}
}
