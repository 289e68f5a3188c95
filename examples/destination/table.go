package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/redoxauth/redoxauth-go/redoxauth"
)

// A table has one row for requests that were answered alike.
type table []*row

type row struct {
	proof        string
	want, status int
	reason       redoxauth.Reason // that the operator sees; empty if accepted
	requests     []string
}

func (t *table) add(proof, request string, want, status int, reason redoxauth.Reason) {
	i := slices.IndexFunc(*t, func(r *row) bool {
		return r.proof == proof && r.want == want && r.status == status && r.reason == reason
	})
	if i < 0 {
		i = len(*t)
		*t = append(*t, &row{proof: proof, want: want, status: status, reason: reason})
	}
	(*t)[i].requests = append((*t)[i].requests, request)
}

// print returns an error if an answer is not as expected.
func (t table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PACKAGE\tSTATUS\tREASON\tREQUESTS")
	sent, unexpected := 0, 0
	for _, r := range t {
		sent += len(r.requests)
		text := r.text()
		if r.status != r.want {
			unexpected += len(r.requests)
			text = fmt.Sprintf("UNEXPECTED, want %d: %s", r.want, text)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", r.proof, r.status, r.reason, wrap(text, "\n\t\t\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d requests, %d answered as expected\n", sent, sent-unexpected)
	if unexpected > 0 {
		return fmt.Errorf("%d answers are not as expected", unexpected)
	}
	return nil
}

// text lists the requests. Those that begin alike, such as "assertion: expired", are
// listed after one "assertion: ".
func (r *row) text() string {
	var text, group string
	for _, request := range r.requests {
		prefix, name, found := strings.Cut(request, ": ")
		switch {
		case found && prefix == group:
			text += ", " + name
		case text == "":
			text = request
		default:
			text += "; " + request
		}
		if group = ""; found {
			group = prefix
		}
	}
	return text
}

// wrap breaks text into lines of at most 80 characters.
func wrap(text, lineBreak string) string {
	var lines []string
	for len(text) > 80 {
		end := strings.LastIndexByte(text[:80], ' ')
		lines = append(lines, text[:end])
		text = text[end+1:]
	}
	return strings.Join(append(lines, text), lineBreak)
}
