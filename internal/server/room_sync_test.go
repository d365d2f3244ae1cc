package server

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRoomIsGivenInTheOrderItWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10_000, 0, nil)
		if err := r.take(10000); err != nil {
			t.Fatal(err)
		}
		var order []int
		for i := range 5 {
			go func() {
				if err := r.take(4000); err != nil {
					t.Error(err)
				}
				order = append(order, i)
			}()
			synctest.Wait()
		}
		for range 5 {
			r.give(4000)
			synctest.Wait()
			if r.held() > 10_000 {
				t.Fatal("more is held than there is")
			}
			if len(order) == 2 {
				break
			}
		}
		r.give(2000)
		synctest.Wait()
		for len(order) < 5 {
			r.give(4000)
			synctest.Wait()
		}
		if !slices.IsSorted(order) {
			t.Error("served in the order", order)
		}
	})
}

func TestASmallOneDoesNotOvertakeInItsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10_000, 0, nil)
		must(t, r.take(7000))
		done := make(chan int, 2)
		go func() { must(t, r.take(5000)); done <- 50 }()
		synctest.Wait()
		go func() { must(t, r.take(1000)); done <- 10 }() // would fit
		synctest.Wait()
		if len(done) != 0 || r.tryTake(1000) {
			t.Fatal("overtaken")
		}
		r.give(7000)
		synctest.Wait()
		if len(done) != 2 {
			t.Fatal("not served")
		}
	})
}

func TestLargeFramesDoNotKeepSmallOnesWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(100<<20, 0, nil)
		must(t, r.take(60<<20))
		refused := make(chan error, 1)
		go func() { refused <- r.take(50 << 20) }() // 15 MB are left to large ones
		synctest.Wait()
		began := time.Now()
		for range 400 {
			must(t, r.take(64<<10))
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
		r := newRoom(64<<20, 0, nil)
		began := time.Now()
		if r.take(65<<20) != errNoRoom || r.take(49<<20) != errNoRoom {
			t.Error("granted")
		}
		must(t, r.take(48<<20))
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

// Connections that hold half of what they need, and all need more, end: some
// are refused, and what they held serves the others.
func TestHalfServedConnectionsDoNotWaitForEachOtherForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10_000, 0, nil)
		results := make(chan error, 4)
		for range 4 {
			must(t, r.take(2500))
		}
		for i := range 4 {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				err := r.take(5000)
				r.give(2500)
				if err == nil {
					r.give(5000)
				}
				results <- err
			}()
		}
		served := 0
		for range 4 {
			if err := <-results; err == nil {
				served++
			} else if !errors.Is(err, errNoRoom) {
				t.Error(err)
			}
		}
		if served == 0 || r.held() != 0 {
			t.Errorf("%d were served, %d bytes are held at the end", served, r.held())
		}
	})
}

func TestNobodyWaitsForRoomWhenTheServerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		r := newRoom(10_000, 0, ended)
		must(t, r.take(10000))
		began := time.Now()
		refused := make(chan error)
		go func() { refused <- r.take(1) }()
		synctest.Wait()
		close(ended)
		if err := <-refused; err != errNoRoom || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
