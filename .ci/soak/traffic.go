package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// A proof is one setting of the dashboard: its sender, the forgeries of it, and what its
// verifier depends on.
type proof struct {
	name, url string
	genuine   func() redoxtest.Sender // one for each worker
	hostile   []redoxtest.Forgery
	needs     string // while this dependency is down, 503 is right; empty if there is none

	mu        sync.Mutex
	sent      map[string]int // by outcome
	latencies []time.Duration
	wrong     []string
}

// enlist says who sends to each path. A genuine sender that needs a token gets it from
// the dependency that the verifier needs too. While that is down, it has nothing to send.
func (w *world) enlist(url string, account redoxtest.ServiceAccount, smartKey redoxtest.Key) {
	audience := []string{url}
	token := redoxtest.VerificationToken{Token: token, Client: w.client}
	signer := redoxtest.SigV4{AccessKey: "AK", SecretKey: secret, AWSRegion: "us-east-1", ServiceName: "execute-api", Client: w.client}
	jwt := func() *redoxtest.JWTBearer {
		return &redoxtest.JWTBearer{Key: w.keys.Key(), Issuer: "https://redox.example", Audience: audience, Client: w.client}
	}
	smart := func() *redoxtest.SMARTBackend {
		return &redoxtest.SMARTBackend{URL: url + "/token", ClientID: "redox", Key: smartKey, Client: w.client}
	}
	w.proofs = []*proof{
		{name: "verifytoken", genuine: func() redoxtest.Sender { return token }, hostile: token.Forgeries()},
		{name: "sigv4", needs: "redis", genuine: func() redoxtest.Sender { return &unique{SigV4: signer} }, hostile: signer.Forgeries()},
		{name: "jwtbearer", genuine: func() redoxtest.Sender { return jwt() }, hostile: jwt().Forgeries()},
		{name: "clientcredentials", needs: "introspection", genuine: func() redoxtest.Sender {
			return &redoxtest.ClientCredentials{URL: w.issuer.TokenURL, ClientID: "redox", ClientSecret: secret, Audience: url, Client: w.client}
		}, hostile: w.issuer.Forgeries("redox", url)},
		{name: "smartbackend", needs: "redis", genuine: func() redoxtest.Sender { return smart() }, hostile: smart().Forgeries()},
		{name: "gcpjwt", genuine: func() redoxtest.Sender {
			return &redoxtest.GCPJWT{Email: account.Email, Key: account.Key, TokenURL: w.google.TokenURL, TargetAudience: url, Client: w.client}
		}, hostile: w.google.Forgeries(account, url)},
		{name: "wif", needs: "google", genuine: func() redoxtest.Sender {
			return &redoxtest.WIF{
				Audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
				TokenURL: w.google.STSURL, ServiceAccountImpersonationURL: w.google.ImpersonationURL(account.Email), Client: w.client,
				SubjectToken: func(context.Context) (string, error) {
					return redoxtest.NewKey("identity", "RS256").Token(nil, map[string]any{"iss": "https://redox.example"})
				},
			}
		}, hostile: w.google.Forgeries(account, "")},
	}
	for _, p := range w.proofs {
		p.url, p.sent, p.latencies = url+"/"+p.name, map[string]int{}, make([]time.Duration, 0, 1<<14)
	}
}

func (w *world) traffic(ctx context.Context, workers int) {
	var group sync.WaitGroup
	for _, p := range w.proofs {
		for range workers {
			group.Go(func() {
				genuine, message := p.genuine(), redoxtest.PatientAdmin()
				for n := 0; ctx.Err() == nil; n++ {
					if n%10 == 9 {
						w.send(ctx, p, p.hostile[n/10%len(p.hostile)], message, true)
					} else {
						w.send(ctx, p, genuine, message, false)
					}
				}
			})
		}
	}
	group.Wait()
}

func (w *world) send(ctx context.Context, p *proof, s redoxtest.Sender, message []byte, hostile bool) {
	begin := time.Now()
	response, err := s.Send(ctx, p.url, message)
	if ctx.Err() != nil {
		return
	}
	var refused *redoxtest.TokenError
	if hostile && errors.As(err, &refused) {
		p.note("hostile", 0, "")
		return
	}
	if err != nil { // the sender got no token, so it had nothing to send
		p.note("unsent", 0, "")
		time.Sleep(10 * time.Millisecond)
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	end := time.Now()
	status, excused := response.StatusCode, w.wasDown(p.needs, begin, end)
	switch {
	case hostile && status < 400:
		p.note("hostile", 0, fmt.Sprintf("%s: answered %d", s.(redoxtest.Forgery).Name, status))
	case hostile:
		p.note("hostile", 0, "")
	case status == http.StatusOK && excused:
		p.note("200", 0, "")
	case status == http.StatusOK:
		p.note("200", end.Sub(begin), "")
	case status == http.StatusServiceUnavailable && excused:
		p.note("503", 0, "")
		time.Sleep(10 * time.Millisecond)
	default:
		p.note("wrong", 0, fmt.Sprintf("%s: a genuine message was answered %d, %s down: %v", end.Format("15:04:05.000"), status, p.needs, excused))
	}
}

// note counts an outcome. A latency of zero is not recorded.
func (p *proof) note(outcome string, latency time.Duration, wrong string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[outcome]++
	if latency > 0 {
		if len(p.latencies) < cap(p.latencies) {
			p.latencies = append(p.latencies, latency)
		} else {
			p.latencies[rand.IntN(len(p.latencies))] = latency // a sample, so that memory stays flat
		}
	}
	if wrong != "" && len(p.wrong) < 10 {
		p.wrong = append(p.wrong, wrong)
	}
}

func (w *world) report(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "proof\t200\t503 in outage\tunsent\thostile refused\tp50\tp99\twrong\t")
	var wrong []string
	for _, p := range w.proofs {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%v\t%v\t%d\t\n", p.name, p.sent["200"], p.sent["503"], p.sent["unsent"], p.sent["hostile"], quantile(0.5, p.latencies), quantile(0.99, p.latencies), len(p.wrong))
		if p.sent["200"] == 0 || p.sent["hostile"] == 0 {
			wrong = append(wrong, p.name+": nothing was sent")
		}
		for _, what := range p.wrong {
			wrong = append(wrong, p.name+": "+what)
		}
	}
	t.Flush()
	if len(wrong) > 0 {
		return fmt.Errorf("%d wrong answers:\n%s", len(wrong), join(wrong))
	}
	return nil
}

func join(lines []string) string {
	s := ""
	for _, l := range lines {
		s += "  " + l + "\n"
	}
	return s
}

var serial atomic.Int64

// unique gives every request its own query, and so its own signature. Otherwise two
// requests within one second have the same signature, and the replay store refuses the
// second.
type unique struct{ redoxtest.SigV4 }

// Send implements redoxtest.Sender.
func (u *unique) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	return u.SigV4.Send(ctx, fmt.Sprintf("%s?n=%d", url, serial.Add(1)), message)
}
