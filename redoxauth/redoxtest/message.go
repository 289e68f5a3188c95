package redoxtest

import "bytes"

// contentType is application/json for JSON, which Redox documents for its data models.
// What it sends with other formats is not documented.
func contentType(message []byte) string {
	if t := bytes.TrimSpace(message); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		return "application/json"
	}
	return "text/plain"
}
