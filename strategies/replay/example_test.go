package replay_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redoxauth/redoxauth-go/strategies/replay"
)

// Strategies call Add themselves. You only create the Store.
func ExampleNewMemory() {
	seen := replay.NewMemory(10_000)

	ctx, until := context.Background(), time.Now().Add(5*time.Minute)
	for _, client := range []string{"client-1", "client-1", "client-2"} {
		fresh, err := seen.Add(ctx, client, "c6b5a4d3", until)
		fmt.Println(client, fresh, err)
	}
	// Output:
	// client-1 true <nil>
	// client-1 false <nil>
	// client-2 true <nil>
}
