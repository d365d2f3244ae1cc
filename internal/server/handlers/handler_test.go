package handlers

import (
	"errors"
	"testing"

	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// The body of librdkafka 2.16's Metadata request, version 13, for all topics, as it was seen on the wire: three bytes too long.
func TestBytesBehindABodyAreIgnored(t *testing.T) {
	r := wire.NewReader([]byte{0, 0, 0, 0, 1, 0, 0}, nil)
	var req msg.MetadataRequest
	req.Decode(&r, 13)
	if err := Whole(&r); err != nil || req.Topics != nil || r.Remaining() != 3 {
		t.Errorf("%v, topics %v, %d bytes behind", err, req.Topics, r.Remaining())
	}
}

func TestABodyCutShortIsMalformed(t *testing.T) {
	r := wire.NewReader([]byte{0, 0}, nil)
	var req msg.MetadataRequest
	req.Decode(&r, 13)
	if err := Whole(&r); !errors.Is(err, ErrMalformed) {
		t.Errorf("a body of two bytes: %v", err)
	}
}
