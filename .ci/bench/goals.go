package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

// goals are the figures of one run that have a goal.
type goals struct{ rows []figure }

type figure struct {
	what     string
	measured float64
	unit     string
	most     float64
}

func (g *goals) add(what string, measured float64, unit string, most float64) {
	g.rows = append(g.rows, figure{what, measured, unit, most})
}

// print reports whether a goal is missed.
func (g *goals) print() (missed bool) {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "goals\tmeasured\tat most\t")
	for _, r := range g.rows {
		verdict := ""
		if !(r.measured <= r.most) {
			verdict, missed = "missed", true
		}
		fmt.Fprintf(t, "  %s\t%.3g\t%.3g %s\t%s\n", r.what, r.measured, r.most, r.unit, verdict)
	}
	t.Flush()
	return missed
}
