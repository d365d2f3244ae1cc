package folder

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/samsa-project/samsa/internal/storage/checkpoint"
	"github.com/samsa-project/samsa/internal/wire"
)

func TestMetaPropertiesAreReadAsJavaReadsThem(t *testing.T) {
	id, err := wire.ParseUUID("iIVqyfBNR5SWpHfYxfdWyg")
	if err != nil {
		t.Fatal(err)
	}
	want := Meta{"our-cluster", 1, id}
	for _, text := range []string{
		ourMeta,
		"#\n#Sat Nov 21 06:20:33 UTC 2026\nnode.id=1\ndirectory.id=iIVqyfBNR5SWpHfYxfdWyg\nversion=1\ncluster.id=our-cluster\n",
		"! x\r\n  version : 1\r\n\r\nnode.id 1\rcluster.id=\\\n   our-\\\r\n\tcluster\ndirectory\\.id=iIVqyfBNR5SWpHfYxfdWyg\nunknown=x=y",
		"version=\\u0031\nnode.id\t=\t1\ncluster.id:our\\-cluster\ndirectory.id = iIVqyfBNR5SWpHfYxfdWyg",
	} {
		if got, err := ParseMeta("f", []byte(text)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
	if got := string(AppendMeta(nil, want)); got != ourMeta {
		t.Errorf("written: %q", got)
	}
	raw, err := os.ReadFile("../log/testdata/kafka/clean/data/meta.properties")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseMeta("f", raw); err != nil || got.ClusterID == "" || got.DirectoryID == wire.ZeroUUID {
		t.Errorf("of Kafka: %+v, %v", got, err)
	}
}

// What Java's Properties.store wrote for the value, with escaped Unicode.
func TestPropertiesAreEscapedAsJavaDoes(t *testing.T) {
	got := string(appendProperty(nil, "a b=", " =:#! \\\té\U0001F600"))
	const want = "a\\ b\\==\\ \\=\\:\\#\\! \\\\\\t\\u00E9\\uD83D\\uDE00\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back, err := parseProperties("f", []byte(got))
	if err != nil || !reflect.DeepEqual(back, []property{{"a b=", " =:#! \\\té\U0001F600", 1}}) {
		t.Errorf("read %+v, %v", back, err)
	}
	if _, err := parseProperties("f", []byte("a=1\nb=\\u12\n")); !errors.Is(err, checkpoint.ErrDamaged) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("half an escape: %v", err)
	}
}

func TestOnlyAWholeMarkerCountsAsACleanStop(t *testing.T) {
	for text, want := range map[string]Marker{
		`{"version":0,"brokerEpoch":11}`:           {true, 11},
		`{"brokerEpoch":-1,"version":0,"more":[]}`: {true, -1},
		"":                                    {false, -1},
		"{":                                   {false, -1},
		`{"version":0,"brokerEpoch":1`:        {false, -1},
		`{"version":1,"brokerEpoch":11}`:      {false, -1},
		`{"version":0,"brokerEpoch":null}`:    {false, -1},
		`{"version":0,"brokerEpoch":-2}`:      {false, -1},
		`{"brokerEpoch":1}`:                   {false, -1},
		"\x00\x00\x00":                        {false, -1},
		strings.Repeat(" ", maxMarker) + `{}`: {false, -1},
	} {
		if got := ParseMarker([]byte(text)); got != want {
			t.Errorf("%.40q: got %+v", text, got)
		}
	}
	if got := string(AppendMarker(nil, 11)); got != `{"version":0,"brokerEpoch":11}` {
		t.Errorf("written: %s", got)
	}
}

func TestNamesOfPartitionFoldersAreTakenApart(t *testing.T) {
	const u = "206767b8221f42a0983081d1f1a9bb59"
	for text, want := range map[string]Name{
		"plain-0":                 {Topic: "plain"},
		"with-dash.and_more-12":   {Topic: "with-dash.and_more", Partition: 12},
		"a--1":                    {Topic: "a-", Partition: 1},
		"x-delete-0":              {Topic: "x-delete"},
		"__cluster_metadata-0":    {Topic: "__cluster_metadata"},
		"t-2147483647":            {Topic: "t", Partition: 2147483647},
		"a.b-3." + u + "-delete":  {"a.b", 3, Deleted, u},
		"a-b-3." + u + "-future":  {"a-b", 3, Future, u},
		"a-3." + u + "-stray":     {"a", 3, Stray, u},
		".-3." + u + "-stray":     {".", 3, Stray, u},
		"t-0.some-thing_X-delete": {"t", 0, Deleted, "some-thing_X"},
	} {
		got, ok := ParseName(text)
		if !ok || got != want || got.String() != text {
			t.Errorf("%s: got %+v %v, which is %s", text, got, ok, got)
		}
	}
	for _, text := range []string{
		"", "-", "t", "t-", "-0", "t--", "t-x", "t-+1", "t-01", "t-2147483648", ".-0", "..-0", "t u-0", "t-0.-delete", "t-0-delete", "t-0.a b-stray",
		"t-0." + u, "remote-log-index-cache", strings.Repeat("x", 250) + "-0", "-3." + u + "-delete",
	} {
		if got, ok := ParseName(text); ok {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestMarkedNamesStayWithin255Bytes(t *testing.T) {
	long := strings.Repeat("t", checkpoint.MaxTopic)
	n := live(long, 123)
	for _, k := range []Kind{Deleted, Stray} {
		marked, ok := n.Marked(k, unique())
		back, parsed := ParseName(marked.String())
		if !ok || len(marked.String()) != 255 || !parsed || back != marked || !strings.HasPrefix(long, marked.Topic) || marked.Partition != 123 {
			t.Errorf("%v: %s (%d bytes), %v", k, marked, len(marked.String()), ok)
		}
	}
	if marked, ok := n.Marked(Future, unique()); ok {
		t.Errorf("future: %s", marked)
	}
}

// FuzzMetaProperties holds ParseMeta to: no panic; an error is damage or another
// version; what was read, written and read again is the same.
func FuzzMetaProperties(f *testing.F) {
	for _, s := range []string{ourMeta, "", "version=0\nbroker.id=1", "a\\\n b\\u00e9:c\n!x\r#y\rversion 1", "\\u", "cluster.id=\\uD83D\\uDE00\nversion=1\nnode.id=7"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ParseMarker(data)
		m, err := ParseMeta("f", data)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrDamaged) && !errors.Is(err, errVersion) {
				t.Errorf("neither damage nor version: %v", err)
			}
			return
		}
		again, err := ParseMeta("f", AppendMeta(nil, m))
		if err != nil || again != m {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

// FuzzFolderName holds ParseName to: what is accepted gives the same name back.
func FuzzFolderName(f *testing.F) {
	for _, s := range []string{"t-0", "a-b-1.x-delete", "t-0.-stray", ".-0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, ok := ParseName(s); ok && n.String() != s {
			t.Errorf("%q became %q", s, n)
		}
	})
}
