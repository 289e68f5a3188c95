package jose

// Remembered returns how many tokens v remembers.
func (v *Verifier) Remembered() int {
	v.cache.mu.Lock()
	defer v.cache.mu.Unlock()
	return len(v.cache.entries)
}
