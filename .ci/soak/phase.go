package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// recovery is how long a server with these time-outs may need to end the connections of
// peers that do nothing more: on HTTP/2 a stalled stream, and then an idle connection.
const recovery = readTimeout + idleTimeout + 5*time.Second

func header() {
	const format = "%-24s %8s %8s %9s %9s %9s %8s %8s %9s %9s %6s %7s %11s %8s %7s\n"
	fmt.Printf(format, "attack", "genuine", "refused", "p50", "p99", "p99 while", "of all", "× quiet", "RSS +MiB", "× budget", "idle", "server",
		"goroutines", "hostile", "back")
	fmt.Printf(format, "", "", "", "", "", "a core", "genuine", "", "", "", "cores", "cores", "at most", "conns", "after")
	fmt.Printf(format, "", "", "", "", "", "is idle", "", "", "", "", "", "", "", "", "")
}

// phase sends the genuine feeds while the attacks last, and prints a line of figures. The
// attackers keep their connections open until the destination has ended them, or should
// have.
func (s *siege) phase(name string, d time.Duration, attacks ...attack) {
	s.destination.rest()
	figures := newFigures()
	s.turn(figures)
	ctx, stop := context.WithCancel(context.Background())
	hold, release := context.WithCancel(context.Background())
	defer stop()
	defer release()
	begin, cpu, rested := time.Now(), s.destination.cpu(), idle()

	var group sync.WaitGroup
	tallies := make([]*tally, len(attacks))
	for i, a := range attacks {
		tallies[i] = &tally{answers: map[string]int{}, perSecond: float64(a.count) / d.Seconds()}
		group.Go(func() { a.run(ctx, hold, tallies[i]) })
	}
	busy := newBusy()
	var busiest load
	unfinished := func() bool {
		for i, a := range attacks {
			if tallies[i].sent.Load() < a.count {
				return time.Since(begin) < 4*d
			}
		}
		return false
	}
	for time.Since(begin) < d || unfinished() {
		time.Sleep(50 * time.Millisecond)
		busy.sample()
		l := s.destination.load()
		busiest = load{Goroutines: max(busiest.Goroutines, l.Goroutines), Hostile: max(busiest.Hostile, l.Hostile)}
	}
	timed := figures.end()
	all := latencies(timed)
	elapsed := time.Since(begin)
	spare, used := float64(idle()-rested)/float64(elapsed), float64(s.destination.cpu()-cpu)/float64(elapsed)
	judged, slow := busy.judge(timed, s.quiet.p99, spare)
	stop()
	if len(attacks) == 0 {
		s.quiet = quiet{p99: judged.p99, peak: s.destination.peak(), goroutines: busiest.Goroutines}
	}
	back, left := s.recover(recovery)
	peak := s.destination.peak()
	release()
	group.Wait()
	s.recover(time.Second) // what was left ends now, and does not burden the next phase
	s.turn(newFigures())
	figures.pending.Wait()

	above := peak - s.quiet.peak
	fmt.Printf("%-24s %8d %8d %9v %9v %9v %7.0f%% %8.1f %9.0f %9.2f %6.2f %7.2f %11d %8d %7s\n", name, figures.sent, figures.refused,
		quantile(0.5, all), quantile(0.99, all), judged.p99, 100*float64(judged.spared)/float64(len(timed)), judged.ratio,
		float64(above)/(1<<20), float64(above)/maxInFlight, spare, used, busiest.Goroutines, busiest.Hostile, back)
	s.explain(name, attacks, tallies, figures)
	if judged.spared < enough {
		fmt.Printf("    p99 is not judged: only %d genuine messages began while a core was idle\n", judged.spared)
	}

	fail := func(format string, args ...any) {
		s.failures = append(s.failures, fmt.Errorf("%s: "+format, append([]any{name}, args...)...))
	}
	switch {
	case figures.sent == 0:
		fail("no genuine message was sent")
	case figures.refused > 0:
		fail("%d of %d genuine messages were refused, while %.2f cores were idle", figures.refused, figures.sent, spare)
	}
	if back == never {
		fail("%v after it %d goroutines are left (%d in the quiet phase), and %d connections of attackers", recovery, left.Goroutines, s.quiet.goroutines, left.Hostile)
	}
	if above > maxInFlight*13/10 {
		fail("resident memory rose by %.2f times the budget, want at most 1.3", float64(above)/maxInFlight)
	}
	if slow != nil {
		fail("%w", slow)
	}
	for i, t := range tallies {
		if err := errors.Join(t.failures...); err != nil {
			fail("%s: %w", attacks[i].name, err)
		}
		if t.sent.Load() < attacks[i].count {
			fail("%s: only %d of %d were sent", attacks[i].name, t.sent.Load(), attacks[i].count)
		}
	}
}

// explain prints what the attackers got, and which genuine messages were refused.
func (s *siege) explain(name string, attacks []attack, tallies []*tally, figures *figures) {
	for i, t := range tallies {
		label := "attackers"
		if attacks[i].name != name {
			label = attacks[i].name
		}
		fmt.Printf("    %s sent %d, got %s\n", label, t.sent.Load(), most(t.answers, 6))
	}
	refusals := map[string]int{}
	s.destination.call("DELETE", "/refusals", &refusals)
	if figures.refused > 0 {
		fmt.Printf("    refused: %s\n", most(figures.reasons, 6))
	}
	if len(refusals) > 0 { // of those of shutDown too
		fmt.Printf("    because: %s\n", most(refusals, 12))
	}
}

const never = "never"

// recover waits until nothing of an attack is left. A few goroutines more than in the quiet
// phase are normal, because genuine messages go on.
func (s *siege) recover(limit time.Duration) (after string, left load) {
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		left = s.destination.load()
		if left.Hostile == 0 && left.Goroutines <= s.quiet.goroutines+5 {
			return fmt.Sprintf("%.1fs", time.Since(begin).Seconds()), left
		}
		if time.Since(begin) > limit {
			return never, left
		}
	}
}
