package main

import "testing"

func TestFirstFailed(t *testing.T) {
	for name, test := range map[string]struct {
		out  string
		want failed
	}{
		"a test":             {"--- FAIL: TestA (0.01s)\n    --- FAIL: TestA/sub (0.00s)\nFAIL\nFAIL\texample.com/p\t0.1s\nFAIL\n", failed{"example.com/p", "TestA"}},
		"a time-out":         {"panic: test timed out after 1s\n\trunning tests:\n\t\tTestA/sub (1s)\n\ngoroutine 7\nFAIL\texample.com/p\t1.0s\n", failed{"example.com/p", "TestA"}},
		"a goroutine":        {"panic: no\n\ngoroutine 7\nFAIL\texample.com/p\t0.1s\n", failed{"example.com/p", ""}},
		"nothing of a test":  {"ok  \texample.com/p\t0.1s\n", failed{}},
		"the second package": {"ok  \texample.com/p\t0.1s\n--- FAIL: ExampleB (0.00s)\nFAIL\nFAIL\texample.com/q\t0.1s\n", failed{"example.com/q", "ExampleB"}},
	} {
		if got := firstFailed(test.out); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestDefects(t *testing.T) {
	for _, test := range []struct {
		by, survives string
		want         bool
	}{
		{survived, "", true},
		{survived, "a reason", false},
		{byOwn, "", false},
		{byOwn, "a wrong reason", true},
		{byTimeout, "", false},
		{byTimeout, "a wrong reason", true},
		{broken, "", true},
		{broken, "a reason", true},
	} {
		o := outcome{by: test.by, mutant: mutant{survives: test.survives}}
		if got := o.defect(); got != test.want {
			t.Errorf("%q, reason %q: defect = %v", test.by, test.survives, got)
		}
	}
}
