package broker

import (
	"slices"
	"time"

	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/engine/replica"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

const (
	byIDSince         = 13 // the least Fetch version that names topics by id (KIP-516)
	fetchHintsSince   = 16 // the least that is told who leads instead (KIP-951)
	storageErrorSince = 6  // the least whose clients know KAFKA_STORAGE_ERROR (KIP-112)
)

const (
	sessionless  int32 = -1 // epoch of a fetch outside any session, and of one that closes its session
	sessionFirst int32 = 0  // epoch of a fetch that opens a session
)

// Fetch is one fetch request. The caller decodes Request, sets Version and
// Client, calls Broker.Fetch, encodes Response, which refers to the logs, and
// calls Release once it is sent. It is reused from request to request of one
// connection.
type Fetch struct {
	Version  int16
	Client   *Client
	Request  msg.FetchRequest
	Response msg.FetchResponse

	broker  *Broker
	session *session
	full    bool // every partition is answered, not only those with news
	targets []fetchTarget
	scratch []sessionPartition
	seen    map[sessionKey]int // index into scratch
	wake    chan struct{}
	timer   *time.Timer
	waking  func()
}

// fetchTarget is one partition of a fetch.
type fetchTarget struct {
	want      sessionPartition
	cached    *sessionPartition // nil outside a session
	topic     *metadata.Topic   // nil: nobody has it
	partition *replica.Partition
	err       error
	found     replica.Found
	waiter    replica.Waiter
}

// Fetch answers with what is there, or waits for MinBytes until MaxWaitMs are over.
func (b *Broker) Fetch(f *Fetch) {
	f.broker = b
	f.Response.SetDefaults()
	if err := f.begin(); err != nil {
		f.Response.ErrorCode = protocolError(err).Code
		return
	}
	f.read()
	if wait := bounded(f.Request.MaxWaitMs); wait > 0 && !f.enough() {
		f.wait(wait)
	}
	f.respond()
	if f.session != nil {
		f.Response.SessionID = f.session.id
		b.sessions.done(f.session)
		f.session = nil
	}
}

// begin finds the session, if any, and the partitions to read (KIP-227).
func (f *Fetch) begin() error {
	r, s := &f.Request, f.broker.sessions
	f.session, f.full, f.targets = nil, true, f.targets[:0]
	byID := f.Version >= byIDSince
	switch {
	case r.SessionEpoch == sessionless || r.SessionEpoch == sessionFirst:
		if r.SessionID != 0 {
			s.close(r.SessionID)
		}
		wanted := f.wanted()
		if r.SessionEpoch == sessionFirst {
			f.session = s.open(byID, wanted)
		}
		f.full = true
		if f.session == nil {
			f.target(wanted)
			break
		}
		f.targetSession()
	default:
		session, err := s.use(r.SessionID, r.SessionEpoch, byID)
		if err != nil {
			return err
		}
		f.session, f.full = session, false
		for _, p := range f.wanted() {
			session.put(p)
		}
		session.forget(f.forgotten)
		if len(session.parts) == 0 {
			s.close(session.id) // nothing is left to be incremental about
			f.session, f.full, f.targets = nil, true, f.targets[:0]
			break
		}
		f.targetSession()
	}
	f.resolve()
	return nil
}

// wanted lists the partitions that the request itself names. Names are cloned:
// they lie in the request's frame and a session outlives it. Of a partition that
// is named twice the last mention counts, as in Kafka: reading it once for each
// would let a client multiply its bytes.
func (f *Fetch) wanted() []sessionPartition {
	n := 0
	for i := range f.Request.Topics {
		n += len(f.Request.Topics[i].Partitions)
	}
	if n == 0 {
		return nil
	}
	out := slices.Grow(f.scratch[:0], n)
	if f.seen == nil {
		f.seen = make(map[sessionKey]int)
	}
	clear(f.seen)
	for i := range f.Request.Topics {
		t := &f.Request.Topics[i]
		name := cloneString(t.Topic)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			want := sessionPartition{
				sessionKey: sessionKey{t.TopicID, name, p.Partition},
				offset:     p.FetchOffset, logStart: p.LogStartOffset, maxBytes: p.PartitionMaxBytes,
				epoch: p.CurrentLeaderEpoch, lastFetchedEpoch: p.LastFetchedEpoch,
			}
			if at, again := f.seen[want.sessionKey]; again {
				out[at] = want
				continue
			}
			f.seen[want.sessionKey] = len(out)
			out = append(out, want)
		}
	}
	f.scratch = out
	return out
}

// forgotten are the partitions that the client wants no more of.
func (f *Fetch) forgotten(yield func(sessionKey) bool) {
	for i := range f.Request.ForgottenTopicsData {
		t := &f.Request.ForgottenTopicsData[i]
		for _, index := range t.Partitions {
			if !yield(sessionKey{t.TopicID, t.Topic, index}) {
				return
			}
		}
	}
}

func (f *Fetch) target(wanted []sessionPartition) {
	f.targets = grow(f.targets, len(wanted))
	for i := range wanted {
		f.targets[i].want, f.targets[i].cached = wanted[i], nil
	}
}

func (f *Fetch) targetSession() {
	f.targets = grow(f.targets, len(f.session.parts))
	for i, p := range f.session.parts {
		f.targets[i].want, f.targets[i].cached = *p, p
	}
}

// resolve finds the partitions. A request that claims to be a replica is
// refused: there are none, and a stranger could make the leader believe that its
// records are replicated (CVE-2018-1288).
func (f *Fetch) resolve() {
	image := f.broker.Controller.Image()
	replicaID := f.Request.ReplicaID
	if f.Version >= 15 {
		replicaID = f.Request.ReplicaState.ReplicaID
	}
	for i := range f.targets {
		t := &f.targets[i]
		t.found, t.topic, t.partition, t.err = replica.Found{}, nil, nil, nil
		topic, err := topicByNameOrID(image, t.want.name, t.want.id)
		t.topic = topic
		switch {
		case replicaID >= 0:
			t.err = wire.ErrNotLeaderOrFollower
		case err != nil:
			t.err = err
		case topic.Partition(t.want.index) == nil:
			t.err = wire.ErrUnknownTopicOrPartition
		default:
			if t.partition = f.broker.Replicas.Partition(topic.ID, t.want.index); t.partition == nil {
				t.err = wire.ErrNotLeaderOrFollower
			}
		}
	}
}

// read reads all partitions in order, within the request's bytes. The first
// batch of the first partition that has one comes whole, however large (KIP-74).
func (f *Fetch) read() {
	left := f.maxBytes()
	first := true
	for i := range f.targets {
		t := &f.targets[i]
		if t.partition == nil {
			continue
		}
		t.err = t.partition.Read(replica.Read{
			Offset: t.want.offset, MaxBytes: max(min(int(t.want.maxBytes), left), 0), MinOne: first,
			Committed: f.Request.IsolationLevel == 1, Epoch: t.want.epoch, LastFetchedEpoch: t.want.lastFetchedEpoch,
		}, &t.found)
		if n := t.found.Slice.Len(); n > 0 {
			first = false
			left = max(left-n, 0)
		}
	}
}

// maxBytes bounds the records of the answer, but for the first batch.
func (f *Fetch) maxBytes() int {
	return min(int(f.Request.MaxBytes), f.broker.Config.Broker.FetchMaxBytes)
}

// enough says whether there is reason to answer now: bytes, an error, or nothing
// to wait for. A partition that nobody has is no reason as long as there are
// others: a client asks again at once, and would do so without a pause until it
// has learned that the topic is gone.
func (f *Fetch) enough() bool {
	bytes, waits := 0, false
	for i := range f.targets {
		t := &f.targets[i]
		switch {
		case t.unknown():
			continue
		case t.err != nil || t.found.Diverging:
			return true
		}
		waits = true
		bytes += t.found.Slice.Len()
	}
	return !waits || bytes >= min(int(f.Request.MinBytes), f.maxBytes())
}

// unknown: the metadata has no such partition.
func (t *fetchTarget) unknown() bool {
	return t.partition == nil && (t.topic == nil || t.topic.Partition(t.want.index) == nil)
}

// wait registers with every partition, looks again, and then reads anew each
// time one of them moves, until there is enough or time is up.
func (f *Fetch) wait(limit time.Duration) {
	if f.wake == nil {
		f.wake = make(chan struct{}, 1)
		f.waking = func() {
			select {
			case f.wake <- struct{}{}:
			default:
			}
		}
		f.timer = time.NewTimer(limit)
	} else {
		f.timer.Reset(limit)
	}
	defer f.timer.Stop()
	for i := range f.targets {
		if f.targets[i].partition == nil {
			continue
		}
		f.targets[i].waiter.Wake = f.waking
		f.targets[i].partition.Wait(&f.targets[i].waiter)
	}
	defer func() {
		for i := range f.targets {
			f.targets[i].waiter.Forget()
		}
	}()
	for {
		f.release()
		f.read()
		if f.enough() {
			return
		}
		select {
		case <-f.wake:
		case <-f.timer.C:
			return
		case <-f.broker.stopped:
			return
		}
	}
}

// Release lets go of the parts of logs that Response refers to, and after a
// panic of the session too.
func (f *Fetch) Release() {
	f.release()
	if f.session != nil {
		f.broker.sessions.done(f.session)
		f.session = nil
	}
	const largest = 1 << 12 // partitions; a rare giant is not kept
	if cap(f.targets) > largest {
		f.targets = nil
		f.Response = msg.FetchResponse{}
		f.Request = msg.FetchRequest{}
	}
}

func (f *Fetch) release() {
	for i := range f.targets {
		f.targets[i].found.Slice.Release()
	}
}
