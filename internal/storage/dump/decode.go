package dump

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/batch"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// decode fills in what a record of an internal topic, or a control record, says.
func (w *logWalk) decode(r *Record, control bool) error {
	if control {
		return decodeControl(r)
	}
	switch w.decoder {
	case Metadata:
		rec, version, err := msg.DecodeMetadataRecord(r.Value)
		if err != nil {
			return err
		}
		return setDecoded(r, typeName(rec), version, nil, rec)
	case Offsets:
		return decodeCoordinator(r, msg.DecodeGroupRecord)
	case Transactions:
		return decodeCoordinator(r, msg.DecodeTransactionRecord)
	case Shares:
		return decodeCoordinator(r, msg.DecodeShareRecord)
	}
	return nil
}

func decodeCoordinator(r *Record, decode func(key, value []byte) (msg.CoordinatorKey, msg.CoordinatorValue, int16, error)) error {
	key, value, version, err := decode(r.Key, r.Value)
	if err != nil {
		return err
	}
	// Not value itself: an interface that holds none must stay nil.
	var body msg.Message
	if value != nil {
		body = value
	}
	return setDecoded(r, fmt.Sprint(key.RecordKey()), version, key, body)
}

func decodeControl(r *Record) error {
	t, err := batch.ParseControlKey(r.Key)
	if err != nil {
		return err
	}
	r.Control = t.String()
	if t == batch.ControlAbort || t == batch.ControlCommit {
		var marker msg.EndTxnMarker
		version, err := msg.DecodeVersioned(r.Value, &marker)
		if err != nil {
			return err
		}
		return setDecoded(r, "EndTxnMarker", version, nil, &marker)
	}
	var body msg.Message
	switch t {
	case batch.ControlLeaderChange:
		body = new(msg.LeaderChangeMessage)
	case batch.ControlSnapshotHeader:
		body = new(msg.SnapshotHeaderRecord)
	case batch.ControlSnapshotFooter:
		body = new(msg.SnapshotFooterRecord)
	case batch.ControlKRaftVersion:
		body = new(msg.KRaftVersionRecord)
	case batch.ControlKRaftVoters:
		body = new(msg.VotersRecord)
	default:
		return nil
	}
	// These carry their version as their first field.
	if len(r.Value) < 2 {
		return fmt.Errorf("%d bytes are too few for a control record", len(r.Value))
	}
	version := int16(binary.BigEndian.Uint16(r.Value))
	reader := wire.NewReader(r.Value, nil)
	if body.Decode(&reader, version); reader.Err() != nil {
		return reader.Err()
	}
	return setDecoded(r, typeOf(body).Name(), version, nil, body)
}

func setDecoded(r *Record, name string, version int16, key, value msg.Message) error {
	d := &Decoded{Type: name, Version: version}
	var err error
	if key != nil {
		if d.Key, err = messageJSON(key); err != nil {
			return err
		}
	}
	if value != nil {
		if d.Value, err = messageJSON(value); err != nil {
			return err
		}
	}
	r.Decoded = d
	return nil
}

func typeOf(m msg.Message) reflect.Type { return reflect.TypeOf(m).Elem() }

// typeName turns TopicRecord into TOPIC_RECORD, as Kafka names metadata records.
func typeName(m msg.Message) string {
	var b strings.Builder
	for i, c := range typeOf(m).Name() {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(c))
	}
	return b.String()
}

// messageJSON renders a message with the field names of Kafka's schemas. The
// generated structs know neither JSON nor, at run time, their schema; walking
// them here keeps both out of the server.
func messageJSON(m msg.Message) (json.RawMessage, error) {
	v, err := plain(reflect.ValueOf(m).Elem())
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// object is a JSON object that keeps the order of its fields.
type object []field

type field struct {
	name  string
	value any
}

// MarshalJSON writes the fields in their order.
func (o object) MarshalJSON() ([]byte, error) {
	buf := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			buf = append(buf, ',')
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		buf = append(buf, '"')
		buf = append(buf, f.name...)
		buf = append(buf, '"', ':')
		buf = append(buf, value...)
	}
	return append(buf, '}'), nil
}

// plain turns a field of a message into what package json renders as Kafka does.
func plain(v reflect.Value) (any, error) {
	switch x := v.Interface().(type) {
	case wire.UUID:
		return x.String(), nil
	case wire.NullString:
		if !x.Valid {
			return nil, nil
		}
		return x.String, nil
	case []byte:
		return x, nil // base64, or null
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return plain(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return nil, nil
		}
		all := make([]any, v.Len())
		for i := range all {
			var err error
			if all[i], err = plain(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return all, nil
	case reflect.Struct:
		o := make(object, 0, v.NumField())
		for i := range v.NumField() {
			value, err := plain(v.Field(i))
			if err != nil {
				return nil, err
			}
			o = append(o, field{schemaName(v.Type().Field(i).Name), value})
		}
		return o, nil
	case reflect.Bool, reflect.String, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint16, reflect.Uint32:
		return v.Interface(), nil
	case reflect.Float64:
		return fmt.Sprint(v.Float()), nil // JSON has no infinity
	}
	return nil, fmt.Errorf("a field of type %s has no JSON", v.Type())
}

// schemaName undoes what generation did to a name: TopicID was topicId.
func schemaName(name string) string {
	name = strings.ReplaceAll(strings.ReplaceAll(name, "IDs", "Ids"), "ID", "Id")
	return strings.ToLower(name[:1]) + name[1:]
}
