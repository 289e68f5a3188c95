package rotation

import "context"

type loadedOnly struct{}

// LoadedOnly returns a context with which [Secrets].Get returns what is loaded, or an error. It
// then starts no call and waits for none. The Explain methods of this module use it, and what
// fetches keys or asks other servers in this module honours it too.
func LoadedOnly(ctx context.Context) context.Context {
	return context.WithValue(ctx, loadedOnly{}, true)
}

// IsLoadedOnly reports whether ctx comes from [LoadedOnly].
func IsLoadedOnly(ctx context.Context) bool { return ctx.Value(loadedOnly{}) != nil }
