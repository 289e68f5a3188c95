package rotation

import "context"

type loadedOnly struct{}

// LoadedOnly returns a context with which [Secrets].Get returns what is loaded, or an error, and
// calls nothing. So does everything in this module that fetches keys or asks other servers. The
// Explain methods use it.
func LoadedOnly(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadedOnly{}, true)
}

// IsLoadedOnly reports whether ctx comes from [LoadedOnly].
func IsLoadedOnly(ctx context.Context) bool { return ctx.Value(loadedOnly{}) != nil }
