package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/clientcredentials"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

// A comparison asks whether the time of a refusal tells a peer what it should not know. The
// first input is compared with all others, and with itself: that is the null pair, whose
// difference is the error of the method.
type comparison struct {
	name   string
	inputs []input
}

// An input is one kind of request. Each call of make returns a new copy, which is refused by
// the function that it returns.
type input struct {
	name string
	make func() (refuse func())
}

const (
	layouts = 60 // so often the copies are made anew, because their addresses matter too
	copies  = 8  // of each input, used in turn
	batch   = 24 // calls that are timed together: so few that most batches are not interrupted
)

// run times all inputs in random order, in many rounds of each layout. The figure of a layout is
// the median of the differences within its rounds: other programs on the machine disturb few
// rounds, and all inputs alike. The printed figure is the median of the layouts. It reports
// whether an input differs from the first.
func (c comparison) run(rounds int) (differs bool) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // between the rounds only
	inputs := slices.Insert(slices.Clone(c.inputs), 1, input{"the same (null pair)", c.inputs[0].make})
	differences := make([][]float64, len(inputs))
	var base []float64
	for range layouts {
		ops := make([][]func(), len(inputs))
		for i, in := range inputs {
			for range copies {
				ops[i] = append(ops[i], in.make())
			}
			timeBatch(ops[i]) // fills caches
		}
		runtime.GC()
		times := make([]float64, len(inputs))
		within := make([][]float64, len(inputs))
		for range rounds {
			for _, i := range rand.Perm(len(inputs)) {
				times[i] = timeBatch(ops[i])
			}
			for i := range inputs {
				within[i] = append(within[i], times[i]-times[0])
			}
			base = append(base, times[0])
		}
		for i := range inputs {
			differences[i] = append(differences[i], median(within[i]))
		}
	}
	return c.print(inputs, differences, median(base))
}

func timeBatch(ops []func()) (ns float64) {
	start := time.Now()
	for i := range batch {
		ops[i%copies]()
	}
	return float64(time.Since(start).Nanoseconds()) / batch
}

func (c comparison) print(inputs []input, differences [][]float64, base float64) (differs bool) {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tns\t99 %% interval\t\n  %s\t%.0f\t\t\n", c.name, inputs[0].name, base)
	low, high := interval(differences[1])
	noise := max(-low, high)
	for i, in := range inputs[1:] {
		d := differences[i+1]
		low, high := interval(d)
		verdict := "nothing shows"
		switch {
		case i == 0:
			verdict = fmt.Sprintf("differences below %.0f ns cannot be seen", math.Ceil(noise))
		case low > noise || high < -noise:
			verdict, differs = "DIFFERS", true
		}
		fmt.Fprintf(t, "  %s\t%+.1f\t%+.1f to %+.1f\t%s\n", in.name, median(d), low, high, verdict)
	}
	t.Flush()
	fmt.Println()
	return differs
}

// interval is that of the median with 99 % confidence, whatever the distribution: between the
// values whose ranks are 2.6 standard deviations of the binomial distribution below and above the
// middle. It sorts v.
func interval(v []float64) (low, high float64) {
	slices.Sort(v)
	n := float64(len(v))
	away := 2.6 * math.Sqrt(n) / 2
	return v[int(n/2-away)], v[int(math.Ceil(n/2+away))-1]
}

// timing reports whether anything differs.
func timing(e effort, only string) (differs bool) {
	for _, c := range slices.Concat(tokenComparisons(), endpointComparisons(), signatureComparisons(), sigv4Comparisons()) {
		if strings.Contains(c.name, only) && c.run(e.rounds*8) {
			differs = true
		}
	}
	return differs
}

// otherDigit replaces a digit or another character.
func otherDigit(s string, at int) string {
	digit := "1"
	if s[at] == '1' {
		digit = "2"
	}
	return s[:at] + digit + s[at+1:]
}

// refusing returns a function that calls v and panics if v accepts r.
func refusing(v redoxauth.Verifier, r *http.Request) func() {
	return func() {
		if _, err := v.Verify(r); err == nil {
			panic("accepted")
		}
	}
}

func tokenComparisons() []comparison {
	v := newVerifytoken()
	presented := func(name, token string) input {
		return input{name, func() func() {
			r := httptest.NewRequest(http.MethodPost, "/redox", nil)
			check(redoxtest.VerificationToken{Token: strings.Clone(token)}.Sign(r))
			return refusing(v, r)
		}}
	}
	const right = verificationToken
	wrongAt := func(i int) string { return right[:i] + "!" + right[i+1:] }
	configured := func(name, token string) input {
		v := must(verifytoken.New(verifytoken.Config{Tokens: []string{token}}))
		return input{name, func() func() {
			r := httptest.NewRequest(http.MethodPost, "/redox", nil)
			check(redoxtest.VerificationToken{Token: strings.Repeat("x", len(right))}.Sign(r))
			return refusing(v, r)
		}}
	}
	return []comparison{
		{"verifytoken: where the token is wrong", []input{
			presented("first character", wrongAt(0)), presented("middle", wrongAt(len(right)/2)), presented("last character", wrongAt(len(right)-1)),
		}},
		// The time grows with the presented token, which the peer knows.
		{"verifytoken: the length of the configured token", []input{
			configured("as long as the presented one", right), configured("half as long", right[:len(right)/2]), configured("twice as long", right+right),
		}},
		{"verifytoken: the length of the presented token", []input{
			presented("right length", wrongAt(0)), presented("one less", right[1:]), presented("one more", right+"!"),
		}},
	}
}

func endpointComparisons() []comparison {
	now := time.Now()
	endpoint := must(clientcredentials.NewTokenEndpoint(clientcredentials.EndpointConfig{
		Clients:      []clientcredentials.Client{{ID: "redox", Secrets: []string{"aSecretForBenchmarks"}, Scopes: []string{"messages"}}},
		Issuer:       "https://us.example",
		Audience:     audience,
		TokenSecrets: [][]byte{[]byte("a secret of our own, of 32 bytes at least")},
		// Time flies, so that no wrong credential is one too many.
		Now: func() time.Time { now = now.Add(time.Hour); return now },
	}))
	sent := func(name, id, secret string, basic bool) input {
		return input{name, func() func() {
			form := url.Values{"grant_type": {"client_credentials"}}
			if !basic {
				form.Set("client_id", id)
				form.Set("client_secret", secret)
			}
			body := form.Encode()
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			return func() {
				r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
				r.Header = header
				if basic {
					r.SetBasicAuth(id, secret)
				}
				w := httptest.NewRecorder()
				if endpoint.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
					panic(w.Code)
				}
			}
		}}
	}
	var comparisons []comparison
	for _, where := range []string{"Basic", "the body"} {
		basic := where == "Basic"
		comparisons = append(comparisons, comparison{"clientcredentials: the secret in " + where, []input{
			sent("wrong secret", "redox", "!SecretForBenchmarks", basic),
			sent("wrong in its last character", "redox", "aSecretForBenchmark!", basic),
			sent("unknown client", "xoder", "!SecretForBenchmarks", basic),
			sent("unknown client, right secret", "xoder", "aSecretForBenchmarks", basic),
		}})
	}
	return comparisons
}

// signatureComparisons are of tokens with an HMAC: those that our own endpoints issue, whatever
// the strategy, and JWTs of a sender.
func signatureComparisons() []comparison {
	secret := []byte("a secret of a sender, 32 bytes at least")
	jwts := must(jwtbearer.New(jwtbearer.Config{Secrets: [][]byte{secret}, Issuer: issuer, Audience: []string{audience}, Now: signed}))
	key := redoxtest.Key{Algorithm: "HS256", Secret: secret}
	jwt := must((&redoxtest.JWTBearer{Key: key, Issuer: issuer, Audience: []string{audience}, Now: signed}).Token())
	var comparisons []comparison
	for _, c := range []struct {
		name  string
		v     redoxauth.Verifier
		token string
	}{
		{"token issued by our endpoint: where its signature is wrong", newIssuedVerifier(), issuedTokens()[0]},
		{"jwtbearer with a secret: where the signature is wrong", jwts, jwt},
	} {
		first, last := strings.LastIndexByte(c.token, '.')+1, len(c.token)-2 // the very last has bits without meaning
		wrongAt := func(name string, at int) input {
			return input{name, func() func() {
				r := httptest.NewRequest(http.MethodPost, "/redox", nil)
				r.Header.Set("Authorization", "Bearer "+otherDigit(c.token, at))
				return refusing(c.v, r)
			}}
		}
		comparisons = append(comparisons, comparison{c.name, []input{
			wrongAt("first character", first), wrongAt("middle", (first+last)/2), wrongAt("last character", last),
		}})
	}
	return comparisons
}

func sigv4Comparisons() []comparison {
	credential := sigv4.Credential{AccessKeyID: accessKeyID, SecretAccessKey: secretAccessKey}
	rotating := []sigv4.Credential{credential, {AccessKeyID: accessKeyID, SecretAccessKey: "the next secret"}}
	sent := func(v *sigv4.Verifier, name, id string, age time.Duration, change func(signature string) string) input {
		return input{name, func() func() {
			r := httptest.NewRequest(http.MethodPost, "/redox/events", http.NoBody)
			r.Header.Set("Content-Type", "application/json")
			check(redoxtest.SigV4{
				AccessKey: id, SecretKey: secretAccessKey, AWSRegion: region, ServiceName: service,
				DeclarePayloadHash: true, Now: func() time.Time { return signed().Add(-age) },
			}.Sign(r))
			parameters, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", parameters+"Signature="+change(signature))
			return refusing(v, r)
		}}
	}
	other := func(at int) func(string) string {
		return func(s string) string { return otherDigit(s, at) }
	}
	const unknown = "AKIDNOBODY1" // as long as accessKeyID
	var comparisons []comparison
	for _, c := range []struct {
		name        string
		credentials []sigv4.Credential
		age         time.Duration
	}{
		{"sigv4, hash declared", []sigv4.Credential{credential}, 0},
		{"sigv4, hash declared, two secrets", rotating, 0},
		{"sigv4, hash declared, of yesterday", []sigv4.Credential{credential}, 24 * time.Hour},
	} {
		now := signed()
		v := must(sigv4.New(sigv4.Config{Credentials: c.credentials, Region: region, Service: service, Now: func() time.Time { return now }}))
		if c.age > 0 { // the sender was here yesterday
			now = now.Add(-c.age)
			sent(v, "", accessKeyID, c.age, other(0)).make()()
			now = signed()
		}
		comparisons = append(comparisons, comparison{c.name, []input{
			sent(v, "wrong signature", accessKeyID, c.age, other(0)),
			sent(v, "wrong in its last digit", accessKeyID, c.age, other(63)),
			sent(v, "unknown access key", unknown, c.age, other(0)),
			sent(v, "unknown access key, right signature", unknown, c.age, func(s string) string { return s }),
		}})
	}
	return comparisons
}
