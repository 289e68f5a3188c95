package tokenendpoint

import "io"

// An observed body is in the request that Observe gets. It reads as empty, and keeps what
// was parsed, so that Explain works later too.
type observed struct {
	request *Request
	err     error // of the decision
}

func (*observed) Read([]byte) (int, error) { return 0, io.EOF }

func (*observed) Close() error { return nil }
