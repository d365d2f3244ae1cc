package msg

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
)

// lies are what a hostile peer puts in place of a count or a length.
var lies = [][]byte{
	{0x7f, 0xff, 0xff, 0xff},             // the greatest count
	{0xff, 0xff, 0xff, 0x7f},             // 268,435,454 elements as a varint; less than -1 as an int32
	{0xff, 0xff, 0xff, 0xff, 0x0f},       // the greatest varint
	{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // null, or no varint at all
	{0x00, 0x00, 0x00, 0xff},             // a count that a frame of a few hundred bytes may hold
	{0xff, 0x01},                         // the same as a varint
	{0xff, 0x7f},                         // 16,382 as a varint
	{0x00},                               // null
}

// A lie at any place of any kind costs no more memory than the budget, and no panic.
func TestLyingCountsCostNoMoreThanTheBudget(t *testing.T) {
	const allowed = 64 << 10
	for _, k := range kinds {
		least, greatest := k.make().Versions()
		var before, after runtime.MemStats
		charged, tries := int64(0), 0
		m := k.make()
		fill(rand.New(rand.NewPCG(7, 7)), m, greatest)
		frames := map[int16][]byte{}
		for v := least; v <= greatest; v++ {
			fill(rand.New(rand.NewPCG(2, uint64(v))), m, v)
			frames[v] = encode(t, m, v)
		}
		runtime.ReadMemStats(&before)
		for v, frame := range frames {
			for at := range min(len(frame), 200) {
				for _, lie := range lies {
					saved := [8]byte{}
					n := copy(saved[:], frame[at:])
					copy(frame[at:], lie)
					budget := wire.Budget(allowed)
					r := wire.NewReader(frame, &budget)
					k.make().Decode(&r, v)
					copy(frame[at:], saved[:n])
					if budget < 0 {
						t.Fatalf("%s version %d: %d bytes over budget", k.name, v, -budget)
					}
					charged += allowed - int64(budget)
					tries++
				}
			}
		}
		runtime.ReadMemStats(&after)
		// Size classes round up by at most a quarter here; each try has its message, reader and perhaps an error.
		if got, most := int64(after.TotalAlloc-before.TotalAlloc), charged*5/4+int64(tries)*1024+1<<16; got > most {
			t.Errorf("%s: %d bytes allocated in %d tries, charged %d", k.name, got, tries, charged)
		}
	}
}

func TestEveryPrefixOfAFrameIsAnError(t *testing.T) {
	for _, k := range kinds {
		least, greatest := k.make().Versions()
		m := k.make()
		for v := least; v <= greatest; v++ {
			fill(rand.New(rand.NewPCG(3, uint64(v))), m, v)
			frame := encode(t, m, v)
			for n := range min(len(frame), 300) {
				r := wire.NewReader(frame[:n], nil)
				if k.make().Decode(&r, v); r.Err() == nil {
					t.Fatalf("%s version %d: %d of %d bytes decode\n%x", k.name, v, n, len(frame), frame)
				}
			}
		}
	}
}

func TestNineBytesOfApiVersionsCannotHoldACore(t *testing.T) {
	frame := []byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0} // two empty strings, then 4,294,967,295 tagged fields
	var m ApiVersionsRequest
	r := wire.NewReader(frame, nil)
	if m.Decode(&r, 3); !errors.Is(r.Err(), wire.ErrTags) {
		t.Fatal(r.Err())
	}
}

func TestNullWhereAValueIsRequiredIsAnError(t *testing.T) {
	cases := []struct {
		what    string
		m       Message
		version int16
		frame   string
	}{
		{"string", new(SaslHandshakeRequest), 1, "\xff\xff"},
		{"compact string", new(ApiVersionsRequest), 3, "\x00\x01\x00"},
		{"borrowed string", new(ProduceRequest), 8, "\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00"},
		{"array of structs", new(ProduceRequest), 8, "\xff\xff\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"},
		{"compact array of structs", new(ProduceRequest), 9, "\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"array that a later version lets be null", new(MetadataRequest), 0, "\xff\xff\xff\xff"},
		{"string that a later version lets be null", new(MetadataRequest), 9, "\x02\x00\x00\x00\x00\x00\x00"},
		{"array of strings", new(DeleteGroupsRequest), 1, "\xff\xff\xff\xff"},
		{"string in an array", new(DeleteGroupsRequest), 1, "\x00\x00\x00\x01\xff\xff"},
		{"array of numbers", new(DescribeLogDirsRequest), 1, "\x00\x00\x00\x01\x00\x00\xff\xff\xff\xff"},
		{"bytes", new(SaslAuthenticateRequest), 0, "\xff\xff\xff\xff"},
	}
	for _, c := range cases {
		r := wire.NewReader([]byte(c.frame), nil)
		if c.m.Decode(&r, c.version); !errors.Is(r.Err(), wire.ErrNull) {
			t.Errorf("%s: %v", c.what, r.Err())
		}
	}
}

// Tagged fields that a version of a kind does not know, wherever they come from, change nothing.
func TestUnknownTaggedFieldsAreSkipped(t *testing.T) {
	frame := []byte{1, 1, 2, 5, 3, 'a', 'b', 'c', 0xcf, 0x0f, 1, 0xff}
	var m ApiVersionsRequest
	r := wire.NewReader(frame, nil)
	if m.Decode(&r, 3); r.Err() != nil || r.Remaining() != 0 {
		t.Fatal(r.Err(), r.Remaining())
	}
}
