package trial

import (
	"context"
	"fmt"
	"net/http"

	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
)

// Show plays Redox in an example, whose destination has the verification token "theToken". It
// sends a handshake of each form, a message, and a message with another token, and prints what
// the destination answers.
func Show(url string) {
	ctx := context.Background()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		fmt.Println(method, "handshake, error:", redoxtest.Handshake(ctx, url, token, method))
	}
	for _, sent := range []string{token, "another"} {
		response, err := redoxtest.VerificationToken{Token: sent}.Send(ctx, url, redoxtest.PatientAdmin())
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		fmt.Println(response.Status)
	}
}
