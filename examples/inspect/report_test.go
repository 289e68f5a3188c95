package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
)

// started serves an inspector, and returns the endpoint's URL and what is printed.
func started(t *testing.T, environment map[string]string, args ...string) (endpoint string, out *bytes.Buffer) {
	t.Helper()
	front := newFront(t)
	out = new(bytes.Buffer)
	s, err := parse(append([]string{"-url", front.URL + "/redox"}, args...), func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	front.serve(newInspector(s, out))
	return front.URL + "/redox", out
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

var sender = redoxtest.SigV4{AccessKey: "AKREDOX", SecretKey: "theSecretKey4Tests", ServiceName: "redox", AWSRegion: "here"}

// https://docs.redoxengine.com/how-to/manage-your-redox-configuration/create-and-verify-an-endpoint
func TestEveryHandshakeIsAnswered(t *testing.T) {
	const theToken = "theToken4Tests"
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		for _, known := range []string{"", theToken, "another"} {
			endpoint, out := started(t, map[string]string{"REDOX_TOKENS": known})
			if err := redoxtest.Handshake(t.Context(), endpoint, theToken, method); err != nil {
				t.Error(err)
			}
			contains(t, out.String(), "handshake: "+method, "14 bytes, letters and digits", "token.Handshake(protect(next))", `REDOX_TOKENS="$REDOX_TOKENS"`, "proves nothing",
				map[string]string{"": "start inspect with -token or $REDOX_TOKENS", theToken: "accepted with this Config", "another": "verifytoken: "}[known])
			if strings.Contains(out.String(), theToken) {
				t.Errorf("the output shows the token:\n%s", out)
			}
			// A message with a credential alone: the handshake still needs the token.
			if _, err := send(t.Context(), endpoint, sender); err != nil {
				t.Error(err)
			}
			contains(t, out.String(), "token.Handshake(protect(verifytoken.Challenge(next)))")
		}
		endpoint, out := started(t, map[string]string{"SIGV4_SECRET_KEY": sender.SecretKey})
		if err := redoxtest.SignedHandshake(t.Context(), endpoint, sender, method); err != nil {
			t.Error(err)
		}
		contains(t, out.String(), "handshake: "+method, "no verification token", "return protect(verifytoken.Challenge(next)), nil", "accepted with this Config")
	}
}

func TestMessagesAreAnswered200OnlyWithAccept(t *testing.T) {
	for want, args := range map[int][]string{503: nil, 200: {"-accept"}} {
		endpoint, _ := started(t, nil, args...)
		if status, err := send(t.Context(), endpoint, sender); status != want || err != nil {
			t.Errorf("%v: answered %d, %v, want %d", args, status, err, want)
		}
	}
}

// What inspect is not told, it asks for; and it tries nothing.
func TestReportSaysWhatIsNotKnown(t *testing.T) {
	key := redoxtest.NewKey("1", "RS256")
	keys := redoxtest.NewKeyServer(key)
	defer keys.Close()
	google := redoxtest.NewGoogle()
	defer google.Close()
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	for _, tt := range []struct {
		name   string
		sender func(url string) redoxtest.Signer
		want   []string
	}{
		{"verification token", func(string) redoxtest.Signer { return redoxtest.VerificationToken{Token: "theToken4Tests"} },
			[]string{"start inspect with -token or $REDOX_TOKENS"}},
		{"SigV4", func(string) redoxtest.Signer { return sender },
			[]string{"start inspect with -secret-key or $SIGV4_SECRET_KEY", "it is the dashboard's secretKey"}},
		{"JWT", func(string) redoxtest.Signer {
			return &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{"us"}}
		},
			[]string{"does not show where the keys are published", `os.Getenv("JWT_JWKS_URL")`, "-jwks URL or -keys FILE"}},
		{"JWT with jku", func(string) redoxtest.Signer {
			return &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{"us"}, JKU: keys.JWKSURL}
		},
			[]string{"which nobody has checked", keys.JWKSURL, "-jwks URL or -keys FILE"}},
		{"JWT with HMAC", func(string) redoxtest.Signer {
			return &redoxtest.JWTBearer{Key: redoxtest.NewKey("", "HS256"), Issuer: "https://redox.example", Audience: []string{"us"}}
		},
			[]string{"start inspect with -secret or $JWT_SECRET"}},
		{"grant", func(url string) redoxtest.Signer {
			return &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Subject: "redox", TokenURL: url + "/token"}
		},
			[]string{"inspect's own making", "TOKEN_SECRETS is yours", "-jwks URL or -keys FILE"}},
		{"OAuth", func(url string) redoxtest.Signer {
			return &redoxtest.ClientCredentials{URL: url + "/token", ClientID: "redox", ClientSecret: "theClientSecret4Tests"}
		},
			[]string{"HTTP Basic, client ID \"redox\"", "it is the dashboard's clientSecret", "-client-secret or $OAUTH_CLIENT_SECRETS"}},
		{"SMART", func(url string) redoxtest.Signer {
			return &redoxtest.SMARTBackend{URL: url + "/token", ClientID: "redox", Key: redoxtest.NewKey("s", "ES384")}
		},
			[]string{"-jwks URL or -keys FILE", `os.Getenv("SMART_JWKS_URL")`}},
		{"Google", func(string) redoxtest.Signer {
			return &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL}
		},
			[]string{"only Google knows whose it is", "uniqueId", "-accounts or $GCP_SERVICE_ACCOUNTS", "names no audience"}},
	} {
		endpoint, out := started(t, nil)
		if status, err := send(t.Context(), endpoint, tt.sender(strings.TrimSuffix(endpoint, "/redox"))); err != nil || status != http.StatusServiceUnavailable {
			t.Errorf("%s: answered %d, %v", tt.name, status, err)
		}
		contains(t, out.String(), append(tt.want, "proves nothing", "not tried")...)
		if strings.Contains(out.String(), "4Tests") {
			t.Errorf("%s: the output shows a secret:\n%s", tt.name, out)
		}
	}
	if n := keys.Fetches(); n != 0 {
		t.Errorf("inspect has followed the jku of a token %d times", n)
	}
	if n := google.Calls(google.TokenInfoURL); n != 0 {
		t.Errorf("inspect has asked Google %d times", n)
	}
}

// An audience that is the issuer itself does not name the receiver: RFC 7519, Section 4.1.3.
func TestAudienceThatIsTheIssuer(t *testing.T) {
	const note = "note: aud is the issuer itself, and should name the receiver"
	key := redoxtest.NewKey("1", "RS256")
	for _, strategy := range []string{"jwtbearer", "clientcredentials"} {
		for audience, want := range map[string]bool{"redox": true, "us": false} {
			endpoint, out := started(t, nil, "-strategy", strategy)
			s := &redoxtest.JWTBearer{Key: key, Issuer: "redox", Audience: []string{audience}}
			if _, err := send(t.Context(), endpoint, s); err != nil {
				t.Fatal(err)
			}
			contains(t, out.String(), "AUDIENCE='"+audience+"'")
			if strings.Contains(out.String(), note) != want {
				t.Errorf("%s, audience %q: want the note: %t, got\n%s", strategy, audience, want, out)
			}
		}
	}
}

// The variables name the file of -keys, and say how destination gets them.
func TestVariablesNameTheKeysFile(t *testing.T) {
	key := redoxtest.NewKey("1", "RS256")
	name := file(t, key.PEM())
	var out bytes.Buffer
	front := newFront(t)
	front.serve(newInspector(must(parse([]string{"-listen", "localhost:8081", "-url", front.URL + "/redox", "-keys", name}, func(string) string { return "" })), &out))
	if _, err := send(t.Context(), front.URL+"/redox", &redoxtest.JWTBearer{Key: key, Issuer: "https://redox.example", Audience: []string{"us"}}); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "\nJWT_KEYS_FILE='"+name+"'\n", "set -a; the lines above; go run ./examples/destination -listen localhost:8081\n")
	if strings.Contains(out.String(), "JWT_JWKS_URL") {
		t.Errorf("got\n%s", &out)
	}
}

// With a wrong secret the trial is a refusal, explained.
func TestTrialExplainsARefusal(t *testing.T) {
	endpoint, out := started(t, map[string]string{"SIGV4_SECRET_KEY": "wrong", "OAUTH_CLIENT_SECRETS": "wrong", "JWT_SECRET": strings.Repeat("wrong", 8)})
	base := strings.TrimSuffix(endpoint, "/redox")
	for _, s := range []redoxtest.Signer{sender,
		&redoxtest.ClientCredentials{URL: base + "/token", ClientID: "redox", ClientSecret: "theClientSecret4Tests"},
		&redoxtest.JWTBearer{Key: redoxtest.NewKey("", "HS256"), Issuer: "https://redox.example", Audience: []string{"us"}}} {
		out.Reset()
		if _, err := send(t.Context(), endpoint, s); err != nil {
			t.Error(err)
		}
		contains(t, out.String(), "by this Config:\n")
		if strings.Contains(out.String(), "accepted with this Config") || strings.Contains(out.String(), "wrongwrong") || strings.Contains(out.String(), "4Tests") {
			t.Errorf("got\n%s", out)
		}
	}
}

// A proxy that strips a prefix and replaces Host needs two fields of sigv4.Config.
func TestTrialFindsTheFieldsForAProxy(t *testing.T) {
	front := newFront(t)
	var out bytes.Buffer
	s := must(parse([]string{"-url", front.URL + "/api/redox", "-secret-key", sender.SecretKey}, func(string) string { return "" }))
	i := newInspector(s, &out)
	front.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.RequestURI, r.URL.Path = "internal:8080", "/redox", "/redox"
		i.ServeHTTP(w, r)
	}))
	if _, err := send(t.Context(), front.URL+"/api/redox", sender); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "accepted with this Config", `PathPrefix:`, `"/api"`, "Hosts:", "a proxy has replaced it", "SIGV4_PATH_PREFIX='/api'")
}

func TestTokenRequestsThatCannotBeAccepted(t *testing.T) {
	for want, form := range map[string]url.Values{
		"set grantTypeName in the dashboard to grant_type":       {"type": {"client_credentials"}, "client_id": {"redox"}},
		"set clientIdName in the dashboard to client_id":         {"grant_type": {"client_credentials"}, "id": {"redox"}, "secret": {"theSecret4Tests"}},
		"is not one that a token endpoint of this library takes": {"grant_type": {"password"}, "username": {"redox"}, "password": {"thePassword4Tests"}},
		"the assertion is no JWT":                                {"grant_type": {"client_credentials"}, "client_assertion": {"theAssertion4Tests"}},
		"audience and resource name several APIs":                {"grant_type": {"client_credentials"}, "client_id": {"redox"}, "audience": {"a"}, "resource": {"b"}},
		"only Google can answer it":                              {"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {"theToken4Tests"}},
		"credentials: none that inspect knows":                   {"grant_type": {"client_credentials"}},
	} {
		endpoint, out := started(t, nil)
		response, err := http.PostForm(endpoint, form)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		contains(t, out.String(), want)
		if response.StatusCode != http.StatusOK || strings.Contains(out.String(), "4Tests") {
			t.Errorf("answered %s\n%s", response.Status, out)
		}
	}
}

// A stranger may find the URL.
func TestStrangersAreBounded(t *testing.T) {
	s := must(parse([]string{"-url", "https://dev.example/redox"}, func(string) string { return "" }))
	var out bytes.Buffer
	i := newInspector(s, &out)
	post := func(contentType, body string, header ...string) {
		r := httptest.NewRequest("POST", "/redox", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		for n := 0; n < len(header); n += 2 {
			r.Header.Set(header[n], header[n+1])
		}
		i.ServeHTTP(httptest.NewRecorder(), r)
	}
	esc, huge := "\x1b]0;owned\x07", strings.Repeat("é{}<script>", 3000)
	post("text/"+esc, "{}", "User-Agent", esc, "Authorization", "Bearer "+esc, "Verification-Token", esc)
	post(huge, huge, "Authorization", "AWS4-HMAC-SHA256 Credential="+huge+"/20260101/a/b/aws4_request, SignedHeaders="+strings.Repeat("a;", 9000)+", Signature=1", "User-Agent", huge)
	post("application/json", `{"grant_type":`+strings.Repeat("[", 9000))
	for n := range 2000 {
		post("application/x-www-form-urlencoded", fmt.Sprintf("grant_type=client_credentials&client_id=%d", n))
	}
	if strings.ContainsAny(out.String(), "\x1b\x07") {
		t.Error("a peer's control characters are printed")
	}
	if n := strings.Count(out.String(), "======== request"); n > 2*reportsPer || out.Len() > 2*reportsPer*maxReport {
		t.Errorf("%d reports of %d bytes are printed", n, out.Len())
	}
	if len(i.issued) > 100 || len(i.order) > 100 {
		t.Errorf("%d tokens are remembered", len(i.issued))
	}
}

// Placeholders are unguessable, so a peer cannot make inspect put a secret into its output.
func TestPeersCannotNameVariables(t *testing.T) {
	endpoint, out := started(t, map[string]string{"JWT_SECRET": strings.Repeat("theSecret4Tests", 3)})
	for _, name := range []string{"JWT_SECRET", "$JWT_SECRET", `" + os.Getenv("JWT_SECRET") + "`, "\x00JWT_SECRET"} {
		out.Reset()
		if _, err := send(t.Context(), endpoint, &redoxtest.JWTBearer{Key: redoxtest.NewKey("", "HS256"), Issuer: name, Subject: name, Audience: []string{name}}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "4Tests") || strings.Contains(out.String(), "Issuer:     os.Getenv") {
			t.Errorf("%q:\n%s", name, out)
		}
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for want, args := range map[string]string{
		"-url is required":           "",
		"want an absolute URL":       "-url dev.example/redox",
		"want one of verifytoken":    "-url https://dev.example/redox -strategy saml",
		"unexpected argument":        "-url https://dev.example/redox secret",
		"-keys: open /does/not/exis": "-url https://dev.example/redox -keys /does/not/exist",
	} {
		_, err := parse(strings.Fields(args), func(string) string { return "" })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", args, err, want)
		}
	}
}

// Every field that has a variable exists.
func TestVariablesAreOfFields(t *testing.T) {
	fields := map[string]bool{}
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		fields[path] = true
		if typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() == reflect.Struct {
			for n := range typ.NumField() {
				walk(typ.Field(n).Type, path+"."+typ.Field(n).Name)
			}
		}
	}
	for _, c := range []any{sigv4.Config{}, jwtbearer.Config{}, jwtbearer.EndpointConfig{}, clientcredentials.Config{}, clientcredentials.IntrospectionConfig{},
		clientcredentials.EndpointConfig{}, smartbackend.EndpointConfig{}, gcpjwt.Config{}, wif.Config{}} {
		walk(reflect.TypeOf(c), reflect.TypeOf(c).String())
	}
	for field := range destinationVariables {
		if !fields[field] {
			t.Errorf("there is no %s", field)
		}
	}
}
