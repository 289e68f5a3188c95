package jwtbearer_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

func BenchmarkVerify(b *testing.B) {
	genuine := signedBy(nil).Header.Get("Authorization")
	other := signedBy(func(s *redoxtest.JWTBearer) {
		s.Key = redoxtest.NewKey("other", "RS256")
		s.Key.ID = directKey.ID
	}).Header.Get("Authorization")
	large := "Bearer " + strings.Repeat("e", 15<<10) + ".eyJ9.AA"
	for _, test := range []struct {
		name, authorization string
		want                error
	}{
		{"accepted", genuine, nil},
		{"absent", "", redoxauth.ErrNoCredentials},
		{"forged", other, redoxauth.ErrRejected},
		{"hostile", "Bearer " + strings.Repeat(".", 900<<10), redoxauth.ErrNoCredentials},
		{"hostile-large", large, redoxauth.ErrNoCredentials},
	} {
		b.Run("jwtbearer/"+test.name, func(b *testing.B) {
			v := newDirect(b, directConfig(b))
			r := httptest.NewRequest("POST", "/", nil)
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(r); !errors.Is(err, test.want) {
					b.Fatal(err)
				}
			}
		})
	}
}
