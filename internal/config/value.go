package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// value is a parsed value; which field holds it depends on the type of its definition.
type value struct {
	null   bool
	text   string // canonical; set for every type
	yes    bool
	number int64
	real   float64
	list   []string
}

// javaSpace is what Java's String.trim removes: every character up to the space.
func javaSpace(r rune) bool { return r <= ' ' }

// parse reads text as the type of d and applies its check. The error says what is allowed, without name and value,
// which the caller knows better where to put.
func (d *Definition) parse(text string) (value, error) {
	v, err := parseType(d.Type, strings.TrimFunc(text, javaSpace))
	if err != nil {
		if d.Check.allowed != "" {
			return value{}, errors.New(err.Error() + " (" + d.Check.allowed + ")")
		}
		return value{}, err
	}
	if d.Check.ok != nil && !d.Check.ok(v) {
		return value{}, errors.New("must be " + d.Check.allowed)
	}
	return v, nil
}

// fallback is the default of d, parsed. A default that does not parse is a bug of the table.
func (d *Definition) fallback() value {
	if d.Null {
		return value{null: true}
	}
	v, err := d.parse(d.Default)
	if err != nil {
		panic("BUG: default of " + d.Name + ": " + err.Error())
	}
	return v
}

func parseType(t Type, text string) (value, error) {
	switch t {
	case Boolean:
		switch {
		case strings.EqualFold(text, "true"):
			return value{text: "true", yes: true}, nil
		case strings.EqualFold(text, "false"):
			return value{text: "false"}, nil
		}
		return value{}, errors.New("must be true or false")
	case Int:
		return parseNumber(text, 32)
	case Short:
		return parseNumber(text, 16)
	case Long:
		return parseNumber(text, 64)
	case Double:
		return parseReal(text)
	case List:
		if text == "" {
			return value{}, nil
		}
		list := strings.Split(text, ",")
		for i := range list {
			list[i] = strings.TrimFunc(list[i], javaSpace)
		}
		return value{text: strings.Join(list, ","), list: list}, nil
	default:
		return value{text: text}, nil
	}
}

func parseNumber(text string, bits int) (value, error) {
	n, err := strconv.ParseInt(text, 10, bits)
	if errors.Is(err, strconv.ErrRange) {
		least, most := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1
		return value{}, errors.New("must be a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10))
	}
	if err != nil {
		return value{}, errors.New("must be a whole number in digits, without a unit")
	}
	return value{text: strconv.FormatInt(n, 10), number: n}, nil
}

// parseReal takes Java's suffixes d and f, which ParseFloat does not know, and neither NaN nor infinity, which no
// configuration has a use for and which slip through comparisons.
func parseReal(text string) (value, error) {
	digits := strings.TrimRight(text, "dDfF")
	if len(text)-len(digits) > 1 {
		digits = text
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return value{}, errors.New("must be a decimal number such as 0.5")
	}
	return value{text: strconv.FormatFloat(f, 'g', -1, 64), real: f}, nil
}
