// Command goservers is an authorization server on loopback, built with a library: of
// ory/fosite, or of zitadel/oidc with the storage of its example. The tests of
// ../authservers run it.
//
//	goservers fosite|zitadel
//
// The first line on stdin is its configuration. Each further line has keys that replace the
// old ones while it runs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
)

// A configuration names everything but the keys, which may change.
type configuration struct {
	Port     int
	Store    string // a file, for tokens that survive a restart
	Scopes   []string
	Audience []string          // the APIs
	Clients  map[string]string // secrets by ID
}

func (c configuration) issuer() string { return "http://127.0.0.1:" + strconv.Itoa(c.Port) }

// A server publishes the keys in the member "keys" of a line, and signs with the first.
type server interface {
	http.Handler
	setKeys(jwks []byte) error
}

func main() {
	fmt.Fprintln(os.Stderr, "goservers:", run(os.Args[1:])) // EOF if the test has ended
	os.Exit(1)
}

func run(args []string) error {
	kinds := map[string]func(configuration) (server, error){"fosite": newFosite, "zitadel": newZitadel}
	if len(args) != 1 || kinds[args[0]] == nil {
		return fmt.Errorf("usage: goservers fosite|zitadel")
	}
	var s server
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return err
		}
		if s != nil {
			if err := s.setKeys(line); err != nil {
				return err
			}
			fmt.Println("done")
			continue
		}
		var c configuration
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		if s, err = kinds[args[0]](c); err != nil {
			return err
		}
		if err := s.setKeys(line); err != nil {
			return err
		}
		go func() {
			fmt.Fprintln(os.Stderr, http.ListenAndServe("127.0.0.1:"+strconv.Itoa(c.Port), s))
			os.Exit(1)
		}()
	}
}
