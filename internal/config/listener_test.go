package config

import (
	"fmt"
	"testing"
)

func TestListenersAreReadAsKafkaReadsThem(t *testing.T) {
	for _, c := range []struct {
		text     string
		want     Listener
		address  string
		loopback bool
	}{
		{"PLAINTEXT://host.example.com:9092", Listener{Name: "PLAINTEXT", Host: "host.example.com", Port: 9092}, "host.example.com:9092", false},
		{"internal://my_host-1:0", Listener{Name: "INTERNAL", Host: "my_host-1", Port: 0}, "my_host-1:0", false},
		{"PLAINTEXT://:9092", Listener{Name: "PLAINTEXT", Port: 9092}, ":9092", false},
		{"PLAINTEXT://0.0.0.0:9092", Listener{Name: "PLAINTEXT", Host: "0.0.0.0", Port: 9092}, "0.0.0.0:9092", false},
		{"PLAINTEXT://[::]:9092", Listener{Name: "PLAINTEXT", Host: "::", Port: 9092}, "[::]:9092", false},
		{"PLAINTEXT://[::1]:9092", Listener{Name: "PLAINTEXT", Host: "::1", Port: 9092}, "[::1]:9092", true},
		{"PLAINTEXT://::1:9092", Listener{Name: "PLAINTEXT", Host: "::1", Port: 9092}, "[::1]:9092", true},
		{"PLAINTEXT://[fe80::1%eth0]:9092", Listener{Name: "PLAINTEXT", Host: "fe80::1%eth0", Port: 9092}, "[fe80::1%eth0]:9092", false},
		{"PLAINTEXT://127.1.2.3:65535", Listener{Name: "PLAINTEXT", Host: "127.1.2.3", Port: 65535}, "127.1.2.3:65535", true},
		{"PLAINTEXT://[::ffff:127.0.0.1]:1", Listener{Name: "PLAINTEXT", Host: "::ffff:127.0.0.1", Port: 1}, "[::ffff:127.0.0.1]:1", true},
		{"PLAINTEXT://LocalHost:9092", Listener{Name: "PLAINTEXT", Host: "LocalHost", Port: 9092}, "LocalHost:9092", true},
	} {
		got, err := parseListener(c.text)
		if err != nil || got != c.want || got.Address() != c.address || got.IsLoopback() != c.loopback {
			t.Errorf("%s: got %+v, %s, loopback %v, %v", c.text, got, got.Address(), got.IsLoopback(), err)
		}
		if again, err := parseListener(got.String()); err != nil || again != got {
			t.Errorf("%s was written as %s and read again as %+v, %v", c.text, got, again, err)
		}
	}
}

func TestAWrongListenerIsToldWithWhatIsWrong(t *testing.T) {
	const example = "; write for example PLAINTEXT://:9092"
	for _, c := range []struct{ listeners, want string }{
		{"9092", "9092 is not of the form NAME://host:port"},
		{"localhost:9092", "localhost:9092 is not of the form NAME://host:port"},
		{"://:9092", "://:9092 is not of the form NAME://host:port"},
		{"PLAINTEXT://localhost", "PLAINTEXT://localhost is not of the form NAME://host:port"},
		{"PLAINTEXT://:65536", `PLAINTEXT://:65536 has the port "65536"; ports are 0 to 65535`},
		{"PLAINTEXT://:-1", `PLAINTEXT://:-1 has the port "-1"; ports are 0 to 65535`},
		{"PLAINTEXT://:", `PLAINTEXT://: has the port ""; ports are 0 to 65535`},
		{"PLAINTEXT://a b:1", `PLAINTEXT://a b:1 has a host with " " in it`},
		{"PLAINTEXT://[::1:1", "PLAINTEXT://[::1:1 has a bracket without its other half"},
		{"PLAINTEXT://[::g]:1", `PLAINTEXT://[::g]:1 has the host "::g", which is no IPv6 address`},
		{"A://:1,A://:2", "A://:1 and A://:2 have one name; names must differ, except for one IPv4 and one IPv6 address on the same port"},
		{"A://1.2.3.4:1,A://[::1]:2", "A://1.2.3.4:1 and A://[::1]:2 have one name; names must differ, except for one IPv4 and one IPv6 address on the same port"},
		{"A://:1,B://:1", "A://:1 and B://:1 have one port; ports must differ, except for one IPv4 and one IPv6 address"},
		{"A://1.2.3.4:1,B://5.6.7.8:1", "A://1.2.3.4:1 and B://5.6.7.8:1 have one port; ports must differ, except for one IPv4 and one IPv6 address"},
		{"A://1.2.3.4:1,B://[::1]:1,C://:1", "A://1.2.3.4:1 and B://[::1]:1 have one port; ports must differ, except for one IPv4 and one IPv6 address"},
	} {
		_, err := load("listeners=" + c.listeners)
		wantProblems(t, err, "server.properties:1: listeners="+c.listeners+": "+c.want+example)
	}
}

func TestListenersMayShareAPortOrNameAcrossIPVersions(t *testing.T) {
	for _, listeners := range []string{
		"A://127.0.0.1:1,B://[::1]:1", "A://127.0.0.1:1,A://[::1]:1", "A://:0,B://:0", "A://0.0.0.0:1,A://[::]:1",
	} {
		mustLoad(t, "listeners="+listeners+"\nlistener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT\n")
	}
}

func TestAListenerThatPromisesMoreThanPlaintextIsRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"listeners=SSL://:9093", "SSL://:9093 speaks SSL; " + unsafeTLS + "; " + insteadTLS},
		{"listeners=SASL_SSL://:9093", "SASL_SSL://:9093 speaks SASL_SSL; " + unsafeSASL + "; " + insteadSASL},
		{"listeners=CLIENTS://:9093", "no protocol is known for CLIENTS://:9093; add CLIENTS:PLAINTEXT to listener.security.protocol.map, or, if it is a controller's, set controller.listener.names=CLIENTS"},
	} {
		_, err := load(c.text)
		wantProblems(t, err, fmt.Sprintf("server.properties:1: %s: %s", c.text, c.want))
	}
	_, err := load("listener.security.protocol.map=A:PLAINTEXT,B")
	wantProblems(t, err, "server.properties:1: listener.security.protocol.map=A:PLAINTEXT,B: B is not of the form NAME:PROTOCOL, with a protocol out of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL")
	mustLoad(t, "listeners=Clients://127.0.0.1:9093\nlistener.security.protocol.map=CLIENTS:plaintext\n")
}

func TestControllerListenersArePlaintextUnlessMapped(t *testing.T) {
	c := mustLoad(t, "listeners=PLAINTEXT://127.0.0.1:1,CTL://127.0.0.1:2\ncontroller.listener.names=ctl\n")
	if len(c.Listeners) != 1 || len(c.ControllerListeners) != 1 || c.ControllerListeners[0].Name != "CTL" {
		t.Errorf("listeners %v, controllers %v", c.Listeners, c.ControllerListeners)
	}
	_, err := load("listeners=CTL://:2\ncontroller.listener.names=CTL\n")
	wantProblems(t, err, "server.properties:1: listeners=CTL://:2: all of them are in controller.listener.names, so there is none for clients; add for example PLAINTEXT://:9092")
}

func TestOnlyAddressesClientsCanConnectToAreAdvertised(t *testing.T) {
	for _, c := range []struct{ advertised, want string }{
		{"PLAINTEXT://0.0.0.0:1", "0.0.0.0 is an address to listen on, not one to connect to; advertise the name or address clients reach this node by"},
		{"PLAINTEXT://[::]:1", ":: is an address to listen on, not one to connect to; advertise the name or address clients reach this node by"},
		{"OTHER://a:1", "OTHER://a:1 has no listener of that name; add one to listeners, or use one of its names: PLAINTEXT"},
		{"PLAINTEXT://a:1,PLAINTEXT://b:1", "PLAINTEXT is advertised twice; clients can be told one address for each name"},
		{"PLAINTEXT://a:0", "PLAINTEXT://a:0 has port 0, and nobody can connect to that"},
		{"a:1", "a:1 is not of the form NAME://host:port; write for example PLAINTEXT://broker1.example.com:9092"},
	} {
		_, err := load("advertised.listeners=" + c.advertised)
		wantProblems(t, err, "server.properties:1: advertised.listeners="+c.advertised+": "+c.want)
	}
	c := mustLoad(t, "advertised.listeners=PLAINTEXT://a:1,CONTROLLER://0.0.0.0:2\ncontroller.listener.names=CONTROLLER\n")
	if len(c.Advertised) != 1 || c.Advertised[0] != (Listener{"PLAINTEXT", "PLAINTEXT", "a", 1}) {
		t.Errorf("advertised %+v", c.Advertised)
	}
}

func TestAQuorumAddressIsThisNodesIfItsConfigurationSaysSo(t *testing.T) {
	const base = "listeners=PLAINTEXT://10.1.1.1:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\nadvertised.listeners=PLAINTEXT://kafka.example.com:9092\n"
	for server, accepted := range map[string]bool{
		"localhost:9093": true, "127.0.0.1:9093": true, "[::1]:9093": true, "10.1.1.1:9093": true, "kafka.example.com:9093": true, "me:9093": true,
		"localhost:9094": false, "10.1.1.2:9093": false, "localhost:9093,other:9093": false,
	} {
		_, err := Load(Input{File: "f", Data: []byte(base + "controller.quorum.bootstrap.servers=" + server), Host: "me"})
		if (err == nil) != accepted {
			t.Errorf("%s: %v", server, err)
		}
	}
}

func TestConnectionOverridesAreReadByAddress(t *testing.T) {
	c := mustLoad(t, "max.connections.per.ip=0\nmax.connections.per.ip.overrides=host:1, 127.0.0.1:200,[::1]:3,\n")
	if fmt.Sprint(c.MaxConnectionsPerIPOverrides) != "map[127.0.0.1:200 ::1:3 host:1]" {
		t.Errorf("got %v", c.MaxConnectionsPerIPOverrides)
	}
}
