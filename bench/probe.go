package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// probeEvery is how often a starting server is asked, and so the resolution of start times.
const probeEvery = time.Millisecond

// ask sends one request on a connection of its own.
func ask(addr string, patience time.Duration, r kmsg.Request) (kmsg.Response, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, r, 1)); err != nil {
		return nil, err
	}
	var head [8]byte // size and correlation id; the requests asked here have no tags in their answer's header
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:4]))
	if size < 4 || size > 64<<20 {
		return nil, fmt.Errorf("an answer of %d bytes", size)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	response := r.ResponseKind()
	return response, response.ReadFrom(body)
}

// answers says whether the server knows itself: ApiVersions succeeds and Metadata names a broker.
func answers(addr string, patience time.Duration) error {
	versions := kmsg.NewPtrApiVersionsRequest()
	response, err := ask(addr, patience, versions)
	if err != nil {
		return err
	}
	if code := response.(*kmsg.ApiVersionsResponse).ErrorCode; code != 0 {
		return fmt.Errorf("error %d answers ApiVersions", code)
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Version = 4
	metadata.Topics = []kmsg.MetadataRequestTopic{}
	if response, err = ask(addr, patience, metadata); err != nil {
		return err
	}
	if len(response.(*kmsg.MetadataResponse).Brokers) == 0 {
		return errors.New("no broker is named by Metadata")
	}
	return nil
}

// awaitAnswer returns when the node answers.
func (n *node) awaitAnswer(deadline time.Time) error {
	return n.await(deadline, func() error { return answers(n.addr, 5*time.Second) })
}

// await tries until there is no error, the process has ended, or the deadline has passed.
func (n *node) await(deadline time.Time, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ended := n.ended(); ended != nil {
			return ended
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer: %w", n.system.Name, err)
		}
		time.Sleep(probeEvery)
	}
}

// ends asks for the end offsets of partitions 0 to n-1 and returns their sum. An error of any partition is an error.
func ends(addr, topic string, n int) (int64, error) {
	r := kmsg.NewPtrListOffsetsRequest()
	r.Version = 5
	r.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for i := range n {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = int32(i), -1, -1
		t.Partitions = append(t.Partitions, p)
	}
	r.Topics = append(r.Topics, t)
	response, err := ask(addr, 5*time.Second, r)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, t := range response.(*kmsg.ListOffsetsResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return 0, fmt.Errorf("partition %d of %s is answered with error %d", p.Partition, topic, p.ErrorCode)
			}
			sum += p.Offset
			n--
		}
	}
	if n != 0 {
		return 0, fmt.Errorf("%d partitions of %s are not answered", n, topic)
	}
	return sum, nil
}
