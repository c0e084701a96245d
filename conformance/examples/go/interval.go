package clockbound

import (
	"fmt"
	"math"
	"time"
)

// Interval contains true time, as far as Status says. Both ends are nanoseconds since 1970.
type Interval struct {
	EarliestNS int64
	LatestNS   int64
	Status     Status
}

// Earliest returns the beginning. No nanosecond is lost.
func (interval Interval) Earliest() time.Time { return time.Unix(0, interval.EarliestNS) }

// Latest returns the end. No nanosecond is lost.
func (interval Interval) Latest() time.Time { return time.Unix(0, interval.LatestNS) }

// Precedes says whether what happened in this interval certainly happened before what happened in the other one.
func (interval Interval) Precedes(other Interval) bool { return interval.LatestNS < other.EarliestNS }

// fault is why there is no interval.
type fault struct {
	kind   Kind
	detail string
}

func malformed(format string, values ...any) *fault {
	return &fault{SegmentMalformed, fmt.Sprintf(format, values...)}
}

// intervalAt computes the interval at these readings of CLOCK_REALTIME and CLOCK_MONOTONIC, without what the VMClock page
// may say, and the snapshot's age, which is at least 0. It does nothing else: no clock, no file.
func intervalAt(seen *snapshot, realtimeNS, monotonicNS int64) (interval Interval, elapsedNS int64, wrong *fault) {
	asOfNS, ok := joined(seen.asOfSec, seen.asOfNsec)
	if !ok {
		return Interval{}, 0, malformed("as_of of %d s and %d ns", seen.asOfSec, seen.asOfNsec)
	}
	voidAfterNS, ok := joined(seen.voidAfterSec, seen.voidAfterNsec)
	if !ok {
		return Interval{}, 0, malformed("void_after of %d s and %d ns", seen.voidAfterSec, seen.voidAfterNsec)
	}
	highest := Disrupted
	if seen.version == 1 {
		highest = FreeRunning
	}
	status := Status(seen.clockStatus)
	switch {
	case seen.boundNS < 0:
		return Interval{}, 0, malformed("a bound of %d ns", seen.boundNS)
	case seen.maxDriftPPB >= driftLimitPPB:
		return Interval{}, 0, malformed("a drift of %d ppb", seen.maxDriftPPB)
	case status < Unknown || status > highest:
		return Interval{}, 0, malformed("a status of %d", seen.clockStatus)
	}

	elapsedNS, ok = sum(monotonicNS, asOfNS, -1)
	if monotonicNS < asOfNS && (!ok || elapsedNS <= -causalityToleranceNS) {
		return Interval{}, 0, &fault{CausalityBreach, fmt.Sprintf(
			"as_of is %d ns, CLOCK_MONOTONIC only %d; is the segment from before the last boot?", asOfNS, monotonicNS)}
	}
	if !ok {
		return Interval{}, 0, malformed("as_of of %d ns, when CLOCK_MONOTONIC is %d", asOfNS, monotonicNS)
	}
	if elapsedNS < 0 {
		elapsedNS = 0
	}

	// 1 ppb is 1 ns in a second. Neither product overflows, because the drift is below 10^9, and neither does their sum.
	drift := int64(seen.maxDriftPPB)
	s, ns := elapsedNS/nanosecondsPerSecond, elapsedNS%nanosecondsPerSecond
	growthNS := s*drift + (ns*drift+nanosecondsPerSecond-1)/nanosecondsPerSecond
	boundNS, ok := sum(seen.boundNS, growthNS, +1)
	if !ok {
		return Interval{}, 0, malformed("a bound of %d ns that has grown by %d", seen.boundNS, growthNS)
	}
	earliestNS, earlyOK := sum(realtimeNS, boundNS, -1)
	latestNS, lateOK := sum(realtimeNS, boundNS, +1)
	if !earlyOK || !lateOK {
		return Interval{}, 0, malformed("a bound of %d ns around %d", boundNS, realtimeNS)
	}

	if (status == Synchronized || status == FreeRunning) && elapsedNS >= graceNS {
		status = FreeRunning
		if monotonicNS >= voidAfterNS {
			status = Unknown
		}
	}
	return Interval{earliestNS, latestNS, status}, elapsedNS, nil
}

// joined returns seconds and nanoseconds as nanoseconds, where they are in range.
func joined(sec, nsec int64) (int64, bool) {
	const most = math.MaxInt64 / nanosecondsPerSecond
	if sec < -most || sec > most || nsec < 0 || nsec >= nanosecondsPerSecond {
		return 0, false
	}
	return sum(sec*nanosecondsPerSecond, nsec, +1)
}

// sum returns a + b or a - b, and whether that fits into 64 bits.
func sum(a, b int64, sign int) (int64, bool) {
	if sign < 0 {
		result := a - b
		return result, (result < a) == (b > 0)
	}
	result := a + b
	return result, (result > a) == (b > 0)
}
