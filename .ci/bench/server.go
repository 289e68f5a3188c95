package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A server is a child process with one processor. It runs this program.
type server struct {
	command *exec.Cmd
	stdin   io.Closer
	address string
}

// serverVariable tells a child that it is the server, and holds the JWK Set.
const serverVariable = "REDOXAUTH_BENCH_SERVER"

func startServer() *server {
	c := exec.Command(must(os.Executable()))
	c.Env = append(os.Environ(), "GOMAXPROCS=1", serverVariable+"="+string(redoxtest.JWKS(signingKey())))
	c.Stderr = os.Stderr
	stdin, stdout := must(c.StdinPipe()), must(c.StdoutPipe())
	check(c.Start())
	address := must(bufio.NewReader(stdout).ReadString('\n'))
	return &server{c, stdin, strings.TrimSpace(address)}
}

func (s *server) stop() {
	s.stdin.Close()
	check(s.command.Wait())
}

// A usage is what the server has used.
type usage struct {
	Processor time.Duration // since it started
	Allocated uint64        // bytes since it started
	Peak      int64         // the most bytes of memory at one time
}

func (s *server) usage() (u usage) {
	res := must(http.Get("http://" + s.address + "/usage"))
	defer res.Body.Close()
	check(json.NewDecoder(res.Body).Decode(&u))
	return u
}

// serve is the server. It ends with its parent.
func serve(jwks []byte) {
	mux := http.NewServeMux()
	for name, h := range handlers(jwks) {
		mux.Handle("/"+name, h)
	}
	mux.HandleFunc("/usage", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(currentUsage())
	})
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	s := http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute}
	check(s.Serve(l))
}

func currentUsage() usage {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(allocated)
	// Not the resource usage's maxrss: a process inherits that of its parent.
	_, peak, _ := strings.Cut(string(must(os.ReadFile("/proc/self/status"))), "VmHWM:")
	var kB int64
	must(fmt.Sscan(peak, &kB))
	return usage{processorTime(), allocated[0].Value.Uint64(), kB << 10}
}

// handlers protect a handler that reads its body.
func handlers(jwks []byte) map[string]http.Handler {
	plain := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	type key struct{}
	wrapper := func(w http.ResponseWriter, r *http.Request) {
		plain(w, r.WithContext(context.WithValue(r.Context(), key{}, "somebody")))
	}
	bearer := func(verify func(token string) error) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok || verify(token) != nil {
				http.Error(w, "", http.StatusUnauthorized)
				return
			}
			plain(w, r)
		})
	}
	var public rsa.PublicKey
	set := must(jwk.Parse(jwks))
	first, _ := set.Key(0)
	check(first.Raw(&public))
	resign := resigner()
	return map[string]http.Handler{
		"plain":       plain,
		"wrapper":     http.HandlerFunc(wrapper),
		"verifytoken": newVerifytoken().Wrap(plain),
		"sigv4":       newSigV4().Wrap(plain),
		"jwtbearer":   newJWTBearer(jwks).Wrap(plain),
		"first-use":   redoxauth.Middleware(forgetting(func() redoxauth.Verifier { return newJWTBearer(jwks) }), nil)(plain),
		"issued":      newIssuedVerifier().Wrap(plain),
		"golang-jwt":  bearer(golangJWT(&public)),
		"jwx":         bearer(jwx(jwks)),
		"aws-sdk": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := resign(r)
			if err != nil {
				http.Error(w, "", http.StatusUnauthorized)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			plain(w, r)
		}),
	}
}
