package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A settings holds the flags.
type settings struct {
	strategy, url, message, method string
	challenge                      bool
	timeout                        time.Duration

	secret                                           string
	accessKey, sessionToken, region, service         string
	declareHash                                      bool
	keyFile, kid, algorithm                          string
	issuer, subject, audience, scopes                string
	tokenURL, clientID, contentType, resource        string
	noBasic                                          bool
	account, targetAudience                          string
	impersonationURL, subjectToken, subjectTokenType string
}

// strategies are the values of -strategy besides handshake, each with the flags that its
// sender uses.
var strategies = []struct {
	name, flags string
	sender      func(*settings) (redoxtest.Sender, error)
}{
	{"verifytoken", "-secret", func(s *settings) (redoxtest.Sender, error) {
		return redoxtest.VerificationToken{Token: s.secret}, nil
	}},
	{"sigv4", "-access-key -secret -region -service [-session-token] [-declare-hash]", func(s *settings) (redoxtest.Sender, error) {
		return redoxtest.SigV4{
			AccessKey: s.accessKey, SecretKey: s.secret, SessionToken: s.sessionToken,
			AWSRegion: s.region, ServiceName: s.service, DeclarePayloadHash: s.declareHash,
		}, nil
	}},
	// With -token-url it is the RFC 7523 grant.
	{"jwtbearer", "-key|-secret [-kid] [-algorithm] -issuer [-subject] -audience [-scopes] [-token-url]", func(s *settings) (redoxtest.Sender, error) {
		key, err := s.key("RS256")
		return &redoxtest.JWTBearer{
			Key: key, Issuer: s.issuer, Subject: s.subject, Audience: strings.Fields(s.audience),
			Scopes: strings.Fields(s.scopes), TokenURL: s.tokenURL,
		}, err
	}},
	{"clientcredentials", "-token-url -client-id -secret [-scopes] [-audience] [-resource] [-content-type] [-no-basic]", func(s *settings) (redoxtest.Sender, error) {
		return &redoxtest.ClientCredentials{
			URL: s.tokenURL, ClientID: s.clientID, ClientSecret: s.secret, Scopes: strings.Fields(s.scopes),
			Audience: s.audience, Resource: s.resource, ContentType: s.contentType, NoBasic: s.noBasic,
		}, nil
	}},
	{"smartbackend", "-token-url -client-id -key [-kid] [-algorithm] [-audience] [-scopes]", func(s *settings) (redoxtest.Sender, error) {
		key, err := s.key("RS384")
		return &redoxtest.SMARTBackend{
			URL: s.tokenURL, ClientID: s.clientID, Key: key, Audience: s.audience, Scopes: strings.Fields(s.scopes),
		}, err
	}},
	{"gcpjwt", "-account -key [-kid] [-algorithm] [-token-url] [-audience] [-scopes]", func(s *settings) (redoxtest.Sender, error) {
		key, err := s.key("RS256")
		return &redoxtest.GCPJWT{
			Email: s.account, Key: key, TokenURL: s.tokenURL, TargetAudience: s.audience, Scopes: strings.Fields(s.scopes),
		}, err
	}},
	{"wif", "[-token-url] [-impersonation-url] -audience -subject-token [-subject-token-type] [-scopes] [-target-audience]", func(s *settings) (redoxtest.Sender, error) {
		return &redoxtest.WIF{
			Audience: s.audience, TokenURL: s.tokenURL, ServiceAccountImpersonationURL: s.impersonationURL,
			Scope: strings.Fields(s.scopes), TargetAudience: s.targetAudience, SubjectTokenType: s.subjectTokenType,
			SubjectToken: func(context.Context) (string, error) {
				token, err := os.ReadFile(s.subjectToken)
				return strings.TrimSpace(string(token)), err
			},
		}, nil
	}},
}

func names() string {
	list := "handshake"
	for _, s := range strategies {
		list += ", " + s.name
	}
	return list
}

// flags returns the flags, which set s.
func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet("sendas", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "Usage: sendas -url URL -strategy and its flags; [those in brackets] are optional:")
		fmt.Fprintln(f.Output(), "  -strategy handshake -secret [-method]")
		for _, strategy := range strategies {
			fmt.Fprintf(f.Output(), "  -strategy %s %s\n", strategy.name, strategy.flags)
		}
		f.PrintDefaults()
	}
	f.StringVar(&s.strategy, "strategy", "", "`name` of what to send: "+names())
	f.StringVar(&s.url, "url", "", "`URL` of the destination")
	f.StringVar(&s.message, "message", "", "`file` with the message; default a sample")
	f.StringVar(&s.method, "method", "POST", "HTTP method of a handshake: POST or GET")
	f.BoolVar(&s.challenge, "challenge", false, "send the handshake of a destination without a verification token, proven by -strategy, and no message")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "limit for all requests together")
	f.StringVar(&s.secret, "secret", "", "verification token, secret key, client secret or HMAC `secret`; default $SENDAS_SECRET")
	f.StringVar(&s.accessKey, "access-key", "", "access key ID: accessKey of the dashboard")
	f.StringVar(&s.sessionToken, "session-token", "", "session token: sessionToken of the dashboard")
	f.StringVar(&s.region, "region", "", "AWS region: awsRegion of the dashboard")
	f.StringVar(&s.service, "service", "", "AWS service: serviceName of the dashboard")
	f.BoolVar(&s.declareHash, "declare-hash", false, "send the hash of the body in x-amz-content-sha256")
	f.StringVar(&s.keyFile, "key", "", "PEM `file` with the private key that signs the JWT")
	f.StringVar(&s.kid, "kid", "", "key ID of the JWT header (kid)")
	f.StringVar(&s.algorithm, "algorithm", "", "algorithm of the JWT header (alg); default RS256, or HS256 with -secret, or RS384 for smartbackend")
	f.StringVar(&s.issuer, "issuer", "", "issuer of the JWT (iss)")
	f.StringVar(&s.subject, "subject", "", "subject of the JWT (sub)")
	f.StringVar(&s.audience, "audience", "", "audience of the JWT (aud), of the token request, or of the ID token; for wif the provider")
	f.StringVar(&s.scopes, "scopes", "", "scopes of the token request, separated by spaces")
	f.StringVar(&s.tokenURL, "token-url", "", "URL of the token endpoint: url or token_url of the dashboard")
	f.StringVar(&s.clientID, "client-id", "", "client ID: clientId of the dashboard")
	f.StringVar(&s.contentType, "content-type", "", "content type of the token request: contentType of the dashboard")
	f.StringVar(&s.resource, "resource", "", "resource of the token request: resource of the dashboard")
	f.BoolVar(&s.noBasic, "no-basic", false, "send the client secret in the body: noBasic of the dashboard")
	f.StringVar(&s.account, "account", "", "e-mail address of the service account")
	f.StringVar(&s.targetAudience, "target-audience", "", "audience of an ID token to ask for; default an access token")
	f.StringVar(&s.impersonationURL, "impersonation-url", "", "URL that impersonates the account: service_account_impersonation_url of the dashboard")
	f.StringVar(&s.subjectToken, "subject-token", "", "`file` with the token of the sender's own identity")
	f.StringVar(&s.subjectTokenType, "subject-token-type", "", "type of the subject token; default urn:ietf:params:oauth:token-type:jwt")
	return f
}

func parse(args []string) (*settings, error) {
	s := &settings{}
	f := s.flags()
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	s.secret = cmp.Or(s.secret, os.Getenv("SENDAS_SECRET")) // no default of the flag: -h would print it
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: see -help", f.Arg(0))
	}
	if !strings.HasPrefix(s.url, "http://") && !strings.HasPrefix(s.url, "https://") {
		return nil, fmt.Errorf("-url %q: want https:// or http:// at the beginning", s.url)
	}
	return s, nil
}

func (s *settings) sender() (redoxtest.Sender, error) {
	for _, strategy := range strategies {
		if strategy.name == s.strategy {
			return strategy.sender(s)
		}
	}
	return nil, fmt.Errorf("-strategy %q is not one of %s", s.strategy, names())
}

// key returns the key in the file, or else the secret. The algorithm is for a key in a
// file, unless a flag names another.
func (s *settings) key(algorithm string) (redoxtest.Key, error) {
	if s.keyFile == "" && s.secret == "" {
		return redoxtest.Key{}, errors.New("-key or -secret is required")
	}
	if s.keyFile == "" {
		return redoxtest.Key{ID: s.kid, Algorithm: cmp.Or(s.algorithm, "HS256"), Secret: []byte(s.secret)}, nil
	}
	data, err := os.ReadFile(s.keyFile)
	if err != nil {
		return redoxtest.Key{}, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return redoxtest.Key{}, fmt.Errorf("%s: no PEM block", s.keyFile)
	}
	signer, err := parsePrivateKey(block)
	if err != nil {
		return redoxtest.Key{}, fmt.Errorf("%s: %w", s.keyFile, err)
	}
	return redoxtest.Key{ID: s.kid, Algorithm: cmp.Or(s.algorithm, algorithm), Signer: signer}, nil
}

func parsePrivateKey(block *pem.Block) (crypto.Signer, error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("not a signing key")
	}
	return signer, nil
}
