package dump

import (
	"testing"

	"github.com/samsa-project/samsa/internal/wire/batch"
)

// BenchmarkLog reads 16 MB of batches of 100 records of 100 bytes.
func BenchmarkLog(b *testing.B) {
	builder := batch.NewBuilder(batch.None, 0)
	var log []byte
	for offset := int64(0); len(log) < 16<<20; offset += 100 {
		builder.Reset(batch.None, 0)
		builder.SetBaseOffset(offset)
		for range 100 {
			builder.Append(1700000000000, []byte("key"), make([]byte, 100))
		}
		var err error
		if log, err = builder.Build(log); err != nil {
			b.Fatal(err)
		}
	}
	disk := diskWith(b, map[string][]byte{logName: log})
	for name, records := range map[string]bool{"batches": false, "records": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(log)))
			for b.Loop() {
				err := OneFile(disk, logName, Options{Records: records}, func(i Item) error {
					if i.Kind() == "problem" {
						b.Fatal(i)
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
