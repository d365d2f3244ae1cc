package server

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/samsa-project/samsa/internal/sys/vnet"
)

// pieces is a connection that hands out what it was given in pieces, and then err.
type pieces struct {
	net.Conn
	next [][]byte
	err  error
}

func (p *pieces) Read(b []byte) (int, error) {
	for len(p.next) > 0 && len(p.next[0]) == 0 {
		p.next = p.next[1:]
	}
	if len(p.next) == 0 {
		return 0, p.err
	}
	n := copy(b, p.next[0])
	p.next[0] = p.next[0][n:]
	return n, nil
}

func testInbox(conn net.Conn, room *room) *inbox {
	in := &inbox{conn: conn, room: room, limits: limits{produce: 100 << 20, other: 8 << 20}}
	in.b = in.small[:]
	return in
}

// frame is size and size bytes of a request of that kind, each telling its place.
func frame(key int16, size int) []byte {
	b := make([]byte, 4+size)
	binary.BigEndian.PutUint32(b, uint32(size))
	for i := range size {
		b[4+i] = byte(i * 7)
	}
	if size >= 2 {
		binary.BigEndian.PutUint16(b[4:], uint16(key))
	}
	return b
}

// begun is the first bytes of a frame of 100 MB.
func begun(arrived int) []byte {
	b := frame(0, max(arrived-4, 2))[:arrived]
	binary.BigEndian.PutUint32(b, 100<<20)
	return b
}

func TestFramesAreFoundHoweverTheirBytesAreSplit(t *testing.T) {
	var stream []byte
	var frames [][]byte
	for _, size := range []int{8, 1, 505, 508, 8, 600} {
		f := frame(0, size)
		frames, stream = append(frames, f), append(stream, f...)
	}
	for cut := range len(stream) + 1 {
		check(t, frames, [][]byte{stream[:cut], stream[cut:]}, func() string { return fmt.Sprint("cut at ", cut) })
	}
	var single [][]byte
	for i := range stream {
		single = append(single, stream[i:i+1])
	}
	check(t, frames, single, func() string { return "byte by byte" })
}

func TestFramesOfRandomSizesInRandomPiecesAreFound(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 30 {
		var stream []byte
		var frames [][]byte
		for range 1 + rng.IntN(20) {
			f := frame(0, 1+rng.IntN(1<<rng.IntN(18)))
			frames, stream = append(frames, f), append(stream, f...)
		}
		var split [][]byte
		for len(stream) > 0 {
			n := min(1+rng.IntN(1<<rng.IntN(18)), len(stream))
			split, stream = append(split, stream[:n]), stream[n:]
		}
		check(t, frames, split, func() string { return fmt.Sprintf("seed %d", seed) })
	}
}

// check reads frames from pieces, keeps some for a while, rests now and then,
// and looks whether all memory is given back.
func check(t *testing.T, frames, split [][]byte, what func() string) {
	t.Helper()
	room := newRoom(1<<30, 0, nil)
	copied := make([][]byte, len(split))
	copy(copied, split)
	in := testInbox(&pieces{next: copied, err: io.EOF}, room)
	type keptFrame struct {
		got, want []byte
		chunk     *chunk
	}
	var kept []keptFrame
	for i, want := range frames {
		got, chunk, err := in.next()
		if err != nil {
			t.Fatalf("%s: frame %d: %v", what(), i, err)
		}
		kept = append(kept, keptFrame{got, want[4:], chunk})
		if i%3 == 0 {
			in.rest()
		}
		if len(kept) == 4 {
			for _, k := range kept {
				if !bytes.Equal(k.got, k.want) {
					t.Fatalf("%s: a frame of %d bytes differs", what(), len(k.want))
				}
				k.chunk.release()
			}
			kept = kept[:0]
		}
	}
	for _, k := range kept {
		if !bytes.Equal(k.got, k.want) {
			t.Fatalf("%s: a frame of %d bytes differs", what(), len(k.want))
		}
		k.chunk.release()
	}
	if _, _, err := in.next(); err != io.EOF {
		t.Fatalf("%s: at the end: %v", what(), err)
	}
	in.close()
	if n := room.held(); n != 0 {
		t.Fatalf("%s: %d bytes were not given back", what(), n)
	}
}

func TestSizesThatNoFrameMayHaveAreRefusedAsSoonAsTheyAreKnown(t *testing.T) {
	for _, c := range []struct {
		name   string
		header []byte
	}{
		{"negative", []byte{0xff, 0xff, 0xff, 0xff}},
		{"the least", []byte{0x80, 0, 0, 0}},
		{"zero", []byte{0, 0, 0, 0}},
		{"larger than any", binary.BigEndian.AppendUint32(nil, 100<<20+1)},
		{"2 GiB less one", []byte{0x7f, 0xff, 0xff, 0xff}},
		{"larger than a fetch may be", append(binary.BigEndian.AppendUint32(nil, 8<<20+1), 0, 1)},
		{"GET / HTTP/1.1", []byte("GET / HTTP/1.1\r\n")},
		{"a TLS hello", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}},
	} {
		in := testInbox(&pieces{next: [][]byte{c.header}, err: io.ErrNoProgress}, newRoom(1<<30, 0, nil))
		_, _, err := in.next()
		var bad *frameError
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", c.name, err)
		}
		in.close()
	}
	in := testInbox(&pieces{next: [][]byte{append(binary.BigEndian.AppendUint32(nil, 8<<20+1), 0, 0)}, err: io.EOF}, newRoom(1<<30, 0, nil))
	if _, _, err := in.next(); err != io.ErrUnexpectedEOF {
		t.Errorf("a Produce of more than 8 MB is not waited for: %v", err)
	}
	in.close()
}

func TestAnAnnouncedSizeCostsNothing(t *testing.T) {
	for _, c := range []struct{ arrived, most int }{{4, 0}, {6, 0}, {500, 0}, {512, 4 << 10}, {600, 4 << 10}, {4096, 16 << 10}, {5000, 16 << 10}, {1 << 20, 4 << 20}} {
		room := newRoom(1<<30, 0, nil)
		in := testInbox(&pieces{next: [][]byte{begun(c.arrived)}, err: io.EOF}, room)
		if _, _, err := in.next(); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		if got := room.held(); got > int64(c.most) {
			t.Errorf("%d bytes of 100 MB have come and %d are held, at most %d should be", c.arrived, got, c.most)
		}
		in.close()
	}
}

func TestABufferThatBytesFlowedThroughShrinksToWhatIsUnread(t *testing.T) {
	room := newRoom(1<<30, 0, nil)
	conn := &pieces{next: [][]byte{frame(0, 100_000), begun(600)}, err: io.EOF}
	in := testInbox(conn, room)
	_, chunk, err := in.next()
	if err != nil {
		t.Fatal(err)
	}
	chunk.release()
	if _, _, err := in.next(); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	before := room.held()
	in.rest()
	if after := room.held(); after != 4<<10 || before <= after {
		t.Errorf("600 unread bytes hold %d, before the rest %d", after, before)
	}
	conn.next, conn.err = [][]byte{begun(700)[600:]}, io.EOF
	if _, _, err := in.next(); err != io.ErrUnexpectedEOF || in.w-in.r != 700 || !bytes.Equal(in.b[in.r:in.w], begun(700)) {
		t.Errorf("what was unread is not whole: %v", err)
	}
	in.close()
	if n := room.held(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}

func TestAnInterruptedWaitIsARestAndLosesNothing(t *testing.T) {
	client, server := vnet.Pipe()
	room := newRoom(1<<30, 0, nil)
	in := testInbox(server, room)
	f := frame(0, 100)
	for i := range f {
		if _, err := client.Write(f[i : i+1]); err != nil {
			t.Fatal(err)
		}
		server.SetReadDeadline(time.Now().Add(-time.Second))
		_, _, err := in.next()
		server.SetReadDeadline(time.Time{})
		if i < len(f)-1 && !errors.Is(err, errRested) && err != nil {
			t.Fatalf("byte %d: %v", i, err)
		}
		in.rest()
	}
	got, chunk, err := in.next()
	if err != nil || !bytes.Equal(got, f[4:]) {
		t.Fatalf("%x, %v", got, err)
	}
	chunk.release()
	in.close()
}

func TestAFrameOfAnotherProtocolIsCalledByItsName(t *testing.T) {
	for first, want := range map[string]string{
		"\x16\x03\x01\x02\x00\x01": "TLS handshake", "GET / HTTP/1.1\r\n": "HTTP request", "POST /x": "HTTP request", "\x7f\xff\xff\xff\x00\x00": "a frame of 2147483647 bytes",
	} {
		in := &inbox{b: []byte(first), w: len(first), limits: limits{100 << 20, 8 << 20}}
		if _, err := in.size(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", first, err, want)
		}
	}
}
