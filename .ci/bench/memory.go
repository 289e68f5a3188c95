package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

const (
	mib = 1 << 20

	// The default of Options.MaxInFlight, and the half of it for bodies that are not yet
	// proven genuine.
	maxInFlight = 8 * redoxauth.DefaultMaxBodyBytes
	unproven    = maxInFlight / 2
)

// memory measures the most memory that the server has at one time, above what it has at
// rest. Each figure is of a new server.
func memory(e effort, g *goals) {
	body := bytes.Repeat([]byte("x"), redoxauth.DefaultMaxBodyBytes)
	signed, declared := sigV4("/sigv4", body, false)(), sigV4("/sigv4", body, true)()
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "memory, 16 bodies of 40 MiB at once\tpeak MiB\tof the limit\taccepted")
	atOnce := func(name string, request []byte, limit int64) {
		var accepted int64
		peak := peakOf(func(s *server) { accepted = sendAtOnce(s, request, 16) })
		share := "no limit"
		if limit > 0 {
			share = fmt.Sprintf("%.2f × %d MiB", float64(peak)/float64(limit), limit/mib)
		}
		fmt.Fprintf(t, "  %s\t%d\t%s\t%d\n", name, peak/mib, share, accepted)
	}
	atOnce("plain", unsigned("/plain", body)(), 0)
	atOnce("sigv4", signed, unproven)
	atOnce("sigv4, hash declared", declared, maxInFlight)
	atOnce("re-sign with the AWS SDK", sigV4("/aws-sdk", body, false)(), 0)
	t.Flush()
	fmt.Println()

	fmt.Fprintln(t, "memory, stalled bodies without declared hash\tpeak MiB\tof the limit")
	for _, part := range []int{256<<10 + 1, 1<<20 + 1} {
		peers := 3 * unproven / part
		peak := peakOf(func(s *server) { stall(s, signed[:len(signed)-len(body)+part], peers) })
		name := fmt.Sprintf("%d peers, %d KiB each", peers, part>>10)
		fmt.Fprintf(t, "  %s\t%d\t%.2f × %d MiB\n", name, peak/mib, float64(peak)/unproven, unproven/mib)
		g.add("memory, stalled bodies: "+name, float64(peak)/unproven, "× the unproven half", 1.3)
	}
	t.Flush()
	fmt.Println()

	entry := replayEntry()
	fmt.Printf("memory, replay.Memory with up to a million entries: %.1f B an entry\n\n", entry)
	g.add("memory, replay.Memory", entry, "B an entry", 40)
}

func peakOf(attack func(*server)) int64 {
	s := startServer()
	defer s.stop()
	quiet := s.usage().Peak
	attack(s)
	return s.usage().Peak - quiet
}

// sendAtOnce returns how many of n requests are answered 200.
func sendAtOnce(s *server, request []byte, n int) int64 {
	var accepted atomic.Int64
	var wg sync.WaitGroup
	for range n {
		c := must(net.Dial("tcp", s.address))
		wg.Go(func() {
			defer c.Close()
			c.Write(request) // the server may refuse it halfway
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && res.StatusCode == http.StatusOK {
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	return accepted.Load()
}

// stall sends the beginning of a request on n connections, and waits until the server is
// idle.
func stall(s *server, beginning []byte, n int) {
	for range n {
		c := must(net.Dial("tcp", s.address))
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		c.Write(beginning) // the server may refuse it halfway
	}
	for last := s.usage(); ; {
		time.Sleep(200 * time.Millisecond)
		now := s.usage()
		if now.Processor-last.Processor < 2*time.Millisecond {
			return
		}
		last = now
	}
}

// replayEntry returns the most bytes an entry of a replay.Memory with half a million to a
// million entries. Its tables grow by leaps, so some moments are worse than others.
func replayEntry() (worst float64) {
	before := heap()
	m := replay.NewMemory(0)
	until := time.Now().Add(time.Hour)
	for n := 1; n <= 1_000_000; n++ {
		must(m.Add(context.Background(), "client", strconv.Itoa(n), until))
		if n >= 500_000 && n%50_000 == 0 {
			worst = max(worst, float64(heap()-before)/float64(n))
		}
	}
	runtime.KeepAlive(m)
	return worst
}

func heap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
