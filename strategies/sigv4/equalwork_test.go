package sigv4_test

import (
	"testing"

	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// If the refusal of an unknown access key ID cost less than that of a wrong signature, its time
// would tell a stranger which IDs are configured. A request of another day shows the work
// without a clock: the key of its day is derived and not kept, which takes many allocations for
// each secret. .ci/bench -timing measures the time.
func TestUnknownKeyCostsWhatAKnownKeyCosts(t *testing.T) {
	id := testSigner.key
	rotating := []sigv4.Credential{{AccessKeyID: id, SecretAccessKey: testSigner.secret}, {AccessKeyID: id, SecretAccessKey: "next"}}
	if one, two := allocations(t, rotating[:1], wrongSecret), allocations(t, rotating, wrongSecret); two < one+8 {
		t.Fatalf("%v allocations with one secret, and %v with two: they do not show the work", one, two)
	}
	for secrets, credentials := range map[string][]sigv4.Credential{"one secret": rotating[:1], "two secrets": rotating} {
		for fault, change := range map[string]func(*signer){
			"wrong secret":  wrongSecret,
			"in time":       func(s *signer) { s.secret, s.date = "wrong", testDate },
			"wrong region":  func(s *signer) { s.region = "nowhere" },
			"session token": func(s *signer) { s.token = "unexpected" },
		} {
			known, unknown := allocations(t, credentials, change), allocations(t, credentials, change, nobody)
			if diff := unknown - known; diff < -3 || diff > 3 { // with -race, sync.Pool forgets at random
				t.Errorf("%s, %s: %v allocations for a known ID, %v for an unknown one", secrets, fault, known, unknown)
			}
		}
	}
}

// allocations returns the allocations of a refusal of a request of another day.
func allocations(t *testing.T, credentials []sigv4.Credential, change ...func(*signer)) float64 {
	t.Helper()
	cfg := testConfig()
	cfg.Credentials = credentials
	v := newVerifier(t, cfg)
	r := scenario{signer: func(s *signer) {
		s.payload, s.date = "hash", testDate.AddDate(0, 0, -2)
		for _, f := range change {
			f(s)
		}
	}}.request()
	return testing.AllocsPerRun(1000, func() {
		if accepted(v, r) {
			t.Fatal("accepted")
		}
	})
}

// The work for an unknown ID is that for the first one. It may not end early because that one
// has a session token.
func TestUnknownKeyCostsWhatAKnownKeyCostsBesideASessionToken(t *testing.T) {
	credentials := []sigv4.Credential{{AccessKeyID: "AKIDFIRST", SecretAccessKey: "first", SessionToken: "token"}, {AccessKeyID: testSigner.key, SecretAccessKey: testSigner.secret}}
	known, unknown := allocations(t, credentials, wrongSecret), allocations(t, credentials, wrongSecret, nobody)
	if diff := unknown - known; diff < -3 || diff > 8 { // its error is another one
		t.Errorf("%v allocations for a known ID, %v for an unknown one", known, unknown)
	}
}

// The signature of a configured secret does not hold under another access key ID.
func TestRightSignatureUnderAnUnknownKey(t *testing.T) {
	for name, payload := range map[string]string{"hash declared": "hash", "hash not declared": ""} {
		send := func(id string) bool {
			return accepted(newVerifier(t, testConfig()), scenario{signer: func(s *signer) { s.payload, s.key = payload, id }}.request())
		}
		if send("AKIDNOBODY") || !send(testSigner.key) {
			t.Errorf("%s: want the right signature accepted under its own ID only", name)
		}
	}
}
