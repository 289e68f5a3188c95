package redoxprometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/redoxauth/redoxauth-go/strategies/keyset"
)

// NewKeySetCollector returns a collector of the health of set ([keyset.RemoteSet.Status]). The
// name becomes the label "keyset": give each set of a process another one.
//
// No keys and no failed fetch is not an alarm: the first request fetches the keys, and a set that
// nobody used for long has none.
func NewKeySetCollector(set *keyset.RemoteSet, name string) prometheus.Collector {
	label := prometheus.Labels{"keyset": name}
	return &keySet{
		set:    set,
		keys:   prometheus.NewDesc("redoxauth_keyset_keys", "Keys that can verify tokens now.", nil, label),
		failed: prometheus.NewDesc("redoxauth_keyset_last_fetch_failed", "1 if the last fetch of keys failed.", nil, label),
	}
}

type keySet struct {
	set          *keyset.RemoteSet
	keys, failed *prometheus.Desc
}

func (s *keySet) Describe(descs chan<- *prometheus.Desc) { descs <- s.keys; descs <- s.failed }

// Collect makes both metrics from one Status, because a rule combines them.
func (s *keySet) Collect(metrics chan<- prometheus.Metric) {
	status, failed := s.set.Status(), 0.0
	if status.Err != nil {
		failed = 1
	}
	metrics <- prometheus.MustNewConstMetric(s.keys, prometheus.GaugeValue, float64(status.Keys))
	metrics <- prometheus.MustNewConstMetric(s.failed, prometheus.GaugeValue, failed)
}
