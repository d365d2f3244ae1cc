package broker

import (
	"log/slog"
	"testing"

	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func TestC_COORDINATOR_01_WhoeverAsksForACoordinatorIsToldThatThereIsNone(t *testing.T) {
	for version := int16(0); version <= 6; version++ {
		req := &msg.FindCoordinatorRequest{CoordinatorKey: "g"}
		if version >= 4 {
			req = &msg.FindCoordinatorRequest{CoordinatorKeys: []string{"g", "h"}}
		}
		b := &Broker{Options: Options{Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)}}
		resp := b.FindCoordinator(&Client{}, version, req)
		var w wire.Writer
		if err := resp.AppendTo(&w, version); err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		codes := []int16{resp.ErrorCode}
		if version >= 4 {
			codes = nil
			for _, c := range resp.Coordinators {
				codes = append(codes, c.ErrorCode)
			}
		}
		for _, code := range codes {
			if e := wire.ErrorForCode(code); e != wire.ErrCoordinatorNotAvailable {
				t.Errorf("version %d answers %v", version, e)
			}
		}
		req.KeyType = 1
		if resp := b.FindCoordinator(&Client{}, version, req); version < 4 && resp.ErrorCode != wire.ErrUnsupportedVersion.Code {
			t.Errorf("version %d answers who looks for a transaction's coordinator with %v", version, wire.ErrorForCode(resp.ErrorCode))
		}
		if version >= 4 && len(codes) != 2 {
			t.Errorf("version %d: %d answers to 2 keys", version, len(codes))
		}
	}
}
