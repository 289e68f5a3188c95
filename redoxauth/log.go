package redoxauth

import (
	"errors"
	"log/slog"
	"net/http"
)

// LogDecisions returns a function for [Options].Observe that logs every decision. The
// level is Info for an accepted request, Warn for a refusal, and Error for a fault of
// ours (503, 500).
//
// It logs event, status (unless it is 0), method, path, the address of the peer (behind a
// proxy: of the proxy), duration and strategy. For an accepted request it also logs subject
// and key ID, and for a refusal reason and error. It never logs the query, a header or a
// credential.
func LogDecisions(l *slog.Logger) func(r *http.Request, d Decision) {
	return func(r *http.Request, d Decision) {
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
			slog.String("method", shorten(r.Method, 256)),
			slog.String("path", shorten(path, 256)),
			slog.String("remote", shorten(r.RemoteAddr, 256)),
			slog.Duration("duration", d.Duration))
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

// shorten limits what a peer can write into a log.
func shorten(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
