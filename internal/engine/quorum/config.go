package quorum

import (
	"errors"
	"fmt"
	"time"

	"github.com/samsa-project/samsa/internal/core/controller"
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/sys/clock"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

// Folder is the name of the metadata log's folder within metadata.log.dir.
const Folder = "__cluster_metadata-0"

// Config says where the log is, who owns it and when it is tidied. Zero numbers
// mean Kafka's defaults.
type Config struct {
	FS        vfs.FS
	Clock     clock.Clock // nil: the machine's
	Dir       string      // metadata.log.dir, which must be there durably; Folder is made in it
	ClusterID string
	NodeID    metadata.BrokerID
	Directory metadata.DirectoryID // directory.id of Dir
	Endpoints []metadata.Endpoint  // where this controller listens; written into the voter set
	Rules     controller.Rules     // for the records of a new cluster

	SegmentBytes    int64         // metadata.log.segment.bytes, 1 GiB
	SegmentAge      time.Duration // metadata.log.segment.ms, 7 days
	MaxBatchBytes   int           // largest batch of one decision, 8 MiB
	SnapshotBytes   int64         // metadata.log.max.record.bytes.between.snapshots, 20 MiB
	SnapshotEvery   time.Duration // metadata.log.max.snapshot.interval.ms, 1 hour; negative: never by time
	RetentionBytes  int64         // metadata.max.retention.bytes, 100 MiB; negative: no bound
	RetentionAge    time.Duration // metadata.max.retention.ms, 7 days; negative: no bound
	WaitingProposal int           // proposals that may wait for their turn, 1024; more wait in Propose

	// OnFailure is told, once and by the loop, why the log cannot be written any
	// more. It must not block: the node stops, or at least stops leading.
	OnFailure func(error)
}

func (c Config) withDefaults() Config {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	defTime := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.SegmentBytes, 1<<30)
	def(&c.SnapshotBytes, 20<<20)
	def(&c.RetentionBytes, 100<<20)
	defTime(&c.SegmentAge, 7*24*time.Hour)
	defTime(&c.SnapshotEvery, time.Hour)
	defTime(&c.RetentionAge, 7*24*time.Hour)
	if c.MaxBatchBytes == 0 {
		c.MaxBatchBytes = 8 << 20
	}
	if c.WaitingProposal == 0 {
		c.WaitingProposal = 1024
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.OnFailure == nil {
		c.OnFailure = func(error) {}
	}
	return c
}

// Errors of proposing.
var (
	// ErrClosed: the quorum was closed; the proposal has no effect.
	ErrClosed = errors.New("the metadata quorum is closed")
	// ErrFailed: the metadata log could not be written, now or before; whether the proposal that met it has an effect is not known.
	ErrFailed = errors.New("the metadata log cannot be written any more")
	// ErrUnknownOutcome: the caller gave up while the proposal was being carried out; it may have an effect.
	ErrUnknownOutcome = errors.New("gave up waiting, the outcome is not known")
	// ErrTooLarge: the decision does not fit one batch; it has no effect.
	ErrTooLarge = errors.New("the decision does not fit one batch of the metadata log")
	// ErrRefused: the decision contradicts the cluster's state; it has no effect. That is a bug of who decided.
	ErrRefused = errors.New("the decision does not fit the cluster's state")
)

// UnusableError is why a metadata log cannot be opened. The folder is as it was.
type UnusableError struct {
	File   string          // the file that cannot be used
	Offset metadata.Offset // the offset in the log that is concerned, -1 when none is
	Cause  error
	Hint   string // what an operator can do
}

func (e *UnusableError) Error() string {
	at := ""
	if e.Offset >= 0 {
		at = fmt.Sprintf(", offset %d", e.Offset)
	}
	return fmt.Sprintf("metadata log: %s%s: %v. %s", e.File, at, e.Cause, e.Hint)
}

func (e *UnusableError) Unwrap() error { return e.Cause }

const (
	hintDamage  = "Nothing was changed. Restore the folder from a copy, or, if you accept to lose metadata, ask for help before you touch it."
	hintNewer   = "Nothing was changed. Start the newer version that wrote it, or upgrade this one."
	hintForeign = "Nothing was changed. Check metadata.log.dir, node.id and the directory's meta.properties: this looks like another node's folder."
)

// metadataTopic is the id that Kafka gives the metadata log.
var metadataTopic = wire.UUID(metadata.MetadataTopicID)
