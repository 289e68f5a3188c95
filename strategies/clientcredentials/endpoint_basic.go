package clientcredentials

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

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

// readings returns what raw may mean. Half of the clients in use form-encode ID and
// secret first, as RFC 6749, Section 2.3.1, says, and half do not; among these, some send
// UTF-8 and some Latin-1. To take a reading more than one gives a guesser three tries in
// one.
func readings(raw string) [3]string { return [3]string{formDecoded(raw), raw, fromLatin1(raw)} }

// formDecoded decodes both halves; what cannot be decoded stays as it is.
func formDecoded(raw string) string {
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
	runes := make([]rune, len(raw))
	for i := range len(raw) {
		runes[i] = rune(raw[i])
	}
	return string(runes)
}

// toLatin1 writes each character as a byte, or reports that one is none.
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

// A sample is what a client sends with one secret, and all that it is read as, sent as
// UTF-8 or Latin-1. Form-encoded, it can only be mistaken for a text that is sent so as it
// is, and that one's readings hold it too.
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

// alike reports whether what one of the two clients sends may be read as the other's:
// ("a", "b:c") and ("a:b", "c"), or ("a+b", "c") and ("a b", "c").
func (s sample) alike(t sample) bool {
	return s.client != t.client && (slices.Contains(s.readings, t.text) || slices.Contains(t.readings, s.text))
}
