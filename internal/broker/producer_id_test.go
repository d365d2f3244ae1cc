package broker_test

import (
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

func initRequest(transactionalID wire.NullString) *msg.InitProducerIdRequest {
	r := &msg.InitProducerIdRequest{}
	r.SetDefaults()
	r.TransactionalID, r.TransactionTimeoutMs = transactionalID, 60_000
	return r
}

func (c *client) producerID() int64 {
	c.t.Helper()
	r := ask[*msg.InitProducerIdResponse](c, 5, initRequest(wire.NullString{}))
	is(c.t, r.ErrorCode, wire.ErrNone)
	equal(c.t, "the epoch", r.ProducerEpoch, 0)
	return r.ProducerID
}

func TestC_PID_01_NoProducerIDIsGivenTwiceAlsoNotAfterARestart(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		seen := map[int64]bool{}
		for range 3 {
			c := k.dial()
			for range 1100 { // more than a block
				id := c.producerID()
				if id < 0 || seen[id] {
					t.Fatalf("producer id %d, the %dth", id, len(seen))
				}
				seen[id] = true
			}
			k.restart()
		}
	})
}

func TestC_PID_02_AnIDWithoutItsEpochIsRefused(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for _, test := range []struct {
			id    int64
			epoch int16
			want  wire.Error
		}{{5, -1, wire.ErrInvalidRequest}, {-1, 5, wire.ErrInvalidRequest}, {5, 5, wire.ErrNone}, {-1, -1, wire.ErrNone}} {
			r := initRequest(wire.NullString{})
			r.ProducerID, r.ProducerEpoch = test.id, test.epoch
			got := ask[*msg.InitProducerIdResponse](c, 4, r)
			is(t, got.ErrorCode, test.want)
			if got.ErrorCode != 0 {
				equal(t, "the id", got.ProducerID, -1)
				equal(t, "the epoch", got.ProducerEpoch, -1)
			}
		}
	})
}

func TestC_PID_03_TransactionalIDsAreRefusedForGood(t *testing.T) {
	virtual(t, func(t *testing.T, k *kafka) {
		c := k.dial()
		for v := int16(0); v <= 5; v++ {
			is(t, ask[*msg.InitProducerIdResponse](c, v, initRequest(wire.Str(""))).ErrorCode, wire.ErrInvalidRequest)
			got := ask[*msg.InitProducerIdResponse](c, v, initRequest(wire.Str("tx")))
			is(t, got.ErrorCode, wire.ErrUnsupportedVersion)
			equal(t, "the id", got.ProducerID, -1)
		}
	})
}
