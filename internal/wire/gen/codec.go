package main

import (
	"fmt"
	"strings"
)

// flexible returns a Go expression that says whether f has varint lengths.
func (e *emitter) flexible(f *field, ctx versions) string {
	if f.plain {
		return "false"
	}
	return e.m.flexible.test(ctx)
}

// grouped calls body for each run of fields that exist in the same versions, so that they share one condition.
func grouped(fields []*field, body func(run []*field)) {
	for i := 0; i < len(fields); {
		j := i + 1
		for j < len(fields) && fields[j].in == fields[i].in {
			j++
		}
		body(fields[i:j])
		i = j
	}
}

// split separates the tagged fields, in ascending order of tags, from the rest.
func split(s *structure) (fixed, tagged []*field) {
	for _, f := range s.fields {
		if f.tag < 0 {
			fixed = append(fixed, f)
			continue
		}
		i := len(tagged)
		for i > 0 && tagged[i-1].tag > f.tag {
			i--
		}
		tagged = append(tagged[:i], append([]*field{f}, tagged[i:]...)...)
	}
	return fixed, tagged
}

func (e *emitter) decode(s *structure) {
	fixed, tagged := split(s)
	flex := e.m.flexible.test(s.within)
	if len(fixed) == 0 && flex == "false" {
		e.line("func (m *%s) decode(*wire.Reader, int16) {}\n", s.goName)
		return
	}
	e.line("func (m *%s) decode(r *wire.Reader, v int16) {", s.goName)
	grouped(fixed, func(run []*field) {
		if run[0].in == s.within {
			for _, f := range run {
				e.line("%s", e.read(f, false))
			}
			return
		}
		e.line("if %s {", run[0].in.test(s.within))
		for _, f := range run {
			e.line("%s", e.read(f, false))
		}
		e.line("} else {")
		for _, f := range run {
			e.line("%s", e.reset(f))
		}
		e.line("}")
	})
	for _, f := range tagged {
		e.line("%s", e.reset(f))
	}
	if flex != "false" {
		e.when(flex, func() { e.readTags(s, tagged) })
	}
	e.line("}\n")
}

// when writes body under the condition.
func (e *emitter) when(condition string, body func()) {
	if condition == "true" {
		body()
		return
	}
	e.line("if %s {", condition)
	body()
	e.line("}")
}

func (e *emitter) readTags(s *structure, tagged []*field) {
	if len(tagged) == 0 {
		e.line("r.SkipTags()")
		return
	}
	ctx := s.within.within(e.m.flexible)
	e.line("for t := r.Tags(); t.Next(); {\nswitch {")
	for _, f := range tagged {
		test := fmt.Sprintf("t.Tag == %d", f.tag)
		if c := f.in.test(ctx); c != "true" {
			test += " && " + c
		}
		e.line("case %s:\n%s", test, e.read(f, true))
	}
	e.line("default:\nt.Skip()\n}\n}")
}

// read returns the statement that reads f.
func (e *emitter) read(f *field, tagged bool) string {
	x, ctx := "m."+f.name, f.in
	flex, null := e.flexible(f, ctx), f.null.test(ctx)
	borrow := ""
	if e.m.borrow {
		borrow = "Borrow"
	}
	switch e.class(f) {
	case "prim":
		return fmt.Sprintf("%s = r.%s()", x, primWire[f.typ].method)
	case "string":
		if e.m.borrow {
			return fmt.Sprintf("%s = r.BorrowString(%s)", x, flex)
		}
		return fmt.Sprintf("%s = r.String(%s, %s)", x, x, flex)
	case "nullstring":
		if e.m.borrow {
			return fmt.Sprintf("%s = r.BorrowNullString(%s, %s)", x, flex, null)
		}
		return fmt.Sprintf("%s = r.NullString(%s, %s, %s)", x, x, flex, null)
	case "bytes":
		return fmt.Sprintf("%s = r.Bytes(%s, %s)", x, flex, null)
	case "payload":
		return fmt.Sprintf("%s = r.Payload(%s, %s)", x, flex, null)
	case "pointer":
		return fmt.Sprintf("if !r.Present(%t) {\n%s = nil\n} else if %s = wire.New(r, %s); %s != nil {\n%s.decode(r, v)\n}", tagged, x, x, x, x, x)
	case "struct":
		return x + ".decode(r, v)"
	}
	if f.st == nil {
		method := "Strings"
		if f.typ == "string" {
			method = borrow + method
		} else {
			method = primWire[f.typ].method + "s"
		}
		return fmt.Sprintf("%s = r.%s(%s, %s, %s)", x, method, x, flex, null)
	}
	return fmt.Sprintf("%s = wire.Resize(r, %s, r.Count(%s, %s, %s))\nfor i := range %s {\n%s[i].decode(r, v)\n}",
		x, x, flex, null, e.smallestExpr(f.st, ctx), x, x)
}

// smallestExpr returns a Go expression for the fewest bytes an element takes in a version of ctx: a sum over the steps by which the size changes.
func (e *emitter) smallestExpr(s *structure, ctx versions) string {
	steps := []string{}
	last := e.m.smallest(s, ctx.lo)
	steps = append(steps, fmt.Sprint(last))
	for v := ctx.lo + 1; v <= ctx.hi; v++ {
		if n := e.m.smallest(s, v); n != last {
			steps = append(steps, fmt.Sprintf("wire.From(v, %d, %d)", v, n-last))
			last = n
		}
	}
	return strings.Join(steps, " + ")
}

func (e *emitter) encode(s *structure) {
	fixed, tagged := split(s)
	flex := e.m.flexible.test(s.within)
	if len(s.fields) == 0 && flex == "false" {
		e.line("func (m *%s) encode(*wire.Writer, int16) {}\n", s.goName)
		return
	}
	e.line("func (m *%s) encode(w *wire.Writer, v int16) {", s.goName)
	grouped(fixed, func(run []*field) {
		e.when(run[0].in.test(s.within), func() {
			for _, f := range run {
				e.line("%s", e.write(f, false))
			}
		})
	})
	for _, f := range s.fields {
		if f.in != s.within && !f.ignorable {
			e.line("if %s && %s {\nw.FailField(%q, v)\n}", negate(f.in.test(s.within)), e.differs(f, true), s.goName+"."+f.name)
		}
	}
	if flex != "false" {
		e.when(flex, func() { e.writeTags(s, tagged) })
	}
	e.line("}\n")
}

func negate(test string) string {
	if strings.Contains(test, "&&") {
		return "!(" + test + ")"
	}
	for _, r := range [][2]string{{" >= ", " < "}, {" <= ", " > "}, {" == ", " != "}} {
		if a, b, ok := strings.Cut(test, r[0]); ok {
			return a + r[1] + b
		}
	}
	return "!(" + test + ")"
}

func (e *emitter) writeTags(s *structure, tagged []*field) {
	if len(tagged) == 0 {
		e.line("w.NoTags()")
		return
	}
	ctx := s.within.within(e.m.flexible)
	e.line("t := w.BeginTags()")
	for _, f := range tagged {
		test := e.differs(f, false)
		if c := f.in.test(ctx); c != "true" {
			test = c + " && " + test
		}
		e.line("if %s {\nat := w.BeginTag(&t, %d)\n%s\nw.EndTag(at)\n}", test, f.tag, e.write(f, true))
	}
	e.line("w.EndTags(t)")
}

// write returns the statement that writes f.
func (e *emitter) write(f *field, tagged bool) string {
	x, ctx := "m."+f.name, f.in
	flex, null := e.flexible(f, ctx), f.null.test(ctx)
	switch e.class(f) {
	case "prim":
		return fmt.Sprintf("w.%s(%s)", primWire[f.typ].method, x)
	case "string":
		return fmt.Sprintf("w.String(%s, %s)", x, flex)
	case "nullstring":
		return fmt.Sprintf("w.NullString(%s, %s, %s)", x, flex, null)
	case "bytes":
		return fmt.Sprintf("w.Bytes(%s, %s, %s)", x, flex, null)
	case "payload":
		return fmt.Sprintf("w.Payload(%s, %s, %s)", x, flex, null)
	case "pointer":
		return fmt.Sprintf("w.Present(%s != nil, %t)\nif %s != nil {\n%s.encode(w, v)\n}", x, tagged, x, x)
	case "struct":
		return x + ".encode(w, v)"
	}
	if f.st == nil {
		return fmt.Sprintf("w.%s(%s, %s, %s)", arrayMethod(f), x, flex, null)
	}
	isNull := "false"
	if !f.null.empty() {
		isNull = x + " == nil"
	}
	return fmt.Sprintf("w.Count(len(%s), %s, %s, %s)\nfor i := range %s {\n%s[i].encode(w, v)\n}", x, isNull, flex, null, x, x)
}

func arrayMethod(f *field) string {
	if f.typ == "string" {
		return "Strings"
	}
	return primWire[f.typ].method + "s"
}
