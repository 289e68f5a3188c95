package sigv4_test

import (
	"strings"
	"testing"
)

// A peer without a secret can send a request whose SignedHeaders lack host. To explain it must
// not damage the buffers that the next requests are verified with.
func TestExplainOfAnUnsignedHostHarmsNoOtherRequest(t *testing.T) {
	v := newVerifier(t, testConfig())
	for range 20 { // buffers come from a pool
		v.Verify(scenario{target: "/" + strings.Repeat("x", 4000), signer: wrongSecret}.request()) // makes them large
		got := v.Explain(scenario{signer: signed("content-type", "x-amz-date")}.request())
		if !strings.Contains(got, "\nsigned headers: host is absent, want it signed") || strings.Contains(got, "\nsignature: it holds") {
			t.Errorf("got:\n%s", got)
		}
		if _, err := v.Verify(scenario{}.request()); err != nil {
			t.Fatalf("a genuine request is refused afterwards: %v", err)
		}
	}
}
