package msg

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
)

// What a kind says in a version, it reads again: every field comes back as it was or, if the version dropped it, as its default.
func TestEveryKindInEveryVersionComesBack(t *testing.T) {
	for _, k := range kinds {
		least, greatest := k.make().Versions()
		reused := k.make()
		for v := least; v <= greatest; v++ {
			for seed := range uint64(4) {
				where := fmt.Sprintf("%s version %d seed %d", k.name, v, seed)
				m := k.make()
				fill(rand.New(rand.NewPCG(seed, uint64(v))), m, v)
				b := encode(t, m, v)
				r := wire.NewReader(b, nil)
				reused.Decode(&r, v) // what it held before must not shine through
				if r.Err() != nil || r.Remaining() != 0 {
					t.Fatalf("%s: %v, %d bytes left\n%+v\n%x", where, r.Err(), r.Remaining(), m, b)
				}
				if again := encode(t, reused, v); !bytes.Equal(b, again) {
					t.Fatalf("%s: %+v\n%x\n%x", where, m, b, again)
				}
				dropped := cameBack(t, where, reflect.ValueOf(m).Elem(), reflect.ValueOf(reused).Elem())
				if dropped > 0 && least == greatest {
					t.Fatalf("%s: a field was dropped, but there is one version only", where)
				}
			}
		}
	}
}

// cameBack compares what was read with what was written, and returns how many fields have their default instead.
func cameBack(t *testing.T, where string, wrote, read reflect.Value) (dropped int) {
	t.Helper()
	d := reflect.New(wrote.Type())
	defaults(d)
	for i := range wrote.NumField() {
		at := where + "." + wrote.Type().Field(i).Name
		w, r := wrote.Field(i), read.Field(i)
		if sameField(t, at, w, r, &dropped) {
			continue
		}
		if !sameField(t, at, d.Elem().Field(i), r, &dropped) {
			t.Fatalf("%s: wrote %+v, read %+v", at, w, r)
		}
		dropped++
	}
	return dropped
}

func sameField(t *testing.T, where string, w, r reflect.Value, dropped *int) bool {
	t.Helper()
	switch {
	case w.Type() == typePayload:
		return bytes.Equal(w.Interface().(wire.Payload).Bytes, r.Interface().(wire.Payload).Bytes)
	case w.Kind() == reflect.Struct && w.Type() != typeNullStr:
		*dropped += cameBack(t, where, w, r)
		return true
	case w.Kind() == reflect.Pointer:
		if w.IsNil() || r.IsNil() {
			return w.IsNil() == r.IsNil()
		}
		*dropped += cameBack(t, where, w.Elem(), r.Elem())
		return true
	case w.Kind() == reflect.Slice:
		if w.Len() != r.Len() {
			return false
		}
		for i := range w.Len() {
			if !sameField(t, where, w.Index(i), r.Index(i), dropped) {
				return false
			}
		}
		return true
	}
	return w.Interface() == r.Interface()
}

func TestSetDefaultsIsWhatAnEmptyStructDecodesTo(t *testing.T) {
	for _, k := range kinds {
		least, greatest := k.make().Versions()
		for v := least; v <= greatest; v++ {
			m, back := k.make(), k.make()
			m.SetDefaults()
			fill(rand.New(rand.NewPCG(1, 1)), back, v)
			r := wire.NewReader(encode(t, m, v), nil)
			if back.Decode(&r, v); r.Err() != nil {
				t.Fatalf("%s version %d: %v", k.name, v, r.Err())
			}
			if dropped := cameBack(t, k.name, reflect.ValueOf(m).Elem(), reflect.ValueOf(back).Elem()); dropped != 0 {
				t.Errorf("%s version %d: %d fields differ\n%+v\n%+v", k.name, v, dropped, m, back)
			}
		}
	}
}

func TestVersionsOutsideTheValidRangeAreErrors(t *testing.T) {
	for _, k := range kinds {
		least, greatest := k.make().Versions()
		for _, v := range []int16{-1 << 15, -1, least - 1, greatest + 1, 1<<15 - 1} {
			if least <= v && v <= greatest {
				continue
			}
			m := k.make()
			m.SetDefaults()
			r := wire.NewReader(make([]byte, 100), nil)
			if m.Decode(&r, v); r.Err() == nil {
				t.Errorf("%s decodes version %d", k.name, v)
			}
			w := wire.Writer{Buf: []byte("before")}
			if err := m.AppendTo(&w, v); err == nil || string(w.Buf) != "before" {
				t.Errorf("%s encodes version %d: %v, %q", k.name, v, err, w.Buf)
			}
		}
	}
}
