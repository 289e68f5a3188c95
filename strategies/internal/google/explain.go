package google

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
	"github.com/redoxauth/redoxauth-go/strategies/internal/jose"
)

// explain is a [bearer.Explainer].
func (v *verifier) explain(r *http.Request, token string, to *diagnosis.Report) {
	switch {
	case strings.HasPrefix(token, prefix):
		v.explainAccessToken(r, token, to)
	case v.idTokens == nil:
		to.Line("Config.Audience: empty, so no ID token is accepted")
		v.explainAudience(token, to)
	default:
		v.explainIDToken(r, token, to)
	}
	if strings.HasPrefix(token, prefix) || strings.Count(token, ".") == 2 {
		return
	}
	to.Line("kind: neither an access token of Google (ya29.) nor an ID token (a JWT)")
	if v.cfg.Federated {
		to.Hint("without %s in the dashboard Redox sends the federated token, in which there is no service account", v.cfg.Dashboard.ServiceAccounts)
	}
}

func (v *verifier) explainAccessToken(r *http.Request, token string, to *diagnosis.Report) {
	if v.answers == nil {
		to.Line("Config.AccessTokens: false, so no access token is accepted")
		to.Hint("Redox sends access tokens, and only ID tokens are accepted: set Config.AccessTokens")
		return
	}
	if len(token) > maxToken {
		return
	}
	i, ok := v.answers.Explain(r, token, to)
	if !ok {
		return
	}
	if err := v.checkActor(i); err != nil {
		to.Error(err)
	} else {
		to.Line("azp, aud, sub: %s, %s, %s: one account's unique ID, as it must be", i.said("azp"), i.said("aud"), i.said("sub"))
	}
	v.explainHolder(i.holder(), to)
	if err := i.checkExpiry(v.cfg.Now()); err != nil {
		to.Error(err)
	} else {
		to.Line("exp: %s, not expired", diagnosis.Time(i.expiry))
	}
	if err := v.checkScopes(i); err != nil {
		to.Error(err)
	} else {
		to.Line("scope: %s, which is enough (%s)", diagnosis.List(i.scopes), v.scopes)
	}
	for _, want := range v.cfg.Scopes {
		if !slices.Contains(i.scopes, want) {
			for _, scope := range i.scopes {
				to.Near("scope", scope, []string{want}, v.scopes)
			}
		}
	}
}

func (v *verifier) explainIDToken(r *http.Request, token string, to *diagnosis.Report) {
	u := v.idTokens.Explain(r.Context(), token, to)
	if u == nil {
		return
	}
	if err := v.checkClient(u.Claim); err != nil {
		to.Error(err)
	}
	v.explainHolder(holderOf(u.Claim), to)
	for _, name := range v.cfg.Audience {
		if strings.Contains(name, "/workloadIdentityPools/") {
			to.Hint("Config.Audience holds a workload identity provider: that is the audience of the token that Redox sends to Google, and not of the one that arrives here")
		}
	}
}

// explainHolder adds a line about the account.
func (v *verifier) explainHolder(h holder, to *diagnosis.Report) {
	if err := v.checkPerson(h.email); err != nil {
		to.Error(err)
		return
	}
	account, err := v.account(h)
	if err == nil {
		to.Line("account: %s, as configured (%s)", diagnosis.Quote(account), field("ServiceAccounts", v.cfg.Dashboard.ServiceAccounts))
		return
	}
	to.Error(err)
	listed := v.cfg.ServiceAccounts
	to.Near("the account's unique ID", h.id, listed, "Config.ServiceAccounts")
	to.Near("the account's e-mail address", h.email, listed, "Config.ServiceAccounts")
	addresses := slices.ContainsFunc(listed, emailAddress.MatchString)
	const command = "gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'"
	switch {
	case !h.named && addresses:
		to.Hint("Config.ServiceAccounts lists an e-mail address, and the token names its account by the unique ID %s alone: list that ID, if it is what this shows: %s", diagnosis.Quote(h.id), command)
		to.Hint("an access token names the address only with the scope %s", emailScope)
	case slices.Contains(listed, h.email): // else it is accepted above
		to.Hint("the e-mail address %s is listed, but it counts only if email_verified is true: list the unique ID %s", diagnosis.Quote(h.email), diagnosis.Quote(h.id))
	case h.verified && !addresses:
		to.Hint("Config.ServiceAccounts lists a unique ID, and the account %s has another one, %s: list that, if the account is yours", diagnosis.Quote(h.email), diagnosis.Quote(h.id))
	}
	for _, entry := range listed {
		if isNumericID(entry) && strings.HasPrefix(h.email, entry+"-") {
			to.Hint("the listed %s is the number of the project in the account's e-mail address, and not the account's unique ID", diagnosis.Quote(entry))
		}
	}
}

// explainAudience adds a hint if the token is an ID token of Google.
func (v *verifier) explainAudience(token string, to *diagnosis.Report) {
	if !slices.Contains(issuers, jose.UnverifiedIssuer(token)) {
		return
	}
	_, rest, _ := strings.Cut(token, ".")
	claims, _, _ := strings.Cut(rest, ".")
	text, _ := base64.RawURLEncoding.DecodeString(claims)
	o, _ := jose.ReadObject(text, "aud")
	aud, _ := o.Get("aud").Texts()
	to.Hint("the token is an ID token of Google for the audience %s: if that is this endpoint, set Config.Audience to it", diagnosis.List(aud))
}
