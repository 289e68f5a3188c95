package lambda

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// An answerOf makes the answer R of what a handler wrote.
type answerOf[R any] func(*recorder) R

func restAnswer(w *recorder) events.APIGatewayProxyResponse {
	res := events.APIGatewayProxyResponse{MultiValueHeaders: w.header}
	res.StatusCode, res.Body, res.IsBase64Encoded = w.result()
	return res
}

func httpAPIAnswer(w *recorder) events.APIGatewayV2HTTPResponse {
	res := events.APIGatewayV2HTTPResponse{Headers: w.joined(), Cookies: w.header["Set-Cookie"]}
	delete(res.Headers, "Set-Cookie")
	res.StatusCode, res.Body, res.IsBase64Encoded = w.result()
	return res
}

// albAnswer sets both kinds of headers. The target group's setting decides which is read.
func albAnswer(w *recorder) events.ALBTargetGroupResponse {
	res := events.ALBTargetGroupResponse{Headers: w.joined(), MultiValueHeaders: w.header}
	res.StatusCode, res.Body, res.IsBase64Encoded = w.result()
	res.StatusDescription = strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode)
	return res
}

// A recorder keeps what a handler writes. The zero recorder is ready to use.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // those below announce another one
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.Header()["Content-Type"] == nil {
		w.header.Set("Content-Type", http.DetectContentType(p))
	}
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) joined() map[string]string {
	joined := make(map[string]string, len(w.header))
	for name, values := range w.header {
		joined[name] = strings.Join(values, ",")
	}
	return joined
}

func (w *recorder) result() (status int, body string, isBase64 bool) {
	w.WriteHeader(http.StatusOK) // if the handler wrote nothing
	if b := w.body.Bytes(); !utf8.Valid(b) {
		return w.status, base64.StdEncoding.EncodeToString(b), true
	}
	return w.status, w.body.String(), false
}
