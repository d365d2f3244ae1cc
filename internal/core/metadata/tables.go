package metadata

import (
	"bytes"
	"iter"

	"github.com/tidwall/btree"
)

// table is a map whose copies share their nodes and which is walked in the
// order of its keys. The zero value is empty. copied marks the nodes as shared
// on both sides; everything else but set and remove only reads.
type table[K cmpKey, V any] struct{ tree *btree.Map[K, V] }

type cmpKey interface {
	~int8 | ~int16 | ~int32 | ~string
}

func (t table[K, V]) get(k K) (v V, ok bool) {
	if t.tree == nil {
		return v, false
	}
	return t.tree.Get(k)
}

func (t table[K, V]) len() int {
	if t.tree == nil {
		return 0
	}
	return t.tree.Len()
}

func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.tree != nil {
			t.tree.Scan(yield)
		}
	}
}

// from walks the keys that are not below k.
func (t table[K, V]) from(k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.tree != nil {
			t.tree.Ascend(k, yield)
		}
	}
}

func (t table[K, V]) copied() table[K, V] {
	if t.tree == nil {
		return table[K, V]{btree.NewMap[K, V](16)}
	}
	return table[K, V]{t.tree.Copy()}
}

func (t table[K, V]) set(k K, v V) { t.tree.Set(k, v) }
func (t table[K, V]) remove(k K)   { t.tree.Delete(k) }

// idIndex finds topics by id. It is a tree of its own because the library's
// quicker map orders only what Go orders with <, and a string per look-up would
// be an allocation per fetched partition.
type idIndex struct{ tree *btree.BTreeG[idEntry] }

type idEntry struct {
	id    TopicID
	topic *Topic
}

func (x idIndex) get(id TopicID) *Topic {
	if x.tree == nil {
		return nil
	}
	e, _ := x.tree.Get(idEntry{id: id})
	return e.topic
}

func (x idIndex) copied() idIndex {
	if x.tree == nil {
		less := func(a, b idEntry) bool { return bytes.Compare(a.id[:], b.id[:]) < 0 }
		return idIndex{btree.NewBTreeGOptions(less, btree.Options{NoLocks: true, Degree: 16})}
	}
	return idIndex{x.tree.Copy()}
}

func (x idIndex) set(t *Topic)      { x.tree.Set(idEntry{t.ID, t}) }
func (x idIndex) remove(id TopicID) { x.tree.Delete(idEntry{id: id}) }
