package config

import "testing"

func TestADefaultConfigurationListensOnLoopbackOnly(t *testing.T) {
	c, err := Load(Input{})
	if err != nil {
		t.Fatal(err)
	}
	if c.NodeID != 1 || len(c.Listeners) != 2 || c.Listeners[0].Address() != "127.0.0.1:9092" || c.Listeners[1].Address() != "[::1]:9092" {
		t.Errorf("node %d, listeners %v", c.NodeID, c.Listeners)
	}
	for _, l := range c.Listeners {
		if !l.IsLoopback() {
			t.Errorf("%v can be reached from outside", l)
		}
	}
	if len(c.LogDirs) != 1 || c.LogDirs[0] != "samsa-data" || c.MetadataLogDir != "samsa-data" {
		t.Errorf("folders %v, metadata %s", c.LogDirs, c.MetadataLogDir)
	}
	if len(c.Warnings)+len(c.Notices) != 0 {
		t.Errorf("warnings %q, notices %q", c.Warnings, c.Notices)
	}
}
