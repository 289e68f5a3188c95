package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A settings holds the flags.
type settings struct {
	strategies, url, message, method string
	challenge                        bool
	timeout                          time.Duration

	token, secret                                    string
	accessKey, sessionToken, region, service         string
	declareHash                                      bool
	keyFile, kid, algorithm                          string
	issuer, subject, audience, scopes                string
	tokenURL, clientID, contentType, resource        string
	noBasic                                          bool
	account, targetAudience                          string
	impersonationURL, subjectToken, subjectTokenType string
}

// flags returns the flags, which set s.
func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet("sendas", flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintln(f.Output(), "Usage: sendas -url URL -strategy and its flags; [those in brackets] are optional:")
		fmt.Fprintln(f.Output(), "  -strategy handshake -token [-method]")
		for _, strategy := range strategies {
			fmt.Fprintf(f.Output(), "  -strategy %s %s\n", strategy.name, strategy.flags)
		}
		fmt.Fprintln(f.Output(), "-strategy verifytoken,NAME sends the token and the proof of NAME together.")
		f.PrintDefaults()
	}
	f.StringVar(&s.strategies, "strategy", "", "`name` of what to send, or two with a comma between them: "+strings.Join(known(), ", "))
	f.StringVar(&s.url, "url", "", "`URL` of the destination")
	f.StringVar(&s.message, "message", "", "`file` with the message; default a sample")
	f.StringVar(&s.method, "method", "POST", "HTTP method of a handshake: POST or GET")
	f.BoolVar(&s.challenge, "challenge", false, "send the handshake of a destination without a verification token, proven by -strategy, and no message")
	f.DurationVar(&s.timeout, "timeout", time.Minute, "limit for all requests together")
	f.StringVar(&s.token, "token", "", "verification `token`; default $SENDAS_TOKEN")
	f.StringVar(&s.secret, "secret", "", "secret key, client secret or HMAC `secret`; default $SENDAS_SECRET. With verifytoken or handshake alone it is another name of -token")
	f.StringVar(&s.accessKey, "access-key", "", "access key ID: accessKey of the dashboard")
	f.StringVar(&s.sessionToken, "session-token", "", "session token: sessionToken of the dashboard")
	f.StringVar(&s.region, "region", "", "AWS region: awsRegion of the dashboard")
	f.StringVar(&s.service, "service", "", "AWS service: serviceName of the dashboard")
	f.BoolVar(&s.declareHash, "declare-hash", false, "send the hash of the body in x-amz-content-sha256")
	f.StringVar(&s.keyFile, "key", "", "PEM `file` with the private key that signs the JWT")
	f.StringVar(&s.kid, "kid", "", "key ID of the JWT header (kid)")
	f.StringVar(&s.algorithm, "algorithm", "", "algorithm of the JWT header (alg); default the one that fits the key: for RSA RS256, or RS384 for smartbackend")
	f.StringVar(&s.issuer, "issuer", "", "issuer of the JWT (iss)")
	f.StringVar(&s.subject, "subject", "", "subject of the JWT (sub); required for jwtbearer with -token-url")
	f.StringVar(&s.audience, "audience", "", "audience of the JWT (aud), of the token request, or of the ID token; for wif the provider. The default for a JWT is -token-url")
	f.StringVar(&s.scopes, "scopes", "", "scopes of the token request, separated by spaces; default for smartbackend system/*.rs")
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

// common are the flags of every strategy.
var common = []string{"strategy", "url", "message", "method", "challenge", "timeout"}

func parse(args []string) (*settings, error) {
	s := &settings{}
	f := s.flags()
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: see -help", f.Arg(0))
	}
	var given []string
	f.Visit(func(f *flag.Flag) { given = append(given, f.Name) })
	// These are no defaults of the flags, because -h would print them.
	s.token = cmp.Or(s.token, os.Getenv("SENDAS_TOKEN"))
	s.secret = cmp.Or(s.secret, os.Getenv("SENDAS_SECRET"))
	if s.token == "" && (s.isHandshake() || s.strategies == "verifytoken") {
		s.token = s.secret
		given = slices.DeleteFunc(given, func(name string) bool { return name == "secret" })
	}
	return s, s.check(given)
}

// names returns the values of -strategy.
func (s *settings) names() []string { return strings.Split(s.strategies, ",") }

func (s *settings) isHandshake() bool { return s.strategies == "handshake" }

// known returns all names.
func known() []string {
	names := []string{"handshake"}
	for _, s := range strategies {
		names = append(names, s.name)
	}
	return names
}

// check returns everything that is wrong with the flags. given are those of the command line.
func (s *settings) check(given []string) error {
	set := slices.Clone(given)
	if s.token != "" {
		set = append(set, "token")
	}
	if s.secret != "" {
		set = append(set, "secret")
	}
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, f := range []struct{ name, value string }{{"url", s.url}, {"token-url", s.tokenURL}, {"impersonation-url", s.impersonationURL}} {
		u, err := url.Parse(f.value)
		if (f.name == "url" || f.value != "") && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			add("-%s %q: want https:// or http://, and a host", f.name, f.value)
		}
	}
	for _, f := range []struct{ name, value string }{ // sent in headers
		{"token", s.token}, {"access-key", s.accessKey}, {"session-token", s.sessionToken}, {"region", s.region}, {"service", s.service}, {"content-type", s.contentType},
	} {
		if i := strings.IndexFunc(f.value, unicode.IsControl); i >= 0 {
			add("-%s: a line break or another control character, at byte %d of %d", f.name, i+1, len(f.value))
		}
	}
	if s.method != "POST" && s.method != "GET" {
		add("-method %q: want POST or GET", s.method)
	} else if s.method == "GET" && !s.challenge && !s.isHandshake() {
		add("-method GET is for handshakes: Redox posts messages")
	}
	if s.timeout <= 0 {
		add("-timeout %v: want more than 0", s.timeout)
	}
	names, used := s.names(), slices.Clone(common)
	for _, name := range names {
		flags := "-token"
		if i := slices.IndexFunc(strategies, func(st strategy) bool { return st.name == name }); i >= 0 {
			flags = strategies[i].flags
		} else if name != "handshake" {
			add("-strategy %q is not one of %s", name, strings.Join(known(), ", "))
			return errors.Join(errs...)
		}
		for _, flags := range strings.Fields(flags) {
			alternatives := regexp.MustCompile(`[a-z][a-z-]*`).FindAllString(flags, -1)
			used = append(used, alternatives...)
			if flags[0] != '[' && !slices.ContainsFunc(alternatives, func(name string) bool { return slices.Contains(set, name) }) {
				add("%s is required for -strategy %s", strings.ReplaceAll(flags, "|", " or "), name)
			}
		}
	}
	if s.tokenURL != "" && s.subject == "" && slices.Contains(names, "jwtbearer") {
		add("-subject is required for -strategy jwtbearer with -token-url (RFC 7523, Section 3)")
	}
	switch {
	case len(names) == 2 && slices.Index(names, "verifytoken") >= 0 && names[0] != names[1] && !slices.Contains(names, "handshake"):
	case len(names) > 1:
		add("-strategy %s: want one, or verifytoken and one other: the others share the header Authorization", s.strategies)
	}
	for _, name := range given {
		if !slices.Contains(used, name) {
			add("-%s is not used with -strategy %s", name, s.strategies)
		}
	}
	return errors.Join(errs...)
}
