package rotation

import (
	"math"
	"time"
)

// Age returns how long something has been kept, from since to now, such as a list of keys. It is
// the larger of the age by the wall clock, which can be set back, and the age by the monotonic
// clock, which stands still while a machine is suspended. Neither may prolong the use of a
// withdrawn secret.
//
// Age is negative if since is more than a second later than now. Then the wall clock was set
// back and nobody knows the age. So a negative age must start a refresh, and must not end
// anything:
//
//	due := age < 0 || age >= interval
//	ended := age > longest
func Age(now, since time.Time) time.Duration {
	age := max(now.Sub(since), wallAge(now, since))
	if -time.Second <= age && age < 0 { // goroutines read the clock at different moments
		return 0
	}
	return age
}

// wallAge is now.Round(0).Sub(since.Round(0)) in a third of the time: every request needs it.
// Ages of more than 292 years do not fit.
func wallAge(now, since time.Time) time.Duration {
	const most = math.MaxInt64/int64(time.Second) - 1
	seconds := min(max(now.Unix()-since.Unix(), -most), most)
	return time.Duration(seconds)*time.Second + time.Duration(now.Nanosecond()-since.Nanosecond())
}
