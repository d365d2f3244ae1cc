package handlers

import (
	"context"
	"errors"

	"github.com/samsa-project/samsa/internal/broker"
	"github.com/samsa-project/samsa/internal/wire"
)

// ErrMalformed: the body is not of its kind and version. The connection is
// closed, as Kafka does: nobody knows what the client meant.
var ErrMalformed = errors.New("malformed request")

// Call is one request on its way through a handler.
type Call struct {
	Context context.Context
	Broker  *broker.Broker
	Client  *broker.Client
	Version int16
	Body    wire.Reader  // stands before the body
	Out     *wire.Writer // stands behind the response header

	fetch *broker.Fetch
}

// Release lets go of what the answers refer to; call it once they are sent.
func (c *Call) Release() {
	if c.fetch != nil {
		c.fetch.Release()
	}
}

// Rest lets go of what is kept from request to request, at a time when nothing
// is being answered.
func (c *Call) Rest() {
	c.Release()
	c.fetch, c.Body = nil, wire.Reader{} // Body refers to the last frame
}

// Handler serves the versions Min to Max of one request kind. Advertised is the
// least version that ApiVersions tells, which may be lower than Min.
type Handler struct {
	Key                  int16
	Name                 string
	Advertised, Min, Max int16
	// Serve answers a call; nil for Produce, which is not answered in order of
	// arrival but by its own exchange. An error closes the connection.
	Serve func(*Call) error
	// Blocks says that Serve may wait: answers before it are sent first.
	Blocks bool
}

// table is by API key; a nil Name is a kind that is not served.
var table [maxKey + 1]Handler

const maxKey = 94

// For returns the handler of a request kind, nil when it is not served.
func For(key int16) *Handler {
	if key < 0 || int(key) >= len(table) || table[key].Name == "" {
		return nil
	}
	return &table[key]
}

// All returns the request kinds that are served, by rising key.
func All() []Handler {
	var all []Handler
	for _, h := range table {
		if h.Name != "" {
			all = append(all, h)
		}
	}
	return all
}

type message[T any] interface {
	*T
	Decode(r *wire.Reader, version int16)
	AppendTo(w *wire.Writer, version int16) error
}

func register(h Handler) { table[h.Key] = h }

// simple makes the Serve of a kind that decodes, asks and encodes.
func simple[Req, Resp any, PReq message[Req], PResp message[Resp]](ask func(c *Call, req PReq) PResp) func(*Call) error {
	return func(c *Call) error {
		var req Req
		PReq(&req).Decode(&c.Body, c.Version)
		if err := Whole(&c.Body); err != nil {
			return err
		}
		return ask(c, &req).AppendTo(c.Out, c.Version)
	}
}

// Whole says whether a body was decoded without error. Bytes that follow it are no error, as they are none to Kafka: librdkafka 2.16 leaves three
// behind its Metadata request for all topics.
func Whole(r *wire.Reader) error {
	if err := r.Err(); err != nil {
		return errors.Join(ErrMalformed, err)
	}
	return nil
}
