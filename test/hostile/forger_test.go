package hostile

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// forger makes frames.
type forger struct{ *rand.Rand }

// frame is a whole one: half of them were requests that can be decoded before
// most of those were spoiled; the rest is garbage behind a size.
func (f forger) frame() []byte {
	if f.IntN(2) == 0 {
		return f.garbage()
	}
	b := f.valid(f.IntN(4) > 0)
	if f.IntN(8) == 0 {
		return b
	}
	for range 1 + f.IntN(4) {
		b = f.spoil(b)
	}
	if f.IntN(8) > 0 { // mostly the size is right, else little is looked at
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	}
	return b
}

func (f forger) garbage() []byte {
	b := make([]byte, 4+f.IntN(1<<f.IntN(12)))
	for i := range b {
		b[i] = byte(f.Uint32())
	}
	switch f.IntN(4) {
	case 0: // as it is
	case 1:
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	default: // of a kind and version that are served
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
		if len(b) >= 8 {
			api := msg.APIs[f.IntN(len(msg.APIs))]
			binary.BigEndian.PutUint16(b[4:], uint16(api.Key))
			binary.BigEndian.PutUint16(b[6:], uint16(f.version(api)))
		}
	}
	return b
}

func (f forger) version(api msg.API) int16 {
	return api.Min + int16(f.IntN(int(api.Max-api.Min)+1))
}

// served are the kinds that this version serves.
var served = []int16{0, 1, 2, 3, 18, 19, 20, 22, 23, 60, 75}

// valid is a request that can be decoded, of any kind or of one that is served.
func (f forger) valid(isServed bool) []byte {
	for {
		api := msg.APIs[f.IntN(len(msg.APIs))]
		if isServed {
			api, _ = msg.APIForKey(served[f.IntN(len(served))])
		}
		q, version := msg.NewRequest(api.Key), f.version(api)
		q.SetDefaults()
		f.fill(reflect.ValueOf(q).Elem())
		for range 100 {
			b, err := request(version, q)
			var lacks *wire.FieldError
			switch {
			case err == nil:
				return b
			case errors.As(err, &lacks):
				structName, field, _ := strings.Cut(lacks.Field, ".")
				toDefault(reflect.ValueOf(q).Elem(), structName, field)
				continue
			}
			break // a null that may not be one: another try
		}
	}
}

func (f forger) spoil(b []byte) []byte {
	if len(b) < 12 {
		return b
	}
	at := 4 + f.IntN(len(b)-4)
	if f.IntN(3) > 0 {
		at = min(8+f.IntN(len(b)-8), len(b)-1) // behind kind and version
	}
	switch f.IntN(6) {
	case 0:
		b[at] ^= 1 << f.IntN(8)
	case 1:
		b[at] = byte(f.Uint32())
	case 2: // a length or count
		if at+4 <= len(b) {
			binary.BigEndian.PutUint32(b[at:], uint32(f.number()))
		}
	case 3: // a varint that does not end, or counts much
		for i := at; i < min(at+1+f.IntN(6), len(b)); i++ {
			b[i] = 0xff
		}
	case 4:
		b = b[:at]
	default:
		to := at + f.IntN(len(b)-at)
		b = append(b[:at:at], append(b[at:to:to], b[at:]...)...)
	}
	return b
}

var strange = []string{
	"t", "u", "v", "w", "a.b", "a_b", "", ".", "..", "../../etc/passwd", "/tmp/x", "a/b", "a\\b", "a\x00b", "\xff\xfe", "\n", "__consumer_offsets", "__cluster_metadata",
	"compression.type", "gzip", "cleanup.policy", "max.message.bytes", "-1", "ÄÖ", strings.Repeat("n", 249), strings.Repeat("n", 250), strings.Repeat("long", 8000),
}

func (f forger) number() int64 {
	few := []int64{0, 1, 2, 3, -1, -2, 5, 100, math.MaxInt8, math.MaxInt16, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64, 1 << 20}
	if f.IntN(3) == 0 {
		return int64(f.Uint64())
	}
	return few[f.IntN(len(few))]
}

func (f forger) text() string { return strange[f.IntN(len(strange))] }

func (f forger) bytes() []byte {
	switch f.IntN(4) {
	case 0:
		return nil
	case 1:
		b := make([]byte, f.IntN(200))
		for i := range b {
			b[i] = byte(f.Uint32())
		}
		return b
	}
	build := batch.NewBuilder(batch.Codec(f.IntN(5)), 0)
	if f.IntN(3) == 0 {
		build.SetProducer(int64(f.IntN(3)), int16(f.IntN(2)), int32(f.IntN(4)))
	}
	for i := range 1 + f.IntN(5) {
		build.Append(int64(i), []byte(f.text()), []byte(f.text()))
	}
	b, err := build.Build(nil)
	if err != nil {
		panic(err)
	}
	if f.IntN(2) == 0 {
		b = f.spoil(b)
		b = b[:min(len(b), 1<<20)]
	}
	return b
}

var (
	nullString = reflect.TypeFor[wire.NullString]()
	uuid       = reflect.TypeFor[wire.UUID]()
)

func (f forger) fill(v reflect.Value) {
	if v.Type() == nullString {
		v.Set(reflect.ValueOf(wire.NullString{String: f.text(), Valid: true}))
		if f.IntN(4) == 0 {
			v.SetZero()
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.fillStruct(v)
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(f.number() >> (64 - v.Type().Bits()) << (64 - v.Type().Bits()) >> (64 - v.Type().Bits()))
		if f.IntN(2) == 0 {
			v.SetInt(int64(f.IntN(4)) - 1)
		}
	case reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(f.Uint32()) & (1<<v.Type().Bits() - 1))
	case reflect.Float64:
		v.SetFloat(float64(f.number()))
	case reflect.String:
		v.SetString(f.text())
	case reflect.Array:
		if v.Type() == uuid && f.IntN(2) == 0 {
			v.Set(reflect.ValueOf(wire.UUID{15: byte(f.IntN(3))}))
		}
	case reflect.Pointer:
		v.SetZero()
		if f.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(f.bytes())
			return
		}
		s := reflect.MakeSlice(v.Type(), f.IntN(4), 4)
		for i := range s.Len() {
			f.fill(s.Index(i))
		}
		v.Set(s)
	}
}

func (f forger) fillStruct(v reflect.Value) {
	if d, ok := v.Addr().Interface().(interface{ SetDefaults() }); ok {
		d.SetDefaults()
	}
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Name; {
		case f.IntN(8) == 0:
		case name == "NumPartitions": // what is asked for is made: not too much of it
			v.Field(i).SetInt([]int64{-1, 0, 1, 2, math.MaxInt32, math.MinInt32}[f.IntN(6)])
		case strings.HasSuffix(name, "WaitMs"):
			v.Field(i).SetInt([]int64{0, 1, -1, math.MinInt32}[f.IntN(4)])
		default:
			f.fill(v.Field(i))
		}
	}
}

// toDefault gives one field its default in every struct of that name.
func toDefault(v reflect.Value, structName, field string) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type().Name() == structName {
			d := reflect.New(v.Type())
			d.Interface().(interface{ SetDefaults() }).SetDefaults()
			v.FieldByName(field).Set(d.Elem().FieldByName(field))
		}
		for i := range v.NumField() {
			toDefault(v.Field(i), structName, field)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			toDefault(v.Elem(), structName, field)
		}
	case reflect.Slice:
		for i := range v.Len() {
			toDefault(v.Index(i), structName, field)
		}
	}
}
