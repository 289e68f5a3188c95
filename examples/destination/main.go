// Command destination is a Redox destination: a server that verifies messages by all
// seven proofs. Each proof has its own path, and every path answers Redox's handshake.
//
// Without arguments it starts on loopback, and the test kit plays Redox and its attackers:
// it sends genuine, forged, changed, old and replayed messages over HTTP. The command
// prints the answers, and exits with an error if an answer is not as expected.
//
//	go run ./examples/destination
//
// With -listen it serves real traffic until it is interrupted, and logs every decision.
// It speaks TLS if TLS_CERT and TLS_KEY name files. Otherwise a proxy must do TLS.
//
//	REDOX_TOKENS=theToken go run ./examples/destination -listen localhost:8080
//
// # Paths
//
//	/redox/verifytoken          messages with this proof, also on all paths below
//	/redox/sigv4
//	/redox/jwtbearer
//	/redox/clientcredentials
//	/redox/smartbackend
//	/redox/gcpjwt
//	/redox/wif
//	/token/jwtbearer            token endpoints: the field url of the dashboard
//	/token/clientcredentials
//	/token/smartbackend
//	/.well-known/smart-configuration
//	/healthz                    readiness: 503 until there are keys
//
// # Variables
//
// The command serves a proof if the first variable of its line is set. White space
// separates the items of a list.
//
//	REDOX_TOKENS     verification tokens, new and old; required
//	PUBLIC_URL       "https://host" of this server, as Redox sees it; for token endpoints
//	TOKEN_SECRETS    signing secrets of the token endpoints, 32 bytes or more each
//	ALLOW_HTTP       if set, key, introspection and Google URLs may be http; for tests
//
//	SIGV4_ACCESS_KEY SIGV4_SECRET_KEY SIGV4_REGION SIGV4_SERVICE SIGV4_SESSION_TOKEN SIGV4_HOSTS
//	  SIGV4_PATH_PREFIX SIGV4_DISABLE_PATH_NORMALIZATION SIGV4_DISABLE_DOUBLE_ENCODING
//	JWT_ISSUER JWT_AUDIENCE, JWT_JWKS_URL or JWT_SECRET, JWT_ALGORITHMS
//	GRANT_ISSUER GRANT_JWKS_URL GRANT_ALGORITHMS GRANT_SCOPES GRANT_AUDIENCES (assertions for /token/jwtbearer)
//	OAUTH_CLIENT_ID OAUTH_CLIENT_SECRETS OAUTH_SCOPES (our own token endpoint)
//	OAUTH_ISSUER OAUTH_AUDIENCE OAUTH_CLIENT_IDS OAUTH_JWKS_URL OAUTH_ALGORITHMS OAUTH_TYPES
//	OAUTH_INTROSPECTION_URL OAUTH_INTROSPECTION_ID OAUTH_INTROSPECTION_SECRET OAUTH_AUDIENCE OAUTH_CLIENT_IDS
//	SMART_CLIENT_ID SMART_JWKS_URL SMART_SCOPES SMART_AUDIENCES
//	GCP_SERVICE_ACCOUNTS GCP_AUDIENCE GCP_ACCESS_TOKENS
//	WIF_SERVICE_ACCOUNTS WIF_AUDIENCE WIF_ACCESS_TOKENS
//	GOOGLE_CERTS_URL GOOGLE_TOKENINFO_URL (for a fake Google)
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func main() {
	listen := flag.String("listen", "", "serve real traffic on this `address` instead of rehearsing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := func() error { return rehearse(ctx, os.Stdout) }
	if *listen != "" {
		run = func() error { return serve(ctx, *listen, os.Getenv) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "destination:", err)
		os.Exit(1)
	}
}

// serve serves until ctx is done. Messages in progress may finish.
func serve(ctx context.Context, address string, getenv func(string) string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg, err := fromEnvironment(getenv)
	if err != nil {
		return err
	}
	cfg.options.Observe = redoxauth.LogDecisions(log)
	handler, err := newDestination(cfg, log)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler,
		// The library bounds what it reads itself. These bounds are for peers that send
		// nothing. A message of 40 MB must arrive within ReadTimeout.
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() {
		if cert, key := getenv("TLS_CERT"), getenv("TLS_KEY"); cert != "" || key != "" {
			ended <- server.ServeTLS(l, cert, key)
		} else {
			ended <- server.Serve(l)
		}
	}()
	log.Info("listening", "address", l.Addr().String())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
