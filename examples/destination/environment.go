package main

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// An environment holds the values of variables. An empty value is like none. White space
// separates the items of a list.
type environment map[string]string

// newEnvironment takes what os.Environ returns.
func newEnvironment(assignments []string) environment {
	e := environment{}
	for _, a := range assignments {
		name, value, _ := strings.Cut(a, "=")
		e[name] = value
	}
	return e
}

func (e environment) has(name string) bool { return e[name] != "" }

// public returns the URL by which Redox reaches the path.
func (e environment) public(path string) string {
	return strings.TrimSuffix(e["PUBLIC_URL"], "/") + path
}

// checkPublicURL returns what is wrong with PUBLIC_URL.
func (e environment) checkPublicURL() error {
	value := e["PUBLIC_URL"]
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(value, "?# ") {
		return errors.New("want a URL such as https://redox.example.org, without user and query")
	}
	return nil
}

// parseBool refuses what Go does not read as true or false: somebody may mean "no" by it.
func parseBool(value string) (bool, error) {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("%+.64q, want true or false", value)
	}
	return b, nil
}

// quoted returns an error for each variable that has quotation marks around its value, or around an
// item of it. A shell removes them, and docker run --env-file does not. With them in a secret every
// message is refused, and no log can name them, because the error of a refusal shows no secret. It is
// no warning, because a server that does not start leaves the old one in place.
func (e environment) quoted(known []string) error {
	var errs []error
	for _, name := range known {
		if slices.Contains(strings.Fields(e["ALLOW_QUOTES"]), name) {
			continue
		}
		for _, text := range append(strings.Fields(e[name]), strings.TrimSpace(e[name])) {
			if n := len(text); n > 1 && text[0] == text[n-1] && strings.ContainsRune("\"'`", rune(text[0])) {
				errs = append(errs, fmt.Errorf("%s: the quotation marks (%c) would be part of the value: remove them. "+
					"If they belong to it, list %s in ALLOW_QUOTES", name, text[0], name))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// ownPrefixes begin the names of this command's variables, and most likely of no other's. A
// variable with another prefix, such as GOOGLE_CLOUD_PROJECT, is only taken for a misspelling if
// it is nearly the name of one.
var ownPrefixes = []string{"REDOX_", "SIGV4_", "JWT_", "GRANT_", "OAUTH_", "SMART_", "GCP_", "WIF_", "KEYS_"}

// Kubernetes sets such variables for each service, and a service may be called redox:
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
var serviceLink = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?$`)

// misspelt returns an error for each variable that is unknown and looks like one of known.
func (e environment) misspelt(known []string) []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		near, distance := nearest(strings.ToUpper(name), known)
		isOwn := func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) }
		if distance <= 2 || slices.ContainsFunc(ownPrefixes, isOwn) {
			errs = append(errs, fmt.Errorf("%s is unknown: do you mean %s? (-h lists all)", name, near))
		}
	}
	return errs
}

// nearest returns the name that fewest insertions, deletions and replacements make of s; of
// several the one that begins most like s.
func nearest(s string, names []string) (near string, distance int) {
	distance = 1 << 20
	for _, name := range names {
		d := levenshtein(s, name)
		if d < distance || d == distance && common(s, name) > common(s, near) {
			near, distance = name, d
		}
	}
	return near, distance
}

func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// common returns the length of the beginning that a and b share.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
