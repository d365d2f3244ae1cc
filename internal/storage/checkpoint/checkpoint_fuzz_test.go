package checkpoint

import (
	"errors"
	"slices"
	"testing"
)

// FuzzCheckpoint holds the three readers to: no panic; an error is ErrDamaged;
// what was read, written and read again is the same.
func FuzzCheckpoint(f *testing.F) {
	for _, s := range []string{kafkaOffsets, kafkaNoOffsets, kafkaEpochs, kafkaPartition, "", "0\r\n1\r\nt 1\t2\r\n", "0\n3\n0 0\n5 10\n6 11\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(err error) bool {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("an error that is not ErrDamaged: %v", err)
			}
			return err == nil
		}
		if o, err := ParseOffsets("f", data); check(err) {
			again, err := ParseOffsets("f", AppendOffsets(nil, o))
			if err != nil || !slices.Equal(o, again) {
				t.Errorf("offsets %v became %v, %v", o, again, err)
			}
		}
		if e, err := ParseEpochs("f", data); check(err) {
			again, err := ParseEpochs("f", AppendEpochs(nil, e))
			if err != nil || !slices.Equal(e, again) {
				t.Errorf("epochs %v became %v, %v", e, again, err)
			}
		}
		if id, err := ParsePartition("f", data); check(err) {
			again, err := ParsePartition("f", AppendPartition(nil, id))
			if err != nil || id != again {
				t.Errorf("topic id %v became %v, %v", id, again, err)
			}
		}
	})
}
