package folder

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/sys/vfs"
	"github.com/samsa-project/samsa/internal/wire"
)

var topicID = wire.UUID{1, 2, 3}

func mustCreate(t *testing.T, f *Folder, topic string, partition int32) Name {
	t.Helper()
	n, err := f.Create(topic, partition, topicID)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func list(t *testing.T, f *Folder) (all []string) {
	t.Helper()
	partitions, strangers, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range partitions {
		all = append(all, n.Kind.String()+" "+n.Topic)
	}
	for _, s := range strangers {
		all = append(all, "stranger "+s)
	}
	return all
}

func TestPartitionFoldersAreListed(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	mustCreate(t, f, "a-b.c", 3)
	for _, dir := range []string{"u-0.x-delete", "v-0.x-future", "w-0.x-stray", "holiday", "remote-log-index-cache", "lost+found"} {
		if err := disk.MkdirAll("/data/" + dir); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"live a-b.c", "deleted u", "future v", "stray w", "stranger holiday"}
	for i, w := range want {
		want[i] = strings.Replace(w, "deleted", "delete", 1)
	}
	if got := list(t, f); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if f.Doomed() != 1 {
		t.Errorf("%d folders to remove", f.Doomed())
	}
	list(t, f)
	if f.Doomed() != 1 {
		t.Errorf("listed twice: %d folders to remove", f.Doomed())
	}
}

func TestAPartitionIsCreatedOnce(t *testing.T) {
	f := mustOpen(t, vfs.NewMem(), "/data")
	n := mustCreate(t, f, "t", 0)
	if id, err := f.TopicID(n); err != nil || id != topicID {
		t.Errorf("topic id %v, %v", id, err)
	}
	if _, err := f.Create("t", 0, topicID); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := f.TopicID(live("t", 1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("topic id of no folder: %v", err)
	}
}

func TestACrashWhileCreatingLeavesTheWholePartitionOrNone(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	eachCrash(t, disk, func() { mustCreate(t, f, "t", 0) }, func(crashed *vfs.Mem, when string) {
		g := mustOpen(t, crashed, "/data")
		partitions, strangers, err := g.List()
		if err != nil || len(strangers) > 0 || len(partitions) > 1 {
			t.Fatalf("%s: %v, %v, %v", when, partitions, strangers, err)
		}
		whole := len(partitions) == 1 && partitions[0].Kind == Live
		if whole {
			if id, err := g.TopicID(partitions[0]); err != nil || id != topicID {
				t.Errorf("%s: topic id %v, %v", when, id, err)
			}
		}
		if strings.HasPrefix(when, "afterwards") && !whole {
			t.Errorf("%s: the partition was lost", when)
		}
		for range 10 {
			if more, err := g.RemoveStep(1); err != nil {
				t.Fatalf("%s: %v", when, err)
			} else if !more {
				break
			}
		}
		if got := list(t, g); len(got) > 0 && !whole {
			t.Errorf("%s: %v is left for good", when, got)
		}
		if !whole {
			mustCreate(t, g, "t", 0)
		}
	})
}

func TestADeletedPartitionIsGoneAfterACrashAndRemovedInSteps(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	n := mustCreate(t, f, strings.Repeat("long", 62), 0)
	for _, name := range []string{"1.log", "2.log", "3.log", "4.log"} {
		put(t, disk, f.Path(n)+"/"+name, "x")
	}
	put(t, disk, f.Path(n)+"/guest/file", "x")
	if err := f.Delete(n); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, disk.CrashClone(vfs.CrashConfig{}), "/data")
	if got := list(t, g); len(got) != 1 || !strings.HasPrefix(got[0], "delete ") {
		t.Fatalf("after a crash: %q", got)
	}
	for _, folder := range []*Folder{f, g} {
		steps := 1
		for more := true; more; steps++ {
			var err error
			if more, err = folder.RemoveStep(2); err != nil || steps > 10 {
				t.Fatal(steps, err)
			}
		}
		// Six entries, two a step; the last step takes the folder too.
		if steps-1 != 3 || len(list(t, folder)) > 0 || folder.Doomed() != 0 {
			t.Errorf("%d steps, then %q", steps-1, list(t, folder))
		}
	}
	if more, err := f.RemoveStep(2); more || err != nil {
		t.Errorf("with nothing to do: %v, %v", more, err)
	}
}

func TestListingWhileAPartitionIsCreatedDoesNotDoomIt(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	disk.OnOp(func(op vfs.Op, done bool) {
		if op.Kind == vfs.OpCreate && done {
			disk.OnOp(nil)
			list(t, f)
		}
	})
	mustCreate(t, f, "t", 0)
	if more, err := f.RemoveStep(9); more || err != nil || f.Doomed() != 0 {
		t.Errorf("more %v, doomed %d, %v", more, f.Doomed(), err)
	}
	if got := list(t, f); !slices.Equal(got, []string{"live t"}) {
		t.Errorf("got %q", got)
	}
}

func TestAPartitionThatCouldNotBeCreatedIsRemoved(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	disk.OnOp(func(op vfs.Op, done bool) {
		if op.Kind == vfs.OpMkdirAll && done {
			disk.SetCapacity(1)
		}
	})
	if _, err := f.Create("t", 0, topicID); !vfs.IsNoSpace(err) {
		t.Fatalf("got %v", err)
	}
	disk.OnOp(nil)
	if more, err := f.RemoveStep(1); more || err != nil || len(list(t, f)) > 0 {
		t.Errorf("left %q, %v", list(t, f), err)
	}
	disk.SetCapacity(0)
	mustCreate(t, f, "t", 0)
}

func TestAPartitionThatNoTopicClaimsIsSetAsideForGood(t *testing.T) {
	disk := vfs.NewMem()
	f := mustOpen(t, disk, "/data")
	n := mustCreate(t, f, "t", 0)
	put(t, disk, f.Path(n)+"/00000000000000000000.log", "records")
	stray, err := f.SetAside(n)
	if err != nil || stray.Kind != Stray {
		t.Fatal(stray, err)
	}
	crashed := disk.CrashClone(vfs.CrashConfig{})
	g := mustOpen(t, crashed, "/data")
	if got := list(t, g); !slices.Equal(got, []string{"stray t"}) || g.Doomed() != 0 {
		t.Errorf("got %q, %d to remove", got, g.Doomed())
	}
	data, err := checkpoint.ReadFile(crashed, g.Path(stray)+"/00000000000000000000.log", 100)
	if err != nil || string(data) != "records" {
		t.Errorf("its records: %q, %v", data, err)
	}
}

func TestWritesAreRefusedBelowTheReserveUntilThereIsRoomAgain(t *testing.T) {
	const gib = 1 << 30
	r := ReserveOf(10 * gib)
	if r != (Reserve{10 * gib, 11 * gib}) {
		t.Fatalf("got %+v", r)
	}
	refused := false
	for _, step := range []struct {
		free int64
		want bool
	}{{50 * gib, false}, {10 * gib, false}, {10*gib - 1, true}, {10 * gib, true}, {11*gib - 1, true}, {11 * gib, false}, {10 * gib, false}, {0, true}} {
		refused = r.Refuses(refused, vfs.Usage{Total: 100 * gib, Free: step.free})
		if refused != step.want {
			t.Errorf("%d bytes free: refused %v", step.free, refused)
		}
	}
	small := vfs.Usage{Total: 10 * gib, Free: 10 * gib / 20 * 19}
	if ReserveOf(9*gib).Refuses(true, small) || ReserveOf(0).Refuses(true, vfs.Usage{}) {
		t.Error("it never opens again")
	}
	if r := ReserveOf(1 << 20); r.High != 65<<20 {
		t.Errorf("of a small reserve: %+v", r)
	}
}
