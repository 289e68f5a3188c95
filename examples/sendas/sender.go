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
	"slices"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A settings holds the flags.
type settings struct {
	strategy, url, message, method string
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

var strategies = []string{"handshake", "verifytoken", "sigv4", "jwtbearer", "clientcredentials", "smartbackend", "gcpjwt", "wif"}

func parse(args []string) (*settings, error) {
	s := &settings{}
	f := flag.NewFlagSet("sendas", flag.ContinueOnError)
	f.StringVar(&s.strategy, "strategy", "", "one of "+strings.Join(strategies, ", "))
	f.StringVar(&s.url, "url", "", "the destination's `URL`")
	f.StringVar(&s.message, "message", "", "`file` to send; default a sample")
	f.StringVar(&s.method, "method", "POST", "of the handshake: POST or GET")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "for all of it")
	f.StringVar(&s.secret, "secret", os.Getenv("SENDAS_SECRET"), "verification token, secret key, client secret or HMAC `secret`; better in SENDAS_SECRET")
	f.StringVar(&s.accessKey, "access-key", "", "sigv4: the dashboard's accessKey")
	f.StringVar(&s.sessionToken, "session-token", "", "sigv4: the dashboard's sessionToken")
	f.StringVar(&s.region, "region", "", "sigv4: the dashboard's awsRegion")
	f.StringVar(&s.service, "service", "", "sigv4: the dashboard's serviceName")
	f.BoolVar(&s.declareHash, "declare-hash", false, "sigv4: send x-amz-content-sha256")
	f.StringVar(&s.keyFile, "key", "", "PEM `file` with the private key that signs")
	f.StringVar(&s.kid, "kid", "", "its key ID")
	f.StringVar(&s.algorithm, "algorithm", "", "its algorithm; default RS256, or HS256 with -secret, or RS384 for smartbackend")
	f.StringVar(&s.issuer, "issuer", "", "jwtbearer: iss")
	f.StringVar(&s.subject, "subject", "", "jwtbearer: sub")
	f.StringVar(&s.audience, "audience", "", "aud, the OAuth parameter audience, that of an ID token, or the WIF provider")
	f.StringVar(&s.scopes, "scopes", "", "separated by spaces")
	f.StringVar(&s.tokenURL, "token-url", "", "the token endpoint: the dashboard's url or token_url")
	f.StringVar(&s.clientID, "client-id", "", "the dashboard's clientId")
	f.StringVar(&s.contentType, "content-type", "", "clientcredentials: the dashboard's contentType")
	f.StringVar(&s.resource, "resource", "", "clientcredentials: the dashboard's resource")
	f.BoolVar(&s.noBasic, "no-basic", false, "clientcredentials: the dashboard's noBasic")
	f.StringVar(&s.account, "account", "", "gcpjwt: e-mail address of the service account")
	f.StringVar(&s.targetAudience, "target-audience", "", "wif: ask for an ID token for this audience")
	f.StringVar(&s.impersonationURL, "impersonation-url", "", "wif: the dashboard's service_account_impersonation_url")
	f.StringVar(&s.subjectToken, "subject-token", "", "wif: `file` with the token of the own identity")
	f.StringVar(&s.subjectTokenType, "subject-token-type", "", "wif: its type")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: see -help", f.Arg(0))
	}
	if !slices.Contains(strategies, s.strategy) {
		return nil, fmt.Errorf("-strategy %q is not one of %s", s.strategy, strings.Join(strategies, ", "))
	}
	if !strings.HasPrefix(s.url, "http://") && !strings.HasPrefix(s.url, "https://") {
		return nil, fmt.Errorf("-url %q: want https:// or http:// at the beginning", s.url)
	}
	return s, nil
}

func (s *settings) sender() (redoxtest.Sender, error) {
	switch s.strategy {
	case "verifytoken":
		return redoxtest.VerificationToken{Token: s.secret}, nil
	case "sigv4":
		return redoxtest.SigV4{
			AccessKey: s.accessKey, SecretKey: s.secret, SessionToken: s.sessionToken,
			AWSRegion: s.region, ServiceName: s.service, DeclarePayloadHash: s.declareHash,
		}, nil
	case "clientcredentials":
		return &redoxtest.ClientCredentials{
			URL: s.tokenURL, ClientID: s.clientID, ClientSecret: s.secret, Scopes: strings.Fields(s.scopes),
			Audience: s.audience, Resource: s.resource, ContentType: s.contentType, NoBasic: s.noBasic,
		}, nil
	case "wif":
		return &redoxtest.WIF{
			Audience: s.audience, TokenURL: s.tokenURL, ServiceAccountImpersonationURL: s.impersonationURL,
			Scope: strings.Fields(s.scopes), TargetAudience: s.targetAudience, SubjectTokenType: s.subjectTokenType,
			SubjectToken: func(context.Context) (string, error) {
				token, err := os.ReadFile(s.subjectToken)
				return strings.TrimSpace(string(token)), err
			},
		}, nil
	}
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	switch s.strategy {
	case "gcpjwt":
		return &redoxtest.GCPJWT{
			Email: s.account, Key: key, TokenURL: s.tokenURL, TargetAudience: s.audience, Scopes: strings.Fields(s.scopes),
		}, nil
	case "smartbackend":
		return &redoxtest.SMARTBackend{
			URL: s.tokenURL, ClientID: s.clientID, Key: key, Audience: s.audience, Scopes: strings.Fields(s.scopes),
		}, nil
	default:
		return &redoxtest.JWTBearer{
			Key: key, Issuer: s.issuer, Subject: s.subject, Audience: strings.Fields(s.audience),
			Scopes: strings.Fields(s.scopes), TokenURL: s.tokenURL,
		}, nil
	}
}

func (s *settings) key() (redoxtest.Key, error) {
	if s.keyFile == "" && s.secret == "" {
		return redoxtest.Key{}, errors.New("-key or -secret is required")
	}
	if s.keyFile == "" {
		return redoxtest.Key{ID: s.kid, Algorithm: cmp.Or(s.algorithm, "HS256"), Secret: []byte(s.secret)}, nil
	}
	algorithm := "RS256"
	if s.strategy == "smartbackend" {
		algorithm = "RS384"
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
