package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

const (
	inventions = 1000 // a second
	burdens    = 100  // a second
)

// inventTokens sends tokens that nobody issued, from 100 addresses: for Google, for
// introspection, and JWTs with unknown key IDs.
func (s *siege) inventTokens(ctx, _ context.Context, t *tally) {
	message := redoxtest.PatientAdmin()
	s.send(ctx, t, inventions, func(n int) (path string, headers http.Header, body []byte) {
		token := rand.Text() + rand.Text()
		switch n / 100 % 4 {
		case 0:
			path, token = "/gcpjwt", "ya29."+token
		case 1:
			path, token = "/wif", "ya29."+token
		case 2:
			path = "/introspection"
		case 3:
			path, token = "/jwtbearer", s.unknownKey(fmt.Sprintf(`"kid":%q`, token), "")
		}
		return path, http.Header{"Authorization": {"Bearer " + token}}, message
	})
}

// unknownKey is a JWT for /jwtbearer with a signature that is none.
func (s *siege) unknownKey(header, claims string) string {
	return unsigned(header, fmt.Sprintf(`"iss":%q,"aud":%q%s`, issuer, s.destination.URL, claims))
}

// unsigned is a JWT with a signature that is none.
func unsigned(header, claims string) string {
	now := time.Now().Unix()
	header = fmt.Sprintf(`{"alg":"RS256",%s}`, header)
	claims = fmt.Sprintf(`{"iat":%d,"exp":%d,%s}`, now, now+300, claims)
	signature := make([]byte, 256)
	rand.Read(signature)
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode(signature)
}

// burdenEndpoints sends what is expensive to parse: token requests of 64 KiB and a token of
// nearly 16 KiB, all of tiny names.
func (s *siege) burdenEndpoints(ctx, _ context.Context, t *tally) {
	json := []byte("{" + names(`"%x":0`, ",", 64<<10-2) + "}")
	nested := []byte(strings.Repeat(`{"a":[`, 8<<10))
	form := []byte(names("%x=", "&", 64<<10))
	claims := "," + names(`"%x":0`, ",", 11<<10)
	forms := []string{"/clientcredentials/token", "/grant/token", "/smartbackend/token"}
	s.send(ctx, t, burdens, func(n int) (string, http.Header, []byte) {
		headers := http.Header{"Content-Type": {"application/json"}}
		switch n % 10 {
		case 0, 1, 2, 3, 4:
			return "/clientcredentials/token", headers, json
		case 5:
			return "/clientcredentials/token", headers, nested
		case 6, 7:
			return "/jwtbearer", http.Header{"Authorization": {"Bearer " + s.unknownKey(`"kid":"k1"`, claims)}}, nil
		default:
			return forms[n%3], formHeaders(), form
		}
	})
}

// names are as many distinct names as fit into size bytes.
func names(format, separator string, size int) string {
	var text strings.Builder
	fmt.Fprintf(&text, format, 0)
	for n := 1; ; n++ {
		next := separator + fmt.Sprintf(format, n)
		if text.Len()+len(next) > size {
			return text.String()
		}
		text.WriteString(next)
	}
}

// send sends hostile requests at a rate, in turn from 100 addresses. It pauses while 2000
// are not answered, because the process may have a limit of open files.
func (s *siege) send(ctx context.Context, t *tally, perSecond float64, request func(n int) (path string, headers http.Header, body []byte)) {
	var group sync.WaitGroup
	var clients []*http.Client
	for n := range 100 {
		client := peer(n).client(false)
		client.Timeout = patience
		clients = append(clients, client)
		defer client.CloseIdleConnections()
	}
	defer group.Wait()
	waiting := make(chan struct{}, 2000)
	pace(ctx, perSecond, func(n int, _ time.Time) {
		waiting <- struct{}{}
		group.Go(func() {
			defer func() { <-waiting }()
			path, headers, body := request(n)
			r, err := http.NewRequest("POST", s.destination.URL+path, bytes.NewReader(body))
			must(err)
			r.Header = headers
			t.sent.Add(1)
			response, err := clients[n%len(clients)].Do(r)
			if err != nil {
				t.note("no answer")
				return
			}
			t.answer(response.StatusCode)
			outcome(response, nil)
		})
	})
}
