package sigv4

import (
	"slices"
	"strings"
)

// secretWords are in the names of headers and query parameters whose values Explain does not
// show.
var secretWords = []string{"token", "secret", "password", "passwd", "signature", "credential", "authorization", "cookie",
	"api-key", "apikey", "api_key", "assertion", "private", "session", "jwt", "x-redox-sig"}

func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return name == "key" || name == "code" || name == "auth" || name == "sig" ||
		slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// redact removes secrets from a canonical request, and shortens very long lines.
func redact(request string) string {
	const longest = 1024
	lines := strings.Split(request, "\n")
	for i, line := range lines {
		if i == 2 {
			line = redactQuery(line)
		} else if name, _, ok := strings.Cut(line, ":"); ok && i > 2 && isSecretName(name) {
			line = name + ":[redacted]"
		}
		if len(line) > longest {
			line = line[:longest] + "[shortened]"
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

func redactQuery(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if name, _, _ := strings.Cut(pair, "="); isSecretName(name) {
			pairs[i] = name + "=[redacted]"
		}
	}
	return strings.Join(pairs, "&")
}
