package clockbound

import (
	"math"
	"testing"
	"time"
)

const realtimeNS = 1_767_225_600_123_456_789 // 2026-01-01 00:00:00.123456789 UTC

// The example of the ClockBound documentation, page "The error bound", which was calculated by hand.
func TestWorkedExample(t *testing.T) {
	seen := snapshot{
		version: 2, asOfSec: 1000, voidAfterSec: 2000, boundNS: 253_056, maxDriftPPB: 50_000, clockStatus: int32(Synchronized),
	}
	got, elapsedNS, wrong := intervalAt(&seen, realtimeNS, 1_002_345_678_901)
	if want := (Interval{1767225600123086449, 1767225600123827129, Synchronized}); got != want || wrong != nil {
		t.Errorf("%+v, %+v; want %+v", got, wrong, want)
	}
	if elapsedNS != 2_345_678_901 {
		t.Errorf("an age of %d ns", elapsedNS)
	}
	if text := got.Latest().UTC().Format(time.RFC3339Nano); text != "2026-01-01T00:00:00.123827129Z" {
		t.Error(text)
	}
}

func TestSumKnowsWhenItOverflows(t *testing.T) {
	const most, least = math.MaxInt64, math.MinInt64
	for _, each := range []struct {
		a, b int64
		sign int
		want int64
		ok   bool
	}{
		{1, 2, +1, 3, true},
		{1, 2, -1, -1, true},
		{5, 0, +1, 5, true},
		{5, 0, -1, 5, true},
		{most, 0, +1, most, true},
		{most - 1, 1, +1, most, true},
		{most, 1, +1, 0, false},
		{most, most, +1, 0, false},
		{least, -1, +1, 0, false},
		{least, most, +1, -1, true},
		{least, 1, -1, 0, false},
		{0, least, -1, 0, false},
		{-1, least, -1, most, true},
		{most, -1, -1, 0, false},
		{least, least, -1, 0, true},
	} {
		got, ok := sum(each.a, each.b, each.sign)
		if ok != each.ok || ok && got != each.want {
			t.Errorf("%d %+d * %d: %d, %t", each.a, each.sign, each.b, got, ok)
		}
	}
}

func TestOneIntervalPrecedesAnotherOnlyWithoutOverlap(t *testing.T) {
	first := Interval{EarliestNS: 0, LatestNS: 10}
	if !first.Precedes(Interval{EarliestNS: 11, LatestNS: 12}) {
		t.Error("it ends before the other begins")
	}
	if first.Precedes(Interval{EarliestNS: 10, LatestNS: 12}) || first.Precedes(first) {
		t.Error("they overlap")
	}
}
