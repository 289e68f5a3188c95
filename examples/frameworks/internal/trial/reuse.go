package trial

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// SendTwo sends two requests of the same length on one connection, one after the other. A
// framework that reuses the memory of a request writes the second over the first. Each has one
// text as its Host, as the end of its path, as its query, and in the header X-Note. SendTwo
// returns the texts.
func SendTwo(t *testing.T, base string) (texts []string) {
	t.Helper()
	for _, letter := range []string{"a", "b"} {
		text := strings.Repeat(letter, 16)
		r, err := http.NewRequest(http.MethodPost, base+text+"?"+text, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = text
		r.Header.Set("X-Note", text)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		texts = append(texts, text)
	}
	return texts
}
