package smartbackend_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/redoxauth/redoxauth-go/strategies/smartbackend"
)

// https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
func TestScopesNarrow(t *testing.T) {
	for _, c := range []struct{ allowed, requested, want string }{
		{"system/*.rs", "system/*.rs", "system/*.rs"},
		{"system/*.cruds", "system/Patient.rs", "system/Patient.rs"},
		{"system/Patient.rs", "system/*.rs", "system/Patient.rs"},
		{"system/Patient.rs system/Observation.r", "system/*.r", "system/Patient.r system/Observation.r"},
		{"system/Patient.rs", "system/Patient.cruds", "system/Patient.rs"},
		{"system/Patient.r system/Patient.s", "system/Patient.rs", "system/Patient.rs"},
		{"system/Patient.rs", "system/Patient.cud", ""},
		{"system/Patient.rs", "system/Observation.rs", ""},
		// Version 1 means: read is rs, write is cud, * is cruds.
		{"system/*.read", "system/Patient.rs", "system/Patient.rs"},
		{"system/*.rs", "system/Patient.read", "system/Patient.read"},
		{"system/*.cruds", "system/*.*", "system/*.*"},
		{"system/*.*", "system/*.write", "system/*.write"},
		{"system/*.rs", "system/*.*", "system/*.read"},
		{"system/*.r", "system/*.read", "system/*.r"},
		{"system/Patient.write", "system/*.*", "system/Patient.write"},
		{"system/*.r", "system/*.write", ""},
		// A query makes a scope smaller.
		{"system/Observation.rs", "system/Observation.rs?category=laboratory", "system/Observation.rs?category=laboratory"},
		{"system/Observation.rs?category=laboratory", "system/Observation.rs", "system/Observation.rs?category=laboratory"},
		{"system/Observation.rs?category=laboratory", "system/Observation.r?category=laboratory", "system/Observation.r?category=laboratory"},
		{"system/Observation.rs?category=laboratory", "system/Observation.rs?category=vital-signs", ""},
		{"system/*.rs?a=b", "system/Patient.r", "system/Patient.r?a=b"},
		// What is out of order or misspelt means nothing.
		{"system/*.cruds", "system/Patient.sr", ""},
		{"system/*.cruds", "system/Patient.rr", ""},
		{"system/*.cruds", "system/Patient.", ""},
		{"system/*.cruds", "system/Patient", ""},
		{"system/*.cruds", "system/patient.rs", ""},
		{"system/*.cruds", "system/.rs", ""},
		{"system/*.cruds", "system/**.rs", ""},
		{"system/*.cruds", "system/Patient.Read", ""},
		{"system/*.cruds", "System/Patient.rs", ""},
		{"system/*.cruds", "system/Patient.rs?", ""},
		{"system/*.cruds", "system/Patient.rs.x", ""},
		{"system/*.cruds", "system/Pat_ient.rs", ""},
		{"system/*.cruds", "system/Pati\u00e9nt.rs", ""},
		{"system/*.cruds", "system/Organization.rs system/Zone.rs", "system/Organization.rs system/Zone.rs"},
		// Contexts are apart.
		{"system/*.cruds", "user/Patient.r", ""},
		{"system/*.cruds", "patient/Patient.r", ""},
		{"other/*.cruds", "other/Patient.r", ""}, // no context of SMART
		{"other/*.cruds", "other/*.cruds", "other/*.cruds"},
		// Other scopes mean themselves.
		{"redox.write system/*.rs", "redox.write launch", "redox.write"},
		{"*", "system/Patient.rs", ""},
		{"system/*.rs", "system/*.rs system/Patient.u nothing", "system/*.rs"},
		{"system/Patient.rs", "system/*.rs system/*.r", "system/Patient.rs"},
	} {
		got := smartbackend.Narrow(strings.Fields(c.allowed), strings.Fields(c.requested))
		if diff := cmp.Diff(strings.Fields(c.want), append([]string{}, got...)); diff != "" {
			t.Errorf("%q of %q (-want +got):\n%s", c.requested, c.allowed, diff)
		}
	}
}

func TestScopesCover(t *testing.T) {
	for _, c := range []struct {
		granted, required string
		want              bool
	}{
		{"system/*.rs", "system/Patient.r", true},
		{"system/*.read", "system/Patient.rs", true},
		{"system/Patient.r system/*.s", "system/Patient.rs", true},
		{"system/Patient.rs", "system/*.rs", false},
		{"system/Patient.rs", "system/Patient.rsu", false},
		{"system/Patient.rs?x=y", "system/Patient.rs", false},
		{"system/Patient.rs", "system/Patient.rs?x=y", true},
		{"system/Patient.sr", "system/Patient.r", false},
		{"", "system/Patient.r", false},
		{"launch", "launch", true},
	} {
		if got := smartbackend.Covers(strings.Fields(c.granted), c.required); got != c.want {
			t.Errorf("%q covers %q: got %t", c.granted, c.required, got)
		}
	}
}

// The reason is that of the allowed scope that is nearest, wherever it stands in the list.
func TestScopesWhy(t *testing.T) {
	for _, c := range []struct{ allowed, requested, want string }{
		{"user/Patient.r patient/*.rs", "system/Patient.r", "has the context system/, and none of them has"},
		{"", "system/Patient.r", "has the context system/, and none of them has"},
		{"user/Patient.r system/Observation.r?a=b system/Encounter.r", "system/Patient.r?a=b", `is for "Patient", and none of them is`},
		{"user/Patient.r system/Patient.r?a=b system/Observation.r", "system/Patient.r?c=d", `has another query than theirs: "c=d"`},
		{"system/*.r?a=b system/Observation.r?c=d user/*.r", "system/Patient.r?c=d", `has another query than theirs: "c=d"`},
		{"system/Observation.u system/Patient.r system/Patient.u?a=b user/Patient.u", "system/Patient.u?c=d", `asks for the access "u" to "Patient", and they give none of it`},
		{"system/Patient.r", "system/Patient.ur", `is misspelt: after the dot it has "ur", want letters of "cruds" in this order (SMART App Launch 2), or read, write or * (SMART App Launch 1)`},
		{"system/Patient.r", "system/Patient.ur?a=b", `is misspelt: after the dot it has "ur", want letters of "cruds" in this order (SMART App Launch 2), or read, write or * (SMART App Launch 1)`},
		{"system/Patient.r", "system/Patient.r?", `is misspelt: want such as "system/Patient.rs"`},
		{"system/Patient.r", "system/patient.r", `is misspelt: want such as "system/Patient.rs"`},
		{"system/Patient.r", "Patient.r", "is no SMART scope: it begins with none of system/, patient/, user/"},
	} {
		allowed := strings.Fields(c.allowed)
		for range max(len(allowed), 1) {
			if got := smartbackend.Why(allowed, c.requested); got != c.want {
				t.Errorf("%q of %q: got %s, want %s", c.requested, allowed, got, c.want)
			}
			if len(allowed) > 0 {
				allowed = append(allowed[1:], allowed[0])
			}
		}
	}
}

// More than a token can hold is nothing, and takes no long time.
func TestScopesAreBounded(t *testing.T) {
	var allowed, requested []string
	for i := range 200 {
		allowed = append(allowed, "system/T"+strings.Repeat("a", i)+".r")
		requested = append(requested, "system/*.r?"+strings.Repeat("x", i+1))
	}
	if got := smartbackend.Narrow(allowed, requested); got != nil {
		t.Errorf("got %d scopes", len(got))
	}
	requested = []string{"system/*.r?a=b", "system/*.r?c=d", "system/Patient.u", "system/Patient.d"}
	if got := smartbackend.Narrow(allowed, requested); len(got) != 400 {
		t.Errorf("got %d scopes, want 400", len(got))
	}
	if got := smartbackend.Narrow(append(allowed, "system/Patient.u"), requested); got != nil {
		t.Errorf("got %d scopes of more than 400", len(got))
	}
}

// To compare scopes costs no memory but for those granted, and so no time to speak of,
// however many have something in common.
func TestComparingScopesIsCheap(t *testing.T) {
	var allowed, requested []string
	for i := range 290 {
		allowed = append(allowed, fmt.Sprintf("system/*.r?%d", i))
	}
	requested = append(requested, "system/*.rs")
	for i := range 199 {
		requested = append(requested, fmt.Sprintf("system/P%c%c.r", 'a'+i/26, 'a'+i%26))
	}
	granted := smartbackend.Narrow(allowed, requested)
	if len(granted) != 290 {
		t.Fatalf("%d scopes granted", len(granted))
	}
	if n := testing.AllocsPerRun(1, func() { smartbackend.Narrow(allowed, requested) }); n > 2000 {
		t.Errorf("%v allocations for %d scopes granted", n, len(granted))
	}
}

// Nothing is granted that was not both allowed and requested, and nothing is lost that
// was both.
func FuzzScopes(f *testing.F) {
	for _, seed := range [][2]string{
		{"system/*.rs", "system/Patient.cruds"}, {"system/Patient.read system/*.c", "system/*.*"}, {"system/A.r?x=y", "system/*.rs"},
		{"a b", "b c"}, {"system/Patient.sr", "system/.r?"}, {"user/*.*", "user/X.write?"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, allowed, requested string) {
		a, r := strings.Fields(allowed), strings.Fields(requested)
		if len(a) > 50 || len(r) > 50 {
			return // slow, and no new case
		}
		granted := smartbackend.Narrow(a, r)
		for _, g := range granted {
			if !smartbackend.Covers(a, g) {
				t.Errorf("%q is granted, but only %q allowed", g, a)
			}
			if !smartbackend.Covers(r, g) {
				t.Errorf("%q is granted, but only %q requested", g, r)
			}
		}
		for _, s := range r {
			if smartbackend.Covers(a, s) && !slices.Contains(granted, s) {
				t.Errorf("%q is allowed and requested, but %q granted", s, granted)
			}
		}
		again := smartbackend.Narrow(granted, granted)
		if diff := cmp.Diff(granted, again); diff != "" {
			t.Errorf("narrowed again (-first +again):\n%s", diff)
		}
	})
}
