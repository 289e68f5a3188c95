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
)

// A chunk is a part of a body.
type chunk struct {
	data  []byte // what has arrived; its capacity is what is charged
	next  *chunk
	owned bool // a caller of Body has it, so it is not used again
}

// unused are chunks by size. Without them, the garbage of bodies that were given up would
// take several times the budget until it is collected.
var unused [7]sync.Pool

// newChunk returns an empty chunk of at most size bytes, and of at least half of that or
// maxChunk.
func newChunk(size int64) *chunk {
	if size < minChunk {
		return &chunk{data: make([]byte, 0, size)}
	}
	class := bits.Len64(uint64(min(size, maxChunk)/minChunk)) - 1
	if c, ok := unused[class].Get().(*chunk); ok {
		return c
	}
	return &chunk{data: make([]byte, 0, minChunk<<class)}
}

// free lets other bodies use c and the chunks after it.
func (c *chunk) free() {
	for c != nil {
		next := c.next
		if size := cap(c.data); size >= minChunk && !c.owned {
			c.data, c.next = c.data[:0], nil
			unused[bits.Len(uint(size/minChunk))-1].Put(c)
		}
		c = next
	}
}
