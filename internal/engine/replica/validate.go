package replica

import (
	"errors"
	"fmt"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

// Why an append failed although its batch was accepted or well formed.
var (
	// ErrTimedOut: the batch is in the log, but was not acknowledged in the producer's time.
	ErrTimedOut = errors.New("the batch is written, but not every in-sync replica had it in time")
	// ErrMessageTooLarge: the batch is larger than max.message.bytes after it was compressed anew.
	ErrMessageTooLarge = errors.New("the batch is larger than max.message.bytes")
)

// validate checks and, where the topic wants another codec, recompresses the
// batch, before and outside any turn-taking.
func (p *Partition) validate(a *Append, s *Settings) error {
	rules := s.Rules
	rules.Now = p.clock.Now().UnixMilli()
	rules.NoZstd = a.NoZstd
	if err := batch.Validate(a.Batch, rules); err != nil {
		return err
	}
	if !s.Recompress || a.Batch.Codec() == s.Codec {
		return nil
	}
	fresh, err := batch.Recompress(nil, a.Batch, s.Codec, s.Level, rules.Limits)
	if err != nil {
		return err
	}
	if rules.MaxMessageBytes > 0 && len(fresh) > rules.MaxMessageBytes {
		return fmt.Errorf("%w: %d bytes once compressed with %v", ErrMessageTooLarge, len(fresh), s.Codec)
	}
	a.Batch = fresh
	return nil
}
