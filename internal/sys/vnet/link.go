package vnet

import (
	"context"
	"os"
	"sync"
	"time"
)

// link is the state of a Link that the connections over it share. A nil link
// carries everything at once.
type link struct {
	mu      sync.Mutex // guards all below; never held while waiting
	state   Link
	last    time.Time     // when the latest byte arrives
	changed chan struct{} // closed by the next set
}

func (k *link) set(l Link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state = l
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *link) isCut() bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state.Cut
}

// arrival tells when a byte sent now arrives: never before one sent earlier.
// Zero is at once.
func (k *link) arrival() time.Time {
	if k == nil {
		return time.Time{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if at := now.Add(k.state.Delay); at.After(now) && at.After(k.last) {
		k.last = at
	}
	if !k.last.After(now) {
		return time.Time{}
	}
	return k.last
}

// delivered reports whether what arrives then is there.
func (k *link) delivered(at time.Time) bool {
	return !k.isCut() && (at.IsZero() || !time.Now().Before(at))
}

// pass waits until a packet sent now has arrived, or ctx ends.
func (k *link) pass(ctx context.Context) error {
	at := k.arrival()
	for {
		k.mu.Lock()
		cut, changed := k.state.Cut, k.changed
		k.mu.Unlock()
		if !cut {
			if at.IsZero() || !time.Now().Before(at) {
				return nil
			}
			if err := sleep(ctx, time.Until(at)); err != nil {
				return err
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return contextError(ctx)
		}
	}
}

// contextError is what package net makes of a deadline.
func contextError(ctx context.Context) error {
	if ctx.Err() == context.DeadlineExceeded {
		return os.ErrDeadlineExceeded
	}
	return ctx.Err()
}
