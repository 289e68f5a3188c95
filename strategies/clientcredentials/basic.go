package clientcredentials

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// maxBasic is how many bytes of a value of Basic are read. A form-encoded ID and secret
// fit into it.
const maxBasic = 8 << 10

// decoded returns ID ":" secret as it was sent, or "".
func decoded(value string) string {
	if len(value) > maxBasic {
		return ""
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	return string(raw)
}

// readings returns what raw may mean. Half of the clients in use form-encode ID and secret
// first, as RFC 6749, Section 2.3.1, says, and half do not. Of the latter, some send UTF-8
// and some Latin-1. Three readings give an attacker three guesses in one request.
func readings(raw string) [3]string { return [3]string{formDecoded(raw), raw, fromLatin1(raw)} }

// formDecoded decodes both halves. If that fails, it returns raw.
func formDecoded(raw string) string {
	if !strings.ContainsAny(raw, "%+") {
		return raw
	}
	id, text, ok := strings.Cut(raw, ":")
	id, err := url.QueryUnescape(id)
	if !ok || err != nil {
		return raw
	}
	if text, err = url.QueryUnescape(text); err != nil {
		return raw
	}
	return id + ":" + text
}

// fromLatin1 reads each byte as a character.
func fromLatin1(raw string) string {
	high := 0
	for i := range len(raw) {
		high += int(raw[i] >> 7)
	}
	if high == 0 {
		return raw
	}
	var text strings.Builder
	text.Grow(len(raw) + high)
	for i := range len(raw) {
		text.WriteRune(rune(raw[i]))
	}
	return text.String()
}

// toLatin1 writes each character as a byte. It reports whether that is possible.
func toLatin1(text string) (string, bool) {
	var raw []byte
	for _, c := range text {
		if c > 0xFF {
			return "", false
		}
		raw = append(raw, byte(c))
	}
	return string(raw), true
}

// A sample is what a client sends with one secret, and everything that it may be read as,
// whether it is sent as UTF-8 or as Latin-1. Form-encoded samples need no entry: each is
// mistaken only for a text that is sent as it is, and the readings of that text include it.
type sample struct {
	client, text string
	readings     []string
}

func sampleOf(id, secret string) sample {
	s := sample{client: id, text: id + ":" + secret}
	all := readings(s.text)
	s.readings = all[:]
	if raw, ok := toLatin1(s.text); ok {
		all := readings(raw)
		s.readings = append(s.readings, all[:]...)
	}
	return s
}

// alike reports whether one client's sample may be read as the other's, such as ("a", "b:c")
// and ("a:b", "c"), or ("a+b", "c") and ("a b", "c").
func (s sample) alike(t sample) bool {
	return s.client != t.client && (slices.Contains(s.readings, t.text) || slices.Contains(t.readings, s.text))
}
