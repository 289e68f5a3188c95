package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// An entry is a field of Redox's dashboard, and what to enter there.
type entry struct{ field, value string }

// printDashboard prints the served paths, and what to enter in Redox's dashboard for each. It
// shows no secret.
func (d *destination) printDashboard(out io.Writer) error {
	base := strings.TrimSuffix(d.environment["PUBLIC_URL"], "/")
	if base == "" {
		base = "https://HOST" // Redox knows it, this command does not
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range d.served {
		fmt.Fprintf(w, "/redox/%s: %s\n", s.name, s.title)
		print := func(field, value string) { fmt.Fprintf(w, "  %s\t%s\n", field, value) }
		print("URL of the destination", base+"/redox/"+s.name)
		if d.token != nil && s.name != "verifytoken" {
			print("verification token", "what is in REDOX_TOKENS (not shown), or none: then the credential proves the handshake")
		}
		for _, x := range s.settings {
			if x.dashboard != "" {
				print(x.dashboard, d.shown(x))
			}
		}
		for _, e := range s.entries {
			print(e.field, strings.Replace(e.value, "PUBLIC_URL", base, 1))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "Give each destination in Redox one of these paths. GET /healthz answers 200 when this server is ready.\n\n")
	return w.Flush()
}

// shown returns what to enter for a setting.
func (d *destination) shown(s setting) string {
	value := strings.Join(strings.Fields(d.environment[s.variable]), " ")
	switch {
	case value == "":
		return "leave it empty, or as it is: " + s.variable + " is not set"
	case s.secret && len(strings.Fields(value)) > 1:
		return "one of the secrets in " + s.variable + " (not shown): the new one"
	case s.secret:
		return "what is in " + s.variable + " (not shown)"
	case s.path != "":
		value = d.public(s.path)
	}
	if s.note != "" {
		value += " (" + s.note + ")"
	}
	return value
}
