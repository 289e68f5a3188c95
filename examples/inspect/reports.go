package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A reports prints findings, and bounds how many: a stranger may send a lot.
type reports struct {
	out io.Writer

	mu      sync.Mutex
	number  int
	start   time.Time // of the current interval
	printed int       // in it
	left    int       // out, in it
	last    string    // proposal
	lastIn  int       // the number of the finding that has it
}

const (
	reportInterval = 10 * time.Second
	reportsPer     = 20
	maxReport      = 64 << 10 // bytes of one
)

func (r *reports) next() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	return r.number
}

// print prints what arrived, the proposal, and what the trial says.
func (r *reports) print(i *inspector, f *finding) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.start) > reportInterval {
		if r.left > 0 {
			fmt.Fprintf(r.out, "\n%d more requests came and are not shown\n", r.left)
		}
		r.start, r.printed, r.left = now, 0, 0
	}
	if r.printed == reportsPer {
		r.left++
		return
	}
	r.printed++
	var b strings.Builder
	fmt.Fprintf(&b, "\n======== request %d, %s\n", f.number, now.Format(time.TimeOnly))
	for _, line := range f.lines {
		fmt.Fprintln(&b, line)
	}
	if p := f.proposal; p != nil {
		r.proposal(&b, i, f)
		if f.trial.text != "" {
			fmt.Fprintf(&b, "\n-------- trial\n%s\n", strings.TrimSuffix(f.trial.text, "\n"))
		}
	}
	text := b.String()
	if len(text) > maxReport {
		text = text[:maxReport] + "\n... cut off\n"
	}
	io.WriteString(r.out, text)
}

// proposal prints what f proposes, once.
func (r *reports) proposal(b *strings.Builder, i *inspector, f *finding) {
	p := f.proposal
	for _, note := range p.notes {
		fmt.Fprintln(b, "note:", note)
	}
	if p.config == nil && p.strategy != "verifytoken" {
		return
	}
	var text strings.Builder
	fmt.Fprintf(&text, "-------- Go: accepts such requests\n%s-------- end of Go\n", p.code(i.listen))
	fmt.Fprintf(&text, "\n-------- variables of examples/destination: accept such requests\n")
	for _, line := range p.environment(i.settings) {
		fmt.Fprintln(&text, line)
	}
	fmt.Fprintf(&text, "# endpoint in the dashboard: %s\n", i.origin("/redox/"+p.strategy))
	if p.endpoint() {
		fmt.Fprintf(&text, "# token URL in the dashboard: %s\n", i.origin("/token/"+p.strategy))
	}
	fmt.Fprintf(&text, "# to serve: set -a; the lines above; go run ./examples/destination -listen %s\n", i.listen)
	if proposal := text.String(); proposal == r.last {
		fmt.Fprintf(b, "\nThe proposal is that of request %d.\n", r.lastIn)
	} else {
		r.last, r.lastIn = proposal, f.number
		fmt.Fprintf(b, "\n%s\n%s", warning, proposal)
	}
}
