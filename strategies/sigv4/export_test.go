package sigv4

// DecoySigned reports whether the key for unknown access keys has signed something today.
func (v *Verifier) DecoySigned() bool {
	for _, k := range v.keys.decoy {
		if k.key.days[0].Load() != nil || k.key.days[1].Load() != nil {
			return true
		}
	}
	return false
}
