package config

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const environmentPrefix = "KAFKA_"

// environment is what the variables of a process say.
type environment struct {
	settings  map[string]setting
	clusterID string
	jvm       []string // variables that configure a Java virtual machine, which is not there
	links     []string // variables that container platforms invent for a service whose name begins with kafka
}

// notNames are variables of Kafka's images and scripts that are no configuration names. Those ending in _ are prefixes.
var (
	jvmVariables = []string{"KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_GC_LOG_OPTS", "KAFKA_JMX_", "KAFKA_LOG4J_", "KAFKA_TOOLS_LOG4J_", "KAFKA_DEBUG"}
	notNames     = []string{"KAFKA_VERSION", "KAFKA_HOME", "KAFKA_CLASSPATH"}
)

// serviceLink matches what Kubernetes and Docker put into the environment beside a service named kafka or kafka-ssl. It
// is told apart by its form, because KAFKA_SSL_SERVICE_HOST would otherwise be a refused setting for TLS.
var serviceLink = regexp.MustCompile(`^KAFKA_([A-Z0-9_]*_)?(SERVICE_HOST=|SERVICE_PORT[A-Z0-9_]*=|PORT_[0-9]+_(TCP|UDP|SCTP)[A-Z_]*=|PORT=(tcp|udp|sctp)://)`)

func variableIn(name string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		return name == entry || (strings.HasSuffix(entry, "_") && strings.HasPrefix(name, entry))
	})
}

// variableToName applies the rule of Kafka's image: KAFKA_ is dropped, letters become small, and _ stands for a dot,
// __ for an underscore, ___ for a hyphen.
func variableToName(variable string) string {
	name := strings.ToLower(strings.TrimPrefix(variable, environmentPrefix))
	name = strings.ReplaceAll(name, "_", ".")
	name = strings.ReplaceAll(name, "...", "-")
	return strings.ReplaceAll(name, "..", "_")
}

// parseEnvironment reads variables of the form NAME=value, as os.Environ gives them.
func parseEnvironment(variables []string) (environment, *Problem) {
	env := environment{settings: make(map[string]setting)}
	var problem *Problem
	for _, entry := range variables {
		variable, text, _ := strings.Cut(entry, "=")
		switch {
		case variable == "CLUSTER_ID" && text != "":
			env.clusterID = text
			problem = checkClusterID(text)
		case !strings.HasPrefix(variable, environmentPrefix) || variableIn(variable, notNames):
		case variableIn(variable, jvmVariables):
			env.jvm = append(env.jvm, variable)
		case serviceLink.MatchString(entry):
			env.links = append(env.links, variable)
		default:
			env.settings[variableToName(variable)] = setting{text, Origin{Kind: FromEnvironment, Variable: variable}}
		}
	}
	slices.Sort(env.jvm)
	slices.Sort(env.links)
	return env, problem
}

// checkClusterID wants what kafka-storage.sh random-uuid prints: 16 bytes in the URL alphabet of base64. The padding is
// optional, as in Kafka.
func checkClusterID(id string) *Problem {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	if err == nil && len(raw) == 16 {
		return nil
	}
	return &Problem{
		Name: "CLUSTER_ID", Value: id, Where: "environment",
		Wrong: "a cluster id is 16 bytes in URL-safe base64, which makes 22 characters",
		Do:    "leave it out, and a new cluster gets one by itself",
	}
}

// deriveListeners does what the start script of Kafka's image does: where the environment advertises addresses and
// nothing says what to listen on, it is the same names and ports on every interface. Unlike the script it gives way to
// a file or flag that sets listeners.
func (env *environment) deriveListeners() {
	advertised, found := env.settings["advertised.listeners"]
	if !found {
		return
	}
	list := strings.Split(advertised.text, ",")
	for i, entry := range list {
		scheme, address, found := strings.Cut(entry, "://")
		colon := strings.LastIndexByte(address, ':')
		if !found || colon < 0 {
			return // advertised.listeners will be refused for what it is
		}
		list[i] = fmt.Sprintf("%s://0.0.0.0%s", scheme, address[colon:])
	}
	env.settings["listeners"] = setting{strings.Join(list, ","), advertised.Origin}
}
