package answer_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/verifiertest"
	"github.com/redoxauth/redoxauth-go/strategies/internal/answer"
)

func TestInventedTokensCannotCallOutWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{delay: time.Second}
		c := newCache(r)
		if _, err := c.Get(t.Context(), "good"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute) // the good one must be asked about again
		r.calls.Store(0)

		start := time.Now()
		var wg sync.WaitGroup
		var busy atomic.Int64
		for i := range 1000 {
			wg.Go(func() {
				_, err := c.Get(t.Context(), fmt.Sprint("bad", i))
				var e *redoxauth.Error
				if errors.As(err, &e) && e.Reason == "busy" {
					if busy.Add(1); !time.Now().Equal(start) {
						t.Error("busy was not answered at once")
					}
				}
			})
		}
		synctest.Wait()
		wantCalls(t, r, 32)
		if got := busy.Load(); got != 968 {
			t.Errorf("%d were told that we are busy, want 968", got)
		}
		if a, err := c.Get(t.Context(), "good"); err != nil || a != "about good" {
			t.Errorf("a token known to be good, amid the flood: %q, %v", a, err)
		}
		wg.Wait()
	})
}

func TestInventedTokensOfAMinuteAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := limited(r, 60)
		if _, err := c.Get(t.Context(), "good"); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			_, err := c.Get(t.Context(), fmt.Sprint("bad", i))
			if i >= 59 {
				verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
			}
		}
		wantCalls(t, r, 60)
		time.Sleep(time.Second)
		for i := range 10 {
			c.Get(t.Context(), fmt.Sprint("later", i))
		}
		wantCalls(t, r, 61)

		time.Sleep(5*time.Minute - time.Second)
		for i := range 100 {
			c.Get(t.Context(), fmt.Sprint("flood", i))
		}
		wantCalls(t, r, 121)
		if _, err := c.Get(t.Context(), "good"); err != nil {
			t.Fatalf("a token known to be good, amid the flood: %v", err)
		}
	})
}

func TestAFloodOfBadTokensEvictsNoGoodOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r)
		get := func(token string) { c.Get(t.Context(), token) }
		get("good")
		for i := range 5000 {
			get(fmt.Sprint("bad", i))
		}
		wantCalls(t, r, 5001)
		get("good")
		wantCalls(t, r, 5001)
		get("bad4999") // still kept
		wantCalls(t, r, 5001)
		get("bad0") // of so many, the first is not
		wantCalls(t, r, 5002)
	})
}

// Strangers have accounts at the remote service too, and so tokens that are good there.
func TestAFloodOfStrangersGoodTokensEvictsNoneOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r)
		get := func(token string) {
			t.Helper()
			if a, err := c.Get(t.Context(), token); err != nil || a != "about "+token {
				t.Fatalf("Get = %q, %v", a, err)
			}
		}
		get("good")
		for i := range 5000 {
			get(fmt.Sprint("good stranger", i))
		}
		wantCalls(t, r, 5001)
		get("good")
		get("good stranger4999") // still kept
		wantCalls(t, r, 5001)
		get("good stranger0") // of so many, the first is not
		wantCalls(t, r, 5002)
	})
}

func TestAStrangersGoodTokenIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := limited(r, 1)
		if _, err := c.Get(t.Context(), "good stranger"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		c.Get(t.Context(), "bad")
		_, err := c.Get(t.Context(), "good stranger")
		verifiertest.CheckError(t, err, redoxauth.ErrUnavailable, "busy")
	})
}

func TestATokenThatIsNoLongerOursIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours := true
		c := answer.New(answer.Config[string]{
			Positive: time.Minute, Negative: time.Second, PerMinute: 1, Now: time.Now, Ours: func(string) bool { return ours },
		}, (&remote{}).fetch)
		ask := func() error {
			_, err := c.Get(t.Context(), "good")
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		ours = false
		time.Sleep(time.Minute)
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.Get(t.Context(), "bad")
		verifiertest.CheckError(t, ask(), redoxauth.ErrUnavailable, "busy")
	})
}

func TestTheAnswerUsedLongestAgoGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &remote{}
		c := newCache(r)
		get := func(token string) { c.Get(t.Context(), token) }
		get("good, and in use")
		for i := range 5000 {
			get(fmt.Sprint("good", i))
			get("good, and in use")
		}
		wantCalls(t, r, 5001)
		get("good0")
		wantCalls(t, r, 5002)
	})
}

func TestManyAtOnce(t *testing.T) {
	r := &remote{expiry: func() time.Time { return time.Now().Add(time.Millisecond) }}
	c := limited(r, 1_000_000)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 500 {
				token := fmt.Sprint([]string{"good", "bad"}[i%2], (i+w)%50)
				a, err := c.Get(t.Context(), token)
				var e *redoxauth.Error
				switch {
				case err == nil && a == "about "+token:
				case errors.As(err, &e) && (e.Reason == "inactive" || e.Reason == "busy"):
				default:
					t.Errorf("Get(%s) = %q, %v", token, a, err)
				}
			}
		})
	}
	wg.Wait()
}
