package main

import (
	"context"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// What Redox, and who would like to pass for it, sends for each proof.

const verificationToken = "chosenByTheCustomer4Rehearsals"

func (h *rehearsal) verifytoken() {
	const proof = "verifytoken"
	h.cfg.token.Tokens = []string{verificationToken}

	handshake := func(token, method string) func(context.Context) (*http.Response, error) {
		return func(ctx context.Context) (*http.Response, error) {
			return handshake(ctx, h.url+"/redox/"+proof, token, method)
		}
	}
	h.expectSend(200, proof, "handshake by POST", handshake(verificationToken, http.MethodPost))
	h.expectSend(200, proof, "handshake by GET", handshake(verificationToken, http.MethodGet))
	h.expectSend(401, proof, "handshake, wrong token", handshake("guessed", http.MethodPost))
	h.expect(200, proof, "genuine", redoxtest.VerificationToken{Token: verificationToken})
	h.expect(401, proof, "no token", peer{})
	h.expect(401, proof, "forged: wrong token", redoxtest.VerificationToken{Token: "guessed"})
	h.expect(400, proof, "forged: two tokens", peer{"Verification-Token": {verificationToken, "guessed"}})
}

func (h *rehearsal) sigv4() {
	const proof = "sigv4"
	h.cfg.sigv4 = &sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: "REDOXEXAMPLE", SecretAccessKey: "aSecretKeyForRehearsals"}},
		Region:      "us-east-1",
		Service:     "execute-api",
		Replay:      replay.NewMemory(1000),
	}
	genuine := redoxtest.SigV4{
		AccessKey: "REDOXEXAMPLE", SecretKey: "aSecretKeyForRehearsals",
		AWSRegion: "us-east-1", ServiceName: "execute-api",
		DeclarePayloadHash: true,
	}
	altered := func(alter func(*redoxtest.SigV4)) redoxtest.SigV4 {
		s := genuine
		alter(&s)
		return s
	}
	h.expect(200, proof, "genuine", genuine)
	h.expect(200, proof, "genuine, payload hash not declared", altered(func(s *redoxtest.SigV4) { s.DeclarePayloadHash = false }))
	h.expect(401, proof, "no signature", peer{})
	h.expect(401, proof, "forged: wrong secret", altered(func(s *redoxtest.SigV4) { s.SecretKey = "guessed" }))
	h.expect(401, proof, "forged: unknown access key", altered(func(s *redoxtest.SigV4) { s.AccessKey = "SOMEBODY" }))
	h.expect(401, proof, "signed for another region", altered(func(s *redoxtest.SigV4) { s.AWSRegion = "eu-west-1" }))
	h.expect(401, proof, "tampered: body", middleman{Signer: altered(func(s *redoxtest.SigV4) { s.DeclarePayloadHash = false }), change: changeBody})
	h.expect(401, proof, "tampered: body, hash declared", middleman{Signer: genuine, change: changeBody})
	h.expect(401, proof, "tampered: query added", middleman{Signer: genuine, change: func(r *http.Request) { r.URL.RawQuery = "admin=true" }})
	h.expect(401, proof, "tampered: x-amz header added", middleman{Signer: genuine, change: func(r *http.Request) { r.Header.Set("X-Amz-Meta-Role", "admin") }})
	h.expect(401, proof, "stale: signed 10 minutes ago", altered(func(s *redoxtest.SigV4) { s.Now = ago(10 * time.Minute) }))
	h.expect(401, proof, "replayed", middleman{Signer: genuine, times: 2})
}
