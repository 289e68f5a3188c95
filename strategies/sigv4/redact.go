package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secretWords are in the names of headers and query parameters whose values Explain does not
// show.
var secretWords = []string{"token", "secret", "password", "passwd", "signature", "credential", "authorization", "cookie",
	"apikey", "assertion", "private", "session", "jwt", "x-redox-sig", "passphrase", "pwd", "auth"}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return name == "code" || name == "sig" || strings.HasSuffix(name, "key") ||
		slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// secretValues are values that are secret under any name: credentials of a scheme, JWTs, and the
// password of a URL.
var secretValues = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s,]+|eyJ[\w-]+\.[\w.-]+|//[^/\s@]+@`)

func redactValue(value string) string { return secretValues.ReplaceAllString(value, "[redacted]") }

// without removes the configured secrets from a text, also in the forms in which senders write
// them by mistake. Very short ones could be a part of any word, so they stay.
func (ring *keyring) without(text string) string {
	if ring == nil {
		return text
	}
	for _, k := range ring.all {
		secret := k.key.secret
		if len(secret) < 8 {
			continue
		}
		for _, form := range [...]string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
			for _, form := range [...]string{form, escapeAll(form), strings.ReplaceAll(escapeAll(form), "/", "%2F")} {
				text = strings.ReplaceAll(text, form, "[redacted]")
			}
		}
	}
	return text
}

// hasToken reports whether one of the first long parts of a header value is a configured session
// token, of which only the hash is kept.
func (ring *keyring) hasToken(value string) bool {
	if ring == nil {
		return false
	}
	const shortest, most = 16, 4
	n := 0
	for part := range strings.FieldsFuncSeq(value, func(c rune) bool { return strings.ContainsRune(" ,;\"", c) }) {
		if len(part) < shortest {
			continue
		}
		if n++; n > most {
			break
		}
		sum := sha256.Sum256([]byte(part))
		if slices.ContainsFunc(ring.all, func(k *credential) bool { return k.hasToken && k.token == sum }) {
			return true
		}
	}
	return false
}

// redact removes secrets from a canonical request, and shortens very long lines.
func (ring *keyring) redact(request string) string {
	const longest = 1024
	request = ring.without(request) // first: a line that is shortened may end in a secret
	lines := strings.Split(request, "\n")
	for i, line := range lines {
		if i == 2 {
			line = redactQuery(line)
		} else if name, value, ok := strings.Cut(line, ":"); ok && i > 2 {
			if isSecretName(name) || ring.hasToken(value) {
				value = "[redacted]"
			}
			line = name + ":" + redactValue(value[:min(len(value), 2*longest)])
		}
		if len(line) > longest {
			line = line[:longest] + "[shortened]"
		}
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// printable escapes a line that has something which a terminal may obey or not show.
func printable(line string) string {
	if utf8.ValidString(line) && !strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return line
	}
	quoted := strconv.Quote(line)
	return quoted[1 : len(quoted)-1]
}

func redactQuery(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, _, _ := strings.Cut(pair, "="); isSecretName(name) {
			pairs[i] = name + "=[redacted]"
		} else {
			pairs[i] = redactValue(pair)
		}
	}
	return strings.Join(pairs, "&")
}
