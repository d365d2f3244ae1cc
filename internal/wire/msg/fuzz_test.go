package msg

import (
	"bytes"
	"math/rand/v2"
	"runtime"
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

// heapAllocated returns roughly the bytes ever allocated. Unlike runtime.ReadMemStats it doesn't stop the world, which would cost more than what is
// measured; but it learns of small objects late, so that what it says is a suspicion only.
func heapAllocated() uint64 {
	sample := [...]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}

// fuzzKind fuzzes checkFrame in all versions of a kind. Frames are long, and the fuzzer's way of shortening each of them for a minute starves it:
//
//	go test ./internal/wire/msg -run xxx -fuzz '^FuzzFetchRequest$' -fuzzminimizetime 100x
func fuzzKind(f *testing.F, m Message) {
	least, greatest := m.Versions()
	for v := least; v <= greatest; v++ {
		filled := fresh(m)
		fill(rand.New(rand.NewPCG(1, uint64(v))), filled, v)
		f.Add(uint16(v-least), encode(f, filled, v))
	}
	f.Fuzz(func(t *testing.T, nth uint16, frame []byte) {
		checkFrame(t, m, least+int16(nth%uint16(greatest-least+1)), frame)
	})
}

// checkFrame decodes any bytes. What decodes can be encoded, and what that yields is a fixed point of decoding and encoding. Decoding allocates no
// more than its budget.
func checkFrame(t *testing.T, m Message, version int16, frame []byte) (decoded bool) {
	const allowed = 1 << 16
	budget := wire.Budget(allowed)
	r := wire.NewReader(frame, &budget)
	first := fresh(m)
	before := heapAllocated()
	first.Decode(&r, version)
	if got := heapAllocated() - before; got > 2*allowed { // size classes round up
		budget = allowed
		r.Reset(frame, &budget)
		var before, after runtime.MemStats
		again := fresh(m)
		runtime.ReadMemStats(&before)
		again.Decode(&r, version)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*allowed {
			t.Fatalf("%T version %d: %d bytes allocated under a budget of %d\n%x", m, version, got, allowed, frame)
		}
	}
	if r.Err() != nil {
		return false
	}
	once := encode(t, first, version)
	second := fresh(m)
	r.Reset(once, nil)
	if second.Decode(&r, version); r.Err() != nil || r.Remaining() != 0 {
		t.Fatalf("%T version %d: what was encoded does not decode: %v, %d bytes left\n%x\n%x", m, version, r.Err(), r.Remaining(), frame, once)
	}
	if twice := encode(t, second, version); !bytes.Equal(once, twice) {
		t.Fatalf("%T version %d: no fixed point\n%x\n%x\n%x", m, version, frame, once, twice)
	}
	return true
}

// Without a fuzzer: frames of every kind in every version with a few bytes changed.
func TestChangedFramesAreErrorsOrFixedPoints(t *testing.T) {
	const tries = 40
	decoded := 0
	for i, k := range kinds {
		m := k.make()
		least, greatest := m.Versions()
		for v := least; v <= greatest; v++ {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(v)))
			for range tries {
				fill(rnd, m, v)
				frame := encode(t, m, v)
				for range min(len(frame), 1+rnd.IntN(3)) {
					frame[rnd.IntN(len(frame))] = [...]byte{0, 1, 0x7f, 0x80, 0xff, byte(rnd.Uint32())}[rnd.IntN(6)]
				}
				if checkFrame(t, m, v, frame) {
					decoded++
				}
			}
		}
	}
	if decoded == 0 {
		t.Error("no changed frame was decoded: nothing was shown")
	}
}
