package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// A setting says which variable sets a field of a Config.
type setting struct {
	field     string // such as "Clients[].ID": a list of structs has one element here
	variable  string // empty: this command has none, and note says why
	dashboard string // what Redox's dashboard calls it; empty if it is not entered there
	note      string
	secret    bool   // never shown
	path      string // follows the value, which is PUBLIC_URL
}

// fill sets the fields of the Config that cfg points to, as their variables say.
func (d *destination) fill(cfg any, settings []setting) {
	for _, s := range settings {
		value := d.environment[s.variable]
		if s.variable == "" || value == "" {
			continue
		}
		if err := d.set(field(reflect.ValueOf(cfg).Elem(), s.field), s, value); err != nil {
			d.fail(s.variable, "%w", err)
		}
	}
}

// field returns the field with the path. It makes the element of a list.
func field(v reflect.Value, path string) reflect.Value {
	for name := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(name, "[]")
		v = v.FieldByName(name)
		if list {
			if v.Len() == 0 {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			}
			v = v.Index(0)
		}
	}
	return v
}

func (d *destination) set(v reflect.Value, s setting, value string) (err error) {
	switch f := v.Addr().Interface().(type) {
	case *string:
		*f = value
		if s.path != "" {
			*f = d.public(s.path)
		}
	case *[]string:
		*f = strings.Fields(value)
		for i, item := range *f {
			if strings.HasSuffix(s.field, "Types") && item == "absent" { // a token without typ
				(*f)[i] = ""
			}
		}
	case *[][]byte:
		for _, item := range strings.Fields(value) {
			*f = append(*f, []byte(item))
		}
	case *bool:
		*f, err = parseBool(value)
	case *int64:
		if *f, err = strconv.ParseInt(value, 10, 64); err != nil {
			err = fmt.Errorf("%+.64q, want a number of bytes", value)
		}
	case *time.Duration:
		if *f, err = time.ParseDuration(value); err != nil {
			err = fmt.Errorf("%+.64q, want a duration such as 90s", value)
		}
	case *keyset.Set:
		switch {
		case *f != nil:
			err = fmt.Errorf("set only one variable for the keys")
		case strings.HasSuffix(s.variable, "_FILE"):
			*f, err = keysIn(value)
		default:
			*f = d.remoteKeys(s.variable, "URL")
		}
	case *func(*http.Request) string:
		*f = lastAddress(value)
	default:
		panic("no variable can set " + s.field)
	}
	return err
}

// keysIn returns the keys in a file.
func keysIn(name string) (keyset.Set, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return keyset.ParseJWKS(data)
	}
	return keyset.ParsePEM(data)
}

// remoteKeys returns the keys at the URL, or of the issuer, that the variable holds; nil if
// that fails.
func (d *destination) remoteKeys(variable, field string) keyset.Set {
	cfg := keyset.RemoteConfig{Now: d.keysNow}
	settings := keySettings(variable, field)
	d.fill(&cfg, settings)
	set, err := keyset.NewRemote(cfg)
	if err != nil {
		d.failConfig(cfg, settings, err)
		return nil // not a nil *RemoteSet
	}
	d.keys = append(d.keys, set)
	return set
}

// lastAddress returns the address that the proxy in front has appended to the header. The
// sender chooses what stands before it.
func lastAddress(header string) func(*http.Request) string {
	return func(r *http.Request) string {
		all := strings.Join(r.Header.Values(header), ",")
		return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
	}
}

// A mistake is something wrong with a variable. Several uses of it make the same mistake.
type mistake struct{ variable, text, field string }

func (m mistake) Error() string {
	text := m.text
	if m.variable != "" {
		text = m.variable + ": " + text
	}
	if m.field != "" {
		text += " (" + m.field + ")"
	}
	return text
}

func (d *destination) fail(variable, format string, args ...any) {
	d.note(mistake{variable: variable, text: fmt.Errorf(format, args...).Error()})
}

// note keeps a mistake, unless it is known.
func (d *destination) note(m mistake) {
	same := func(other mistake) bool { return other.variable == m.variable && other.text == m.text }
	if !slices.ContainsFunc(d.mistakes, same) {
		d.mistakes = append(d.mistakes, m)
	}
}

// failed reports whether the variable could not be read. Then its field is not set, and what its
// package says of that is only a consequence.
func (d *destination) failed(variable string) bool {
	return slices.ContainsFunc(d.mistakes, func(m mistake) bool {
		return m.variable == variable && (m.field == "" || strings.HasPrefix(m.field, "keyset."))
	})
}

// A problem is what a constructor says of one field, such as
// "sigv4: Credentials[0].SecretAccessKey: required".
var problem = regexp.MustCompile(`^\w+: ([\w.\[\]]+): ((?s:.*))$`)

var (
	index = regexp.MustCompile(`\[\d+\]`)
	word  = regexp.MustCompile(`\b[A-Z]\w+\b`)
)

// failConfig says which variables make the constructor of a package refuse cfg.
func (d *destination) failConfig(cfg any, settings []setting, err error) {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			d.failConfig(cfg, settings, err)
		}
		return
	}
	parts := problem.FindStringSubmatch(err.Error())
	if parts == nil {
		d.fail(settings[0].variable, "%w", err)
		return
	}
	path, text := parts[1], parts[2]
	variables := variablesOf(settings, strings.TrimSuffix(index.ReplaceAllString(path, "[]"), "[]"))
	if len(variables) == 0 {
		variables = variablesOf(settings[:1], settings[0].field)
	}
	if slices.ContainsFunc(variables, d.failed) {
		return
	}
	if names, ok := strings.CutPrefix(text, "exactly one of "); ok {
		variables, text = nil, "required"
		for _, name := range word.FindAllString(names, -1) {
			variables = append(variables, variablesOf(settings, name)...)
		}
	}
	if text == "required" && len(variables) > 1 {
		text = "exactly one is required"
	}
	text = word.ReplaceAllStringFunc(text, func(name string) string {
		if v := variablesOf(settings, name); v != nil && name != "URL" { // a word of many messages
			return v[0]
		}
		return name
	})
	if i := index.FindString(path[strings.LastIndexByte(path, '.')+1:]); i != "" {
		n, _ := strconv.Atoi(strings.Trim(i, "[]"))
		text = fmt.Sprintf("item %d: %s", n+1, text)
	}
	d.note(mistake{strings.Join(variables, ", "), text, strings.TrimPrefix(fmt.Sprintf("%T.%s", cfg, path), "*")})
}

// variablesOf returns the variables of a field, or of the fields in it.
func variablesOf(settings []setting, field string) (variables []string) {
	for _, s := range settings {
		if s.variable != "" && (s.field == field || strings.HasPrefix(s.field, field+"[].")) {
			variables = append(variables, s.variable)
		}
	}
	return variables
}
