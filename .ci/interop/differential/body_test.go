package differential_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A reading is what a handler reads of one request.
type reading struct {
	body      string
	failed    bool
	trailer   http.Header
	announced []string // trailers
}

// agrees reports whether r is what a handler without wrappers reads. Only net/http's own
// *http.Request gets trailers that were not announced, and not what WithContext made of it.
func (r reading) agrees(plain reading) bool {
	for name, values := range r.trailer {
		if !slices.Equal(values, plain.trailer[name]) {
			return false
		}
	}
	for _, name := range plain.announced {
		if !slices.Equal(r.trailer[name], plain.trailer[name]) {
			return false
		}
	}
	return r.body == plain.body && r.failed == plain.failed
}

// reads returns a handler that appends what it reads to all, in one of several ways.
func reads(all *[]reading, way byte) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got := reading{announced: slices.Collect(maps.Keys(r.Trailer))}
		var src io.Reader = r.Body
		switch way % 5 {
		case 1:
			src = iotest.OneByteReader(src)
		case 2: // part of it, and the rest from a copy of the request
			first := make([]byte, 3)
			n, err := io.ReadFull(src, first)
			got.body, got.failed = string(first[:n]), err != nil && err != io.EOF && err != io.ErrUnexpectedEOF
			src = r.WithContext(r.Context()).Body
		case 3:
			src = readerFunc(func(p []byte) (int, error) { return r.Body.Read(p[:min(len(p), 7)]) })
		case 4:
			data, err := redoxauth.Body(r)
			got.body, got.failed = string(data), err != nil
			if again, err := io.ReadAll(r.Body); err == nil && string(again) != got.body {
				got.failed = true
			}
			src = http.NoBody
		}
		rest, err := io.ReadAll(src)
		got.body += string(rest)
		got.failed = got.failed || err != nil
		got.trailer = r.Trailer
		*all = append(*all, got)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// An order is an order of wrappers around a handler. Enforced are those that refuse a wrong
// signature.
type order struct {
	name     string
	enforced bool
	wrap     func(sig *sigv4.Verifier, token *verifytoken.Verifier, report *redoxauth.Options, h http.Handler) http.Handler
}

func wrapped(h http.Handler, vs ...redoxauth.Verifier) http.Handler {
	for _, v := range slices.Backward(vs) {
		h = redoxauth.Middleware(v, options())(h)
	}
	return h
}

var orders = []order{
	{"sigv4", true, func(sig *sigv4.Verifier, _ *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(h, sig)
	}},
	{"sigv4 inside verifytoken", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(h, token, sig)
	}},
	{"sigv4 outside verifytoken", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(h, sig, token)
	}},
	{"AllOf, sigv4 first", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(h, redoxauth.AllOf(sig, token))
	}},
	{"AllOf, sigv4 last", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(h, redoxauth.AllOf(token, sig))
	}},
	{"TimeoutHandler outside", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return http.TimeoutHandler(wrapped(h, sig, token), time.Minute, "")
	}},
	{"TimeoutHandler inside", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(http.TimeoutHandler(wrapped(h, token), time.Minute, ""), sig)
	}},
	{"InsecureReportOnly outside", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, report *redoxauth.Options, h http.Handler) http.Handler {
		return redoxauth.InsecureReportOnly(sig, report)(wrapped(h, token, sig))
	}},
	{"InsecureReportOnly inside", true, func(sig *sigv4.Verifier, _ *verifytoken.Verifier, report *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(redoxauth.InsecureReportOnly(sig, report)(h), sig)
	}},
	{"Challenge", true, func(sig *sigv4.Verifier, token *verifytoken.Verifier, _ *redoxauth.Options, h http.Handler) http.Handler {
		return token.Handshake(wrapped(verifytoken.Challenge(h), sig))
	}},
	{"InsecureReportOnly alone", false, func(sig *sigv4.Verifier, _ *verifytoken.Verifier, report *redoxauth.Options, h http.Handler) http.Handler {
		return redoxauth.InsecureReportOnly(sig, report)(h)
	}},
	{"InsecureReportOnly inside verifytoken", false, func(sig *sigv4.Verifier, token *verifytoken.Verifier, report *redoxauth.Options, h http.Handler) http.Handler {
		return wrapped(redoxauth.InsecureReportOnly(sig, report)(h), token)
	}},
	{"TimeoutHandler, InsecureReportOnly twice", false, func(sig *sigv4.Verifier, token *verifytoken.Verifier, report *redoxauth.Options, h http.Handler) http.Handler {
		return http.TimeoutHandler(redoxauth.InsecureReportOnly(token, options())(redoxauth.InsecureReportOnly(sig, report)(h)), time.Minute, "")
	}},
}

// A message is a signed body and how it is framed.
type message struct {
	body, header, rest, sizes string
	framing                   byte
}

const (
	chunked    = 1 << iota
	declared   // X-Amz-Content-Sha256
	expects    // "Expect: 100-continue"
	announces  // a trailer
	extensions // of chunks
	smallLimit // of the report
)

// String is the message on the wire. If rest is not empty, it stands in place of the framed
// body. header stands behind the other headers.
func (m message) String() string {
	var raw strings.Builder
	fmt.Fprintf(&raw, "POST /redox HTTP/1.1\r\nHost: h\r\nVerification-Token: %s\r\n%s", theToken, sign("/redox", "", "h", []byte(m.body), m.framing&declared != 0))
	if m.framing&expects != 0 {
		raw.WriteString("Expect: 100-continue\r\n")
	}
	if m.framing&announces != 0 {
		raw.WriteString("Trailer: X-Note\r\n")
	}
	switch {
	case m.framing&chunked != 0:
		raw.WriteString("Transfer-Encoding: chunked\r\n")
	case !strings.Contains(m.header, ":"):
		fmt.Fprintf(&raw, "Content-Length: %d\r\n", len(m.body))
	}
	raw.WriteString(m.header + "\r\n")
	switch {
	case m.rest != "":
		raw.WriteString(m.rest)
	case m.framing&chunked == 0:
		raw.WriteString(m.body)
	default:
		m.writeChunks(&raw)
	}
	return raw.String()
}

func (m message) writeChunks(raw *strings.Builder) {
	for i, left := 0, m.body; left != ""; i++ {
		n := len(left)
		if m.sizes != "" {
			n = min(n, 1+int(m.sizes[i%len(m.sizes)]))
		}
		extension := ""
		if m.framing&extensions != 0 {
			extension = `;a="b"`
		}
		fmt.Fprintf(raw, "%x%s\r\n%s\r\n", n, extension, left[:n])
		left = left[n:]
	}
	raw.WriteString("0\r\n")
	if m.framing&announces != 0 {
		raw.WriteString("X-Note: read\r\n")
	}
	raw.WriteString("\r\n")
}

// FuzzBodies: a handler reads the bytes that were signed, whatever the chunks, the trailers
// and the order of the wrappers are. Behind InsecureReportOnly alone it reads what a handler
// without wrappers reads. A genuine message is accepted.
func FuzzBodies(f *testing.F) {
	for order := range byte(len(orders)) {
		for framing := order % 8; framing < 2*smallLimit; framing += 7 {
			f.Add("the message of Redox", "", "", "\x02\x00\x05", framing, order, order+framing)
		}
		for _, body := range []string{"", "a", `{"challenge":"c"}`, strings.Repeat("0123456789abcdef", 700)} {
			f.Add(body, "", "", "", byte(chunked), order, byte(1))
			f.Add(body, "", "", "", byte(declared), order, byte(4))
		}
		for i, rest := range []string{
			"7\r\nmessage\r\n0\r\n\r\n", "007\r\nmessage\r\n0\r\n\r\n", "3\nmes\n4\nsage\n0\n\n", "7;a=b\r\nmessage\r\n0\r\nX-Note: 1\r\nOther: 2\r\n\r\n",
			"7\r\nmessage\r\n0\r\nX-Amz-Meta: 1\r\n\r\n", "7\r\nmessage\r\n", "7\r\nmess", "7\r\nmessage0\r\n\r\n", "6\r\nmessag\r\n0\r\n\r\n", "8\r\nmessages\r\n0\r\n\r\n",
			"7\r\nmessage\r\n0\r\n\r\nPOST /redox HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "message", "mess", "messages", "7\r\nmessage\r\n0\r\nContent-Length: 3\r\n\r\n",
		} {
			f.Add("message", "", rest, "", byte(chunked), order, byte(i))
			f.Add("message", "", rest, "", []byte{declared | announces, chunked | expects | announces}[i%2], order, byte(i+2))
		}
		for _, header := range []string{"Content-Length: 7\r\n", "Content-Length: 6\r\n", "Transfer-Encoding: chunked\r\n", "Content-Encoding: gzip\r\n", "Trailer: X-Amz-Meta\r\n", "Connection: close\r\n",
			"Transfer-Encoding: identity\r\n", "\r\n", "Upgrade: h2c\r\nConnection: upgrade\r\n"} {
			f.Add("message", header, "message", "", byte(declared), order, byte(0))
			f.Add("message", header, "7\r\nmessage\r\n0\r\n\r\n", "", byte(chunked), order, byte(1))
		}
	}
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{theToken}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body, header, rest, sizes string, framing, orderAt, way byte) {
		m := message{body, header, rest, sizes, framing}
		raw, order := m.String(), orders[int(orderAt)%len(orders)]
		var plain, got []reading
		var reports []error
		report := options()
		report.Observe = func(_ *http.Request, d redoxauth.Decision) { reports = append(reports, d.Err) }
		if framing&smallLimit != 0 {
			report.MaxBodyBytes = 10
		}
		exchange(t, reads(&plain, way), raw)
		answers := exchange(t, order.wrap(newSigV4(t, nil), token, report, reads(&got, way)), raw)

		for i, r := range got {
			accepted := order.enforced || reports[i] == nil
			if accepted && (r.failed || r.body != body) {
				t.Errorf("%s: signed %q, the handler reads %+v", order.name, body, r)
			}
			if !slices.ContainsFunc(plain, r.agrees) {
				t.Errorf("%s: the handler reads %+v, without wrappers %+v", order.name, r, plain)
			}
			for name := range r.trailer {
				if accepted && strings.HasPrefix(name, "X-Amz-") {
					t.Errorf("%s: accepted with the trailer %s", order.name, name)
				}
			}
		}
		if strings.HasPrefix(order.name, "InsecureReportOnly alone") || strings.HasPrefix(order.name, "TimeoutHandler, Insecure") {
			if !slices.EqualFunc(got, plain, reading.agrees) {
				t.Errorf("%s: the handler reads %+v, without wrappers %+v", order.name, got, plain)
			}
		}
		if genuine := header == "" && rest == ""; genuine && !strings.HasPrefix(strings.TrimPrefix(answers, "HTTP/1.1 100 Continue\r\n\r\n"), "HTTP/1.1 200 ") {
			t.Errorf("%s: a genuine message is refused: %q", order.name, answers)
		} else if genuine && len(got) != 1 && order.name != "Challenge" {
			t.Errorf("%s: the handler ran %d times", order.name, len(got))
		}
	})
}
