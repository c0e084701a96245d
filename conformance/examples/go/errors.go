package clockbound

import "fmt"

// Error is why there is no interval.
type Error struct {
	Kind   Kind
	Path   string // of the segment or the VMClock page
	Detail string // the values, and what to do
	Err    error  // what the system said, where Kind is Syscall
}

func (err *Error) Error() string {
	text := fmt.Sprintf("%s: %s: %s", err.Path, err.Kind, err.Detail)
	if err.Err != nil {
		text += ": " + err.Err.Error()
	}
	return text
}

// Unwrap returns what the system said.
func (err *Error) Unwrap() error { return err.Err }

// Is makes errors.Is(err, kind) true for the error's kind.
func (err *Error) Is(target error) bool { return target == err.Kind }

// NotTrustedError is the error of a question whose answer can't carry the status, where the clock can't be relied on.
type NotTrustedError struct {
	Path   string
	Status Status
}

func (err *NotTrustedError) Error() string {
	return fmt.Sprintf("%s: the clock can't be relied on now: %s", err.Path, err.Status)
}
