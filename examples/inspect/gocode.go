package main

import (
	"fmt"
	"go/format"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

const module = "github.com/redoxauth/redoxauth-go/"

// A goCode writes a Go file, and knows what it must import.
type goCode struct {
	body    strings.Builder
	imports []string
}

func (g *goCode) line(format string, args ...any) { fmt.Fprintf(&g.body, format+"\n", args...) }

// use imports a package and returns its name.
func (g *goCode) use(importPath string) string {
	if !slices.Contains(g.imports, importPath) {
		g.imports = append(g.imports, importPath)
	}
	return path.Base(importPath)
}

func (g *goCode) failed() { g.line("if err != nil {\nreturn nil, err\n}") }

// main writes the function main. Redox's URL may have any path, so every path is served.
func (g *goCode) main(listen string) {
	for _, name := range []string{"flag", "log", "net", "net/http", "time"} {
		g.use(name)
	}
	g.line(`func main() {
	listen := flag.String("listen", %q, "address")
	flag.Parse()
	handler, err := redox(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Print("a message from Redox") // store it before you return: 200 means "delivered"
	}))
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening on http://", l.Addr())
	server := http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute}
	log.Fatal(server.Serve(l))
}
`, listen)
}

// code returns a Go program that accepts the request.
func (p *proposal) code(listen string) string {
	var g goCode
	g.main(listen)
	g.line("// redox returns the handler of the endpoint. Messages that Redox proved go to next.")
	g.line("// Register it without a method, such as http.Handle(\"/redox\", h).")
	g.line("func redox(next %s.Handler) (http.Handler, error) {", g.use("net/http"))
	g.line("observe := %s.LogDecisions(%s.Default())", g.use(module+"redoxauth"), g.use("log/slog"))
	if p.token || p.handshake || p.strategy == "verifytoken" {
		g.line("token, err := %s.New(%s)", g.use(module+"verifytoken"), g.literal(reflect.ValueOf(tokenConfig())))
		g.failed()
	}
	if p.keys != nil {
		p.keys.code(&g)
	}
	if p.strategy != "verifytoken" {
		name := g.use(module + "strategies/" + p.strategy)
		config := g.literal(reflect.ValueOf(p.config))
		if p.endpoint() {
			g.line("endpoint, err := %s.NewTokenEndpoint(%s)", name, config)
			g.failed()
			g.line("verifier, err := endpoint.Verifier()")
		} else {
			g.line("verifier, err := %s.%s(%s)", name, p.constructor(), config)
		}
		g.failed()
	}
	g.line("protect := redoxauth.Middleware(%s, &redoxauth.Options{Observe: observe})", p.verifier())
	stack := p.stack(&g)
	if p.endpoint() {
		g.line("mux := http.NewServeMux()\nmux.Handle(%q, endpoint)", muxPath(p.tokenPath))
		if p.strategy == "smartbackend" {
			g.line(`mux.Handle("/.well-known/smart-configuration", endpoint.Configuration())`)
		}
		g.line("mux.Handle(\"/\", %s)\nreturn mux, nil\n}", stack)
	} else {
		g.line("return %s, nil\n}", stack)
	}
	var file strings.Builder
	file.WriteString("package main\n\nimport (\n")
	slices.SortFunc(g.imports, func(a, b string) int {
		return strings.Compare(strconv.FormatBool(strings.Contains(a, "."))+a, strconv.FormatBool(strings.Contains(b, "."))+b)
	})
	for n, name := range g.imports {
		if n > 0 && strings.Contains(name, ".") && !strings.Contains(g.imports[n-1], ".") {
			file.WriteString("\n")
		}
		fmt.Fprintf(&file, "%q\n", name)
	}
	file.WriteString(")\n\n" + g.body.String())
	formatted, err := format.Source([]byte(file.String()))
	if err != nil {
		return file.String() // a bug: the test compiles every proposal
	}
	return string(formatted)
}

// tokenConfig is the Config of the verification token.
func tokenConfig() verifytoken.Config {
	return verifytoken.Config{Tokens: []string{ask("REDOX_TOKENS")}}
}

func (p *proposal) constructor() string {
	if strings.HasSuffix(reflect.TypeOf(p.config).Name(), "IntrospectionConfig") {
		return "NewIntrospection"
	}
	return "New"
}

func (p *proposal) endpoint() bool {
	return p.config != nil && reflect.TypeOf(p.config).Name() == "EndpointConfig"
}

// verifier returns the expression of what verifies messages.
func (p *proposal) verifier() string {
	switch {
	case p.strategy == "verifytoken":
		return "token"
	case p.token:
		return "redoxauth.AllOf(token, verifier)"
	}
	return "verifier"
}

// stack returns the expression of the handler, as package verifytoken documents it.
func (p *proposal) stack(g *goCode) string {
	stack := "protect(next)"
	if p.strategy != "verifytoken" {
		stack = "protect(" + g.use(module+"verifytoken") + ".Challenge(next))"
	}
	if p.token || p.handshake || p.strategy == "verifytoken" {
		stack = "token.Handshake(" + stack + ")"
	}
	return stack
}

// muxPath returns a path that a ServeMux takes as it is.
func muxPath(p string) string {
	if regexp.MustCompile(`^/[A-Za-z0-9/._~-]{1,200}$`).MatchString(p) && path.Clean(p) == p {
		return p
	}
	return "/token"
}

// code declares keys.
func (k *keySource) code(g *goCode) {
	name := g.use(module + "strategies/keyset")
	if k.file != "" {
		g.line("data, err := %s.ReadFile(%q)", g.use("os"), k.file)
		g.failed()
		g.line("keys, err := %s.Parse%s(data)", name, map[bool]string{true: "PEM", false: "JWKS"}[k.pem])
	} else {
		g.line("keys, err := %s.NewRemote(%s)", name, g.literal(reflect.ValueOf(k.remote())))
	}
	g.failed()
}

// remote returns where the keys are published.
func (k *keySource) remote() keyset.RemoteConfig {
	switch {
	case k.url != "":
		return keyset.RemoteConfig{URL: k.url, InsecureAllowHTTP: isHTTP(k.url)}
	case k.issuer != "":
		return keyset.RemoteConfig{Issuer: k.issuer, InsecureAllowHTTP: isHTTP(k.issuer)}
	}
	return keyset.RemoteConfig{URL: ask(k.variable)}
}

// literal returns v as a Go expression.
func (g *goCode) literal(v reflect.Value) string {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return fmt.Sprintf("%d * %s.Second", int64(time.Duration(v.Int()).Seconds()), g.use("time"))
	case v.Type() == reflect.TypeFor[[]byte]():
		return "[]byte(" + g.text(string(v.Bytes())) + ")"
	case v.Type() == reflect.TypeFor[keyset.Set]():
		return "keys"
	case v.Type() == reflect.TypeFor[replay.Store]():
		return g.use(module+"strategies/replay") + ".NewMemory(0)"
	}
	switch v.Kind() {
	case reflect.String:
		return g.text(v.String())
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Slice:
		typ := strings.ReplaceAll(v.Type().String(), "uint8", "byte")
		var items []string
		for n := range v.Len() {
			e := v.Index(n)
			if e.Kind() == reflect.String && v.Len() == 1 {
				if variable, ok := asked(e.String()); ok {
					return fmt.Sprintf("%s.Fields(%s.Getenv(%q))", g.use("strings"), g.use("os"), variable)
				}
			}
			item := g.literal(e)
			if e.Kind() == reflect.Struct {
				item = strings.TrimPrefix(item, e.Type().String())
			}
			items = append(items, item)
		}
		return typ + "{" + strings.Join(items, ", ") + "}"
	case reflect.Struct:
		text := v.Type().String() + "{\n"
		for n := range v.NumField() {
			f := v.Field(n)
			if v.Type().Field(n).Name == "Observe" {
				text += "Observe: observe,\n"
			}
			if !f.IsZero() || f.Type() == reflect.TypeFor[keyset.Set]() && !secrets(v) {
				text += v.Type().Field(n).Name + ": " + g.literal(f) + ",\n"
			}
		}
		return text + "}"
	}
	panic("no literal for " + v.Type().String())
}

// secrets reports whether a Config has secrets in place of keys.
func secrets(v reflect.Value) bool {
	f := v.FieldByName("Secrets")
	return f.IsValid() && !f.IsZero()
}

func (g *goCode) text(s string) string {
	if variable, ok := asked(s); ok {
		return fmt.Sprintf("%s.Getenv(%q)", g.use("os"), variable)
	}
	return strconv.QuoteToASCII(s)
}
