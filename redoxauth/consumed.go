package redoxauth

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
)

// consumed is the error of a body that something in front has read, cut or dropped. The
// sender is not at fault, so it must not be a 401 or a 400. And a signature over an empty body
// must not verify: a handler may act on what was parsed in front.
func consumed(format string, args ...any) *Error {
	return Errorf(nil, "body_consumed", "%s, want the whole body: something in front has read it (ParseForm, PostForm or ShouldBind of gin, "+
		"FormValue or Bind of echo, middleware that logs bodies); put the wrapper, Check or the token endpoint in front of it", fmt.Sprintf(format, args...))
}

// wasSent reports whether the peer has sent a body that is not empty, as far as r shows.
func wasSent(r *http.Request) bool {
	return r.ContentLength > 0 || declaresBody(r) || wasParsed(r)
}

func declaresBody(r *http.Request) bool {
	declared, _ := strconv.ParseInt(r.Header.Get("Content-Length"), 10, 64)
	return declared > 0
}

func wasParsed(r *http.Request) bool { return len(r.PostForm) > 0 || r.MultipartForm != nil }

// drained reports whether src is a body of net/http that was read to its end. This tells a
// chunked body that something in front has read from one that was sent empty. net/http has no
// method for it.
func drained(src io.ReadCloser) bool {
	for s := src; ; {
		if p, ok := s.(*peeked); ok { // we have read it
			return p.drained
		}
		wrapper, ok := s.(interface{ Unwrap() io.ReadCloser })
		if !ok {
			break
		}
		s = wrapper.Unwrap()
	}
	v := reflect.ValueOf(innermost(src))
	for {
		v = reflect.Indirect(v)
		if v.Kind() != reflect.Struct || !isServers(v.Type()) {
			return false
		}
		inner := v.FieldByName("readCloser") // with "Expect: 100-continue"
		if !inner.IsValid() {
			inner = v.FieldByName("r") // of MaxBytesReader
		}
		if inner.Kind() != reflect.Interface {
			break
		}
		v = inner.Elem()
	}
	end := v.FieldByName("sawEOF")
	return end.Kind() == reflect.Bool && end.Bool()
}
