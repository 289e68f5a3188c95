package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

const (
	issuer = "https://redox.example"
	rate   = 4 // genuine messages a second of each feed
)

// A feed is one setting of the dashboard that sends genuine messages at a steady rate.
type feed struct {
	name   string
	path   string
	sender func() redoxtest.Sender // one without a token, so that it gets a new one
}

// feeds say who sends to each path. One of them uses HTTP/2.
func (s *siege) feeds() []feed {
	url := s.destination.URL
	signer := s.signer()
	hashed := signer
	hashed.DeclarePayloadHash, hashed.Client = true, &http.Client{Transport: genuineTransport(true), Timeout: patience}
	return []feed{
		{"verifytoken", "/verifytoken", func() redoxtest.Sender { return redoxtest.VerificationToken{Token: token, Client: s.client} }},
		{"sigv4", "/sigv4", func() redoxtest.Sender { return signer }},
		{"sigv4, hash declared, HTTP/2", "/sigv4", func() redoxtest.Sender { return hashed }},
		{"sigv4 in a TimeoutHandler", "/timeout", func() redoxtest.Sender { return signer }},
		{"jwtbearer", "/jwtbearer", func() redoxtest.Sender {
			return &redoxtest.JWTBearer{Key: s.keys.Key(), Issuer: issuer, Audience: []string{url}, Client: s.client}
		}},
		{"jwtbearer, token endpoint", "/grant", func() redoxtest.Sender {
			return &redoxtest.JWTBearer{Key: s.keys.Key(), Issuer: issuer, Subject: "redox", TokenURL: url + "/grant/token", Client: s.client}
		}},
		{"clientcredentials, introspection", "/introspection", func() redoxtest.Sender {
			return &redoxtest.ClientCredentials{URL: s.issuer.TokenURL, ClientID: "redox", ClientSecret: secret, Audience: url, Client: s.client}
		}},
		{"clientcredentials, token endpoint", "/clientcredentials", func() redoxtest.Sender {
			return &redoxtest.ClientCredentials{URL: url + "/clientcredentials/token", ClientID: "redox", ClientSecret: secret, Audience: url, Client: s.client}
		}},
		{"smartbackend", "/smartbackend", func() redoxtest.Sender {
			return &redoxtest.SMARTBackend{URL: url + "/smartbackend/token", ClientID: "redox", Key: s.smartKey, Client: s.client}
		}},
		{"gcpjwt, ID token", "/gcpjwt", func() redoxtest.Sender {
			return &redoxtest.GCPJWT{Email: s.account.Email, Key: s.account.Key, TokenURL: s.google.TokenURL, TargetAudience: url, Client: s.client}
		}},
		{"gcpjwt, access token", "/gcpjwt", func() redoxtest.Sender {
			return &redoxtest.GCPJWT{Email: s.account.Email, Key: s.account.Key, TokenURL: s.google.TokenURL, Client: s.client}
		}},
		{"wif", "/wif", func() redoxtest.Sender {
			return &redoxtest.WIF{
				Audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/redox/providers/redox",
				TokenURL: s.google.STSURL, ServiceAccountImpersonationURL: s.google.ImpersonationURL(s.account.Email), Client: s.client,
				SubjectToken: func(context.Context) (string, error) { return "any", nil },
			}
		}},
	}
}

func (s *siege) signer() redoxtest.SigV4 {
	return redoxtest.SigV4{AccessKey: "AK", SecretKey: secret, AWSRegion: "us-east-1", ServiceName: "execute-api", Client: s.client}
}

// patience is how long a genuine sender waits for an answer.
const patience = 30 * time.Second

// genuineTransport closes idle connections before the server does. A message that is sent
// just then would be lost.
func genuineTransport(http2 bool) *http.Transport {
	t := &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: 5 * time.Second, Protocols: new(http.Protocols)}
	t.Protocols.SetHTTP1(!http2)
	t.Protocols.SetUnencryptedHTTP2(http2)
	return t
}

// deliver sends all feeds until ctx is done, and waits for the answers.
func (s *siege) deliver(ctx context.Context) {
	var group sync.WaitGroup
	var serial atomic.Int64
	large, medium := redoxtest.Large(4<<20), redoxtest.Large(100<<10)
	feeds := s.feeds()
	for i, f := range feeds {
		group.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / rate / time.Duration(len(feeds)))
			var sender redoxtest.Sender
			pace(ctx, rate, func(n int, due time.Time) {
				if n%5 == 0 {
					sender = f.sender()
				}
				message := redoxtest.PatientAdmin()
				switch serial := serial.Add(1); {
				case serial%200 == 0:
					message = large
				case serial%7 == 0:
					message = medium
				}
				figures, sender := s.begin(), sender
				group.Go(func() {
					defer figures.pending.Done()
					what := outcome(sender.Send(context.Background(), s.destination.URL+f.path, message))
					figures.note(f.name, what, span{due, time.Now()})
				})
			})
		})
	}
	group.Wait()
}

// outcome reads and closes an answer. It is empty for 200.
func outcome(response *http.Response, err error) string {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the URL
	}
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Sprint(response.StatusCode)
	}
	return ""
}

// pace calls f at a rate, and catches up if f takes long.
func pace(ctx context.Context, perSecond float64, f func(n int, due time.Time)) {
	begin := time.Now()
	for n := 0; ; n++ {
		due := begin.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
		if wait := time.Until(due); wait > time.Millisecond {
			pause(ctx, wait)
		}
		if ctx.Err() != nil {
			return
		}
		f(n, due)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// figures are those of the genuine messages of one phase.
type figures struct {
	pending sync.WaitGroup

	mu        sync.Mutex
	sent      int
	refused   int
	reasons   map[string]int
	over      bool
	latencies []span // while the attack lasts, from when the message was due
}

func (f *figures) note(feed, refused string, latency span) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent++
	if refused != "" {
		f.refused++
		f.reasons[feed+": "+refused]++
	} else if !f.over {
		f.latencies = append(f.latencies, latency)
	}
}

// end says that the attack is over. Later messages are counted and not timed.
func (f *figures) end() (timed []span) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	return f.latencies
}

// most lists the counts, the highest first.
func most(counts map[string]int, limit int) string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	text := ""
	for i, name := range names {
		if i == limit {
			return text + fmt.Sprintf("; %d more kinds", len(names)-limit)
		}
		if i > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%d × %s", counts[name], name)
	}
	return text
}
