package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// A handshake is Redox's destination verification.
type handshake struct {
	challenge string
	form      string // where the challenge is
	token     string // beside the challenge
}

// asHandshake returns nil if q is no handshake, as package verifytoken defines it.
func asHandshake(q *request) *handshake {
	switch q.Method {
	case http.MethodGet:
		query := q.URL.Query()
		if h := (handshake{query.Get("challenge"), "GET, in the query", query.Get("verification-token")}); h.challenge != "" {
			return &h
		}
	case http.MethodPost:
		var members map[string]any
		if len(q.body) > 4<<10 || json.Unmarshal(bytes.TrimPrefix(q.body, []byte("\xef\xbb\xbf")), &members) != nil {
			return nil
		}
		challenge, _ := members["challenge"].(string)
		token, _ := members["verification-token"].(string)
		delete(members, "challenge")
		delete(members, "verification-token")
		if challenge != "" && (token != "" || len(members) == 0) {
			return &handshake{challenge, "POST, in a JSON body", token}
		}
	}
	return nil
}

// answer repeats the challenge, whoever asks, and says so.
func (h *handshake) answer(w http.ResponseWriter) string {
	if len(h.challenge) > 1024 || strings.ContainsFunc(h.challenge, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return "400: the challenge is longer than 1 KiB, or has control characters"
	}
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8") // the challenge is text of a peer
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'")
	io.WriteString(w, h.challenge)
	return "200 with the challenge, without any proof"
}
