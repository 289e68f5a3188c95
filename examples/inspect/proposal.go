package main

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"strings"
)

// A proposal is the Config that accepts a request. Its Go code, its variables and the Verifier
// that is tried all come from the one value config.
type proposal struct {
	strategy  string
	config    any          // a Config of the strategy; nil if there is none to propose
	variants  func() []any // further Configs to try; may be nil
	keys      *keySource   // for every field of the type keyset.Set; nil if there is none
	tokenPath string       // of the token endpoint, if config is an EndpointConfig
	token     bool         // the message carries the verification token too
	handshake bool         // the handshake carried a verification token
	notes     []string     // what inspect cannot know
	needs     []string     // variables without which nothing is tried
}

func (p *proposal) note(format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf(format, args...))
}

var (
	mark      = rand.Text() // nobody can guess it, so no peer can send it
	ownSecret = rand.Text() + rand.Text()
)

// ask returns a placeholder for the value of a variable, for any text in a Config.
func ask(variable string) string { return mark + variable }

// asked returns the variable of a placeholder.
func asked(text string) (variable string, ok bool) { return strings.CutPrefix(text, mark) }

// leaves calls f for every text in v with the names of the fields that lead to it, such as
// "Credentials.AccessKeyID".
func leaves(v reflect.Value, path string, f func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for n := range v.NumField() {
			leaves(v.Field(n), strings.TrimPrefix(path+"."+v.Type().Field(n).Name, "."), f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for n := range v.Len() {
				leaves(v.Index(n), path, f)
			}
			return
		}
		fallthrough
	default:
		if !v.IsZero() {
			f(path, v)
		}
	}
}

// filled returns a copy of v with the values of the placeholders. It adds to missing the
// variables that have none.
func (s *settings) filled(v reflect.Value, missing *[]string) reflect.Value {
	value := func(text string) (string, bool) {
		variable, ok := asked(text)
		if !ok {
			return text, false
		}
		filled := s.value(variable)
		if filled == "" {
			*missing = append(*missing, variable)
		}
		return filled, true
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch {
	case v.Kind() == reflect.String:
		text, _ := value(v.String())
		c.SetString(text)
	case v.Kind() == reflect.Struct:
		for n := range v.NumField() {
			c.Field(n).Set(s.filled(v.Field(n), missing))
		}
	case v.Type() == reflect.TypeFor[[]byte]():
		text, _ := value(string(v.Bytes()))
		c.SetBytes([]byte(text))
	case v.Kind() == reflect.Slice && !v.IsNil():
		c.Set(reflect.MakeSlice(v.Type(), 0, v.Len()))
		for n := range v.Len() {
			e := v.Index(n)
			if e.Kind() == reflect.String {
				if text, ok := value(e.String()); ok { // a list, as examples/destination reads it
					for _, item := range strings.Fields(text) {
						c.Set(reflect.Append(c, reflect.ValueOf(item)))
					}
					continue
				}
			}
			c.Set(reflect.Append(c, s.filled(e, missing)))
		}
	}
	return c
}
