package partition

import "testing"

func TestPlacingAKnownProducersBatchAllocatesNothing(t *testing.T) {
	s := NewState(0, 0, true)
	s.Lead(0)
	sequence := int32(0)
	produce := func() {
		if _, err := s.Prepare(Batch{ProducerID: 7, BaseSequence: sequence, LastOffsetDelta: 9}); err != nil {
			t.Fatal(err)
		}
		s.Appended()
		s.Flushed(s.LogEnd())
		sequence += 10
	}
	produce()
	if n := testing.AllocsPerRun(1000, produce); n != 0 {
		t.Errorf("%v allocations a batch, want none", n)
	}
	if s.HighWatermark() != Offset(sequence) {
		t.Errorf("high watermark %d, want %d", s.HighWatermark(), sequence)
	}
}

func TestAnEpochThatHasReignedIsABug(t *testing.T) {
	s := NewState(0, 0, true)
	s.Lead(4)
	defer func() {
		if recover() == nil {
			t.Error("epoch 4 reigned twice")
		}
	}()
	s.Lead(4)
}

func TestEpochsThatDoNotRiseAreNotLoaded(t *testing.T) {
	for _, bad := range [][]EpochStart{{{2, 0}, {1, 5}}, {{1, 5}, {2, 4}}, {{-1, 0}}, {{0, -1}}} {
		var e Epochs
		if e.Load(bad) || e.Latest() != -1 {
			t.Errorf("%v was loaded", bad)
		}
	}
}
