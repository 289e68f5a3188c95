package verifiertest

import "time"

// SetPatience is for Verifiers that hang.
func SetPatience(d time.Duration) { patience = d }

// Promises returns the names of all promises.
func Promises() []string {
	var names []string
	for _, p := range promises {
		names = append(names, p.name)
	}
	return names
}
