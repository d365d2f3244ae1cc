package server

import (
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// testRoom has so many bytes beside an escape of 4 KB.
func testRoom(free int64, ended <-chan struct{}) *room {
	r := newRoom(0, 0, ended)
	r.size, r.free, r.reserve = r.largest+free, free, free/4
	return r
}

// taken is take for a connection of its own.
func taken(t *testing.T, r *room, n int64) grant {
	t.Helper()
	g, err := r.take(n, new(inbox))
	if err != nil {
		t.Error(err)
	}
	return g
}

func TestRoomIsGivenInTheOrderItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testRoom(100_000, nil)
		all := taken(t, r, 100_000)
		var order []int
		for i := range 5 {
			go func() {
				g := taken(t, r, 60_000) // one at a time
				order = append(order, i)
				time.Sleep(time.Second)
				r.give(g)
			}()
			synctest.Wait()
		}
		if len(order) > 0 {
			t.Fatal("more was given than there is")
		}
		began := time.Now()
		r.give(all)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if !slices.Equal(order, []int{0, 1, 2, 3, 4}) || r.held() != 0 {
			t.Errorf("served in the order %v, %d bytes are held after %v", order, r.held(), time.Since(began))
		}
	})
}

func TestNobodyOvertakesInALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testRoom(100_000, nil)
		first := taken(t, r, 70_000)
		done := make(chan grant, 2)
		go func() { done <- taken(t, r, 50_000) }()
		synctest.Wait()
		go func() { done <- taken(t, r, 10_000) }() // would fit
		synctest.Wait()
		if _, ok := r.tryTake(10_000); len(done) != 0 || ok {
			t.Fatal("overtaken")
		}
		r.give(first)
		synctest.Wait()
		if len(done) != 2 {
			t.Fatal("not served")
		}
	})
}

func TestLargeFramesDoNotKeepSmallOnesWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testRoom(100<<20, nil)
		taken(t, r, 60<<20)
		refused := make(chan error, 1)
		began := time.Now()
		go func() {
			_, err := r.take(50<<20, new(inbox)) // 15 MB are left to large ones
			refused <- err
		}()
		synctest.Wait()
		for range 400 {
			taken(t, r, 64<<10)
		}
		if waited := time.Since(began); waited != 0 {
			t.Error("small ones waited for", waited)
		}
		if err := <-refused; err != errNoRoom || time.Since(began) != roomWait {
			t.Errorf("the large one: %v after %v", err, time.Since(began))
		}
	})
}

func TestRoomThatNobodyCanHaveIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := testRoom(64<<20, nil)
		began := time.Now()
		for _, n := range []int64{65 << 20, 49 << 20} {
			if _, err := r.take(n, nil); err != errNoRoom {
				t.Errorf("%d: %v", n, err)
			}
		}
		taken(t, r, 48<<20)
		if time.Since(began) != 0 {
			t.Error("waited")
		}
	})
}

func TestAFrameOfTheLargestSizeAlwaysFits(t *testing.T) {
	r := newRoom(1, 100<<20, nil)
	in := testInbox(&pieces{next: [][]byte{frame(0, 100<<20)}}, r)
	if _, chunk, err := in.next(); err != nil {
		t.Fatal(err)
	} else {
		chunk.release()
	}
	in.close()
	if r.held() != 0 {
		t.Error("not given back")
	}
}

// Fifty frames of 5 MB arrive at once in a room for a few: all of them come
// through, none waits for a half that another one holds.
func TestFramesThatArriveTogetherDoNotWaitForEachOtherForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, size = 50, 5 << 20
		r := newRoom(30<<20, size, nil)
		results := make(chan error, n)
		began := time.Now()
		whole := frame(0, size)
		for range n {
			go func() {
				conn := &pieces{err: io.EOF}
				for i := 0; i < len(whole); i += 100_000 {
					conn.next = append(conn.next, whole[i:min(i+100_000, len(whole))])
				}
				in := testInbox(conn, r)
				_, chunk, err := in.next()
				if err == nil {
					time.Sleep(10 * time.Millisecond)
					chunk.release()
				}
				in.close()
				results <- err
			}()
		}
		for range n {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(began); took > 2*time.Second || r.held() != 0 || r.escaping != nil {
			t.Errorf("took %v, %d bytes are held at the end", took, r.held())
		}
	})
}

func TestNobodyWaitsForRoomWhenTheServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		r := testRoom(100_000, ended)
		taken(t, r, 100_000)
		began := time.Now()
		refused := make(chan error)
		go func() {
			_, err := r.take(5000, new(inbox))
			refused <- err
		}()
		synctest.Wait()
		close(ended)
		if err := <-refused; err != errNoRoom || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
