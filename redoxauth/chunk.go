package redoxauth

import (
	"math/bits"
	"sync"
)

// Sizes of chunks, in bytes. A body starts with the smallest. The next one is as large as
// what has arrived, up to the largest: a peer must send as much as we hold for it. What is
// left of a body, if it is less than minChunk, gets a chunk of just that size.
const (
	minChunk = 4 << 10
	maxChunk = 256 << 10
	classes  = 7
)

// A chunk is a part of a body.
type chunk struct {
	data  []byte // what has arrived; its capacity is what is charged
	next  *chunk
	owned bool // a caller of Body has it, so it is not used again
}

// class returns the index of the largest chunk that is not larger than size; negative if
// size is less than minChunk.
func class(size int64) int { return bits.Len64(uint64(min(size, maxChunk)/minChunk)) - 1 }

// pools have the chunks that nobody uses. The garbage collector empties them.
var pools [classes]sync.Pool

// newChunk returns an empty chunk of size bytes, or of the largest class below it.
func newChunk(size int64) *chunk {
	i := class(size)
	if i < 0 {
		return &chunk{data: make([]byte, 0, size)}
	}
	if c, ok := pools[i].Get().(*chunk); ok {
		return c
	}
	return &chunk{data: make([]byte, 0, minChunk<<i)}
}

// A stack has chunks by class, for use without the garbage collector: it lets a heap of
// garbage grow as large as what is in use.
type stack [classes]*chunk

// push takes c and the chunks after it.
func (s *stack) push(c *chunk) {
	for c != nil {
		next := c.next
		if i := class(int64(cap(c.data))); i >= 0 && !c.owned {
			c.data, c.next = c.data[:0], s[i]
			s[i] = c
		}
		c = next
	}
}

// pop returns a chunk of the class of size, or nil.
func (s *stack) pop(size int64) *chunk {
	i := class(size)
	if i < 0 || s[i] == nil {
		return nil
	}
	c := s[i]
	s[i], c.next = c.next, nil
	return c
}

// drain moves all chunks to the pools.
func (s *stack) drain() {
	for i := range s {
		for c := s[i]; c != nil; {
			next := c.next
			c.next = nil
			pools[i].Put(c)
			c = next
		}
		s[i] = nil
	}
}
