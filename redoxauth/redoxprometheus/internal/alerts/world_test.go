package alerts_test

import (
	"bytes"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxprometheus"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/keyset"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

var (
	message = redoxtest.PatientAdmin()
	token   = redoxtest.VerificationToken{Token: "secret"}
)

// A world has processes with destinations, a key server, Redox, and a Prometheus that scrapes the
// processes once a minute, in the fake time of synctest.
type world struct {
	t             *testing.T
	processes     map[string]*process // by instance
	keyServer     *redoxtest.KeyServer
	redox, forger redoxtest.Signer
	begin         time.Time
	minute        int
	series        map[string]*promql.Series
}

// inWorld calls f in a new world.
func inWorld(t *testing.T, f func(w *world)) {
	keyServer := redoxtest.NewKeyServer(redoxtest.NewKey("1", "ES384")) // it listens, so it stays outside of fake time
	defer keyServer.Close()
	forged := redoxtest.NewKey("another", "ES384")
	forged.ID = "1"
	sender := func(k redoxtest.Key) redoxtest.Signer {
		return redoxtest.Both(token, &redoxtest.JWTBearer{Key: k, Issuer: "redox", Audience: []string{"us"}})
	}
	synctest.Test(t, func(t *testing.T) {
		f(&world{
			t:         t,
			processes: map[string]*process{},
			keyServer: keyServer, redox: sender(keyServer.Key()), forger: sender(forged),
			begin:  time.Now(),
			series: map[string]*promql.Series{},
		})
	})
}

// A process is a server whose destinations demand a verification token and a JWT.
type process struct {
	registry     *prometheus.Registry
	destinations map[string]http.Handler // by name; "" is the only one
	broken       bool                    // the handler fails
}

// start starts a process, in the place of the one that was there. With no names it has one
// destination.
func (w *world) start(instance string, names ...string) *process {
	p := &process{registry: prometheus.NewRegistry(), destinations: map[string]http.Handler{}}
	w.processes[instance] = p
	keys, err := keyset.NewRemote(keyset.RemoteConfig{
		URL:      w.keyServer.JWKSURL,
		Client:   &http.Client{Transport: w},
		MaxStale: time.Hour, InsecureAllowHTTP: true,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p.registry.MustRegister(redoxprometheus.NewKeySetCollector(keys, "redox"))
	signature, err := jwtbearer.New(jwtbearer.Config{Keys: keys, Issuer: "redox", Audience: []string{"us"}})
	if err != nil {
		w.t.Fatal(err)
	}
	if names == nil {
		names = []string{""}
	}
	for _, name := range names {
		var r prometheus.Registerer = p.registry
		if name != "" {
			r = prometheus.WrapRegistererWith(prometheus.Labels{"destination": name}, r)
		}
		opts := &redoxauth.Options{Observe: redoxprometheus.Observe(r), MaxBodyBytes: 1 << 20}
		token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"secret"}, Observe: opts.Observe})
		if err != nil {
			w.t.Fatal(err)
		}
		onTrial, err := verifytoken.New(verifytoken.Config{Tokens: []string{"a new secret"}})
		if err != nil {
			w.t.Fatal(err)
		}
		var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if p.broken {
				http.Error(w, "the database is down", http.StatusInternalServerError)
			}
		})
		h = redoxauth.InsecureReportOnly(onTrial, opts)(h) // it would refuse everything
		h = redoxauth.Middleware(token, opts)(redoxauth.Middleware(signature, opts)(h))
		p.destinations[name] = token.Handshake(redoxprometheus.Count(r)(h))
	}
	return p
}

// RoundTrip leads to the key server without a network, on which fake time would stand still.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	w.keyServer.ServeHTTP(answer, r)
	return answer.Result(), nil
}

// send sends a request to a destination of p. The status must be the wanted one.
func (w *world) send(p *process, destination string, status int, body []byte, signers ...redoxtest.Signer) {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/redox", bytes.NewReader(body))
	for _, s := range signers {
		if err := s.Sign(r); err != nil {
			w.t.Fatal(err)
		}
	}
	w.request(p, destination, status, r)
}

// request sends r to a destination of p. The status must be the wanted one.
func (w *world) request(p *process, destination string, status int, r *http.Request) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	if p.destinations[destination].ServeHTTP(answer, r); answer.Code != status {
		w.t.Fatalf("minute %d: got %d, want %d", w.minute, answer.Code, status)
	}
}

// malformed sends, without a credential, requests that are malformed.
func (w *world) malformed(p *process) {
	w.t.Helper()
	post := func(body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, "/redox", strings.NewReader(body))
	}
	two := post("{}")
	two.Header["Verification-Token"] = []string{"a", "b"}
	short := post("{")
	short.Body = io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))
	short.ContentLength = 100
	for _, r := range []*http.Request{
		two, short,
		post(`{"verification-token":1,"challenge":""}`),
		httptest.NewRequest(http.MethodGet, "/redox?challenge=a&challenge=b&verification-token=c", http.NoBody),
	} {
		w.request(p, "", http.StatusBadRequest, r)
	}
}

// twice is a proxy that adds the verification token of a message again.
type twice struct{}

func (twice) Sign(r *http.Request) error {
	r.Header.Add("Verification-Token", r.Header.Get("Verification-Token"))
	return nil
}

// after returns a body that ends after d.
func after(d time.Duration) io.Reader {
	return readerFunc(func([]byte) (int, error) {
		time.Sleep(d)
		return 0, io.EOF
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// feed sends a message of Redox every 20 minutes.
func (w *world) feed(p *process, destination string) {
	w.t.Helper()
	if w.minute%20 == 0 {
		w.send(p, destination, http.StatusOK, message, w.redox)
	}
}

// run lets n minutes pass. Each begins with what happens in it and ends with a scrape.
func (w *world) run(n int, happens func()) {
	for range n {
		happens()
		w.minute++
		time.Sleep(time.Until(w.begin.Add(time.Duration(w.minute) * time.Minute)))
		w.scrape()
	}
}

// scrape adds a sample to every series. A series that is gone gets a staleness marker, as from
// Prometheus (https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness).
func (w *world) scrape() {
	now := time.Now().UnixMilli()
	for instance, p := range w.processes {
		families, err := p.registry.Gather()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range families {
			if f.GetType() == dto.MetricType_HISTOGRAM {
				continue // no rule uses it
			}
			for _, m := range f.GetMetric() {
				b := labels.NewScratchBuilder(8)
				b.Add(model.MetricNameLabel, f.GetName())
				b.Add("job", "destination")
				b.Add("instance", instance)
				for _, l := range m.GetLabel() {
					b.Add(l.GetName(), l.GetValue())
				}
				b.Sort()
				id := b.Labels().String()
				if w.series[id] == nil {
					w.series[id] = &promql.Series{Metric: b.Labels()}
				}
				s := w.series[id]
				s.Floats = append(s.Floats, promql.FPoint{T: now, F: m.GetCounter().GetValue() + m.GetGauge().GetValue()})
			}
		}
	}
	for _, s := range w.series {
		if s.Floats[len(s.Floats)-1].T != now {
			s.Floats = append(s.Floats, promql.FPoint{T: now, F: math.Float64frombits(value.StaleNaN)})
		}
	}
}

// Querier, with the methods below, gives the recorded series to Prometheus's engine.
func (w *world) Querier(int64, int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		found := &seriesSet{}
		for _, s := range w.series {
			if matches(s.Metric, matchers) {
				found.rest = append(found.rest, s)
			}
		}
		return found
	}}, nil
}

func matches(metric labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(metric.Get(m.Name)) {
			return false
		}
	}
	return true
}

type seriesSet struct {
	rest []*promql.Series
	at   *promql.Series
}

func (s *seriesSet) Next() bool {
	if len(s.rest) == 0 {
		return false
	}
	s.at, s.rest = s.rest[0], s.rest[1:]
	return true
}

func (s *seriesSet) At() storage.Series { return promql.NewStorageSeries(*s.at) }

func (*seriesSet) Err() error { return nil }

func (*seriesSet) Warnings() annotations.Annotations { return nil }
