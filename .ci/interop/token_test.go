package interop_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// A plain request, by axios or curl.
type plain struct {
	url, method string
	headers     map[string]string
	body        string // file
}

var senders = map[string]func(*testing.T, plain) answer{
	"axios": func(t *testing.T, p plain) answer {
		params := parameters{"url": p.url, "method": p.method, "headers": p.headers}
		if p.body != "" {
			params["body"] = p.body
		}
		return params.run(t, "axios.mjs")
	},
	"curl": func(t *testing.T, p plain) answer {
		args := []string{"--request", p.method}
		if p.body != "" {
			args = append(args, "--data-binary", "@"+p.body)
		}
		for name, value := range p.headers {
			args = append(args, "--header", name+": "+value)
		}
		return curl(t, append(args, p.url)...)
	},
}

// The two forms of Redox's destination verification, as its pages show them:
// https://docs.redoxengine.com/how-to/manage-your-redox-configuration/create-and-verify-an-endpoint
func TestHandshake(t *testing.T) {
	t.Parallel()
	base := "http://" + destination(t, sigv4Environment...)
	const challenge = "4a4e5a2c-5f1d-4f0e-9c57-1f0e3f0d1c11"
	post := func(token string) plain {
		return plain{method: "POST",
			headers: map[string]string{"application-name": "RedoxEngine", "Content-Type": "application/json"},
			body:    file(t, []byte(`{"verification-token":"`+token+`","challenge":"`+challenge+`"}`))}
	}
	tests := []struct {
		name    string
		request plain
		query   string
		want    answer
	}{
		{"POST", post(theToken), "", answer{200, challenge}},
		{"POST with a wrong token", post("wrong"), "", answer{Status: 401}},
		{"GET", plain{method: "GET"}, "?challenge=" + challenge + "&verification-token=" + theToken, answer{200, challenge}},
		{"GET with a wrong token", plain{method: "GET"}, "?challenge=" + challenge + "&verification-token=wrong", answer{Status: 401}},
		{"GET with the token in the header", plain{method: "GET", headers: map[string]string{"verification-token": theToken}}, "?challenge=" + challenge, answer{200, challenge}},
		{"GET without a token", plain{method: "GET"}, "?challenge=" + challenge, answer{Status: 401}},
	}
	for _, tt := range tests {
		for client, send := range senders {
			t.Run(tt.name+"/"+client, func(t *testing.T) {
				tt.request.url = base + "/redox/sigv4" + tt.query
				got := send(t, tt.request)
				if tt.want.Status == http.StatusOK && got != tt.want || got.Status != tt.want.Status {
					t.Errorf("got %+v, want %+v", got, tt.want)
				}
				if tt.want.Status != http.StatusOK && strings.Contains(got.Text, challenge) {
					t.Error("an unproven challenge is echoed")
				}
			})
		}
	}
}

func TestVerificationToken(t *testing.T) {
	t.Parallel()
	url := "http://" + destination(t) + "/redox/verifytoken"
	tests := []struct {
		name, token, body string
		want              int
	}{
		{"genuine", theToken, file(t, message), 200},
		{"40 MiB", theToken, file(t, make([]byte, 40<<20)), 200},
		{"over 40 MiB", theToken, file(t, make([]byte, 40<<20+1)), 413},
		{"empty body", theToken, os.DevNull, 200},
		{"wrong", "theVerificationTokem", file(t, message), 401},
		{"in another case", strings.ToUpper(theToken), file(t, message), 401},
	}
	for _, tt := range tests {
		for client, send := range senders {
			t.Run(tt.name+"/"+client, func(t *testing.T) {
				headers := map[string]string{"Content-Type": "application/json", "verification-token": tt.token}
				if got := send(t, plain{url, "POST", headers, tt.body}); got.Status != tt.want {
					t.Errorf("got %+v, want %d", got, tt.want)
				}
			})
		}
	}
}
