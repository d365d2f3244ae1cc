package msg

import (
	"bytes"
	"math/rand/v2"
	"runtime/metrics"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
)

// kind is one kind of message; kinds_test.go has the table of them.
type kind struct {
	name string
	make func() Message
}

// encode returns m in that version, its payloads in place.
func encode(t testing.TB, m Message, version int16) []byte {
	t.Helper()
	var w wire.Writer
	if err := m.AppendTo(&w, version); err != nil {
		t.Fatalf("%T version %d: %v", m, version, err)
	}
	b, err := w.Flatten(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != w.Len() {
		t.Fatalf("%T version %d: Len is %d, the frame has %d bytes", m, version, w.Len(), len(b))
	}
	return b
}

// heapAllocated returns the bytes ever allocated. Unlike runtime.ReadMemStats it doesn't stop the world, which would cost more than what is measured.
func heapAllocated() uint64 {
	sample := [...]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}

// fuzzKind decodes any bytes in any version of a kind. What decodes can be encoded, and what that yields is a fixed point of decoding and
// encoding. Decoding allocates no more than its budget.
func fuzzKind(f *testing.F, m Message) {
	least, greatest := m.Versions()
	for v := least; v <= greatest; v++ {
		filled := fresh(m)
		fill(rand.New(rand.NewPCG(1, uint64(v))), filled, v)
		f.Add(uint16(v-least), encode(f, filled, v))
	}
	f.Fuzz(func(t *testing.T, nth uint16, frame []byte) {
		version := least + int16(nth%uint16(greatest-least+1))
		const allowed = 1 << 16
		budget := wire.Budget(allowed)
		r := wire.NewReader(frame, &budget)
		first := fresh(m)
		before := heapAllocated()
		first.Decode(&r, version)
		if got := heapAllocated() - before; got > 2*allowed+1<<16 { // size classes round up, and what is counted is spans handed out
			t.Fatalf("%d bytes allocated under a budget of %d", got, allowed)
		}
		if r.Err() != nil {
			return
		}
		once := encode(t, first, version)
		second := fresh(m)
		r.Reset(once, nil)
		if second.Decode(&r, version); r.Err() != nil || r.Remaining() != 0 {
			t.Fatalf("version %d: what was encoded does not decode: %v, %d bytes left\n%x", version, r.Err(), r.Remaining(), once)
		}
		if twice := encode(t, second, version); !bytes.Equal(once, twice) {
			t.Fatalf("version %d: no fixed point\n%x\n%x", version, once, twice)
		}
	})
}
