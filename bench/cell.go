package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kind of load of a cell.
type Kind string

const (
	Start    Kind = "start"    // a fresh folder: process start → first answer; memory and CPU at rest
	Recover  Kind = "recover"  // kill -9 under load, process start → every partition answers with its end
	Produce  Kind = "produce"  // as fast as one client can
	Fetch    Kind = "fetch"    // a topic is read from its start as fast as one client can
	Paced    Kind = "paced"    // latency of produce requests at a rate that both systems bear
	EndToEnd Kind = "endtoend" // latency from a producer to a consumer
)

// Client that makes the load.
type Client string

const (
	Java  Client = "java"  // Kafka's own tools
	Franz Client = "franz" // franz-go, in this process
	Librd Client = "librd" // librdkafka, as kcat
)

// Promise is what acks=all means.
type Promise string

const (
	PageCache Promise = "pagecache"
	Fsync     Promise = "fsync"
)

// Cell is one load. Fields that a kind does not have are zero. Sizes in bytes.
type Cell struct {
	Kind       Kind    `json:"kind"`
	Client     Client  `json:"client,omitempty"`
	Record     int     `json:"record,omitempty"`
	Acks       string  `json:"acks,omitempty"` // 1 or all
	Partitions int     `json:"partitions,omitempty"`
	Codec      string  `json:"codec,omitempty"` // none or lz4
	Batch      int     `json:"batch,omitempty"`
	Promise    Promise `json:"promise"`
}

// Name identifies a cell; -cells matches it.
func (c Cell) Name() string {
	parts := []string{string(c.Kind)}
	add := func(present bool, s string) {
		if present {
			parts = append(parts, s)
		}
	}
	add(c.Client != "", string(c.Client))
	add(c.Record > 0, sized(c.Record))
	add(c.Acks != "", "acks="+c.Acks)
	add(c.Partitions > 0, "p="+strconv.Itoa(c.Partitions))
	add(c.Codec != "", c.Codec)
	add(c.Batch > 0, "batch="+sized(c.Batch))
	add(true, string(c.Promise))
	return strings.Join(parts, "/")
}

func sized(n int) string {
	if n >= 1<<10 && n%(1<<10) == 0 {
		return fmt.Sprintf("%dKB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

const (
	small = 100
	large = 1 << 10
)

var (
	records    = []int{small, large}
	allAcks    = []string{"1", "all"}
	partitions = []int{1, 6, 100, 1000}
	codecs     = []string{"none", "lz4"}
	batches    = []int{16 << 10, 128 << 10}
	promises   = []Promise{PageCache, Fsync}
)

// matrix is every cell there is, in the order in which they run.
func matrix() []Cell {
	cells := []Cell{{Kind: Start, Promise: PageCache}}
	for _, promise := range promises {
		for _, n := range []int{1, 100, 1000} {
			cells = append(cells, Cell{Kind: Recover, Client: Franz, Record: large, Acks: "all", Partitions: n, Promise: promise})
		}
	}
	for _, promise := range promises {
		cells = append(cells, produceCells(Java, partitions, codecs, promise)...)
		cells = append(cells, produceCells(Franz, partitions[:2], codecs[:1], promise)...)
		cells = append(cells, produceCells(Librd, partitions[:2], codecs[:1], promise)...)
		cells = append(cells, latencyCells(promise)...)
	}
	for _, record := range records {
		for _, n := range partitions {
			for _, codec := range codecs {
				for _, batch := range batches {
					cells = append(cells, Cell{Fetch, Franz, record, "", n, codec, batch, PageCache})
				}
			}
		}
	}
	return cells
}

func produceCells(client Client, partitions []int, codecs []string, promise Promise) (cells []Cell) {
	for _, record := range records {
		for _, acks := range allAcks {
			for _, n := range partitions {
				for _, codec := range codecs {
					for _, batch := range batches {
						cells = append(cells, Cell{Produce, client, record, acks, n, codec, batch, promise})
					}
				}
			}
		}
	}
	return cells
}

func latencyCells(promise Promise) (cells []Cell) {
	for _, record := range records {
		for _, acks := range allAcks {
			for _, n := range []int{1, 100} {
				cells = append(cells, Cell{Paced, Java, record, acks, n, "none", 16 << 10, promise})
			}
			for _, client := range []Client{Java, Franz} {
				cells = append(cells, Cell{Kind: EndToEnd, Client: client, Record: record, Acks: acks, Partitions: 1, Promise: promise})
			}
		}
	}
	return cells
}

// first is the short list that tells most: at most 12 minutes for five rounds on two cores.
func first() []Cell {
	cells := []Cell{{Kind: Start, Promise: PageCache}}
	for _, load := range []struct {
		acks    string
		promise Promise
	}{{"1", PageCache}, {"all", PageCache}, {"all", Fsync}} {
		for _, n := range []int{1, 100} {
			for _, batch := range batches {
				cells = append(cells, Cell{Produce, Java, large, load.acks, n, "none", batch, load.promise})
			}
		}
	}
	return append(cells,
		Cell{Produce, Java, small, "1", 1, "none", 16 << 10, PageCache},
		Cell{Produce, Java, large, "1", 1, "lz4", 16 << 10, PageCache},
		Cell{Kind: EndToEnd, Client: Franz, Record: large, Acks: "all", Partitions: 1, Promise: PageCache},
		Cell{Fetch, Franz, large, "", 1, "none", 16 << 10, PageCache},
	)
}

// selected are the cells whose names match, those of one promise together, since they share a pair.
func selected(cells []Cell, pattern *regexp.Regexp) (out []Cell) {
	for _, promise := range promises {
		for _, c := range cells {
			if c.Promise == promise && pattern.MatchString(c.Name()) {
				out = append(out, c)
			}
		}
	}
	return out
}
