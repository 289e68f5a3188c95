package redoxauth

import (
	"errors"
	"log/slog"
	"net/http"
)

// LogDecisions returns a function for [Options].Observe that logs every decision: one
// accepted at level Info, a refusal at Warn, and what is our own fault (503, 500) at
// Error. It logs method, path, peer (behind a proxy that is the proxy), strategy, and
// the subject and key ID of an accepted request or the reason of a refusal; never the
// query, a header or a credential. The status is that of [StatusCode]; a token endpoint
// has codes of its own.
func LogDecisions(l *slog.Logger) func(r *http.Request, d Decision) {
	return func(r *http.Request, d Decision) {
		path := ""
		if r.URL != nil {
			path = r.URL.Path
		}
		attrs := []slog.Attr{
			slog.Int("status", StatusCode(d.Err)),
			slog.String("method", shorten(r.Method, 256)),
			slog.String("path", shorten(path, 256)),
			slog.String("remote", shorten(r.RemoteAddr, 256)),
			slog.Duration("duration", d.Duration),
		}
		level, message := slog.LevelInfo, "redox request accepted"
		if id := d.Identity; id != nil {
			attrs = append(attrs,
				slog.String("strategy", id.Strategy),
				slog.String("subject", shorten(id.Subject, 256)),
				slog.String("key_id", shorten(id.KeyID, 256)))
		}
		if d.Err != nil {
			level, message = slog.LevelWarn, "redox request refused"
			if StatusCode(d.Err) >= http.StatusInternalServerError {
				level = slog.LevelError
			}
			var e *Error
			if errors.As(d.Err, &e) {
				attrs = append(attrs,
					slog.String("strategy", e.Strategy),
					slog.String("reason", string(e.Reason)))
			}
			attrs = append(attrs, slog.String("error", shorten(d.Err.Error(), 1024)))
		}
		l.LogAttrs(r.Context(), level, message, attrs...)
	}
}

// shorten bounds what a peer can write into a log.
func shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
