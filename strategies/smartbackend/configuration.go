package smartbackend

import (
	"encoding/json"
	"net/http"
	"slices"
)

// Configuration returns a handler for the destination's URL with
// /.well-known/smart-configuration appended. It names the token endpoint and all scopes.
func (t *TokenEndpoint) Configuration() http.Handler {
	body := t.configuration
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body == nil { // of a zero TokenEndpoint
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Write(body)
	})
}

// describe returns the part of the [SMART configuration] that a backend service needs.
//
// [SMART configuration]: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
func describe(cfg EndpointConfig) []byte {
	scopes := []string{}
	for _, c := range cfg.Clients {
		scopes = append(scopes, c.Scopes...)
	}
	slices.Sort(scopes)
	body, _ := json.Marshal(map[string]any{ // strings have no errors
		"token_endpoint":                                   cfg.TokenURL,
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": algorithms,
		"grant_types_supported":                            []string{grantType},
		"scopes_supported":                                 slices.Compact(scopes),
		"capabilities":                                     []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
		"code_challenge_methods_supported":                 []string{"S256"}, // required, though no code is ever issued
	})
	return body
}
