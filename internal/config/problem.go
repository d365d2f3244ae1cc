package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrInvalid is what every error about the content of a configuration is, for errors.Is.
var ErrInvalid = errors.New("invalid configuration")

// OriginKind is the kind of place a setting comes from.
type OriginKind uint8

// The places a setting comes from, weakest first.
const (
	FromDefault OriginKind = iota
	FromFile
	FromEnvironment
	FromFlag
)

// Origin is where a setting was made.
type Origin struct {
	Kind     OriginKind
	File     string // FromFile
	Line     int    // FromFile, from 1
	Variable string // FromEnvironment
}

func (o Origin) String() string {
	switch o.Kind {
	case FromFile:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case FromEnvironment:
		return "environment variable " + o.Variable
	case FromFlag:
		return "--set"
	default:
		return "default"
	}
}

// Problem is one reason why a configuration cannot be used.
type Problem struct {
	Name  string // the configuration's; "" if the line has none
	Value string // as given; "" where it may be a secret
	Where string // Origin, or "topic configuration"
	Wrong string // what is wrong, and what is allowed
	Do    string // what to do; "" if Wrong says it
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	if p.Name != "" {
		b.WriteString(clip(p.Name))
		if p.Value != "" {
			b.WriteString("=" + clip(p.Value))
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Wrong)
	if p.Do != "" {
		b.WriteString("; " + p.Do)
	}
	return b.String()
}

// clip keeps a value from filling the screen or faking lines of a log.
func clip(text string) string {
	const most = 200
	end := ""
	if len(text) > most {
		text, end = text[:most], "..."
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	return text + end
}

// Invalid holds every problem of a configuration: those of the file in the order of its lines, then those of the
// environment and of flags. It is an ErrInvalid.
type Invalid struct {
	Problems []Problem
	Advice   string // a way out of several of them at once; "" if there is none
}

func (e *Invalid) Error() string {
	var b strings.Builder
	if len(e.Problems) == 1 {
		b.WriteString(e.Problems[0].String())
	} else {
		fmt.Fprintf(&b, "%d problems in the configuration:", len(e.Problems))
		for _, p := range e.Problems {
			b.WriteString("\n  " + p.String())
		}
	}
	if e.Advice != "" {
		b.WriteString("\n" + e.Advice)
	}
	return b.String()
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *Invalid) Is(target error) bool { return target == ErrInvalid }

func invalid(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &Invalid{Problems: problems}
}
