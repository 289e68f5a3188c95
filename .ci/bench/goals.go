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

func (g *goals) print() {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "goals\tmeasured\tat most\t")
	for _, r := range g.rows {
		missed := ""
		if !(r.measured <= r.most) {
			missed = "missed"
		}
		fmt.Fprintf(t, "  %s\t%.3g\t%.3g %s\t%s\n", r.what, r.measured, r.most, r.unit, missed)
	}
	t.Flush()
}
