package controller

import (
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
)

// MaxTopicName is the longest name of a topic in bytes; with "-" and a
// partition's number it is still a name for a folder.
const MaxTopicName = 249

// metadataTopic is the name of the log that this package decides for.
const metadataTopic = "__cluster_metadata"

// CheckTopicName says why a topic cannot have the name; nil when it can.
func CheckTopicName(name string) *Refusal {
	bad := func(why string) *Refusal {
		return refuse(wire.ErrInvalidTopicException, "Topic name %.260q is invalid: %s.", name, why)
	}
	switch {
	case name == "":
		return bad("it is empty")
	case name == "." || name == "..":
		return bad("it names a folder")
	case len(name) > MaxTopicName:
		return bad("it is longer than 249 characters")
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return bad("only ASCII letters, digits, '.', '_' and '-' may be in it")
		}
	}
	return nil
}

// newTopicID is a random id (version 4) that neither the image nor this request has. Ids that print with a leading or inner
// "-" are passed over, as in Kafka: tools take such an argument for an option.
// Chance that never gives a usable one would be no chance: the loop is bounded
// by panicking.
func newTopicID(c Chance, img *metadata.Image, drawn map[metadata.TopicID]bool) metadata.TopicID {
	for range 10_000 {
		id := metadata.TopicID(randomUUID(c))
		if usableID(wire.UUID(id)) && img.TopicByID(id) == nil && !drawn[id] {
			drawn[id] = true
			return id
		}
	}
	panic("BUG: 10000 random ids in a row are reserved or taken")
}

func randomUUID(c Chance) (u wire.UUID) {
	hi, lo := c.Uint64(), c.Uint64()
	for i := range 8 {
		u[i], u[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

func usableID(u wire.UUID) bool {
	for _, c := range []byte(u.String()) {
		if c == '-' {
			return false
		}
	}
	id := metadata.TopicID(u)
	return id != metadata.ZeroTopicID && id != metadata.MetadataTopicID
}
