package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// drills are all kinds of rotation, with what they need.
type drills struct {
	client  *http.Client
	all     []*drill
	closers []func()
	errs    []error
}

func (d *drills) close() {
	for _, c := range d.closers {
		c()
	}
}

func (d *drills) add(kind string, announced bool, v redoxauth.Verifier, err error) *drill {
	drill := &drill{kind: kind, announced: announced, late: map[string]int{}}
	drill.handler, err = mount(v, err)
	d.errs = append(d.errs, err)
	d.all = append(d.all, drill)
	return drill
}

// newest is a key that nothing has used yet, with the ID id.
func newest(id, algorithm string) redoxtest.Key {
	k := redoxtest.NewKey(rand.Text(), algorithm)
	k.ID = id
	return k
}

// invented is a JWT that nobody issued, in turn with an unknown kid, with the kid id and
// without one.
func invented(n int, id, claims string) string {
	header := fmt.Sprintf(`"kid":%q`, []string{rand.Text(), id}[n%2])
	if n%3 == 0 || header == `"kid":""` {
		header = `"typ":"JWT"`
	}
	return unsigned(header, fmt.Sprintf(`"jti":%q,%s`, rand.Text(), claims))
}

// bearer sends messages with such tokens.
func bearer(token func(n int) string) func(url string, n int) *http.Request {
	return func(url string, n int) *http.Request {
		r, err := http.NewRequest("POST", url, nil)
		must(err)
		r.Header.Set("Authorization", "Bearer "+token(n))
		return r
	}
}

func (d *drills) make(url string) error {
	d.publishedKeys(url)
	d.listedKeys(url)
	d.functions(url)
	d.tokenSecrets(url)
	d.smartClient(url)
	d.restartedIssuer(url)
	d.google(url)
	return errors.Join(d.errs...)
}

// publishedKeys rotates the keys of a JWK Set.
func (d *drills) publishedKeys(url string) {
	claims := fmt.Sprintf(`"iss":%q,"aud":%q`, issuer, url)
	for _, kind := range []struct {
		name  string
		key   func(n int) redoxtest.Key
		steps func(s *redoxtest.KeyServer, key func(int) redoxtest.Key) []step
	}{
		{"keys, announced", numbered, announce},
		{"keys, sudden, new kid", numbered, replace},
		{"keys, sudden, same kid", func(int) redoxtest.Key { return newest("same", "RS256") }, replace},
		{"keys, sudden, without kid", func(int) redoxtest.Key { return newest("", "RS256") }, replace},
	} {
		server := redoxtest.NewKeyServer(kind.key(0))
		server.SetCacheControl("max-age=5")
		if kind.name != "keys, announced" {
			server.SetCacheControl("max-age=86400") // no refresh helps
		}
		d.closers = append(d.closers, server.Close)
		fetches := &fetches{}
		keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, MinRefresh: 5 * time.Second, InsecureAllowHTTP: true, Client: fetches.client()})
		d.errs = append(d.errs, err)
		v, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: issuer, Audience: []string{url}})
		drill := d.add(kind.name, kind.name == "keys, announced", v, err)
		drill.fetches = fetches
		drill.sender = func() redoxtest.Sender {
			return &redoxtest.JWTBearer{Key: server.Key(), Issuer: issuer, Audience: []string{url}, Client: d.client}
		}
		drill.stranger = bearer(func(n int) string { return invented(n, server.Key().ID, claims) })
		drill.steps = kind.steps(server, kind.key)
	}
}

func numbered(n int) redoxtest.Key { return newest(fmt.Sprintf("k%d", n), "RS256") }

// replace replaces the only key, without a word.
func replace(s *redoxtest.KeyServer, key func(int) redoxtest.Key) (steps []step) {
	for n := range 5 {
		steps = append(steps, step{settle, func() { s.Rotate(key(n + 1)) }})
	}
	return steps
}

// announce publishes the next key before it is used, and the old one after that, for longer
// than max-age.
func announce(s *redoxtest.KeyServer, key func(int) redoxtest.Key) (steps []step) {
	for n := range 2 {
		next := key(n + 1)
		steps = append(steps,
			step{settle, func() { s.Rotate(s.Key(), next) }},
			step{settle, func() { s.Rotate(next, s.Key()) }},
			step{settle, func() { s.Rotate(next) }})
	}
	return steps
}

// listedKeys has the old and the new key in one PEM file and in one static JWK Set.
func (d *drills) listedKeys(url string) {
	old, next := newest("", "RS256"), newest("", "RS256")
	claims := fmt.Sprintf(`"iss":%q,"aud":%q`, issuer, url)
	for kind, parse := range map[string]func() (keyset.Set, error){
		"PEM, old and new":     func() (keyset.Set, error) { return keyset.ParsePEM(slices.Concat(old.PEM(), next.PEM())) },
		"JWK Set, old and new": func() (keyset.Set, error) { return keyset.ParseJWKS(redoxtest.JWKS(old, next)) },
	} {
		keys, err := parse()
		d.errs = append(d.errs, err)
		v, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: issuer, Audience: []string{url}})
		drill, signs := d.add(kind, true, v, err), old
		drill.sender = func() redoxtest.Sender {
			return &redoxtest.JWTBearer{Key: signs, Issuer: issuer, Audience: []string{url}, Client: d.client}
		}
		drill.stranger = bearer(func(n int) string { return invented(n, "", claims) })
		drill.steps = []step{{settle, func() { signs = next }}}
	}
}

// functions rotates secrets that a function supplies: old, both, new.
func (d *drills) functions(url string) {
	var listed atomic.Pointer[[]string]
	listed.Store(&[]string{"anOldSecretOf32BytesAndAFewMore1"})
	const next = "aNewSecretOf32BytesAndAFewMore12"
	signs := func() string { return (*listed.Load())[0] } // of the old and the new, the old
	steps := []step{
		{settle, func() { listed.Store(&[]string{signs(), next}) }},
		{listLife, func() { listed.Store(&[]string{next, signs()}) }},
		{settle, func() { listed.Store(&[]string{next}) }},
	}
	tokens, err := verifytoken.New(verifytoken.Config{TokensFunc: func(context.Context) ([]string, error) { return *listed.Load(), nil }})
	drill := d.add("secrets by function, verifytoken", true, tokens, err)
	drill.steps = steps // the others use the same list
	drill.sender = func() redoxtest.Sender { return redoxtest.VerificationToken{Token: signs(), Client: d.client} }

	credentials, err := sigv4.New(sigv4.Config{Region: "us-east-1", Service: "execute-api", CredentialsFunc: func(context.Context) (all []sigv4.Credential, err error) {
		for _, secret := range *listed.Load() {
			all = append(all, sigv4.Credential{AccessKeyID: "AK", SecretAccessKey: secret})
		}
		return all, nil
	}})
	drill = d.add("secrets by function, sigv4", true, credentials, err)
	drill.sender = func() redoxtest.Sender {
		return redoxtest.SigV4{AccessKey: "AK", SecretKey: signs(), AWSRegion: "us-east-1", ServiceName: "execute-api", Client: d.client}
	}

	secrets, err := jwtbearer.New(jwtbearer.Config{Issuer: issuer, Audience: []string{url}, SecretsFunc: func(context.Context) (all [][]byte, err error) {
		for _, secret := range *listed.Load() {
			all = append(all, []byte(secret))
		}
		return all, nil
	}})
	drill = d.add("secrets by function, jwtbearer", true, secrets, err)
	drill.sender = func() redoxtest.Sender {
		key := redoxtest.Key{Algorithm: "HS256", Secret: []byte(signs())}
		return &redoxtest.JWTBearer{Key: key, Issuer: issuer, Audience: []string{url}, Client: d.client}
	}
}

// A replicated is two replicas of a token endpoint, with the messages it issues tokens for.
// Requests go to them in turn. A new configuration restarts one after the other.
type replicated struct {
	mu       sync.Mutex
	replicas [2]http.Handler
	next     int
}

func (r *replicated) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	h := r.replicas[r.next%2]
	r.next++
	r.mu.Unlock()
	h.ServeHTTP(w, req)
}

// tokenSecrets rotates the secrets of the tokens that our own endpoint issues, in three
// steps: [old, new], [new, old], [new].
func (d *drills) tokenSecrets(url string) {
	replicas := &replicated{}
	restart := func(n int, names string) {
		var secrets [][]byte
		for _, name := range names {
			secrets = append(secrets, bytes.Repeat([]byte{byte(name)}, 32))
		}
		endpoint, err := clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
			Clients: []clientcredentials.Client{{ID: "redox", Secrets: []string{secret}}}, Issuer: url, Audience: url, TokenSecrets: secrets, Lifetime: 5 * time.Second,
		})
		must(err)
		verifier, err := endpoint.Verifier()
		must(err)
		messages, err := mount(verifier, nil)
		must(err)
		mux := http.NewServeMux()
		mux.Handle("/", messages)
		mux.Handle("/{drill}/token", endpoint)
		replicas.mu.Lock()
		defer replicas.mu.Unlock()
		replicas.replicas[n] = mux
	}
	restart(0, "o")
	restart(1, "o")
	drill := &drill{kind: "token secrets, three steps", announced: true, late: map[string]int{}, handler: replicas}
	d.all = append(d.all, drill)
	tokenURL := fmt.Sprintf("%s/%d/token", url, len(d.all)-1)
	var senders [8]redoxtest.Sender // some keep an old token while others get a new one
	for n := range senders {
		senders[n] = &redoxtest.ClientCredentials{URL: tokenURL, ClientID: "redox", ClientSecret: secret, Client: d.client}
	}
	turn := 0
	drill.sender = func() redoxtest.Sender { turn++; return senders[turn%len(senders)] }
	for _, names := range []string{"on", "no", "n"} {
		for n := range 2 {
			drill.steps = append(drill.steps, step{settle / 2, func() { restart(n, names) }})
		}
	}
}

// smartClient rotates the keys of a SMART client without announcing it.
func (d *drills) smartClient(base string) {
	server := redoxtest.NewKeyServer(newest("s0", "ES384"))
	d.closers = append(d.closers, server.Close)
	fetches := &fetches{}
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: server.JWKSURL, InsecureAllowHTTP: true, Client: fetches.client()})
	d.errs = append(d.errs, err)
	tokenURL := fmt.Sprintf("%s/%d/token", base, len(d.all))
	endpoint, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients: []smartbackend.Client{{ID: "redox", Keys: keys, Scopes: []string{"system/*.rs"}}}, TokenURL: tokenURL, Issuer: base, Audience: base,
		TokenSecrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Replay: replay.NewMemory(0),
	})
	if err != nil {
		d.errs = append(d.errs, err)
		return
	}
	v, err := endpoint.Verifier()
	drill := d.add("SMART client, sudden, new kid", false, v, err)
	drill.fetches = fetches
	mux := http.NewServeMux()
	mux.Handle("/", drill.handler)
	mux.Handle("/{drill}/token", endpoint)
	drill.handler = mux
	drill.sender = func() redoxtest.Sender { // a new assertion every time
		return &redoxtest.SMARTBackend{URL: tokenURL, ClientID: "redox", Key: server.Key(), Client: d.client}
	}
	drill.stranger = func(_ string, n int) *http.Request {
		assertion := invented(n, server.Key().ID, fmt.Sprintf(`"iss":"redox","sub":"redox","aud":%q`, tokenURL))
		form := url.Values{
			"grant_type": {"client_credentials"}, "client_assertion": {assertion},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}
		r, err := http.NewRequest("POST", tokenURL, strings.NewReader(form.Encode()))
		must(err)
		r.Header = formHeaders()
		return r
	}
	for n := range 5 {
		drill.steps = append(drill.steps, step{settle, func() { server.Rotate(newest(fmt.Sprintf("s%d", n+1), "ES384")) }})
	}
}

// restartedIssuer restarts a tenant's authorization server: it is away for two seconds, and
// comes back with a new key under the old kid. Tokens of its old key are worth nothing then.
func (d *drills) restartedIssuer(url string) {
	server := redoxtest.NewAuthorizationServer(newest("as", "ES256"))
	server.AddClient("redox", secret)
	server.SetCacheControl("max-age=86400")
	d.closers = append(d.closers, server.Close)
	fetches := &fetches{}
	keys, err := keyset.NewRemote(keyset.RemoteConfig{Issuer: server.Issuer, InsecureAllowHTTP: true, Client: fetches.client()})
	d.errs = append(d.errs, err)
	v, err := clientcredentials.New(clientcredentials.Config{Keys: keys, Issuer: server.Issuer, Audience: []string{url}, ClientIDs: []string{"redox"}})
	drill := d.add("issuer restarted, same kid", false, v, err)
	drill.fetches = fetches
	token := func() redoxtest.Sender {
		return &redoxtest.ClientCredentials{URL: server.TokenURL, ClientID: "redox", ClientSecret: secret, Audience: url, Client: d.client}
	}
	sender := token()
	drill.sender = func() redoxtest.Sender { return sender }
	claims := fmt.Sprintf(`"iss":%q,"aud":%q,"sub":"redox","client_id":"redox"`, server.Issuer, url)
	drill.stranger = bearer(func(n int) string { return invented(n, "as", claims) })
	for range 4 {
		drill.steps = append(drill.steps,
			step{settle, func() { server.Fail(redoxtest.Reset()) }},
			step{2 * time.Second, func() { server.Rotate(newest("as", "ES256")); server.Fail(nil); sender = token() }})
	}
}

// google rotates Google's keys without announcing it. Access tokens do not depend on them.
func (d *drills) google(url string) {
	google := redoxtest.NewGoogle()
	d.closers = append(d.closers, google.Close)
	account := google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	endpoints := gcpjwt.Endpoints{CertsURL: google.CertsURL, TokenInfoURL: google.TokenInfoURL}
	fetches := &fetches{}
	v, err := gcpjwt.New(gcpjwt.Config{ServiceAccounts: []string{account.ID}, Audience: []string{url}, Endpoints: endpoints, InsecureAllowHTTP: true, Client: fetches.client()})
	drill := d.add("Google's keys, sudden, ID token", false, v, err)
	drill.fetches = fetches
	drill.sender = func() redoxtest.Sender {
		return &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: google.TokenURL, TargetAudience: url, Client: d.client}
	}
	claims := fmt.Sprintf(`"iss":"https://accounts.google.com","aud":%q,"sub":%q,"email":%q,"email_verified":true`, url, account.ID, account.Email)
	drill.stranger = bearer(func(n int) string { return invented(n, google.Key().ID, claims) })
	for n := range 5 {
		drill.steps = append(drill.steps, step{settle, func() { google.Rotate(newest(fmt.Sprintf("g%d", n+1), "RS256")) }})
	}

	federated, err := wif.New(wif.Config{ServiceAccounts: []string{account.ID}, AccessTokens: true, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: true})
	drill = d.add("Google's keys, sudden, access token", true, federated, err)
	sender := &redoxtest.WIF{
		Audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
		TokenURL: google.STSURL, ServiceAccountImpersonationURL: google.ImpersonationURL(account.Email), Client: d.client, Lifetime: settle,
		SubjectToken: func(context.Context) (string, error) { return "any", nil },
	}
	drill.sender = func() redoxtest.Sender { return sender } // a new token every few seconds
	drill.stranger = bearer(func(int) string { return "ya29." + rand.Text() })
}
