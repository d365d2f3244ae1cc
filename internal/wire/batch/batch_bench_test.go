package batch

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// realistic is a batch of about size bytes of JSON-like records of valueSize bytes each.
func realistic(tb testing.TB, codec Codec, size, valueSize int) View {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	b := NewBuilder(codec, DefaultLevel)
	b.SetProducer(1, 0, 0)
	for i := 0; b.Size() < size; i++ {
		value := fmt.Appendf(nil, `{"id":%d,"user":"user-%d","price":%d,"note":"`, i, random.IntN(1000), random.IntN(1_000_000))
		for len(value) < valueSize {
			value = append(value, "etaoin shrdlu"[random.IntN(13)])
		}
		b.Append(int64(i), []byte("key-123"), value)
	}
	return mustBuild(tb, b)
}

var shapes = []struct{ size, value int }{{16 << 10, 100}, {16 << 10, 1000}, {1 << 20, 100}, {1 << 20, 1000}}

func eachShape(b *testing.B, codec Codec, run func(b *testing.B, v View)) {
	for _, s := range shapes {
		v := realistic(b, codec, s.size, s.value)
		b.Run(fmt.Sprintf("batch=%dK/value=%d", s.size>>10, s.value), func(b *testing.B) {
			b.SetBytes(int64(len(v)))
			b.ReportAllocs()
			run(b, v)
		})
	}
}

func BenchmarkCRC(b *testing.B) {
	eachShape(b, None, func(b *testing.B, v View) {
		for b.Loop() {
			if !v.CheckCRC() {
				b.Fatal("checksum")
			}
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	eachShape(b, None, func(b *testing.B, v View) {
		for b.Loop() {
			if err := Validate(v, open); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	eachShape(b, None, func(b *testing.B, v View) {
		var it Iterator
		for b.Loop() {
			for it.Reset(v, Limits{}); it.Next(); {
				_ = it.Record()
			}
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	eachShape(b, None, func(b *testing.B, v View) {
		var builder Builder
		var out []byte
		var it Iterator
		for b.Loop() {
			builder.Reset(None, DefaultLevel)
			for it.Reset(v, Limits{}); it.Next(); {
				r := it.Record()
				builder.Append(it.Timestamp(), r.Key, r.Value)
			}
			var err error
			if out, err = builder.Build(out[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCodec counts uncompressed bytes.
func BenchmarkCodec(b *testing.B) {
	for _, codec := range codecs[1:] {
		for _, size := range []int{16 << 10, 1 << 20} {
			plain := realistic(b, None, size, 1000)
			packed, err := Recompress(nil, plain, codec, DefaultLevel, Limits{})
			if err != nil {
				b.Fatal(err)
			}
			name := fmt.Sprintf("%v/batch=%dK", codec, size>>10)
			b.Run("compress/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(plain)))
				b.ReportAllocs()
				var out []byte
				for b.Loop() {
					if out, err = Compress(out[:0], plain.Body(), codec, DefaultLevel); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(plain))/float64(len(packed)), "ratio")
			})
			b.Run("validate/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(plain)))
				b.ReportAllocs()
				for b.Loop() {
					if err := Validate(packed, open); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
