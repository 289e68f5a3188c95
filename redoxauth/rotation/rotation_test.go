package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

// A vault is a source of secrets that can be told how to behave.
type vault struct {
	calls atomic.Int64
	mu    sync.Mutex
	list  supply
}

type supply = func(context.Context) ([]string, error)

// now changes what it does from the next call on.
func (v *vault) now(list supply) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = list
}

func (v *vault) call(ctx context.Context) ([]string, error) {
	v.calls.Add(1)
	v.mu.Lock()
	list := v.list
	v.mu.Unlock()
	return list(ctx)
}

func (v *vault) secrets() *rotation.Secrets[string] {
	return rotation.NewSecrets("test", "SecretsFunc",
		v.call,
		func(list []string) (string, error) {
			if list[0] == "invalid" {
				return "", errors.New("cannot be prepared")
			}
			return strings.Join(list, "+"), nil
		}, time.Now)
}

func gives(list ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return list, nil }
}

func failsWith(err error) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return nil, err }
}

func want(t *testing.T, s *rotation.Secrets[string], want string) {
	t.Helper()
	if got, err := s.Get(t.Context()); got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func wantUnavailable(t *testing.T, s *rotation.Secrets[string], reason redoxauth.Reason) error {
	t.Helper()
	got, err := s.Get(t.Context())
	var e *redoxauth.Error
	if got != "" || !errors.Is(err, redoxauth.ErrUnavailable) || !errors.As(err, &e) || e.Reason != reason || e.Strategy != "test" {
		t.Errorf("got %q, %v, want ErrUnavailable (%s)", got, err, reason)
	}
	return err
}

func TestSecretsAreCalledOnUseAtMostEvery30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: gives("a", "b")}
		s := v.secrets()
		time.Sleep(time.Hour)
		if n := v.calls.Load(); n != 0 {
			t.Errorf("%d calls before the first use", n)
		}
		want(t, s, "a+b")
		want(t, s, "a+b") // at the same time
		v.now(gives("c"))
		time.Sleep(30*time.Second - 1)
		want(t, s, "a+b")
		synctest.Wait()
		if n := v.calls.Load(); n != 1 {
			t.Errorf("%d calls within 30 s, want 1", n)
		}
		time.Sleep(time.Nanosecond)
		want(t, s, "a+b") // in the background
		synctest.Wait()
		want(t, s, "c")
		if n := v.calls.Load(); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

// Of an empty list a Verifier would make one that refuses everything, with 401.
func TestEmptyListIsNeverPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, list := range [][]string{nil, {}} {
			s := rotation.NewSecrets("test", "SecretsFunc", gives(list...), func(list []string) (string, error) {
				t.Errorf("%q was prepared", list)
				return "", nil
			}, time.Now)
			wantUnavailable(t, s, "secrets")
		}
	})
}

func TestSecretsAreRefreshedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: gives("a")}
		s := v.secrets()
		want(t, s, "a")
		v.now(func(context.Context) ([]string, error) { time.Sleep(9 * time.Second); return []string{"b"}, nil })
		time.Sleep(time.Minute)
		start := time.Now()
		for range 5 {
			want(t, s, "a")
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a request waited %v for a refresh", waited)
		}
		time.Sleep(9 * time.Second)
		synctest.Wait()
		want(t, s, "b")
		if n := v.calls.Load(); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

// A feed with a message every few minutes must not be judged by the list of the message before.
func TestNewSecretIsAcceptedAtALowRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: gives("a")}
		s := v.secrets()
		for range 3 {
			want(t, s, "a")
			time.Sleep(2 * time.Minute)
		}
		v.now(gives("b"))
		want(t, s, "b")
	})
}

// After a night without traffic the first message must not be judged by yesterday's
// list: a secret that was withdrawn would be good once more, a new one refused.
func TestOldListIsNotUsedBeforeANewOneWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: gives("withdrawn")}
		s := v.secrets()
		want(t, s, "withdrawn")
		v.now(func(context.Context) ([]string, error) { time.Sleep(time.Second / 2); return []string{"new"}, nil })
		time.Sleep(23 * time.Hour)
		want(t, s, "new")
		v.now(func(context.Context) ([]string, error) { time.Sleep(9 * time.Second); return []string{"newer"}, nil })
		time.Sleep(time.Hour)
		start := time.Now()
		want(t, s, "new") // the function is slow: it is not waited for without end,
		want(t, s, "new") // nor again and again
		if waited := time.Since(start); waited != time.Second {
			t.Errorf("waited %v, want 1s", waited)
		}
		time.Sleep(10 * time.Second)
		want(t, s, "newer")
	})
}

func TestFirstUseWaitsForOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: func(context.Context) ([]string, error) { time.Sleep(3 * time.Second); return []string{"a"}, nil }}
		s := v.secrets()
		start := time.Now()
		for range 10 {
			go want(t, s, "a")
		}
		time.Sleep(time.Nanosecond)
		want(t, s, "a")
		synctest.Wait()
		if n, waited := v.calls.Load(), time.Since(start); n != 1 || waited != 3*time.Second {
			t.Errorf("%d calls, %v, want 1 and 3s", n, waited)
		}
	})
}

// The request that causes a call may end; the others still wait for it.
func TestCallOutlivesTheRequestThatCausedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: func(ctx context.Context) ([]string, error) {
			select {
			case <-time.After(3 * time.Second):
				return []string{"a"}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		s := v.secrets()
		gone := errors.New("peer gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if _, err := s.Get(ctx); !errors.Is(err, redoxauth.ErrUnavailable) || !errors.Is(err, gone) {
			t.Errorf("got %v, want ErrUnavailable because of %v", err, gone)
		} else if want := "test: cannot be decided now (canceled): peer gone"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		want(t, s, "a")
		if n := v.calls.Load(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

func TestLastGoodListIsKeptFor24Hours(t *testing.T) {
	down := errors.New("vault is down")
	for name, list := range map[string]func(context.Context) ([]string, error){
		"error": failsWith(down), "empty list": gives(), "a list that cannot be prepared": gives("invalid"),
		"panic":                     func(context.Context) ([]string, error) { panic("secret in a panic") },
		"the goroutine ends":        func(context.Context) ([]string, error) { runtime.Goexit(); return nil, nil },
		"hangs, within its context": func(ctx context.Context) ([]string, error) { <-ctx.Done(); return nil, ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := &vault{list: gives("a")}
				s := v.secrets()
				start := time.Now()
				want(t, s, "a")
				v.now(list)
				for range 23 {
					time.Sleep(time.Hour)
					want(t, s, "a")
					synctest.Wait()
				}
				time.Sleep(time.Until(start.Add(24 * time.Hour)))
				want(t, s, "a") // exactly 24 h
				time.Sleep(11 * time.Second)
				err := fmt.Sprint(wantUnavailable(t, s, "secrets"))
				if strings.Contains(err, "secret in a panic") {
					t.Errorf("the error shows the panic's value: %s", err)
				}
				if name == "panic" && !strings.HasSuffix(err, ": the function panicked: string") {
					t.Errorf("got %s, want it to tell of the panic", err)
				}
				v.now(gives("b"))
				time.Sleep(time.Minute)
				want(t, s, "b") // recovers, and waits for it
			})
		})
	}
}

func TestWithoutAnyListItIsUnavailable(t *testing.T) {
	down := errors.New("vault is down")
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: failsWith(down)}
		s := v.secrets()
		if err := wantUnavailable(t, s, "secrets"); !errors.Is(err, down) {
			t.Errorf("got %v, want the cause", err)
		}
		time.Sleep(29 * time.Second)
		wantUnavailable(t, s, "secrets")
		if n := v.calls.Load(); n != 1 {
			t.Errorf("%d calls in 30 s of outage, want 1", n)
		}
		v.now(gives("a"))
		time.Sleep(time.Second)
		want(t, s, "a")
	})
}

// A function that ignores its context keeps one goroutine, and nobody waits for it
// beyond 10 s. What it gives at last is ten minutes old, and is dropped.
func TestCallEndsAfter10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: func(context.Context) ([]string, error) { time.Sleep(10 * time.Minute); return []string{"late"}, nil }}
		s := v.secrets()
		start := time.Now()
		if err := wantUnavailable(t, s, "secrets"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "SecretsFunc: no list within 10s") {
			t.Errorf("got %v, want the deadline", err)
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("waited %v, want 10s", waited)
		}
		for range 9 {
			time.Sleep(time.Minute)
			start := time.Now()
			wantUnavailable(t, s, "secrets")
			if waited := time.Since(start); waited != 0 {
				t.Errorf("waited %v for a call that is overdue", waited)
			}
		}
		if n := v.calls.Load(); n != 1 {
			t.Errorf("%d calls while one hangs, want 1", n)
		}
		v.now(gives("next"))
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, s, "next")
		if n := v.calls.Load(); n != 2 {
			t.Errorf("%d calls, want 2", n)
		}
	})
}

// A list that comes after more than 10 s may have a secret that was withdrawn meanwhile.
func TestLateListIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{}
		late := func() {
			v.now(func(context.Context) ([]string, error) { time.Sleep(11 * time.Second); return []string{"late"}, nil })
		}
		s := v.secrets()
		late()
		wantUnavailable(t, s, "secrets")
		time.Sleep(time.Second)
		v.now(failsWith(errors.New("vault is down")))
		wantUnavailable(t, s, "secrets")

		v.now(gives("a"))
		time.Sleep(time.Minute)
		want(t, s, "a")
		late()
		time.Sleep(time.Minute)
		want(t, s, "a") // and calls
		time.Sleep(20 * time.Second)
		want(t, s, "a")
	})
}

func TestStaticListServesForEver(t *testing.T) {
	s := rotation.Static("a")
	for _, ctx := range []context.Context{t.Context(), rotation.LoadedOnly(t.Context())} {
		if got, err := s.Get(ctx); got != "a" || err != nil {
			t.Errorf("got %q, %v, want a", got, err)
		}
	}
	refusal := redoxauth.Errorf(redoxauth.ErrRejected, "signature", "wrong")
	if err := s.Refusal(refusal); err != error(refusal) {
		t.Errorf("the refusal is %v, want it as it was", err)
	}
}

// The zero value of a Verifier has zero Secrets.
func TestZeroSecretsAreUnavailable(t *testing.T) {
	var s rotation.Secrets[string]
	for _, ctx := range []context.Context{t.Context(), rotation.LoadedOnly(t.Context())} {
		if got, err := s.Get(ctx); got != "" || !errors.Is(err, redoxauth.ErrUnavailable) {
			t.Errorf("got %q, %v, want ErrUnavailable", got, err)
		}
	}
}

func TestSecretsPrintNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rotation.NewSecrets("test", "SecretsFunc", func(context.Context) ([]string, error) { return []string{"HUNTER2"}, nil },
			func(list []string) ([]string, error) { return list, nil }, time.Now)
		if _, err := s.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if printed := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(printed, "HUNTER2") {
			t.Errorf("printed: %s", printed)
		}
	})
}

func TestFunctionThatEndsItsGoroutineIsCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: func(context.Context) ([]string, error) { runtime.Goexit(); return nil, nil }}
		s := v.secrets()
		wantUnavailable(t, s, "secrets")
		v.now(gives("a"))
		time.Sleep(30 * time.Second)
		want(t, s, "a")
	})
}

func BenchmarkSecrets(b *testing.B) {
	s := (&vault{list: gives("a")}).secrets()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// An operator who has put a new secret into a broken file sees refusals of it, and must learn why.
func TestRefusalSaysThatAnOlderListServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: gives("a")}
		s := v.secrets()
		refused := redoxauth.Errorf(redoxauth.ErrRejected, "token", "another one").In("test")
		same := func(when string, err error) {
			if got := s.Refusal(err); got != err {
				t.Errorf("%s: got %v, want %v", when, got, err)
			}
		}
		same("before the first call", refused)
		want(t, s, "a")
		same("while the last call was good", refused)
		v.now(func(context.Context) ([]string, error) { time.Sleep(2 * time.Second); return []string{"a"}, nil })
		time.Sleep(8 * time.Hour)
		want(t, s, "a")
		if text := "test: credentials rejected (token): another one; the list is 8h0m1s old, and a call of SecretsFunc is running"; s.Refusal(refused).Error() != text {
			t.Errorf("got  %v\nwant %s", s.Refusal(refused), text)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		same("when that call has returned", refused)
		broken := errors.New("the file is broken")
		v.now(failsWith(broken))
		time.Sleep(time.Minute)
		want(t, s, "a")
		synctest.Wait()
		got := s.Refusal(refused)
		if text := "test: credentials rejected (token): another one; the list is 1m2s old, because the last call failed: SecretsFunc: the file is broken"; got.Error() != text {
			t.Errorf("got  %v\nwant %s", got, text)
		}
		if !errors.Is(got, redoxauth.ErrRejected) || !errors.Is(got, broken) {
			t.Errorf("%v does not wrap both", got)
		}
		if text := "test: credentials rejected (token): another one"; refused.Error() != text { // Verifiers share it
			t.Errorf("the error that was given is now %v, want %s", refused, text)
		}
		same("accepted", nil)
		same("another error", broken)
		same("not decided", redoxauth.Errorf(redoxauth.ErrUnavailable, "secrets", "down"))
		v.now(gives("b"))
		time.Sleep(time.Minute)
		want(t, s, "b")
		synctest.Wait()
		same("when a call was good again", refused)

		fixed := rotation.Static("a")
		if got := fixed.Refusal(refused); got != error(refused) {
			t.Errorf("of a fixed list: got %v", got)
		}
	})
}
