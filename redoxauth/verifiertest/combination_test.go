package verifiertest_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// both sends two credentials.
type both []redoxtest.Signer

func (b both) Sign(r *http.Request) error {
	return errors.Join(b[0].Sign(r), b[1].Sign(r))
}

const accessKey, secretKey = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

func newSigV4() redoxauth.Verifier {
	v, err := sigv4.New(sigv4.Config{
		Credentials: []sigv4.Credential{{AccessKeyID: accessKey, SecretAccessKey: secretKey}},
		Region:      "us-east-1", Service: "redox",
	})
	if err != nil {
		panic(err)
	}
	return v
}

func signer(accessKey, secretKey string) redoxtest.SigV4 {
	return redoxtest.SigV4{AccessKey: accessKey, SecretKey: secretKey, ServiceName: "redox", AWSRegion: "us-east-1"}
}

// sigV4Suite sends requests that declare the hash of the body.
func sigV4Suite(v redoxauth.Verifier) verifiertest.Suite {
	sent := func(accessKey, secretKey string) func() *http.Request {
		s := signer(accessKey, secretKey)
		s.DeclarePayloadHash = true
		return request(s)
	}
	return verifiertest.Suite{
		New:        func() redoxauth.Verifier { return v },
		Genuine:    sent(accessKey, secretKey),
		Forged:     map[string]func() *http.Request{"wrong secret": sent(accessKey, "wrong")},
		UnknownKey: sent("AKIDOFNOBODY", "wrong"),
		Covers:     []string{"method", "host", "path", "query", "body", "header:X-Amz-Date", "header:Content-Type"},
		Secrets:    []string{secretKey},
	}
}

// The module's documentation advises these combinations.
func TestCombinationsKeepThePromises(t *testing.T) {
	byToken, err := verifytoken.New(verifytoken.Config{Tokens: []string{secretToken}})
	if err != nil {
		t.Fatal(err)
	}
	bySignature := newSigV4()
	rightToken, wrongToken := redoxtest.VerificationToken{Token: secretToken}, redoxtest.VerificationToken{Token: wrongToken}
	right, wrong, unknown := signer(accessKey, secretKey), signer(accessKey, "wrong"), signer("AKIDOFNOBODY", "wrong")
	covers := []string{"method", "host", "path", "query", "body", "header:X-Amz-Date", "header:Content-Type"}
	secrets := []string{secretKey, secretToken}

	any := redoxauth.AnyOf(byToken, bySignature)
	all := redoxauth.AllOf(byToken, bySignature)
	forgedEither := map[string]func() *http.Request{"wrong token": request(wrongToken), "wrong secret": request(wrong)}
	for name, s := range map[string]verifiertest.Suite{
		"SigV4 with a declared hash": sigV4Suite(bySignature),
		"AnyOf, token sent": {
			New: func() redoxauth.Verifier { return any }, Genuine: request(rightToken), Forged: forgedEither, Secrets: secrets,
		},
		"AnyOf, signature sent": {
			New: func() redoxauth.Verifier { return any }, Genuine: request(right), Forged: forgedEither,
			UnknownKey: request(unknown), Covers: covers, Secrets: secrets,
		},
		"AllOf": {
			New: func() redoxauth.Verifier { return all }, Genuine: request(both{rightToken, right}),
			Forged: map[string]func() *http.Request{
				"wrong token":  request(both{wrongToken, right}),
				"wrong secret": request(both{rightToken, wrong}),
				"no signature": request(rightToken),
			},
			UnknownKey: request(both{rightToken, unknown}), Covers: covers, Secrets: secrets,
		},
	} {
		t.Run(name, func(t *testing.T) { verifiertest.TestVerifier(t, s) })
	}
}
