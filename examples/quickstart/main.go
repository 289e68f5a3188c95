package main

import (
	"cmp"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func main() {
	token, err := verifytoken.New(verifytoken.Config{Tokens: strings.Fields(os.Getenv("REDOX_TOKENS"))})
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Print("a message from Redox") // store it before you return: 200 means "delivered"
	})
	http.Handle("/redox", token.Handshake(token.Wrap(handler)))
	log.Fatal(http.ListenAndServe(cmp.Or(os.Getenv("ADDR"), "localhost:8080"), nil))
}
