package folder

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
)

// Kind is what the end of a partition folder's name says about it.
type Kind int8

// The kinds of partition folders.
const (
	// Live: the folder of a partition, named topic-partition.
	Live Kind = iota
	// Deleted: to be removed in the background; suffix -delete.
	Deleted
	// Future: a copy that is to replace a live folder of another disk; suffix -future.
	Future
	// Stray: no topic claims it; kept until an operator decides; suffix -stray.
	Stray
)

var kindSuffix = [...]string{Live: "", Deleted: "-delete", Future: "-future", Stray: "-stray"}

// String gives the suffix's word, "live" for Live.
func (k Kind) String() string {
	if k == Live {
		return "live"
	}
	return kindSuffix[k][1:]
}

// Name is the name of a partition folder, taken apart.
type Name struct {
	Topic     string // of a Deleted or Stray folder possibly cut, see Marked
	Partition int32
	Kind      Kind
	Unique    string // between '.' and the suffix, in Kafka 32 hexadecimal digits; "" when Live
}

// maxName is the longest file name in bytes that common file systems take.
const maxName = 255

// String gives the name of the folder.
func (n Name) String() string {
	live := n.Topic + "-" + strconv.Itoa(int(n.Partition))
	if n.Kind == Live {
		return live
	}
	return live + "." + n.Unique + kindSuffix[n.Kind]
}

// Marked gives the name of kind k for the same partition. For Deleted and Stray,
// a topic so long that the name would exceed 255 bytes is cut at its end, as
// Kafka does; who must know the topic of such a folder reads its topic id. For
// Future such a topic has no name, and ok is false: Kafka fails there too.
func (n Name) Marked(k Kind, unique string) (marked Name, ok bool) {
	marked = Name{Topic: n.Topic, Partition: n.Partition, Kind: k, Unique: unique}
	over := len(marked.String()) - maxName
	if over <= 0 {
		return marked, true
	}
	if k != Deleted && k != Stray || over >= len(n.Topic) {
		return Name{}, false
	}
	marked.Topic = n.Topic[:len(n.Topic)-over]
	return marked, true
}

// ParseName takes the name of a partition folder apart. The partition is what
// follows the last dash, for topics may have dashes; ok is false for every name
// that no topic and partition could have given.
func ParseName(dir string) (n Name, ok bool) {
	live := dir
	for k := Deleted; k <= Stray; k++ {
		rest, has := strings.CutSuffix(dir, kindSuffix[k])
		if !has {
			continue
		}
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 || !legalUnique(rest[dot+1:]) {
			return Name{}, false
		}
		n.Kind, n.Unique, live = k, rest[dot+1:], rest[:dot]
		break
	}
	dash := strings.LastIndexByte(live, '-')
	if dash < 0 {
		return Name{}, false
	}
	topic, digits := live[:dash], live[dash+1:]
	partition, err := strconv.ParseInt(digits, 10, 32)
	// Formatting it again refuses signs and leading zeros, which would give one
	// partition two folders.
	if err != nil || partition < 0 || strconv.FormatInt(partition, 10) != digits {
		return Name{}, false
	}
	// A cut topic may end up as "." or "..", which is harmless before a dash.
	if !checkpoint.LegalTopic(topic) && (n.Kind == Live || strings.Trim(topic, ".") != "" || topic == "") {
		return Name{}, false
	}
	n.Topic, n.Partition = topic, int32(partition)
	return n, true
}

func legalUnique(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// live builds the name of a live folder.
func live(topic string, partition int32) Name {
	if !checkpoint.LegalTopic(topic) || partition < 0 {
		panic(fmt.Sprintf("BUG: partition folder for topic %q partition %d", topic, partition))
	}
	return Name{Topic: topic, Partition: partition}
}
