package bearer

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// An Explainer adds to a report what a strategy makes of the token of r: a line for each check
// that can be made, and hints. The context of r is one of [rotation.LoadedOnly].
type Explainer func(r *http.Request, token string, to *diagnosis.Report)

// Explain is what the Verifiers of the strategies have under this name: see
// [redoxauth.Explain]. It runs Verify in a context of [rotation.LoadedOnly], and then the
// Explainer.
func (v Verifier) Explain(r *http.Request) string {
	var to diagnosis.Report
	if r == nil {
		return to.Text(v.strategy + ": no request")
	}
	r = r.WithContext(rotation.LoadedOnly(r.Context()))
	id, err := v.Verify(r)
	decision := v.strategy + ": accepted: " + id.String()
	if err != nil {
		decision = err.Error()
	}
	if v.decide == nil {
		return to.Text(decision)
	}
	token, err := redoxauth.BearerToken(r)
	explainHeader(r, &to)
	if err != nil {
		return to.Text(decision)
	}
	to.Token(token)
	if strings.HasPrefix(token, "ya29.") && v.strategy != "wif" && v.strategy != "gcpjwt" {
		to.Hint("the token begins as Google's access tokens do (ya29.): wif or gcpjwt verifies them, with AccessTokens")
	}
	if r.Header.Get("Verification-Token") == token {
		to.Hint("the token is the same as the header verification-token: it is Redox's verification token, which verifytoken verifies")
	}
	if v.explain != nil {
		v.explain(r, token, &to)
	}
	return to.Text(decision)
}

// schemes are the names of HTTP authentication that may be shown. Anything else may be a
// secret without a scheme.
var schemes = []string{"Basic", "Digest", "DPoP", "GNAP", "HMAC", "HOBA", "JWT", "Mutual", "Negotiate", "NTLM", "OAuth",
	"SCRAM-SHA-256", "Token", "ApiKey", "Api-Key", "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"}

// explainHeader says how the header Authorization looks, and shows none of its credentials.
func explainHeader(r *http.Request, to *diagnosis.Report) {
	values := r.Header["Authorization"]
	switch len(values) {
	case 0:
		to.Line(`Authorization is absent, want "Bearer" and a token`)
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			switch lower := strings.ToLower(name); {
			case lower == "authorization":
				to.Hint("http.Header has the key %s, want \"Authorization\": what makes the request must set headers by Header.Set or Header.Add", diagnosis.Quote(name))
			case strings.HasSuffix(lower, "-authorization"):
				to.Hint("the header %s arrived: something in front of this server may rename Authorization", diagnosis.Quote(name))
			}
		}
		if r.Header.Get("Verification-Token") != "" {
			to.Hint("the header verification-token is there: verifytoken verifies it")
		}
		if r.URL != nil && r.URL.Query().Has("access_token") {
			to.Hint("the query has an access_token: a token is taken from the header Authorization alone, because proxies log URLs")
		}
		return
	case 1:
	default:
		to.Line("Authorization: %d headers, want one", len(values))
		to.Hint("the sender sets Authorization twice, or something on the way adds one: look for a customHeader in the dashboard, and at the proxies")
		return
	}
	scheme, token, spaced := strings.Cut(values[0], " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		if strings.TrimSpace(token) == "" {
			to.Line("Authorization: Bearer without a token")
		} else {
			to.Line("Authorization: Bearer and %d bytes", len(strings.TrimLeft(token, " ")))
			explainCharacters(token, to)
		}
	case values[0] == "":
		to.Line(`Authorization is empty, want "Bearer" and a token`)
	default:
		name := "no scheme that is known here"
		for _, s := range schemes {
			if spaced && strings.EqualFold(s, scheme) {
				name = "scheme " + diagnosis.Quote(s)
			}
		}
		to.Line(`Authorization: %s and %d bytes, want "Bearer" and a token`, name, len(values[0]))
		switch {
		case strings.EqualFold(scheme, "AWS4-HMAC-SHA256"):
			to.Hint("the request has a signature of AWS: sigv4 verifies it")
		case strings.EqualFold(scheme, "Basic"):
			to.Hint("Basic has a name and a password: it belongs to a token request, and no verifier of messages takes it")
		case !spaced && strings.Count(scheme, ".") == 2:
			to.Hint(`the value has the form of a JWT without "Bearer " in front`)
		case strings.HasPrefix(strings.ToLower(values[0]), "bearer"):
			to.Hint(`after "Bearer" there must be a space`)
		}
	}
}

func explainCharacters(token string, to *diagnosis.Report) {
	token = strings.TrimLeft(token, " ")
	switch {
	case len(token) > 7 && strings.EqualFold(token[:7], "bearer "):
		to.Hint(`"Bearer" is there twice: the sender adds it to a value that begins with it`)
	case strings.ContainsAny(token, `"'`):
		to.Hint("the token has quotation marks in it or around it")
	case strings.ContainsAny(token, " \t"):
		to.Hint("the token has white space in it or after it")
	case strings.ContainsAny(token, "{}<>$"):
		to.Hint("the token has characters of a template (one of {}<>$): its value may not have been filled in")
	}
}

// ExplainScopes adds a line about the scopes in a claim of a token, and hints about other claims
// that may have them.
func ExplainScopes(to *diagnosis.Report, t *jose.Unverified, required []string, claim, field string) {
	granted := t.Scopes(claim)
	err := CheckScopes(granted, required, claim, field)
	if len(required) == 0 {
		to.Line("%s: %s, and none is required%s", claim, diagnosis.List(granted), diagnosis.Field(field))
		return
	}
	if err == nil {
		to.Line("%s: %s, which is enough%s", claim, diagnosis.List(granted), diagnosis.Field(field))
		return
	}
	to.Error(err)
	for _, other := range []string{"scope", "scp", "scopes", "roles", "permissions"} {
		switch scopes := t.Scopes(other); {
		case scopes == nil:
		case CheckScopes(scopes, required, other, field) == nil:
			to.Hint("the claim %s has all that is required: %s", other, diagnosis.List(scopes))
		case granted == nil:
			to.Hint("the claim %s is there: %s", other, diagnosis.List(scopes))
		}
	}
	for _, want := range required {
		for _, scope := range granted[:min(len(granted), 64)] {
			to.Near(claim, scope, []string{want}, field)
		}
	}
}
