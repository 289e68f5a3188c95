package answer

import "time"

// An allowance fills evenly, up to what is allowed in one minute.
type allowance struct {
	perMinute int
	used      float64 // of perMinute, as of last
	last      time.Time
}

func (a *allowance) take(now time.Time) bool {
	if a.perMinute <= 0 {
		return true
	}
	if elapsed := now.Sub(a.last); elapsed > 0 {
		a.used = max(0, a.used-elapsed.Minutes()*float64(a.perMinute))
		a.last = now
	}
	if a.used+1 > float64(a.perMinute) {
		return false
	}
	a.used++
	return true
}
