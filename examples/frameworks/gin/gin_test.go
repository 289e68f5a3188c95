package gin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	redoxgin "github.com/redoxauth/redoxauth-go/examples/frameworks/gin"
	"github.com/redoxauth/redoxauth-go/examples/frameworks/internal/trial"
	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/verifytoken"
)

func TestCheck(t *testing.T) {
	gin.SetMode(gin.TestMode)
	trial.RunHTTP(t, func(t *testing.T, token *verifytoken.Verifier, v redoxauth.Verifier, opts *redoxauth.Options) http.Handler {
		engine := gin.New()
		redox := engine.Group("/redox", redoxgin.Handshake(token), redoxgin.Check(v, opts), redoxgin.Challenge)
		for _, path := range []string{"", "/*below"} {
			redox.Match([]string{"GET", "POST"}, path, func(c *gin.Context) {
				body, err := c.GetRawData()
				if err != nil {
					trial.Unreadable(c.Writer, err)
					return
				}
				c.Header("Strategy", trial.Strategy(c.Request.Context()))
				c.Data(http.StatusOK, "text/plain", body)
			})
		}
		return engine
	})
}

func TestFormReadInFrontOfCheck(t *testing.T) {
	gin.SetMode(gin.TestMode)
	trial.ReadInFront(t, func(v redoxauth.Verifier) string {
		engine := gin.New()
		engine.POST("/redox", func(c *gin.Context) { c.PostForm("a") }, redoxgin.Check(v, nil), func(c *gin.Context) {
			body, _ := c.GetRawData()
			c.Header("Strategy", trial.Strategy(c.Request.Context()))
			c.Data(http.StatusOK, "text/plain", body)
		})
		server := httptest.NewServer(engine)
		t.Cleanup(server.Close)
		return server.URL
	}, http.StatusInternalServerError)
}

// A destination in gin. The server of yours is an http.Server with time-outs.
func ExampleCheck() {
	gin.SetMode(gin.ReleaseMode)
	token, err := verifytoken.New(verifytoken.Config{Tokens: []string{"theToken"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	receive := func(c *gin.Context) {
		id, _ := redoxauth.FromContext(c.Request.Context())
		fmt.Println("a message from Redox, proven by", id.Strategy)
	}
	engine := gin.New()
	engine.Match([]string{"GET", "POST"}, "/redox", redoxgin.Handshake(token), redoxgin.Check(token, nil), receive)
	server := httptest.NewServer(engine)
	defer server.Close()

	// Redox sends a handshake of each form, a message, and a message with another token.
	trial.Show(server.URL + "/redox")
	// Output:
	// POST handshake, error: <nil>
	// GET handshake, error: <nil>
	// a message from Redox, proven by verifytoken
	// 200 OK
	// 401 Unauthorized
}
