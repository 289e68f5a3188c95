package main

import (
	"cmp"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func main() {
	observe := redoxauth.LogDecisions(slog.Default())
	token, err := verifytoken.New(verifytoken.Config{Tokens: strings.Fields(os.Getenv("REDOX_TOKENS")), Observe: observe})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Print("a message from Redox") // store it before you return: 200 means "delivered"
	})
	protect := redoxauth.Middleware(token, &redoxauth.Options{Observe: observe})
	http.Handle("/redox", token.Handshake(protect(handler)))
	server := http.Server{
		Addr:              cmp.Or(os.Getenv("ADDR"), "localhost:8080"),
		ReadHeaderTimeout: 10 * time.Second, // else peers that send nothing keep their connections
		ReadTimeout:       2 * time.Minute,  // a message of 40 MB must arrive within it
	}
	log.Fatal(server.ListenAndServe())
}
