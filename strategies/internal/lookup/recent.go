package lookup

import "container/list"

// recent holds at most maxEntries values. It drops the one that was used longest ago.
type recent[K comparable, V any] struct {
	order *list.List // of *item[K, V], the last used first
	items map[K]*list.Element
}

type item[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any]() recent[K, V] {
	return recent[K, V]{order: list.New(), items: make(map[K]*list.Element)}
}

// get returns the value of k, or the zero value.
func (r recent[K, V]) get(k K) (v V) {
	e, ok := r.items[k]
	if !ok {
		return v
	}
	r.order.MoveToFront(e)
	return e.Value.(*item[K, V]).value
}

// peek is get, and changes nothing.
func (r recent[K, V]) peek(k K) (v V) {
	if e, ok := r.items[k]; ok {
		return e.Value.(*item[K, V]).value
	}
	return v
}

func (r recent[K, V]) put(k K, v V) {
	r.drop(k)
	if len(r.items) >= maxEntries {
		r.drop(r.order.Back().Value.(*item[K, V]).key)
	}
	r.items[k] = r.order.PushFront(&item[K, V]{k, v})
}

func (r recent[K, V]) drop(k K) {
	if e, ok := r.items[k]; ok {
		r.order.Remove(e)
		delete(r.items, k)
	}
}
