package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/gcpjwt"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay/redisreplay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
	"github.com/redoxauth/redoxauth-go/strategies/wif"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const (
	token  = "chosenByTheCustomer4Soak"
	secret = "aSecretForTheSoakRun"
)

// A world is a destination, its dependencies and its senders. The destination is a process of
// its own, because the servers that it depends on remember each token that they issue.
type world struct {
	destination *process
	client      *http.Client
	keys        *redoxtest.KeyServer
	issuer      *redoxtest.AuthorizationServer
	google      *redoxtest.Google
	redis       *redisServer

	proofs []*proof

	mu   sync.Mutex
	down map[string][]outage // by dependency
}

// An outage of a dependency; end is zero while it lasts.
type outage struct{ begin, end time.Time }

func newWorld() (*world, error) {
	w := &world{down: map[string][]outage{}}
	var err error
	if w.redis, err = startRedis(); err != nil {
		return nil, err
	}
	w.client = &http.Client{Transport: genuineTransport(false), Timeout: patience}
	w.keys = redoxtest.NewKeyServer(redoxtest.NewKey("k1", "RS256"))
	w.keys.SetCacheControl("max-age=60")
	w.issuer = redoxtest.NewAuthorizationServer(redoxtest.NewKey("as1", "ES256"))
	w.issuer.Opaque = true
	w.issuer.Lifetime = time.Minute // so that new tokens arrive meanwhile
	w.issuer.AddClient("redox", secret, "messages")
	w.issuer.AddClient("us", secret)
	w.google = redoxtest.NewGoogle()
	account := w.google.AddServiceAccount("redox@customer.iam.gserviceaccount.com")
	smartKey := redoxtest.NewKey("s1", "ES384")
	w.destination, err = startProcess(settings{
		KeysURL: w.keys.JWKSURL, IntrospectionURL: w.issuer.IntrospectionURL,
		CertsURL: w.google.CertsURL, TokenInfoURL: w.google.TokenInfoURL, ServiceAccount: account.ID,
		Redis: w.redis.address, SMARTKeys: redoxtest.JWKS(smartKey),
	})
	if err != nil {
		w.close()
		return nil, err
	}
	w.enlist(w.destination.URL, account, smartKey)
	return w, nil
}

func (w *world) close() {
	if w.destination != nil {
		w.destination.stop()
	}
	w.keys.Close()
	w.issuer.Close()
	w.google.Close()
	w.redis.stop()
}

type silent struct{}

// Printf implements the logger of go-redis.
func (silent) Printf(context.Context, string, ...any) {}

// dependent is the handler of a destination whose dependencies fail now and then.
func (s settings) dependent(url string, feed http.Handler, observe func(*http.Request, redoxauth.Decision)) (http.Handler, error) {
	redis.SetLogger(silent{}) // it would log every outage
	mux := http.NewServeMux()
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	opts := &redoxauth.Options{Observe: observe}
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	handle := func(path string, handler http.Handler) func(redoxauth.Verifier, error) {
		return func(v redoxauth.Verifier, err error) {
			verified := redoxauth.Middleware(v, opts)(handler)
			mux.Handle(path, verified)
			mux.Handle(path+"/", verified) // some forgeries change the path
			check(err)
		}
	}
	store, err := redisreplay.New(redisreplay.Config{Client: redis.NewClient(&redis.Options{
		Addr: s.Redis, DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, MaxRetries: -1,
	})})
	check(err)
	keys, err := keyset.NewRemote(keyset.RemoteConfig{URL: s.KeysURL, InsecureAllowHTTP: true, MinRefresh: time.Second, MaxRefresh: 5 * time.Second})
	check(err)
	smartKeys, err := keyset.ParseJWKS(s.SMARTKeys)
	check(err)
	endpoints := gcpjwt.Endpoints{CertsURL: s.CertsURL, TokenInfoURL: s.TokenInfoURL}

	handle("/verifytoken", ok)(verifytoken.New(verifytoken.Config{Tokens: []string{token}}))
	handle("/sigv4", ok)(sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "AK", SecretAccessKey: secret}}, Region: "us-east-1", Service: "execute-api", Replay: store,
	}))
	handle("/jwtbearer", ok)(jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "https://redox.example", Audience: []string{url}}))
	opaque, err := clientcredentials.NewIntrospection(clientcredentials.IntrospectionConfig{
		URL: s.IntrospectionURL, ClientID: "us", ClientSecret: secret, Audience: []string{url}, ClientIDs: []string{"redox"},
		CacheTTL: time.Second, InsecureAllowHTTP: true,
	})
	handle("/clientcredentials", ok)(opaque, err)
	handle("/feed", feed)(opaque, err)
	handle("/gcpjwt", ok)(gcpjwt.New(gcpjwt.Config{
		ServiceAccounts: []string{s.ServiceAccount}, Audience: []string{url}, AccessTokens: true, Endpoints: endpoints, InsecureAllowHTTP: true,
	}))
	handle("/wif", ok)(wif.New(wif.Config{
		ServiceAccounts: []string{s.ServiceAccount}, AccessTokens: true, Endpoints: wif.Endpoints(endpoints), InsecureAllowHTTP: true,
	}))
	smart, err := smartbackend.NewTokenEndpoint(smartbackend.EndpointConfig{
		Clients:  []smartbackend.Client{{ID: "redox", Keys: smartKeys, Scopes: []string{"system/*.rs"}}},
		TokenURL: url + "/token", Issuer: url, Audience: url + "/smartbackend",
		TokenSecrets: [][]byte{bytes.Repeat([]byte("s"), 32)}, Replay: store,
		Lifetime: 15 * time.Second, // so that assertions are needed in outages too
	})
	if check(err); errors.Join(errs...) != nil {
		return nil, errors.Join(errs...)
	}
	mux.Handle("/token", smart)
	handle("/smartbackend", ok)(smart.Verifier())
	return mux, errors.Join(errs...)
}

// A redisServer is a redis-server on loopback that can be stopped and started again. As
// after a crash, it then has lost its memory.
type redisServer struct {
	address string
	cmd     *exec.Cmd
}

func startRedis() (*redisServer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &redisServer{address: l.Addr().String()}
	l.Close()
	return r, r.start()
}

func (r *redisServer) start() error {
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return err
	}
	r.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", os.TempDir())
	if err := r.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if c, err := net.Dial("tcp", r.address); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("redis-server does not listen on %s", r.address)
}

func (r *redisServer) stop() {
	r.cmd.Process.Kill()
	r.cmd.Wait()
}
