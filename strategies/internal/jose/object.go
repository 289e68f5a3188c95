package jose

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseObject reads data as one JSON object, as strictly as the parts of a token: UTF-8,
// no name twice at any depth, no lone surrogate, nothing after it. The caller bounds its
// size.
func ParseObject(data []byte) (map[string]json.RawMessage, error) {
	o, err := parseObject(string(data))
	if err != nil {
		return nil, err
	}
	members := make(map[string]json.RawMessage, len(o))
	for _, m := range o {
		members[m.name] = json.RawMessage(m.raw)
	}
	return members, nil
}

func parseObject(s string) (object, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("not UTF-8")
	}
	p := scanner{s: s}
	return p.document()
}

// An object is the members of a JSON object, in order.
type object []member

type member struct {
	name string
	raw  value
}

// A value is the text of a JSON value whose syntax was checked.
type value string

func (o object) get(name string) (value, bool) {
	for i := range o {
		if o[i].name == name {
			return o[i].raw, true
		}
	}
	return "", false
}

func (o object) has(name string) bool {
	_, ok := o.get(name)
	return ok
}

// text returns a string.
func (v value) text() (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	var s string
	err := json.Unmarshal([]byte(v), &s)
	return s, err == nil
}

// texts returns a string as the only element, or an array of strings.
func (v value) texts() ([]string, bool) {
	if s, ok := v.text(); ok {
		return []string{s}, true
	}
	if len(v) == 0 || v[0] != '[' {
		return nil, false
	}
	p := scanner{s: string(v), i: 1}
	values, err := p.array()
	if err != nil {
		return nil, false
	}
	texts := make([]string, len(values))
	for i, e := range values {
		var ok bool
		if texts[i], ok = e.text(); !ok {
			return nil, false
		}
	}
	return texts, true
}

// date returns a NumericDate (RFC 7519, Section 2), which may have a fraction. Beyond
// 2^53 seconds a number is no longer exact.
func (v value) date() (time.Time, bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1<<53 {
		return time.Time{}, false
	}
	seconds, fraction := math.Modf(f)
	return time.Unix(int64(seconds), int64(fraction*1e9)), true
}
