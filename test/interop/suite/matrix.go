package suite

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Matrix lets every client write into one topic a codec and then lets every client read all of it.
func Matrix(ctx context.Context, bootstrap string, clients []Client, report func(Outcome)) {
	for _, codec := range codecNames {
		name := topic("matrix-" + codec)
		written, err := writeAll(ctx, bootstrap, name, codec, clients, report)
		if err != nil {
			report(Outcome{Client: "franz-go", Case: "matrix " + codec, Err: err})
			continue
		}
		for _, c := range clients {
			limited, cancel := context.WithTimeout(ctx, caseTimeout)
			start := time.Now()
			e := &Env{Bootstrap: bootstrap, client: c}
			got, err := e.read(limited, name, 0, From{At: "earliest"}, len(written))
			cancel()
			if err == nil {
				err = judge(written, got)
			}
			report(Outcome{Client: c.Name(), Case: "reads what every client wrote with " + codec, Err: err, Took: time.Since(start)})
		}
	}
}

// line is a record of the matrix and the client that wrote it.
type line struct {
	Record
	writer string
}

func writeAll(ctx context.Context, bootstrap, name, codec string, clients []Client, report func(Outcome)) ([]line, error) {
	f, err := NewFranz(ctx, bootstrap)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	admin := &Env{Bootstrap: bootstrap, client: f}
	if _, err := admin.do(ctx, Request{Op: "create", Topic: name, Partitions: 1}); err != nil {
		return nil, err
	}
	var written []line
	for _, c := range clients {
		list := records(8, c.Name()+" wrote with "+codec)
		for i := range list {
			list[i].Timestamp = 0
		}
		list[1].Headers = []Header{{"writer", []byte(c.Name())}, {"codec", []byte(codec)}}
		list[2].Value = nil
		list[3].Key = nil
		limited, cancel := context.WithTimeout(ctx, caseTimeout)
		e := &Env{Bootstrap: bootstrap, client: c}
		_, err := e.produce(limited, Request{Topic: name, Codec: codec, Acks: -1, Records: list})
		cancel()
		if why, ok := errors.AsType[skip](err); ok {
			report(Outcome{Client: c.Name(), Case: "writes with " + codec + " for every client", Skipped: why.why})
			continue
		}
		report(Outcome{Client: c.Name(), Case: "writes with " + codec + " for every client", Err: err})
		if err != nil {
			continue // what it left in the topic makes every reader fail, as it should
		}
		for _, r := range list {
			r.Offset = int64(len(written))
			written = append(written, line{r, c.Name()})
		}
	}
	return written, nil
}

func judge(want []line, got []Record) error {
	for i := range min(len(want), len(got)) {
		if d := difference(want[i].Record, got[i], false); d != "" {
			return fmt.Errorf("record %d of %s: %s", i, want[i].writer, d)
		}
	}
	if len(want) != len(got) {
		return fmt.Errorf("%d records, want %d", len(got), len(want))
	}
	return nil
}
