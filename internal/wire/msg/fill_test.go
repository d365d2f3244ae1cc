package msg

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/samsa-project/samsa/internal/wire"
)

// fill gives m random content that can be said in that version. Fields that the version lacks and may drop in silence are filled too.
func fill(rnd *rand.Rand, m Message, version int16) {
	m.SetDefaults()
	fillValue(rnd, reflect.ValueOf(m).Elem(), 0)
	for {
		var w wire.Writer
		var lacks *wire.FieldError
		switch err := m.AppendTo(&w, version); {
		case err == nil:
			return
		case errors.As(err, &lacks):
			structName, fieldName, _ := strings.Cut(lacks.Field, ".")
			toDefault(reflect.ValueOf(m).Elem(), structName, fieldName)
		case errors.Is(err, wire.ErrNull):
			notNull(reflect.ValueOf(m).Elem())
		default:
			panic(err)
		}
	}
}

// walk calls f for every struct of the messages within v, v included.
func walk(v reflect.Value, f func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == typeNullStr || v.Type() == typePayload {
			return
		}
		f(v)
		for i := range v.NumField() {
			walk(v.Field(i), f)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			walk(v.Elem(), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), f)
		}
	}
}

// defaults gives the struct that p points to its defaults, ours or kmsg's.
func defaults(p reflect.Value) {
	switch m := p.Interface().(type) {
	case interface{ SetDefaults() }:
		m.SetDefaults()
	case interface{ Default() }:
		m.Default()
	}
}

// fresh returns a new message of the same kind.
func fresh(m Message) Message { return reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message) }

// toDefault gives one field its default in every struct of that name.
func toDefault(v reflect.Value, structName, fieldName string) {
	walk(v, func(s reflect.Value) {
		if s.Type().Name() == structName {
			d := reflect.New(s.Type())
			defaults(d)
			s.FieldByName(fieldName).Set(d.Elem().FieldByName(fieldName))
		}
	})
}

// notNull makes every null string and array empty.
func notNull(v reflect.Value) {
	walk(v, func(s reflect.Value) {
		for i := range s.NumField() {
			switch f := s.Field(i); {
			case f.Type() == typeNullStr:
				f.FieldByName("Valid").SetBool(true)
			case f.Kind() == reflect.Slice && f.IsNil():
				f.Set(reflect.MakeSlice(f.Type(), 0, 0))
			}
		}
	})
}

var (
	typeNullStr = reflect.TypeFor[wire.NullString]()
	typePayload = reflect.TypeFor[wire.Payload]()
)

func randomBytes(rnd *rand.Rand) []byte {
	n := rnd.IntN(12)
	if rnd.IntN(20) == 0 {
		n = 120 + rnd.IntN(400) // lengths whose varint takes two bytes
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func randomString(rnd *rand.Rand) string {
	b := randomBytes(rnd)
	for i := range b {
		b[i] = 'a' + b[i]%26
	}
	return string(b)
}

// fillValue fills a value of this package or of kmsg.
func fillValue(rnd *rand.Rand, v reflect.Value, depth int) {
	switch v.Type() {
	case typeNullStr:
		v.Set(reflect.ValueOf(wire.NullString{}))
		if rnd.IntN(3) > 0 {
			v.Set(reflect.ValueOf(wire.Str(randomString(rnd))))
		}
		return
	case typePayload:
		v.Set(reflect.ValueOf(wire.Payload{Bytes: randomBytes(rnd)}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		defaults(v.Addr())
		for i := range v.NumField() {
			if depth > 0 && rnd.IntN(8) == 0 {
				continue // keeps its default
			}
			if name := v.Type().Field(i).Name; strings.HasSuffix(v.Type().PkgPath(), "/kmsg") && (name == "Version" || name == "UnknownTags") {
				continue
			}
			fillValue(rnd, v.Field(i), depth+1)
		}
	case reflect.Pointer:
		if rnd.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillValue(rnd, v.Elem(), depth)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.SetZero(); rnd.IntN(8) > 0 {
				v.SetBytes(randomBytes(rnd))
			}
			return
		}
		if v.SetZero(); rnd.IntN(8) == 0 {
			return // null where that is allowed, else empty
		}
		n := rnd.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fillValue(rnd, v.Index(i), depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(byte(rnd.Uint32())))
		}
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.String:
		v.SetString(randomString(rnd))
	case reflect.Float64:
		v.SetFloat(rnd.NormFloat64())
	case reflect.Uint16, reflect.Uint32:
		v.SetUint(rnd.Uint64() >> (64 - v.Type().Bits()))
	default:
		v.SetInt(int64(rnd.Uint64()) >> (64 - v.Type().Bits()))
	}
}
