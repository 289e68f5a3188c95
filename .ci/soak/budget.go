package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// spareBudget shows that nothing of the budgets is taken when all is over. The budgets
// cannot be read, so it fills them: genuine bodies of nearly all that they allow are in
// flight at once, and all are accepted. If they are refused, a fresh destination tells
// whether that is the attackers' fault.
func (s *siege) spareBudget(conf settings) error {
	err := s.fillBudget(s.destination)
	if err == nil {
		fmt.Println("\nbudgets: genuine bodies of 97 % of what is open to unproven messages, and of 94 % of a token endpoint's, were in flight at once and accepted")
		return nil
	}
	fresh, failed := startProcess(conf)
	if failed != nil {
		return errors.Join(err, failed)
	}
	defer fresh.stop()
	if again := s.fillBudget(fresh); again != nil {
		return fmt.Errorf("budgets: %w; on a fresh destination: %w", err, again)
	}
	return fmt.Errorf("budgets: %w; but not on a fresh destination", err)
}

func (s *siege) fillBudget(p *process) error {
	message := redoxtest.Large(39 << 20)
	if refused := together(4, func(n int) (*http.Request, []byte) {
		r, err := http.NewRequest("POST", p.URL+"/sigv4", bytes.NewReader(message))
		must(err)
		must(s.signer().Sign(r))
		return r, message
	}); len(refused) > 0 {
		return fmt.Errorf("of 4 messages of 39 MiB at once were refused: %s", most(refused, 3))
	}
	form := "grant_type=client_credentials&pad="
	form += strings.Repeat("a", 64<<10-len(form))
	if refused := together(480, func(n int) (*http.Request, []byte) {
		r, err := http.NewRequest("POST", p.URL+"/clientcredentials/token", strings.NewReader(form))
		must(err)
		r.Header = formHeaders()
		r.SetBasicAuth("redox", secret)
		return r, []byte(form)
	}); len(refused) > 0 {
		return fmt.Errorf("of 480 token requests of 64 KiB at once were refused: %s", most(refused, 3))
	}
	return nil
}

// together sends requests that all arrive except for their last byte before any of them
// ends. It returns why some were refused.
func together(count int, request func(n int) (*http.Request, []byte)) map[string]int {
	client := &http.Client{Transport: genuineTransport(false), Timeout: patience}
	defer client.CloseIdleConnections()
	var group, arriving sync.WaitGroup
	arriving.Add(count)
	open := make(chan struct{})
	var mu sync.Mutex
	refused := map[string]int{}
	for n := range count {
		r, body := request(n)
		last := len(body) - 1
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:last]), &gate{arrive: arriving.Done, open: open}, bytes.NewReader(body[last:])))
		r.GetBody = nil
		group.Go(func() {
			if what := outcome(client.Do(r)); what != "" {
				mu.Lock()
				defer mu.Unlock()
				refused[what]++
			}
		})
	}
	arrived := make(chan struct{})
	go func() { arriving.Wait(); close(arrived) }()
	select {
	case <-arrived:
		time.Sleep(500 * time.Millisecond) // until the last bytes are read
	case <-time.After(bodyTimeout / 2): // one was refused before
	}
	close(open)
	group.Wait()
	return refused
}

// A gate is an empty part of a body that ends when it is opened.
type gate struct {
	arrive func()
	open   chan struct{}
}

func (g *gate) Read([]byte) (int, error) {
	g.arrive()
	<-g.open
	return 0, io.EOF
}
