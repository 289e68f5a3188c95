package answer

import "container/list"

// recent is a map of at most max entries that drops the one used longest ago.
type recent[V any] struct {
	max   int
	order *list.List // of item[V], the last used first
	items map[key]*list.Element
}

type item[V any] struct {
	k key
	v V
}

func newRecent[V any](max int) *recent[V] {
	return &recent[V]{max: max, order: list.New(), items: make(map[key]*list.Element)}
}

func (r *recent[V]) get(k key) (v V, ok bool) {
	e, ok := r.items[k]
	if !ok {
		return v, false
	}
	r.order.MoveToFront(e)
	return e.Value.(item[V]).v, true
}

func (r *recent[V]) put(k key, v V) {
	r.drop(k)
	if len(r.items) >= r.max {
		r.drop(r.order.Back().Value.(item[V]).k)
	}
	r.items[k] = r.order.PushFront(item[V]{k, v})
}

func (r *recent[V]) drop(k key) {
	if e, ok := r.items[k]; ok {
		r.order.Remove(e)
		delete(r.items, k)
	}
}
