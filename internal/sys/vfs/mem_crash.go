package vfs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// CrashConfig says how kind a simulated power loss is.
type CrashConfig struct {
	// KeepPercent, 0 to 100, is the chance of each unsynced change to be on disk
	// nevertheless. 0: exactly what was synced. 100: everything.
	KeepPercent int
	// Rand decides; it is needed between 1 and 99. One seed, after the same
	// operations, gives one image.
	Rand *rand.Rand
}

func (c CrashConfig) keep() bool { return c.Rand.IntN(100) < c.KeepPercent }

func (c CrashConfig) check() {
	if c.KeepPercent < 0 || c.KeepPercent > 100 || c.KeepPercent%100 != 0 && c.Rand == nil {
		panic(fmt.Sprintf("BUG: a crash that keeps %d %% (random source: %v)", c.KeepPercent, c.Rand != nil))
	}
}

// CrashClone returns the disk as a power loss at this instant would leave it,
// while this one goes on. All that was synced is there. Of the rest each is
// kept by chance, for itself:
//
//   - each 4 KB page of a file, as one of the last writes to it left it; of one
//     page in four each 512-byte sector for itself (a torn page);
//   - the length: that of an earlier step or, between two steps, any length;
//     what was not kept within it reads as zeros;
//   - each change of a folder. A rename is one change, with what it built on,
//     and independent of the bytes of the file it names; a file whose removal
//     is lost is back, with its bytes.
//
// A clone has the limits of the original, and neither locks, open files nor hook.
// It shares the bytes with the original until one of them writes.
func (m *Mem) CrashClone(cfg CrashConfig) *Mem {
	cfg.check()
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem()
	clone.capacity, clone.maxOpen = m.capacity, m.maxOpen

	wanted := make([]bool, len(m.pending))
	for i := range m.pending {
		wanted[i] = cfg.KeepPercent == 100 || cfg.KeepPercent > 0 && cfg.keep()
	}
	m.addPrerequisites(wanted)
	survived := make(map[*memNode]map[string]*memNode)
	for i, op := range m.pending {
		if wanted[i] {
			for _, s := range op.slots {
				entries := survived[s.folder]
				if entries == nil {
					entries = maps.Clone(s.folder.synced)
					survived[s.folder] = entries
				}
				s.apply(entries)
			}
		}
	}
	clone.root = clone.adopt(m.root, survived, cfg)
	return clone
}

// adopt copies a node as the crash leaves it, with all below it. The names go
// in order, since each file draws from the random source.
func (m *Mem) adopt(n *memNode, survived map[*memNode]map[string]*memNode, cfg CrashConfig) *memNode {
	c := &memNode{folder: n.folder, modified: n.modified, linked: true, syncs: n.syncs}
	if !n.folder {
		c.data.cur = n.data.crash(cfg)
		c.data.synced = c.data.cur.fork()
		m.used += c.data.held()
		return c
	}
	entries, changed := survived[n]
	if !changed {
		entries = n.synced
	}
	c.entries = make(map[string]*memNode, len(entries))
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		c.entries[name] = m.adopt(entries[name], survived, cfg)
	}
	c.synced = maps.Clone(c.entries)
	return c
}

// slot is one name in one folder and what it shall stand for; a nil node is none.
type slot struct {
	folder *memNode
	name   string
	node   *memNode
}

func (s slot) apply(entries map[string]*memNode) {
	if s.node == nil {
		delete(entries, s.name)
	} else {
		entries[s.name] = s.node
	}
}

// place is a slot apart from its node.
type place struct {
	folder *memNode
	name   string
}

// entryOp is a change of folders that happens whole or not at all.
type entryOp struct {
	slots  []slot
	folder bool // a folder was moved: then everything before goes with it
}

func (op entryOp) touches(folder *memNode) bool {
	return slices.ContainsFunc(op.slots, func(s slot) bool { return s.folder == folder })
}

// change carries out op now, and keeps it for the next SyncDir.
func (m *Mem) change(op entryOp) {
	m.pending = append(m.pending, op)
	now := time.Now()
	for _, s := range op.slots {
		if old := s.folder.entries[s.name]; old != nil {
			old.linked = false
			defer m.release(old) // after the loop: a renamed file is linked again by then
		}
		s.apply(s.folder.entries)
		s.folder.modified = now
		if s.node != nil {
			s.node.linked = true
		}
	}
}

// syncEntries makes the chosen changes durable, with what they build on.
func (m *Mem) syncEntries(chosen func(entryOp) bool) {
	wanted := make([]bool, len(m.pending))
	for i, op := range m.pending {
		wanted[i] = chosen(op)
	}
	m.addPrerequisites(wanted)
	left := m.pending[:0]
	for i, op := range m.pending {
		if !wanted[i] {
			left = append(left, op)
			continue
		}
		for _, s := range op.slots {
			s.apply(s.folder.synced)
		}
	}
	clear(m.pending[len(left):])
	m.pending = left
}

// addPrerequisites marks what the marked changes build on: the earlier ones of
// the same names. Without them a file renamed twice could be found under two
// names; no journal does that.
func (m *Mem) addPrerequisites(wanted []bool) {
	needed := make(map[place]bool)
	everything := false
	for i, op := range slices.Backward(m.pending) {
		for _, s := range op.slots {
			wanted[i] = wanted[i] || everything || needed[place{s.folder, s.name}]
		}
		if !wanted[i] {
			continue
		}
		everything = everything || op.folder
		for _, s := range op.slots {
			needed[place{s.folder, s.name}] = true
		}
	}
}

// syncData makes the bytes of all files below durable.
func (n *memNode) syncData() {
	if !n.folder {
		n.data.sync()
	}
	for _, e := range n.entries {
		e.syncData()
	}
}
