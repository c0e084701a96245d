package clockbound

import (
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// snapshot is a copy of a segment's record that was certainly not taken in the middle of an update. What layout 1 lacks
// is 0 here. Nothing is checked yet.
type snapshot struct {
	version           uint16
	asOfSec           int64
	asOfNsec          int64
	voidAfterSec      int64
	voidAfterNsec     int64
	boundNS           int64
	maxDriftPPB       uint32
	clockStatus       int32
	disruptionMarker  uint64
	disruptionSupport bool
}

// snapshot returns the record as it is now; where the writer is at work in all attempts, or died at it, the last good one of
// this Clock; and an error where there is none. It never waits.
func (clock *Clock) snapshot() (*snapshot, error) {
	for attempt := 0; attempt < readAttemptsCount; attempt++ {
		// last is loaded before segment and record, so that whoever puts a snapshot in its place has copied that later
		// than the one that was there, and the last good snapshot never goes back.
		last := clock.last.Load()
		from := clock.segment.Load()
		if from == nil {
			return nil, os.ErrClosed
		}
		seen, ok := from.copy()
		if !ok {
			continue
		}
		if kept := clock.remember(last, seen); kept != nil {
			return kept, nil
		}
	}
	if last := clock.last.Load(); last != nil {
		return last, nil
	}
	return nil, &Error{
		Kind:   SegmentNotInitialized,
		Path:   clock.path,
		Detail: "in an update all the time; has the daemon died in it?",
	}
}

// remember makes seen the last good snapshot in place of last, and returns where it is kept; nil, where another goroutine
// has put one there meanwhile, which may be newer.
func (clock *Clock) remember(last *snapshot, seen snapshot) *snapshot {
	if last != nil && *last == seen {
		return last // nothing new, and nothing to allocate
	}
	kept := new(snapshot)
	*kept = seen
	if !clock.last.CompareAndSwap(last, kept) {
		return nil
	}
	return kept
}

// copy makes one attempt at a snapshot.
//
// ORDERING: the writer makes the generation odd, writes the record, and makes the generation even. Go's atomic loads are
// sequentially consistent, so none of those below is moved across another, by the compiler or the processor. If one of
// the body's words comes from an update that began after the first load, the last load therefore sees that update's odd
// generation, or a later one. All of them have to be atomic for that: an ordinary load may be moved.
func (segment *segment) copy() (snapshot, bool) {
	before := atomic.LoadUint32(segment.state)
	now := *(*state)(unsafe.Pointer(&before))
	if now.generation == 0 || now.generation%2 != 0 || now.version != segment.version {
		return snapshot{}, false
	}
	var words [unsafe.Sizeof(body2{}) / 8]uint64
	for i := range segment.body {
		words[i] = atomic.LoadUint64(&segment.body[i])
	}
	after := atomic.LoadUint32(segment.state)
	runtime.KeepAlive(segment) // it stays mapped until here
	if after != before {
		return snapshot{}, false
	}
	if segment.version == 1 {
		body := (*body1)(unsafe.Pointer(&words))
		return snapshot{
			version:       1,
			asOfSec:       body.asOfSec,
			asOfNsec:      body.asOfNsec,
			voidAfterSec:  body.voidAfterSec,
			voidAfterNsec: body.voidAfterNsec,
			boundNS:       body.boundNS,
			maxDriftPPB:   body.maxDriftPPB,
			clockStatus:   body.clockStatus,
		}, true
	}
	body := (*body2)(unsafe.Pointer(&words))
	return snapshot{
		version:           2,
		asOfSec:           body.asOfSec,
		asOfNsec:          body.asOfNsec,
		voidAfterSec:      body.voidAfterSec,
		voidAfterNsec:     body.voidAfterNsec,
		boundNS:           body.boundNS,
		maxDriftPPB:       body.maxDriftPPB,
		clockStatus:       body.clockStatus,
		disruptionMarker:  body.disruptionMarker,
		disruptionSupport: body.disruptionSupport != 0,
	}, true
}
