package redoxtest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// An Outage is a way for a server to fail. It answers instead of next, which is the
// server's own handler, or delays next. The method Fail of [KeyServer],
// [AuthorizationServer] and [Google] takes one of these or one of your own.
type Outage func(next http.Handler) http.Handler

// Slow answers correctly after d, unless the client gives up before.
func Slow(d time.Duration) Outage {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := readBody(r); err != nil { // net/http notices a client that gives up only after the body was read
				return
			}
			select {
			case <-time.After(d):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// Hang does not answer until the client gives up or the server is closed.
func Hang() Outage {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // as in Slow
		<-r.Context().Done()
	})
}

// Status answers with the status code and no body.
func Status(code int) Outage {
	return instead(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) })
}

// HTML answers 200 with an HTML page, as captive portals and maintenance pages do.
func HTML() Outage {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!DOCTYPE html><title>Maintenance</title><p>Back soon.</p>\n")
	})
}

// Redirect answers 307 with Location url.
func Redirect(url string) Outage {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, url, http.StatusTemporaryRedirect)
	})
}

// Reset closes the connection without an answer, with a TCP reset.
func Reset() Outage {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	})
}

// Huge answers 200 with JSON that does not end until the client closes the connection.
func Huge() Outage {
	return instead(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		b := bufio.NewWriterSize(w, 64<<10)
		b.WriteString(`{"keys":[`)
		for {
			if _, err := b.WriteString(`{"kty":"oct"},`); err != nil {
				return
			}
		}
	})
}

func instead(f http.HandlerFunc) Outage {
	return func(http.Handler) http.Handler { return f }
}
