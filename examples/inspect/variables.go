package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// destinationVariables are the variables of examples/destination, by the field of a Config.
// Fields that destination sets itself have "".
var destinationVariables = map[string]string{
	"sigv4.Config.Credentials.AccessKeyID":               "SIGV4_ACCESS_KEY",
	"sigv4.Config.Credentials.SecretAccessKey":           "SIGV4_SECRET_KEY",
	"sigv4.Config.Credentials.SessionToken":              "SIGV4_SESSION_TOKEN",
	"sigv4.Config.Region":                                "SIGV4_REGION",
	"sigv4.Config.Service":                               "SIGV4_SERVICE",
	"sigv4.Config.Hosts":                                 "SIGV4_HOSTS",
	"sigv4.Config.RequiredHeaders":                       "SIGV4_REQUIRED_HEADERS",
	"sigv4.Config.PathPrefix":                            "SIGV4_PATH_PREFIX",
	"sigv4.Config.DisableDoubleEncoding":                 "SIGV4_DISABLE_DOUBLE_ENCODING",
	"sigv4.Config.DisablePathNormalization":              "SIGV4_DISABLE_PATH_NORMALIZATION",
	"sigv4.Config.InsecureAllowUnsignedPayload":          "SIGV4_INSECURE_ALLOW_UNSIGNED_PAYLOAD",
	"jwtbearer.Config.Secrets":                           "JWT_SECRET",
	"jwtbearer.Config.Algorithms":                        "JWT_ALGORITHMS",
	"jwtbearer.Config.Issuer":                            "JWT_ISSUER",
	"jwtbearer.Config.Audience":                          "JWT_AUDIENCE",
	"jwtbearer.Config.InsecureNoAudience":                "JWT_INSECURE_NO_AUDIENCE",
	"jwtbearer.Config.Subject":                           "JWT_SUBJECT",
	"jwtbearer.Config.Scopes":                            "JWT_SCOPES",
	"jwtbearer.Config.Types":                             "JWT_TYPES",
	"jwtbearer.Config.MaxLifetime":                       "JWT_MAX_LIFETIME",
	"jwtbearer.EndpointConfig.Signers.Issuer":            "GRANT_ISSUER",
	"jwtbearer.EndpointConfig.Signers.Subject":           "GRANT_SUBJECT",
	"jwtbearer.EndpointConfig.Signers.Algorithms":        "GRANT_ALGORITHMS",
	"jwtbearer.EndpointConfig.Signers.Scopes":            "GRANT_SCOPES",
	"jwtbearer.EndpointConfig.AssertionAudiences":        "GRANT_AUDIENCES",
	"jwtbearer.EndpointConfig.TokenURL":                  "",
	"jwtbearer.EndpointConfig.Issuer":                    "",
	"jwtbearer.EndpointConfig.Audience":                  "",
	"jwtbearer.EndpointConfig.TokenSecrets":              "TOKEN_SECRETS",
	"clientcredentials.EndpointConfig.Clients.ID":        "OAUTH_CLIENT_ID",
	"clientcredentials.EndpointConfig.Clients.Secrets":   "OAUTH_CLIENT_SECRETS",
	"clientcredentials.EndpointConfig.Clients.Scopes":    "OAUTH_SCOPES",
	"clientcredentials.EndpointConfig.Issuer":            "",
	"clientcredentials.EndpointConfig.Audience":          "",
	"clientcredentials.EndpointConfig.TokenSecrets":      "TOKEN_SECRETS",
	"clientcredentials.Config.Issuer":                    "OAUTH_ISSUER",
	"clientcredentials.Config.Audience":                  "OAUTH_AUDIENCE",
	"clientcredentials.Config.InsecureNoAudience":        "OAUTH_INSECURE_NO_AUDIENCE",
	"clientcredentials.Config.ClientIDs":                 "OAUTH_CLIENT_IDS",
	"clientcredentials.Config.InsecureAnyClient":         "OAUTH_INSECURE_ANY_CLIENT",
	"clientcredentials.Config.Scopes":                    "OAUTH_SCOPES",
	"clientcredentials.Config.Algorithms":                "OAUTH_ALGORITHMS",
	"clientcredentials.Config.Types":                     "OAUTH_TYPES",
	"clientcredentials.Config.ClientIDClaim":             "OAUTH_CLIENT_ID_CLAIM",
	"clientcredentials.Config.ScopeClaim":                "OAUTH_SCOPE_CLAIM",
	"clientcredentials.IntrospectionConfig.URL":          "OAUTH_INTROSPECTION_URL",
	"clientcredentials.IntrospectionConfig.ClientID":     "OAUTH_INTROSPECTION_ID",
	"clientcredentials.IntrospectionConfig.ClientSecret": "OAUTH_INTROSPECTION_SECRET",
	"clientcredentials.IntrospectionConfig.Audience":     "OAUTH_AUDIENCE",
	"clientcredentials.IntrospectionConfig.ClientIDs":    "OAUTH_CLIENT_IDS",
	"smartbackend.EndpointConfig.Clients.ID":             "SMART_CLIENT_ID",
	"smartbackend.EndpointConfig.Clients.Scopes":         "SMART_SCOPES",
	"smartbackend.EndpointConfig.AssertionAudiences":     "SMART_AUDIENCES",
	"smartbackend.EndpointConfig.TokenURL":               "",
	"smartbackend.EndpointConfig.Issuer":                 "",
	"smartbackend.EndpointConfig.Audience":               "",
	"smartbackend.EndpointConfig.TokenSecrets":           "TOKEN_SECRETS",
	"gcpjwt.Config.ServiceAccounts":                      "GCP_SERVICE_ACCOUNTS",
	"gcpjwt.Config.Audience":                             "GCP_AUDIENCE",
	"gcpjwt.Config.AccessTokens":                         "GCP_ACCESS_TOKENS",
	"gcpjwt.Config.Endpoints.CertsURL":                   "GOOGLE_CERTS_URL",
	"gcpjwt.Config.Endpoints.TokenInfoURL":               "GOOGLE_TOKENINFO_URL",
	"wif.Config.ServiceAccounts":                         "WIF_SERVICE_ACCOUNTS",
	"wif.Config.Audience":                                "WIF_AUDIENCE",
	"wif.Config.AccessTokens":                            "WIF_ACCESS_TOKENS",
	"wif.Config.Endpoints.CertsURL":                      "GOOGLE_CERTS_URL",
	"wif.Config.Endpoints.TokenInfoURL":                  "GOOGLE_TOKENINFO_URL",
}

// environment returns the variables with which examples/destination accepts the request, one
// a line, for a shell.
func (p *proposal) environment(s *settings) []string {
	var lines []string
	set := func(name, value string) {
		switch variable, ok := asked(value); {
		case ok:
			lines = append(lines, fmt.Sprintf(`%s="$%s"`, name, variable))
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			lines = append(lines, fmt.Sprintf("# %s cannot hold %s", name, quote(value)))
		default:
			lines = append(lines, name+"='"+strings.ReplaceAll(value, "'", `'\''`)+"'")
		}
	}
	setList := func(name string, values []string) {
		for _, value := range values {
			if value == "" || strings.Contains(value, " ") { // white space separates the items
				lines = append(lines, fmt.Sprintf("# %s cannot hold %s", name, quoteAll(values)))
				return
			}
		}
		set(name, strings.Join(values, " "))
	}
	if p.token || p.handshake || p.strategy == "verifytoken" {
		set("REDOX_TOKENS", ask("REDOX_TOKENS"))
	}
	allowHTTP := false
	if p.config != nil {
		root := reflect.TypeOf(p.config).String()
		leaves(reflect.ValueOf(p.config), "", func(field string, v reflect.Value) {
			name, known := destinationVariables[root+"."+field]
			switch {
			case field == "InsecureAllowHTTP":
				allowHTTP = true
			case v.Type() == reflect.TypeFor[time.Duration]():
				set(name, time.Duration(v.Int()).String())
			case known && name == "" || v.Kind() == reflect.Interface:
			case !known:
				lines = append(lines, "# destination has no variable for "+field)
			case v.Kind() == reflect.String:
				set(name, v.String())
			case v.Kind() == reflect.Bool:
				set(name, "true")
			case v.Type() == reflect.TypeFor[[]string]():
				values := v.Interface().([]string)
				if strings.HasSuffix(field, "AssertionAudiences") { // destination's own URL stays the default
					values = append([]string{s.origin("/token/" + p.strategy)}, values...)
				}
				if strings.HasSuffix(field, "Types") && slices.Equal(values, []string{""}) {
					values = []string{"absent"} // as destination calls a token without typ
				}
				setList(name, values)
			case v.Type() == reflect.TypeFor[[][]byte]():
				set(name, string(v.Index(0).Bytes()))
			}
		})
	}
	if k := p.keys; k != nil {
		switch {
		case k.file != "":
			set(strings.Replace(k.variable, "JWKS_URL", "KEYS_FILE", 1), k.file)
		case k.url != "":
			set(k.variable, k.url)
			allowHTTP = allowHTTP || isHTTP(k.url)
		case k.issuer == "":
			set(k.variable, ask(k.variable))
		}
	}
	if p.endpoint() {
		set("PUBLIC_URL", s.origin(""))
	}
	if allowHTTP {
		set("ALLOW_HTTP", "true")
	}
	if p.token && (p.strategy == "gcpjwt" || p.strategy == "wif" || p.constructor() == "NewIntrospection") {
		set("REQUIRE_TOKEN", "true")
	}
	return lines
}
