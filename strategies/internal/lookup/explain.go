package lookup

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/redoxauth/redoxauth-go/redoxauth"
	"github.com/redoxauth/redoxauth-go/redoxauth/rotation"
	"github.com/redoxauth/redoxauth-go/strategies/internal/diagnosis"
)

// loaded is Get for a context of [rotation.LoadedOnly].
func (c *Cache[A]) loaded(token string) (none Answer[A], err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	k := c.last(token)
	switch {
	case k == nil && c.ration.failure != nil:
		return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%s: no answer about this token, and Explain asks nobody; the last call, about any token, failed: %v", c.cfg.Service, c.ration.failure)
	case k == nil:
		return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%s: not asked yet about this token, and Explain asks nobody", c.cfg.Service)
	case !k.used(now):
		return none, redoxauth.Errorf(redoxauth.ErrUnavailable, "unavailable", "%s: the answer about this token is not used any more, %s, and Explain asks nobody", c.cfg.Service, k.why(now))
	case k.err != nil:
		return none, k.err
	}
	return Answer[A]{Value: k.value}, nil
}

// last returns the newest answer about token, used or not; nil if there is none.
func (c *Cache[A]) last(token string) *kept[A] {
	id := sha256.Sum256([]byte(token))
	return cmp.Or(c.accepted.peek(id), c.others.peek(id)) // it is in one of them at most
}

// why says why k is not used any more.
func (k *kept[A]) why(now time.Time) string {
	if k.expired(now) {
		return "because it says that the token expired at " + diagnosis.Time(k.expiry)
	}
	return fmt.Sprintf("because it is %v old, and was used for %v", k.age(now), k.life)
}

func (k *kept[A]) age(now time.Time) time.Duration {
	return rotation.Age(now, k.began).Round(time.Second)
}

// Explain adds a line about the last answer about token, also one that is not used any more, and
// a line about who sent r. It returns that answer, if it is positive. It asks nobody and changes
// nothing.
func (c *Cache[A]) Explain(r *http.Request, token string, to *diagnosis.Report) (value A, ok bool) {
	peer := c.explainSender(r, to)
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	if known(c.ration.accepted.peek(c.ration.hash(peer)), now) {
		to.Line("a call about a new token counts as one of a known peer, because a token of this peer was accepted within a day")
	} else {
		to.Line("a call about a new token counts as one of a stranger, because no token of this peer was accepted within a day")
	}
	k := c.last(token)
	switch {
	case k == nil:
		to.Line("%s: no answer about this token is known here", c.cfg.Service)
		return value, false
	case k.used(now):
		to.Line("%s: the answer is %v old, and used for %v", c.cfg.Service, k.age(now), k.life)
	default:
		to.Line("%s: what follows is about the last answer, which is not used any more, %s", c.cfg.Service, k.why(now))
	}
	if k.err != nil {
		to.Error(k.err)
	}
	return k.value, k.err == nil
}

// explainSender adds a line about who sent r, and returns the peer.
func (c *Cache[A]) explainSender(r *http.Request, to *diagnosis.Report) (peer string) {
	defer func() {
		if p := recover(); p != nil { // it is the user's code
			to.Line("peer: %s.Peer panicked: %T", c.cfg.Fields, p)
		}
	}()
	s := c.cfg.senderOf(r)
	to.Line("peer: %v", s)
	if header := forwarded(r); header != "" && c.cfg.Peer == nil {
		to.Hint("the request came through a proxy (%s), and %s.Peer is nil: so strangers can use up the calls about new tokens. Set Peer to the last address of the header", header, c.cfg.Fields)
	}
	return s.peer
}
