// Package clockbound says what time it is and how far wrong that can be. It reads the shared-memory segment that the
// ClockBound daemon writes, of either layout, and needs nothing but the standard library.
//
// One Clock serves any number of goroutines. An answer takes no lock, allocates nothing unless the daemon has published
// since the last one, and makes one system call, for CLOCK_MONOTONIC.
//
// Each file has one step from the segment to the interval: segment.go opens and maps, snapshot.go copies, clocks.go reads
// the clocks, interval.go computes, vmclock.go finds disruptions, and this file puts them together.
package clockbound

import (
	"sync/atomic"
	"time"
)

// Clock is an open segment. It is made by Open.
type Clock struct {
	path        string
	vmclockPath string
	opened      time.Time

	segment atomic.Pointer[segment]
	page    atomic.Pointer[page]
	// last is the last good snapshot. What it points to never changes.
	last atomic.Pointer[snapshot]
	// When each path may be looked at again, in nanoseconds since opened.
	nextSegmentNS, nextPageNS atomic.Int64
}

// Options says what Open opens. The zero value means the usual files.
type Options struct {
	SegmentPath string // of either layout; empty: DefaultSegmentPath
	VMClockPath string // used where the segment says so; empty: DefaultVMClockPath
}

// Open opens the segment, and the VMClock page if the segment asks for it. It never blocks. The error is an *Error.
func Open(options Options) (*Clock, error) {
	clock := &Clock{path: options.SegmentPath, vmclockPath: options.VMClockPath, opened: time.Now()}
	if clock.path == "" {
		clock.path = DefaultSegmentPath
	}
	if clock.vmclockPath == "" {
		clock.vmclockPath = DefaultVMClockPath
	}
	segment, err := openSegment(clock.path)
	if err != nil {
		return nil, err
	}
	clock.segment.Store(segment)
	// A segment in an update is opened all the same: the update will end, and now says so where it doesn't.
	if seen, err := clock.snapshot(); err == nil && seen.disruptionSupport {
		page, err := openPage(clock.vmclockPath)
		if err != nil {
			return nil, err
		}
		clock.page.Store(page)
	}
	return clock, nil
}

// Close ends the use of the segment. Calls that are being answered in other goroutines are answered; later ones get
// os.ErrClosed. The memory is unmapped when the garbage collector finds that nobody reads it any more.
func (clock *Clock) Close() error {
	clock.segment.Store(nil)
	clock.page.Store(nil)
	return nil
}

// Now returns the interval that contains true time, and how far it can be relied on: look at the status before you use it.
// The error is an *Error, or os.ErrClosed.
func (clock *Clock) Now() (Interval, error) {
	return clock.now(readClocks)
}

// NowAt is Now as if CLOCK_REALTIME and CLOCK_MONOTONIC had shown these readings, for tests.
func (clock *Clock) NowAt(realtimeNS, monotonicNS int64) (Interval, error) {
	return clock.now(func() (int64, int64, error) { return realtimeNS, monotonicNS, nil })
}

// After says whether true time is certainly after the instant, in nanoseconds since 1970. False means that it isn't
// certain. It is an error unless the status is Synchronized or FreeRunning: a *NotTrustedError, or what Now returns.
func (clock *Clock) After(instantNS int64) (bool, error) {
	interval, err := clock.trusted()
	return err == nil && instantNS < interval.EarliestNS, err
}

// Before says whether true time is certainly before the instant; otherwise it is like After.
func (clock *Clock) Before(instantNS int64) (bool, error) {
	interval, err := clock.trusted()
	return err == nil && interval.LatestNS < instantNS, err
}

func (clock *Clock) trusted() (Interval, error) {
	interval, err := clock.Now()
	if err != nil {
		return Interval{}, err
	}
	if interval.Status != Synchronized && interval.Status != FreeRunning {
		return Interval{}, &NotTrustedError{Path: clock.path, Status: interval.Status}
	}
	return interval, nil
}

// now answers, and answers anew where the path names another file by now.
func (clock *Clock) now(read func() (realtimeNS, monotonicNS int64, err error)) (Interval, error) {
	interval, isFresh, err := clock.answer(read)
	// Without an interval there is no age, and the file may be one that nobody writes any more.
	if !isFresh && clock.reopen() {
		interval, _, err = clock.answer(read)
	}
	return interval, err
}

// answer takes a snapshot and then reads the clocks, in this order, so that a delay in between widens the interval. It says
// whether the snapshot is so young that its file is certainly in use.
func (clock *Clock) answer(
	read func() (realtimeNS, monotonicNS int64, err error),
) (interval Interval, isFresh bool, err error) {
	seen, err := clock.snapshot()
	if err != nil {
		return Interval{}, false, err
	}
	realtimeNS, monotonicNS, err := read()
	if err != nil {
		return Interval{}, false, &Error{Kind: Syscall, Path: clock.path, Detail: "CLOCK_MONOTONIC", Err: err}
	}
	interval, elapsedNS, fault := intervalAt(seen, realtimeNS, monotonicNS)
	if fault != nil {
		return Interval{}, false, &Error{Kind: fault.kind, Path: clock.path, Detail: fault.detail}
	}
	if seen.disruptionSupport && clock.isDisrupted(seen) {
		interval.Status = Unknown
	}
	return interval, elapsedNS <= graceNS, nil
}

// reopen moves to the file that the path names now, if that is another one than ours and it opens. It looks at most
// once a second, for all goroutines together, and says whether it has moved.
func (clock *Clock) reopen() bool {
	old := clock.segment.Load()
	if old == nil || !clock.mayLook(&clock.nextSegmentNS) || old.isAt(clock.path) {
		return false
	}
	fresh, err := openSegment(clock.path)
	if err != nil {
		return false // what we have says itself how good it is
	}
	return clock.segment.CompareAndSwap(old, fresh) // false where Close came between
}

// isDisrupted says whether the VMClock page knows of a disruption that the snapshot doesn't, or can't be read.
func (clock *Clock) isDisrupted(seen *snapshot) bool {
	known := clock.page.Load()
	if known == nil {
		// Support came on after Open.
		if !clock.mayLook(&clock.nextPageNS) {
			return true
		}
		fresh, err := openPage(clock.vmclockPath)
		if err != nil {
			return true
		}
		clock.page.CompareAndSwap(nil, fresh)
		known = fresh
	}
	marker, ok := known.marker()
	return !ok || marker != seen.disruptionMarker
}

// mayLook says yes once a second. The second is one of real time, which readings given to NowAt don't tell.
func (clock *Clock) mayLook(nextNS *atomic.Int64) bool {
	nowNS, dueNS := int64(time.Since(clock.opened)), nextNS.Load()
	return nowNS >= dueNS && nextNS.CompareAndSwap(dueNS, nowNS+reopenIntervalNS)
}
