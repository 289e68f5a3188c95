package rotation_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
)

func TestLoadedOnlyCallsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{list: gives("a")}
		s := v.secrets()
		ctx := rotation.LoadedOnly(t.Context())
		if !rotation.IsLoadedOnly(ctx) || rotation.IsLoadedOnly(t.Context()) {
			t.Error("IsLoadedOnly is wrong")
		}
		if got, err := s.Get(ctx); got != "" || !errors.Is(err, redoxauth.ErrUnavailable) {
			t.Errorf("before the first call: got %q, %v", got, err)
		}
		synctest.Wait()
		if n := v.calls.Load(); n != 0 {
			t.Fatalf("%d calls, want none", n)
		}

		want(t, s, "a")
		v.now(gives("b"))
		time.Sleep(time.Hour)
		if got, err := s.Get(ctx); got != "a" || err != nil {
			t.Errorf("an hour later: got %q, %v, want what is loaded", got, err)
		}
		time.Sleep(24 * time.Hour)
		if got, err := s.Get(ctx); got != "" || !errors.Is(err, redoxauth.ErrUnavailable) {
			t.Errorf("a day later: got %q, %v, want an error: the list is too old", got, err)
		}
		synctest.Wait()
		if n := v.calls.Load(); n != 1 {
			t.Errorf("%d calls, want one", n)
		}
	})
}
