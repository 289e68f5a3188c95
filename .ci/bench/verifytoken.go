package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/http/httptest"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const verificationToken = "chosenByTheCustomer4Benchmarks"

func newVerifytoken() *verifytoken.Verifier {
	return must(verifytoken.New(verifytoken.Config{Tokens: []string{verificationToken}}))
}

func tokenContests() []contest {
	v := newVerifytoken()
	r := httptest.NewRequest(http.MethodPost, "/redox", nil)
	check(redoxtest.VerificationToken{Token: verificationToken}.Sign(r))
	stored, presented := sha256.Sum256([]byte(verificationToken)), []byte(verificationToken)
	return []contest{{"verification token", len(verificationToken), []contender{
		{"SHA-256 and compare", func() {
			sum := sha256.Sum256(presented)
			if subtle.ConstantTimeCompare(sum[:], stored[:]) != 1 {
				panic("differ")
			}
		}, nil},
		{"redoxauth verifytoken", func() { must(v.Verify(r)) }, []goal{
			{"× the limit", 1.7},
			{"allocs", 1}, // the Identity
		}},
	}}}
}
