package smartbackend

import (
	"encoding/json"
	"net/http"
	"slices"
)

// configuration is the part of the [SMART configuration] that a backend service needs.
//
// [SMART configuration]: https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
type configuration struct {
	TokenEndpoint        string   `json:"token_endpoint"`
	AuthMethods          []string `json:"token_endpoint_auth_methods_supported"`
	SigningAlgorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	GrantTypes           []string `json:"grant_types_supported"`
	Scopes               []string `json:"scopes_supported"`
	Capabilities         []string `json:"capabilities"`
	CodeChallengeMethods []string `json:"code_challenge_methods_supported"` // required, though no code is ever issued
}

// Configuration returns a handler for /.well-known/smart-configuration below the base
// URL of the destination. It says where the token endpoint is and what it supports. It
// names no authorization endpoint, which only an app launch by a user needs. Its
// scopes_supported are the scopes of all Clients.
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

func describe(cfg EndpointConfig) []byte {
	scopes := []string{}
	for _, c := range cfg.Clients {
		scopes = append(scopes, c.Scopes...)
	}
	slices.Sort(scopes)
	body, _ := json.Marshal(configuration{ // of strings alone: there is no error
		TokenEndpoint:        cfg.TokenURL,
		AuthMethods:          []string{"private_key_jwt"},
		SigningAlgorithms:    algorithms,
		GrantTypes:           []string{grantType},
		Scopes:               slices.Compact(scopes),
		Capabilities:         []string{"client-confidential-asymmetric", "permission-v1", "permission-v2"},
		CodeChallengeMethods: []string{"S256"},
	})
	return body
}
