package smartbackend

// Narrow and Covers compare scopes.
func Narrow(allowed, requested []string) []string { return grant(nil).Narrow(allowed, requested) }

func Covers(granted []string, required string) bool { return grant(nil).Covers(granted, required) }
