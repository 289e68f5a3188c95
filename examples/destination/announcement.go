package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// A setting is a field of Redox's dashboard, and the variable with its value. A variable that
// begins with "/" is a path of this server.
type setting struct{ field, variable string }

// secret matches the variables whose values are not shown.
var secret = regexp.MustCompile(`SECRET|TOKEN`)

// announce tells what is served, and what to enter in Redox's dashboard for each path. address is
// where the server listens.
func (d *destination) announce(out io.Writer, address string) {
	base := strings.TrimSuffix(cmp.Or(d.text("PUBLIC_URL"), "http://"+address), "/")
	for _, s := range strategies {
		if !d.flag(s.first()) {
			continue
		}
		fmt.Fprintf(out, "\n%s/redox/%s takes messages that %s verifies. In Redox's dashboard:\n", base, s.name, s.name)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "  endpoint\t%s/redox/%s\n", base, s.name)
		settings := s.dashboard
		if s.name != "verifytoken" && d.token != nil {
			settings = append(slices.Clone(settings), setting{"verification token", "REDOX_TOKENS"})
		}
		for _, field := range settings {
			value := d.text(field.variable)
			switch {
			case strings.HasPrefix(field.variable, "/"):
				value = base + field.variable
			case value == "":
				continue
			case secret.MatchString(field.variable):
				value = "what " + field.variable + " has"
				if strings.HasSuffix(field.variable, "S") {
					value += " first"
				}
			}
			fmt.Fprintf(w, "  %s\t%s\n", field.field, value)
		}
		w.Flush()
		if s.unknown != "" {
			fmt.Fprintf(out, "  %s\n", s.unknown)
		}
	}
	if !d.flag("PUBLIC_URL") {
		fmt.Fprintln(out, "\nRedox needs an https URL that it can reach. Set PUBLIC_URL to have it in these lines.")
	}
	fmt.Fprintln(out)
}
