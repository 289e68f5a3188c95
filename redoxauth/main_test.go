package redoxauth_test

import (
	"flag"
	"os"
	"testing"
)

// The parallel tests wait for stalled connections more than they compute.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16") // the command line may say otherwise
	os.Exit(m.Run())
}
