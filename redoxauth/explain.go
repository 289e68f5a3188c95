package redoxauth

import (
	"fmt"
	"net/http"
	"strings"
)

// Explain tells an operator what v makes of r: the decision, as in the log, then every check with
// what arrived, what was expected, and which field of the Config and of Redox's dashboard to
// change, then hints. r is a request that was refused, or the one that [Options].Observe got, also
// later: it keeps the hash of a body that was read.
//
// Explain changes nothing: it asks no replay store, makes no call (so only keys, secrets and
// answers that are loaded count), and the handler can still read the body. It may compute 1000
// hashes: do not call it for every request. The text has no secret, token or signature, but other
// headers, claims and the query may be in it: never write it into an answer.
//
// Every Verifier and token endpoint of this module has a method Explain(*http.Request) string.
// [AnyOf] and [AllOf] explain each member. A Verifier without the method is only named.
func Explain(v Verifier, r *http.Request) string {
	text := explain(v, r)
	if r != nil {
		if seen, ok := r.Body.(*observed); ok && seen.declared != nil {
			return seen.declared.Error() + "\nthe wrapper decided, and asked no Verifier; each would say:\n" + text
		}
	}
	return text
}

func explain(v Verifier, r *http.Request) (text string) {
	e, ok := v.(interface{ Explain(*http.Request) string })
	if !ok {
		return fmt.Sprintf("%T: not called, because it has no method Explain(*http.Request) string\n", v)
	}
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprintf("%T: %v\n", v, panicked("Explain", p))
		}
	}()
	return e.Explain(r)
}

// Explain explains every member, also those after the one that decides.
func (vs anyOf) Explain(r *http.Request) string {
	texts := explainAll(vs, r)
	const missing = "no credentials (missing)"
	telling := -1 // as Verify chooses among the errors
	for i, text := range texts {
		switch d := decision(text); {
		case strings.HasPrefix(d, "not called"):
		case !strings.HasPrefix(d, "no credentials"):
			for j := range texts {
				if j != i {
					texts[j] = withoutHints(texts[j]) // they are about a credential that is not needed
				}
			}
			return fmt.Sprintf("%sAnyOf: member %d of %d is the first that recognises a credential, and decides\n", firstLine(text), i+1, len(vs)) + listed(texts)
		case telling < 0, strings.HasPrefix(decision(texts[telling]), missing):
			telling = i
		}
	}
	return firstLine(texts[max(telling, 0)]) + "AnyOf: none of the members that were called recognises a credential\n" + listed(texts)
}

// Explain explains every member, also those after the first that refuses.
func (vs allOf) Explain(r *http.Request) string {
	texts := explainAll(vs, r)
	uncalled := -1
	for i, text := range texts {
		switch d := decision(text); {
		case strings.HasPrefix(d, "accepted"):
		case strings.HasPrefix(d, "not called"):
			uncalled = i
		default:
			first := "the first"
			if uncalled >= 0 {
				first = "the first of those that were called"
			}
			return fmt.Sprintf("%sAllOf: each of the %d members must accept; member %d is %s that does not\n", vs.refusal(i, firstLine(text)), len(vs), i+1, first) + listed(texts)
		}
	}
	if uncalled >= 0 {
		return firstLine(texts[uncalled]) + "AllOf: the members that were called accept\n" + listed(texts)
	}
	return firstLine(texts[len(texts)-1]) + fmt.Sprintf("AllOf: each of the %d members accepts\n", len(vs)) + listed(texts)
}

// refusal returns the first line of member i as Verify changes its error.
func (vs allOf) refusal(i int, line string) string {
	strategy, why, _ := strings.Cut(line, ": ") // a peer may have written what follows
	why, missing := strings.CutPrefix(why, "no credentials")
	if i == 0 || !missing {
		return line
	}
	reason, cause, _ := strings.Cut(strings.TrimSuffix(why, "\n"), ")")
	return fmt.Sprintf("%s: credentials rejected%s): %s%s\n", strategy, reason, vs.lacking(i), cause)
}

func explainAll(vs []Verifier, r *http.Request) []string {
	texts := make([]string, len(vs))
	for i, v := range vs {
		texts[i] = explain(v, r)
	}
	return texts
}

// decision returns the first line of a text, without the strategy in front of it.
func decision(text string) string {
	_, rest, _ := strings.Cut(firstLine(text), ": ")
	return rest
}

func withoutHints(text string) string {
	facts, _, cut := strings.Cut(text, "\nhints:\n")
	if cut && !strings.HasSuffix(facts, "\n") {
		facts += "\n"
	}
	return facts
}

func firstLine(text string) string { return strings.SplitAfterN(text, "\n", 2)[0] }

// listed returns the texts, indented, each under its number.
func listed(texts []string) string {
	var b strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&b, "member %d:\n", i+1)
		for line := range strings.Lines(text) {
			if line != "\n" {
				line = "  " + line
			}
			b.WriteString(line)
		}
	}
	return b.String()
}
