package msg

import "github.com/samsa-project/samsa/internal/wire"

// Message is any kind.
type Message interface {
	// Versions returns the least and the greatest version.
	Versions() (least, greatest int16)
	// SetDefaults gives every field its default; slices keep their elements for reuse.
	SetDefaults()
	// Decode sets the message to what r holds in that version. After an error, which r keeps, its content is not defined.
	// Bytes left over are for the caller to judge.
	Decode(r *wire.Reader, version int16)
	// AppendTo appends the message in that version. An error means that a field is set which the version lacks and which is not ignorable, that a
	// string is null where it must not be or too long, or that there is no such version; w is then as it was.
	AppendTo(w *wire.Writer, version int16) error
}

// Request is what a client asks.
type Request interface {
	Message
	Key() int16
	request()
}

// Response is what a server answers.
type Response interface {
	Message
	Key() int16
	response()
}

// Listeners is a set of the listeners that answer an API.
type Listeners uint8

// The listeners.
const (
	OnBroker Listeners = 1 << iota
	OnController
)

// API describes a request and its response.
type API struct {
	Key  int16
	Name string
	// Min and Max are the versions that this package decodes.
	Min, Max int16
	// LatestUnstable: Max is advertised only if unstable versions are asked for.
	LatestUnstable bool
	// FlexibleFrom is the first flexible version, -1 if there is none.
	FlexibleFrom int16
	Listeners    Listeners
}

// Flexible reports whether that version is flexible.
func (a API) Flexible(version int16) bool { return a.FlexibleFrom >= 0 && version >= a.FlexibleFrom }

// apiIndex has the index in APIs by key, -1 for keys that are not in use.
var apiIndex = func() []int16 {
	index := make([]int16, APIs[len(APIs)-1].Key+1)
	for i := range index {
		index[i] = -1
	}
	for i, a := range APIs {
		index[a.Key] = int16(i)
	}
	return index
}()

// APIForKey returns the API of that key, false if there is none.
func APIForKey(key int16) (API, bool) {
	if key < 0 || int(key) >= len(apiIndex) || apiIndex[key] < 0 {
		return API{}, false
	}
	return APIs[apiIndex[key]], true
}

// RequestHeaderVersion returns the version of RequestHeader before a request of that key and version. For a key that is not in use it is 1, which
// every header begins like.
func RequestHeaderVersion(key, version int16) int16 {
	if a, ok := APIForKey(key); ok && a.Flexible(version) {
		return 2
	}
	return 1
}

// ResponseHeaderVersion returns the version of ResponseHeader before a response of that key and version. ApiVersions always has 0: who asks does not
// know yet what the server speaks.
func ResponseHeaderVersion(key, version int16) int16 {
	if a, ok := APIForKey(key); ok && a.Flexible(version) && key != KeyApiVersions {
		return 1
	}
	return 0
}
