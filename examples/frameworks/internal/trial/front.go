package trial

import (
	"net/http"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// ReadInFront sends a signed form and signed JSON to a server whose handlers on /redox are
// one that reads a value of a form, then v, and then one as in [Destination]. The form must
// get the status want. JSON must pass, because nothing in front has read it.
func ReadInFront(t *testing.T, start func(v redoxauth.Verifier) (url string), want int) {
	url := start(newVerifiers(t)["sigv4"])
	form := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	for _, c := range []trial{
		{name: "form", strategy: "sigv4", message: []byte("a=1&b=2"), before: form, sender: signer, want: want},
		{name: "JSON", strategy: "sigv4", message: []byte(`{"a":1}`), sender: signer, want: http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) { c.play(t, url) })
	}
}
