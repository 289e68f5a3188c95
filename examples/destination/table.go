package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// A row is what one request was answered.
type row struct {
	proof, request string
	want, got      int
	reason         string // that the operator sees; empty if accepted
}

func printTable(out io.Writer, rows []row) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PROOF\tREQUEST\tEXPECTED\tSTATUS\tREASON")
	unexpected := 0
	for _, r := range rows {
		mark := ""
		if r.got != r.want {
			unexpected++
			mark = "\t<- unexpected"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s%s\n", r.proof, r.request, r.want, r.got, r.reason, mark)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d requests, %d answered as expected\n", len(rows), len(rows)-unexpected)
	if unexpected > 0 {
		return fmt.Errorf("%d answers are not as expected", unexpected)
	}
	return nil
}
