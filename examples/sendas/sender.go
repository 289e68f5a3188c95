package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A sender of redoxtest.
type sender interface {
	redoxtest.Sender
	redoxtest.Signer
}

// A strategy is a value of -strategy, with the flags that its sender uses: required, one of two
// (a|b), or optional in brackets.
type strategy struct {
	name, flags string
	sender      func(*settings) (sender, error)
}

// strategies are all but handshake, which sends no message.
var strategies = []strategy{
	{"verifytoken", "-token", func(s *settings) (sender, error) {
		return redoxtest.VerificationToken{Token: s.token}, nil
	}},
	{"sigv4", "-access-key -secret -region -service [-session-token] [-declare-hash]", func(s *settings) (sender, error) {
		return redoxtest.SigV4{
			AccessKey: s.accessKey, SecretKey: s.secret, SessionToken: s.sessionToken,
			AWSRegion: s.region, ServiceName: s.service, DeclarePayloadHash: s.declareHash,
		}, nil
	}},
	// With -token-url it is the RFC 7523 grant, which needs -subject.
	{"jwtbearer", "-key|-secret [-kid] [-algorithm] -issuer [-subject] -audience|-token-url [-scopes]", func(s *settings) (sender, error) {
		key, err := s.key("RS256")
		return &redoxtest.JWTBearer{
			Key: key, Issuer: s.issuer, Subject: s.subject, Audience: strings.Fields(s.audience),
			Scopes: strings.Fields(s.scopes), TokenURL: s.tokenURL,
		}, err
	}},
	{"clientcredentials", "-token-url -client-id -secret [-scopes] [-audience] [-resource] [-content-type] [-no-basic]", func(s *settings) (sender, error) {
		return &redoxtest.ClientCredentials{
			URL: s.tokenURL, ClientID: s.clientID, ClientSecret: s.secret, Scopes: strings.Fields(s.scopes),
			Audience: s.audience, Resource: s.resource, ContentType: s.contentType, NoBasic: s.noBasic,
		}, nil
	}},
	{"smartbackend", "-token-url -client-id -key [-kid] [-algorithm] [-audience] [-scopes]", func(s *settings) (sender, error) {
		key, err := s.key("RS384")
		return &redoxtest.SMARTBackend{
			URL: s.tokenURL, ClientID: s.clientID, Key: key, Audience: s.audience, Scopes: strings.Fields(s.scopes),
		}, err
	}},
	{"gcpjwt", "-account -key [-kid] [-algorithm] [-token-url] [-audience] [-scopes]", func(s *settings) (sender, error) {
		key, err := s.key("RS256")
		return &redoxtest.GCPJWT{
			Email: s.account, Key: key, TokenURL: s.tokenURL, TargetAudience: s.audience, Scopes: strings.Fields(s.scopes),
		}, err
	}},
	{"wif", "[-token-url] [-impersonation-url] -audience -subject-token [-subject-token-type] [-scopes] [-target-audience]", func(s *settings) (sender, error) {
		token, err := os.ReadFile(s.subjectToken)
		if err != nil {
			return nil, fmt.Errorf("-subject-token: %w", err)
		}
		return &redoxtest.WIF{
			Audience: s.audience, TokenURL: s.tokenURL, ServiceAccountImpersonationURL: s.impersonationURL,
			Scope: strings.Fields(s.scopes), TargetAudience: s.targetAudience, SubjectTokenType: s.subjectTokenType,
			SubjectToken: func(context.Context) (string, error) { return strings.TrimSpace(string(token)), nil },
		}, nil
	}},
}

// sender returns the Sender of all strategies together.
func (s *settings) sender() (sender, error) {
	var all sender
	for _, name := range s.names() {
		i := slices.IndexFunc(strategies, func(st strategy) bool { return st.name == name })
		if i < 0 { // handshake
			return nil, nil
		}
		one, err := strategies[i].sender(s)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = one
		} else {
			all = redoxtest.Both(all, one)
		}
	}
	return all, nil
}
