package redoxauth

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// LogDecisions returns an [Options].Observe that logs decisions.
//
// An accepted request is logged at level Info, a refusal at Warn, and a fault of ours (503,
// 500) at Error. Of one event, strategy and reason at most 10 refusals a second are logged;
// the next line says in suppressed how many were left out. A report of [InsecureReportOnly] is
// at most Warn.
//
// The attributes are event, status (unless it is 0), method, path, remote (the address of the
// peer or proxy), duration and strategy; if accepted, subject and key_id; if refused, reason,
// error, and the first time help. The query, headers and credentials are never logged. Log the
// handler's own status outermost, as the example does.
func LogDecisions(l *slog.Logger) func(r *http.Request, d Decision) {
	var refusals limiter
	return func(r *http.Request, d Decision) {
		var e *Error
		named := errors.As(d.Err, &e)
		suppressed, first := 0, false
		if d.Err != nil {
			kind := refusal{event: d.Event}
			if named {
				kind.strategy, kind.reason = shorten(e.Strategy, 64), shorten(string(e.Reason), 64)
			}
			var ok bool
			if suppressed, first, ok = refusals.allow(kind, time.Now()); !ok {
				return
			}
		}
		path := ""
		if r.URL != nil {
			path = r.URL.Path
		}
		attrs := make([]slog.Attr, 0, 12)
		attrs = append(attrs, slog.String("event", string(d.Event)))
		if d.Status != 0 {
			attrs = append(attrs, slog.Int("status", d.Status))
		}
		attrs = append(attrs,
			slog.String("method", printable(r.Method, 256)),
			slog.String("path", printable(path, 256)),
			slog.String("remote", printable(r.RemoteAddr, 256)),
			slog.Duration("duration", d.Duration))
		level, message := slog.LevelInfo, "redox request accepted"
		if d.Event == "report" {
			message = "redox request would be accepted"
		}
		if id := d.Identity; id != nil {
			attrs = append(attrs,
				slog.String("strategy", id.Strategy),
				slog.String("subject", printable(id.Subject, 256)),
				slog.String("key_id", printable(id.KeyID, 256)))
		}
		if d.Err != nil {
			level, message = slog.LevelWarn, "redox request refused"
			switch {
			case d.Event == "report":
				message = "redox request would be refused"
			case StatusCode(d.Err) >= http.StatusInternalServerError:
				level = slog.LevelError
			}
			if named {
				attrs = append(attrs,
					slog.String("strategy", printable(e.Strategy, 256)),
					slog.String("reason", printable(string(e.Reason), 256)))
			}
			attrs = append(attrs, slog.String("error", printable(d.Err.Error(), 1024)))
			if suppressed > 0 {
				attrs = append(attrs, slog.Int("suppressed", suppressed))
			}
			if first {
				attrs = append(attrs, slog.String("help", help(d.Event)))
			}
		}
		l.LogAttrs(r.Context(), level, message, attrs...)
	}
}

func help(event Event) string {
	if event == "token_request" {
		return "the token endpoint's Explain(r) tells what to change"
	}
	return "redoxauth.Explain(verifier, r) tells what to change"
}

// A refusal is a kind of refusals.
type refusal struct {
	event            Event
	strategy, reason string
}

const (
	maxLines    = 10  // a second, of one kind
	maxRefusals = 256 // kinds; a Verifier may make up its own, and all others count as one
)

// A limiter says which refusals are logged.
type limiter struct {
	mu    sync.Mutex
	kinds map[refusal]*lines
}

// lines are what was logged of one kind.
type lines struct {
	last       [maxLines]time.Time // when; the oldest is at next
	next       int
	suppressed int // since the last one
}

// allow reports whether a refusal is logged now, how many were not since the last one that was,
// and whether it is the first.
func (l *limiter) allow(kind refusal, now time.Time) (suppressed int, first, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.kinds[kind]
	if seen == nil && len(l.kinds) >= maxRefusals {
		kind = refusal{}
		seen = l.kinds[kind]
	}
	if first = seen == nil; first {
		if l.kinds == nil {
			l.kinds = make(map[refusal]*lines)
		}
		seen = &lines{}
		l.kinds[kind] = seen
	}
	if now.Sub(seen.last[seen.next]) < time.Second {
		seen.suppressed++
		return 0, false, false
	}
	suppressed, seen.suppressed = seen.suppressed, 0
	seen.last[seen.next] = now
	seen.next = (seen.next + 1) % maxLines
	return suppressed, first, true
}

// shorten limits what a peer can write into a log.
func shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// printable is shorten, and escapes what a terminal may obey or not show: slog.JSONHandler
// leaves some of it as it is.
func printable(s string, most int) string {
	s = shorten(s, most)
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
