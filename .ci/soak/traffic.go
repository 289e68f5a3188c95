package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
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
	wrong     []string // the first of what went wrong
}

// The outcomes of messages.
const (
	accepted       = "200"
	inOutage       = "503 in outage"
	unsent         = "unsent" // the sender got no token, so it had nothing to send
	refused        = "wrongly refused"
	forgeryRefused = "forgeries refused"
	forgeryPassed  = "forgeries accepted"
)

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
				TokenURL: w.google.STSURL, Lifetime: time.Minute, ServiceAccountImpersonationURL: w.google.ImpersonationURL(account.Email), Client: w.client,
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
	strangers := peer(0).client(false)
	for _, p := range w.proofs {
		for range workers {
			group.Go(func() {
				genuine, message := p.genuine(), redoxtest.PatientAdmin()
				for n := 0; ctx.Err() == nil; n++ {
					if n%10 == 9 {
						w.send(ctx, p, stranger{p.hostile[n/10%len(p.hostile)], strangers}, message)
					} else {
						w.send(ctx, p, genuine, message)
					}
				}
			})
		}
	}
	group.Wait()
}

func (w *world) send(ctx context.Context, p *proof, s redoxtest.Sender, message []byte) {
	forgery, hostile := s.(stranger)
	begin := time.Now()
	response, err := s.Send(ctx, p.url, message)
	if ctx.Err() != nil {
		return
	}
	if _, answered := errors.AsType[*redoxtest.TokenError](err); hostile && answered {
		p.note(forgeryRefused, 0, "")
		return
	}
	if err != nil {
		p.note(unsent, 0, "")
		time.Sleep(10 * time.Millisecond)
		return
	}
	io.Copy(io.Discard, response.Body)
	response.Body.Close()
	end := time.Now()
	status, excused := response.StatusCode, w.wasDown(p.needs, begin, end)
	switch {
	case hostile && status < 400:
		p.note(forgeryPassed, 0, fmt.Sprintf("%s: the forgery %q was answered %d", end.Format("15:04:05.000"), forgery.Name, status))
	case hostile:
		p.note(forgeryRefused, 0, "")
	case status == http.StatusOK && excused:
		p.note(accepted, 0, "")
	case status == http.StatusOK:
		p.note(accepted, end.Sub(begin), "")
	case status == http.StatusServiceUnavailable && excused:
		p.note(inOutage, 0, "")
		time.Sleep(10 * time.Millisecond)
	default:
		text := fmt.Sprintf("%s: a genuine message was answered %d, %s down: %v", end.Format("15:04:05.000"), status, p.needs, excused)
		if status == http.StatusServiceUnavailable {
			text += ": " + w.whyUnavailable("/"+p.name)
		}
		p.note(refused, 0, text)
	}
}

// whyUnavailable returns the error of the last 503 at the path.
func (w *world) whyUnavailable(path string) string {
	var last map[string]string
	w.destination.call("GET", "/unavailable", &last)
	return last[path]
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
	outcomes := []string{accepted, inOutage, unsent, refused, forgeryRefused, forgeryPassed}
	fmt.Fprintf(t, "proof\t%s\tp50\tp99\t\n", strings.Join(outcomes, "\t"))
	var errs []error
	for _, p := range w.proofs {
		fmt.Fprintf(t, "%s\t", p.name)
		for _, o := range outcomes {
			fmt.Fprintf(t, "%d\t", p.sent[o])
		}
		fmt.Fprintf(t, "%v\t%v\t\n", quantile(0.5, p.latencies), quantile(0.99, p.latencies))
		if p.sent[accepted] == 0 || p.sent[forgeryRefused] == 0 {
			errs = append(errs, fmt.Errorf("%s: no message was accepted, or no forgery was refused", p.name))
		}
		if count := p.sent[refused] + p.sent[forgeryPassed]; count > 0 {
			errs = append(errs, fmt.Errorf("%s: %d wrong answers, the first of them:\n  %s", p.name, count, strings.Join(p.wrong, "\n  ")))
		}
	}
	t.Flush()
	return errors.Join(errs...)
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

// A stranger sends a forgery from another address than the genuine senders have. Verifiers that
// call a server ration the calls about new tokens by address. From the same address, forgeries
// would use up the calls about the genuine senders' next tokens.
type stranger struct {
	redoxtest.Forgery
	client *http.Client
}

// Send implements redoxtest.Sender.
func (s stranger) Send(ctx context.Context, url string, message []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := s.Sign(r); err != nil {
		return nil, err
	}
	return s.client.Do(r)
}
