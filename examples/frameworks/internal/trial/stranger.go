package trial

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// strangers opens connections that stay silent, and begins requests that do not end. Redox
// must get its handshake answered nevertheless, and its message must pass.
func strangers(t *testing.T, start Destination) {
	verifiers := newVerifiers(t)
	server := start(t, verifiers["verifytoken"].(*verifytoken.Verifier), verifiers["sigv4"], nil)
	const each = 50
	for _, sent := range []string{"", "POST /redox HTTP/1.1\r\nHost: destination\r\n"} {
		for range each {
			conn, err := net.Dial("tcp", host(t, server))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
		}
	}
	var requests sync.WaitGroup
	defer requests.Wait()
	for _, length := range []int64{4096, -1} {
		for range each {
			body, stalled := io.Pipe()
			defer stalled.CloseWithError(io.ErrUnexpectedEOF)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/redox", body)
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = length
			requests.Go(func() {
				if res, err := http.DefaultClient.Do(r); err == nil {
					res.Body.Close()
				}
			})
			if _, err := io.WriteString(stalled, "{"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if err := redoxtest.Handshake(t.Context(), server+"/redox", token, method); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	message := trial{strategy: "sigv4", message: redoxtest.PatientAdmin(), sender: signer, want: http.StatusOK}
	message.play(t, server)
}

// largest sends a message of the largest size that Redox sends.
func largest(t *testing.T, start Destination) {
	verifiers := newVerifiers(t)
	server := start(t, verifiers["verifytoken"].(*verifytoken.Verifier), verifiers["sigv4"], nil)
	message := trial{strategy: "sigv4", message: redoxtest.Large(redoxauth.DefaultMaxBodyBytes), sender: signer, want: http.StatusOK}
	message.play(t, server)
}

func host(t *testing.T, server string) string {
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
