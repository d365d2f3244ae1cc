package config

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxFileBytes bounds a configuration file. Real ones have a few kilobytes.
const MaxFileBytes = 1 << 20

// Input is everything a configuration is made of.
type Input struct {
	File string   // name of the file in messages
	Data []byte   // content of the file; nil if there is none
	Env  []string // NAME=value, as os.Environ gives them
	Set  []string // name=value, as --set gives them; the last of a name counts
	Host string   // name of this machine, for recognising itself; "" if not known
}

// setting is a value as somebody wrote it.
type setting struct {
	text   string
	Origin Origin
}

// Config is a checked configuration. It is not changed after Load and may be shared.
type Config struct {
	Broker // settings of this node that stay as they are while it runs

	// ClusterID is the CLUSTER_ID variable of Kafka's image: the id to give a cluster that has none yet, "" to choose one.
	ClusterID string
	// Warnings are what an operator should read, at most one for each kind of finding.
	Warnings []string
	// Notices are what may be good to know.
	Notices []string

	static map[string]setting // names set by file, environment or flag, as written; refused names only with their default
}

// LoadFile reads the file at path ("" for none) and then does what Load does, with the environment of this process.
func LoadFile(path string, set []string) (*Config, error) {
	in := Input{Env: os.Environ(), Set: set}
	if host, err := os.Hostname(); err == nil {
		in.Host = host // unknown otherwise, which only makes fewer addresses count as this node's
	}
	if path == "" {
		return Load(in)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	in.File, in.Data = filepath.Base(path), data
	return Load(in)
}

// Load parses and checks a configuration. Any error about its content is an *Invalid that holds all problems at once.
func Load(in Input) (*Config, error) {
	l := loader{in: in, settings: make(map[string]setting)}
	l.readFile()
	l.readEnvironment()
	l.readFlags()
	l.judgeNames()
	r := newReader(l.static)
	c := &Config{static: l.static, ClusterID: l.clusterID, Warnings: l.warnings, Notices: l.notices}
	c.Broker = readBroker(r)
	// The defaults of topics are resolved once, so that a broker name behind them is refused here and not with the first
	// topic.
	_, problems := c.resolve(nil, Dynamic{})
	problems = slices.Concat(l.problems, r.problems, problems)
	if len(problems) == 0 {
		c.crossCheck(r, in.Host)
		problems = r.problems
	}
	if len(problems) > 0 {
		l.sortByPlace(problems)
		return nil, &Invalid{Problems: problems, Advice: l.advice}
	}
	return c, nil
}

// sortByPlace puts the problems where somebody who goes through the file from its first line meets them; those of the
// environment and of flags follow, as they were found.
func (l *loader) sortByPlace(problems []Problem) {
	place := func(p Problem) (kind OriginKind, line int) {
		if rest, found := strings.CutPrefix(p.Where, l.in.File); found && l.in.File != "" {
			line, err := strconv.Atoi(strings.TrimPrefix(rest, ":"))
			if err == nil || rest == "" {
				return FromFile, line // 0 is the file as a whole
			}
		}
		switch {
		case strings.HasPrefix(p.Where, "environment"):
			return FromEnvironment, 0
		case p.Where == Origin{Kind: FromFlag}.String():
			return FromFlag, 0
		default:
			return FromFlag + 1, 0 // a default, which only another setting makes wrong
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		kindA, lineA := place(a)
		kindB, lineB := place(b)
		return cmp.Or(cmp.Compare(kindA, kindB), cmp.Compare(lineA, lineB))
	})
}

type loader struct {
	in        Input
	settings  map[string]setting // all names, strongest setting
	static    map[string]setting // those of the table
	clusterID string
	problems  []Problem
	advice    string // Invalid.Advice
	warnings  []string
	notices   []string
}

func (l *loader) readFile() {
	if len(l.in.Data) > MaxFileBytes {
		l.problems = append(l.problems, Problem{Where: l.in.File, Wrong: fmt.Sprintf("the file is larger than %d bytes", MaxFileBytes)})
		return
	}
	pairs, bad := parseProperties(l.in.Data)
	for _, e := range bad {
		l.problems = append(l.problems, Problem{Where: Origin{Kind: FromFile, File: l.in.File, Line: e.line}.String(), Wrong: e.err.Error()})
	}
	var twice []string
	for _, p := range pairs {
		origin := Origin{Kind: FromFile, File: l.in.File, Line: p.line}
		if before, found := l.settings[p.name]; found && before.text != p.value {
			twice = append(twice, fmt.Sprintf("%s (lines %d and %d)", p.name, before.Origin.Line, p.line))
		}
		l.settings[p.name] = setting{p.value, origin}
	}
	if len(twice) > 0 {
		l.warn("%s sets different values for one name; the last one counts: %s", l.in.File, strings.Join(twice, ", "))
	}
	if utf8.Valid(l.in.Data) && slices.ContainsFunc(l.in.Data, func(c byte) bool { return c >= utf8.RuneSelf }) {
		l.warn("%s has characters in UTF-8, but is read as ISO-8859-1, as Kafka does; write them as \\uXXXX", l.in.File)
	}
}

func (l *loader) readEnvironment() {
	env, problem := parseEnvironment(l.in.Env)
	if problem != nil {
		l.problems = append(l.problems, *problem)
	}
	_, inFile := l.settings["listeners"]
	_, inEnvironment := env.settings["listeners"]
	if !inFile && !inEnvironment {
		env.deriveListeners()
	}
	l.clusterID = env.clusterID
	if len(env.jvm) > 0 {
		l.notices = append(l.notices, "these variables configure a Java virtual machine, which is not there: "+strings.Join(env.jvm, ", "))
	}
	if len(env.settings) > maxNames {
		l.problems = append(l.problems, Problem{Where: "environment", Wrong: fmt.Sprintf("more than %d variables begin with %s", maxNames, environmentPrefix)})
		return
	}
	unknown := env.links
	for _, name := range sortedNames(env.settings) {
		s := env.settings[name]
		// Variables are not typed for one process alone: Kubernetes invents KAFKA_PORT_9092_TCP for a service named kafka.
		if c, _ := classify(name); c == classForeign || c == classUnknown {
			text := s.Origin.Variable
			if h := hint(name); h != "" {
				text += " (" + h + ")"
			}
			unknown = append(unknown, text)
			continue
		}
		l.settings[name] = s
	}
	if len(unknown) > 0 {
		l.warn("these variables name no configuration: %s", strings.Join(unknown, ", "))
	}
}

func (l *loader) readFlags() {
	for _, text := range l.in.Set {
		name, text, found := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			l.problems = append(l.problems, Problem{Where: Origin{Kind: FromFlag}.String(), Wrong: fmt.Sprintf("%q is not of the form name=value", clip(name))})
			continue
		}
		l.settings[name] = setting{text, Origin{Kind: FromFlag}}
	}
}

func (l *loader) warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}

// maxNames bounds the work and the messages a nonsensical file can cause. Kafka has 450 names.
const maxNames = 4096

// judgeNames sorts what was set into what the node uses, what it warns about and what keeps it from starting.
func (l *loader) judgeNames() {
	l.static = make(map[string]setting)
	if len(l.settings) > maxNames {
		l.problems = append(l.problems, Problem{Where: l.in.File, Wrong: fmt.Sprintf("more than %d names are set", maxNames)})
		return
	}
	var ignored, foreign, unknown []string
	for _, name := range sortedNames(l.settings) {
		s := l.settings[name]
		switch c, d := classify(name); c {
		case classKnown:
			l.static[name] = s
		case classIgnored:
			ignored = append(ignored, name)
			if brokerTable[name] != nil {
				l.static[name] = s
			}
		case classRefused:
			if d.isDefault(s.text) {
				continue // saying what Kafka would do anyway asks for nothing
			}
			l.problems = append(l.problems, Problem{Name: name, Where: s.Origin.String(), Wrong: d.Why, Do: d.Instead})
		case classForeign:
			foreign = append(foreign, name)
		default:
			unknown = append(unknown, name)
		}
	}
	if len(ignored) > 0 {
		l.warn("accepted without effect: %s (docs/reference/configuration.md says why)", strings.Join(ignored, ", "))
	}
	if len(foreign) > 0 {
		l.warn("not Kafka's, ignored: %s", strings.Join(foreign, ", "))
	}
	l.judgeUnknown(unknown)
}

// judgeUnknown refuses all unknown names at once, or lists them in one warning where samsa.config.unknown asks for it.
func (l *loader) judgeUnknown(unknown []string) {
	if len(unknown) == 0 {
		return
	}
	if d := brokerTable["samsa.config.unknown"]; strings.TrimFunc(l.static[d.Name].text, javaSpace) == "warn" {
		l.warn("unknown, ignored: %s", strings.Join(unknown, ", "))
		return
	}
	for _, name := range unknown {
		wrong := "neither Kafka nor Samsa has a configuration of this name"
		if h := hint(name); h != "" {
			wrong += "; " + h
		}
		l.problems = append(l.problems, Problem{Name: name, Where: l.settings[name].Origin.String(), Wrong: wrong})
	}
	l.advice = "to start in spite of unknown names, add the line samsa.config.unknown=warn"
}

// isDefault reports whether text says no more than the default of d.
func (d *Definition) isDefault(text string) bool {
	v, err := parseType(d.Type, strings.TrimFunc(text, javaSpace))
	if err != nil {
		return false
	}
	if d.Null || d.Default == "" {
		return v.text == ""
	}
	return v.text == d.fallback().text
}

func sortedNames(settings map[string]setting) []string {
	names := make([]string, 0, len(settings))
	for name := range settings {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
