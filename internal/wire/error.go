package wire

import (
	"errors"
	"strconv"
)

// Error is an error of the protocol. Values are comparable; the table of them is the protocol's own.
type Error struct {
	// Code is the number that travels.
	Code int16
	// Name is Kafka's name of it, in capitals.
	Name string
	// Retriable says that Kafka's own clients try again.
	Retriable bool
}

// Error returns the name.
func (e Error) Error() string { return e.Name }

// ErrorForCode returns the error of that code. One that the table lacks has the name UNKNOWN_<code> and is not retriable; 0 is ErrNone.
func ErrorForCode(code int16) Error {
	if i := int(code) - int(errorTable[0].Code); i >= 0 && i < len(errorTable) {
		return errorTable[i]
	}
	return Error{Code: code, Name: "UNKNOWN_" + strconv.Itoa(int(code))}
}

// CodeOf returns the code to answer err with: 0 for nil, that of the Error within it, else that of ErrUnknownServerError.
func CodeOf(err error) int16 {
	if err == nil {
		return 0
	}
	var e Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ErrUnknownServerError.Code
}
