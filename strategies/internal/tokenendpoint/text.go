package tokenendpoint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// maxNamed is up to how many bytes a JSON body is read again to list its names.
const maxNamed = 8 << 10

// dashboard holds the fields of Redox's dashboard for a parameter: the one for its value, and
// the one for its name. Where Redox documents no such field it is empty.
var dashboard = map[string]struct{ value, name string }{
	"grant_type":    {"grantType", "grantTypeName"},
	"client_id":     {"clientId", "clientIdName"},
	"client_secret": {"clientSecret", "clientSecretName"},
	"scope":         {value: "scopes"},
	"audience":      {value: "audience"},
	"resource":      {value: "resource"},
}

// Said returns a parameter as errors show it: absent, empty or quoted.
func (q *Request) Said(name string) string {
	return diagnosis.Text(q.Get(name), q.parameters.Has(name))
}

// Absence says that parameters are absent or empty, and what arrived instead. A field of the
// dashboard may have given one another name.
func (q *Request) Absence(names ...string) string {
	var missing, fields []string
	for _, name := range names {
		switch field := dashboard[name].name; {
		case q.Get(name) != "":
			continue
		case q.parameters.Has(name):
			missing = append(missing, "the parameter "+name+" is empty")
			continue
		case field != "":
			fields = append(fields, fmt.Sprintf("%s, want %q", field, name))
		}
		missing = append(missing, "the parameter "+name+" is absent")
	}
	text := strings.Join(append(missing, q.arrived()), ", ")
	if len(fields) > 0 {
		text += " (Redox dashboard: " + strings.Join(fields, "; ") + ")"
	}
	return text
}

// arrived lists the names of the parameters. It lists no values: names are all that can be
// shown of a request with a secret.
func (q *Request) arrived() string {
	if len(q.json) > maxNamed {
		return "the names of the parameters are not listed, because the body is large"
	}
	names := q.names()
	if len(names) == 0 {
		return "no parameters arrived"
	}
	if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(strings.TrimSpace(name), "{") }) {
		return "the body looks like JSON, but its Content-Type says a form (Redox dashboard: contentType)"
	}
	shown := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !q.shows(name) })
	text := "the parameters that arrived: " + named(shown)
	if hidden := len(names) - len(shown); hidden > 0 {
		text += fmt.Sprintf(", and %d whose names are not shown, because they may be values", hidden)
	}
	return text
}

// named lists names, of which there may be one or none.
func named(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return diagnosis.List(names)
}

// names returns the names of all parameters, in order.
func (q *Request) names() []string {
	if q.json == nil {
		return slices.Sorted(maps.Keys(q.parameters))
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(q.json, &members) // was checked
	return slices.Sorted(maps.Keys(members))
}

// isName reports whether a name may be shown. A sender that writes no name, or a secret
// without its name, must not get it into a log.
func isName(name string) bool {
	if name == "" || len(name) > 40 {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '-' || c == '.'
		if !letter && (c < '0' || c > '9' || len(name) >= 12) {
			return false
		}
	}
	return true
}

// shows reports whether the name of a parameter may be shown.
func (q *Request) shows(name string) bool {
	return q.json != nil && isName(name) || isNameOf(q.Get(name), name)
}

// isNameOf reports whether the name of a parameter in a form may be shown. A name that no value
// follows may be a value itself, unless we know it. So may one with the padding of base64.
func isNameOf(value, name string) bool {
	return isName(name) && (strings.Trim(value, "=") != "" || slices.Contains(parameters, name))
}

// nameOf quotes the name of a parameter, if it may be shown.
func nameOf(name, value string) string {
	if isNameOf(value, name) {
		return diagnosis.Quote(name)
	}
	return "a parameter whose name is not shown"
}
