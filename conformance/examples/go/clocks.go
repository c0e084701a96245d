package clockbound

import (
	"syscall"
	"time"
	"unsafe"
)

const clockMonotonic = 1

// readClocks reads CLOCK_REALTIME, and then CLOCK_MONOTONIC, so that a delay in between counts as age.
//
// Go's time.Time has a monotonic reading too, but it counts from the start of the process and can't be taken out, and as_of
// is an instant of CLOCK_MONOTONIC itself. The runtime doesn't give its way to the vDSO to others, so this is a real
// system call. CLOCK_REALTIME comes from the runtime, without one.
func readClocks() (realtimeNS, monotonicNS int64, err error) {
	realtimeNS = time.Now().UnixNano()
	var monotonic syscall.Timespec
	_, _, errno := syscall.RawSyscall(
		syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&monotonic)), 0)
	if errno != 0 {
		return 0, 0, errno
	}
	return realtimeNS, monotonic.Nano(), nil
}
