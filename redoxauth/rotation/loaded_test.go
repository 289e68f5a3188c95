package rotation_test

import (
	"context"
	"errors"
	"strings"
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
		if got, err := s.Get(ctx); got != "" || !errors.Is(err, redoxauth.ErrUnavailable) || !strings.Contains(err.Error(), "not loaded yet") {
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

func TestLoadedOnlyTellsWhyThereIsNoList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("vault is down")
		s := (&vault{list: failsWith(down)}).secrets()
		wantUnavailable(t, s, "secrets")
		_, err := s.Get(rotation.LoadedOnly(t.Context()))
		if want := "test: cannot be decided now (secrets): SecretsFunc: vault is down"; !errors.Is(err, down) || err.Error() != want {
			t.Errorf("got %v, want the error of the last call, %s", err, want)
		}
	})
}

// What explains a request looks into its context, and ends with it.
func TestLoadedOnlyKeepsTheContext(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
	ctx := rotation.LoadedOnly(parent)
	if got := ctx.Value(key{}); got != "value" || ctx.Err() != nil {
		t.Errorf("the value is %v, and the error %v, want those of the request", got, ctx.Err())
	}
	gone := errors.New("peer gone")
	cancel(gone)
	if got := context.Cause(ctx); got != gone {
		t.Errorf("it ended because of %v, want %v", got, gone)
	}
}
