package rotation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/redoxtest"
	"github.com/redoxauth/redoxauth-go/strategies/jwtbearer"
	"github.com/redoxauth/redoxauth-go/strategies/sigv4"
)

// Secrets in a file of a mounted Kubernetes secret, one a line. Kubernetes replaces the file
// when the secret changes, but neither a file mounted by subPath nor an environment variable
// (https://kubernetes.io/docs/concepts/configuration/secret/).
func Example_kubernetesSecret() {
	const first, second = "first-0123456789abcdef0123456789", "second-0123456789abcdef0123456789"
	volume, err := os.MkdirTemp("", "redox") // stands for the mountPath, such as /etc/redox
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(volume)
	file := filepath.Join(volume, "shared-secrets")
	replace(file, first)

	later := &laterClock{}
	jwt, err := jwtbearer.New(jwtbearer.Config{
		SecretsFunc: func(context.Context) ([][]byte, error) {
			data, err := os.ReadFile(file)
			return bytes.Fields(data), err
		},
		Issuer:   "redox",
		Audience: []string{"https://api.example.com/redox"},
		Now:      later.now, // for this example
	})
	if err != nil {
		log.Fatal(err)
	}
	send := func(secret string) {
		id, err := jwt.Verify(redoxtest.NewRequest(&redoxtest.JWTBearer{
			Key:      redoxtest.Key{Algorithm: "HS256", Secret: []byte(secret)},
			Issuer:   "redox",
			Audience: []string{"https://api.example.com/redox"},
			Now:      later.now,
		}))
		if err != nil {
			fmt.Println("refused:", redoxauth.StatusCode(err))
			return
		}
		fmt.Println("accepted by secret", id.KeyID)
	}

	send(first)
	replace(file, second+"\n"+first) // then change the dashboard
	later.add(25 * time.Hour)        // 90 s are enough
	send(first)
	send(second)
	replace(file, second)
	later.add(25 * time.Hour)
	send(first)
	// Output:
	// accepted by secret 0
	// accepted by secret 1
	// accepted by secret 0
	// refused: 401
}

// replace replaces a file in one step, so that nobody reads half of it.
func replace(file, text string) {
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		log.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		log.Fatal(err)
	}
}

// Secrets in a secret manager. While it is down, the last secrets remain in use for 24 h. Then the
// answer is 503, which Redox retries.
func Example_secretManager() {
	manager := &secretManager{} // stands for the client of your secret manager
	manager.put(`[{"AccessKeyID": "redox-1", "SecretAccessKey": "theOldSecret"}]`)

	later := &laterClock{}
	signature, err := sigv4.New(sigv4.Config{
		CredentialsFunc: func(ctx context.Context) (list []sigv4.Credential, err error) {
			text, err := manager.get(ctx, "redox/credentials")
			if err != nil {
				return nil, err
			}
			return list, json.Unmarshal([]byte(text), &list)
		},
		Region:  "us-east-1",
		Service: "redox",
		Now:     later.now, // for this example
	})
	if err != nil {
		log.Fatal(err)
	}
	send := func(accessKey, secretKey string) {
		_, err := signature.Verify(redoxtest.NewRequest(redoxtest.SigV4{
			AccessKey: accessKey, SecretKey: secretKey, AWSRegion: "us-east-1", ServiceName: "redox", Now: later.now,
		}))
		fmt.Println(accessKey, redoxauth.StatusCode(err))
	}

	send("redox-1", "theOldSecret")
	manager.put("") // an outage
	later.add(12 * time.Hour)
	send("redox-1", "theOldSecret")
	later.add(13 * time.Hour)
	send("redox-1", "theOldSecret")

	manager.put(`[{"AccessKeyID": "redox-2", "SecretAccessKey": "theNewSecret"}]`)
	later.add(time.Minute)
	send("redox-2", "theNewSecret")
	send("redox-1", "theOldSecret")
	// Output:
	// redox-1 200
	// redox-1 200
	// redox-1 503
	// redox-2 200
	// redox-1 401
}

// A secretManager fails while its secret is empty.
type secretManager struct {
	mu     sync.Mutex
	secret string
}

func (m *secretManager) put(secret string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secret = secret
}

func (m *secretManager) get(context.Context, string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secret == "" {
		return "", errors.New("the secret manager is down")
	}
	return m.secret, nil
}

// A laterClock is ahead of the system's clock.
type laterClock struct{ ahead atomic.Int64 }

func (c *laterClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *laterClock) add(d time.Duration) { c.ahead.Add(int64(d)) }
