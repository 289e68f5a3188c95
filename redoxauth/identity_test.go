package redoxauth_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

func TestClaims(t *testing.T) {
	id := &redoxauth.Identity{RawClaims: json.RawMessage(`{"sub":"redox","npi":"1234567890"}`)}
	var claims struct{ NPI string }
	if err := id.Claims(&claims); err != nil || claims.NPI != "1234567890" {
		t.Errorf("got %+v, %v", claims, err)
	}
	if err := id.Claims(new(int)); err == nil {
		t.Error("claims into an int: no error")
	}
	if err := new(redoxauth.Identity).Claims(&claims); err == nil {
		t.Error("a proof without claims: no error")
	}
}

func TestContextCarriesTheInnermostIdentity(t *testing.T) {
	if id, ok := redoxauth.FromContext(context.Background()); ok || id != nil {
		t.Errorf("empty context: %+v, %t", id, ok)
	}
	if id, ok := redoxauth.FromContext(redoxauth.NewContext(context.Background(), nil)); ok {
		t.Errorf("nil identity: %+v, %t, want none", id, ok)
	}
	outer, inner := &redoxauth.Identity{Strategy: "outer"}, &redoxauth.Identity{Strategy: "inner"}
	ctx := redoxauth.NewContext(redoxauth.NewContext(context.Background(), outer), inner)
	if id, ok := redoxauth.FromContext(ctx); !ok || id != inner {
		t.Errorf("got %+v, %t, want the inner one", id, ok)
	}
}
