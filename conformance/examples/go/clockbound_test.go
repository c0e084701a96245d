package clockbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// justPublished is a record as of this moment.
func justPublished(t testing.TB) body2 {
	t.Helper()
	_, nowNS, err := readClocks()
	if err != nil {
		t.Fatal(err)
	}
	body := fresh()
	body.asOfSec, body.asOfNsec = nowNS/nanosecondsPerSecond, nowNS%nanosecondsPerSecond
	body.voidAfterSec = body.asOfSec + 1000
	return body
}

func TestNowIsAroundTheSystemClock(t *testing.T) {
	clock, _ := openOn(t, newMemory(2, justPublished(t)).bytes())
	before := time.Now().UnixNano()
	interval, err := clock.Now()
	after := time.Now().UnixNano()
	if err != nil || interval.Status != Synchronized {
		t.Fatal(interval, err)
	}
	middle := interval.EarliestNS + (interval.LatestNS-interval.EarliestNS)/2
	if middle < before || after < middle {
		t.Errorf("the middle is %d, between readings of %d and %d", middle, before, after)
	}
	if width := interval.LatestNS - interval.EarliestNS; width < 2_000_000 {
		t.Errorf("%d ns wide", width)
	}
}

func TestQuestionsAreAnsweredOnlyWhenCertain(t *testing.T) {
	clock, _ := openOn(t, newMemory(2, justPublished(t)).bytes())
	nowNS := time.Now().UnixNano()
	for _, each := range []struct {
		instantNS     int64
		after, before bool
	}{
		{nowNS - 3_600_000_000_000, true, false},
		{nowNS + 3_600_000_000_000, false, true},
	} {
		after, err := clock.After(each.instantNS)
		if after != each.after || err != nil {
			t.Error(each, after, err)
		}
		before, err := clock.Before(each.instantNS)
		if before != each.before || err != nil {
			t.Error(each, before, err)
		}
	}
}

func TestQuestionsFailClosed(t *testing.T) {
	for _, status := range []Status{Unknown, Disrupted} {
		body := justPublished(t)
		body.clockStatus = int32(status)
		clock, _ := openOn(t, newMemory(2, body).bytes())
		for _, ask := range []func(int64) (bool, error){clock.After, clock.Before} {
			answer, err := ask(0)
			var refused *NotTrustedError
			if answer || !errors.As(err, &refused) || refused.Status != status {
				t.Error(status, answer, err)
			}
		}
		if interval, err := clock.Now(); interval.Status != status || err != nil {
			t.Error(interval, err)
		}
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	folder := t.TempDir()
	_, err := Open(Options{SegmentPath: filepath.Join(folder, "none")})
	if !errors.Is(err, Syscall) || !errors.Is(err, fs.ErrNotExist) || errors.Is(err, SegmentMalformed) {
		t.Error(err)
	}
	_, err = Open(Options{SegmentPath: folder})
	if !errors.Is(err, Syscall) {
		t.Error(err)
	}
	_, err = Open(Options{SegmentPath: put(t, filepath.Join(folder, "empty"), nil)})
	if !errors.Is(err, SegmentNotInitialized) {
		t.Error(err)
	}
	body := fresh()
	body.disruptionSupport = 1
	path := put(t, filepath.Join(folder, "shm0"), newMemory(2, body).bytes())
	_, err = Open(Options{SegmentPath: path, VMClockPath: filepath.Join(folder, "none")})
	if !errors.Is(err, Syscall) {
		t.Error(err)
	}
}

func TestAReplacedFileIsFollowedAndAnswersAreGivenAfterClose(t *testing.T) {
	clock, path := openOn(t, newMemory(2, fresh()).bytes())
	const realtimeNS, asOfNS = 1_700_000_000_000_000_000, 1_000_000_000_000
	if interval, err := clock.NowAt(realtimeNS, asOfNS); err != nil || interval.EarliestNS != realtimeNS-1_000_000 {
		t.Fatal(interval, err)
	}
	body := fresh()
	body.asOfSec, body.boundNS = 1010, 3
	put(t, path, newMemory(2, body).bytes())
	if interval, err := clock.NowAt(realtimeNS, 1_010_000_000_000); err != nil || interval.EarliestNS != realtimeNS-3 {
		t.Error(interval, err)
	}
	if err := clock.Close(); err != nil {
		t.Error(err)
	}
	if interval, err := clock.Now(); !errors.Is(err, os.ErrClosed) {
		t.Error(interval, err)
	}
}

func TestAMalformedFileIsLeftWhenItIsReplaced(t *testing.T) {
	body := fresh()
	body.asOfNsec = -1
	clock, path := openOn(t, newMemory(2, body).bytes())
	const realtimeNS, asOfNS = 1_700_000_000_000_000_000, 1_000_000_000_000
	clock.nextSegmentNS.Store(1 << 62) // it may not look yet
	if interval, err := clock.NowAt(realtimeNS, asOfNS); !errors.Is(err, SegmentMalformed) {
		t.Fatal(interval, err)
	}
	put(t, path, newMemory(2, fresh()).bytes())
	clock.nextSegmentNS.Store(0)
	if interval, err := clock.NowAt(realtimeNS, asOfNS); err != nil || interval.Status != Synchronized {
		t.Error(interval, err)
	}
}

func TestAPageThatCannotBeReadMakesTheStatusUnknown(t *testing.T) {
	folder := t.TempDir()
	body := fresh()
	body.disruptionSupport, body.disruptionMarker = 1, 9
	options := Options{
		SegmentPath: put(t, filepath.Join(folder, "shm0"), newMemory(2, body).bytes()),
		VMClockPath: put(t, filepath.Join(folder, "vmclock0"), pageBytes(2, 9)),
	}
	clock, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(options.VMClockPath, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, each := range []struct {
		sequence uint32
		marker   uint64
		want     Status
	}{{2, 9, Synchronized}, {3, 9, Unknown}, {4, 10, Unknown}, {6, 9, Synchronized}} {
		if _, err := file.WriteAt(pageBytes(each.sequence, each.marker), 0); err != nil {
			t.Fatal(err)
		}
		if interval, err := clock.NowAt(0, 1_000_000_000_000); interval.Status != each.want || err != nil {
			t.Errorf("%+v: %v, %v", each, interval, err)
		}
	}
}

func TestNowAllocatesNothing(t *testing.T) {
	clock, _ := openOn(t, newMemory(2, justPublished(t)).bytes())
	if _, err := clock.Now(); err != nil {
		t.Fatal(err)
	}
	if count := testing.AllocsPerRun(100, func() { _, _ = clock.Now() }); count != 0 {
		t.Errorf("%g allocations", count)
	}
}

func BenchmarkNow(b *testing.B) {
	path := filepath.Join(b.TempDir(), "shm0")
	if err := os.WriteFile(path, newMemory(2, justPublished(b)).bytes(), 0o644); err != nil {
		b.Fatal(err)
	}
	clock, err := Open(Options{SegmentPath: path})
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < b.N; i++ {
		_, _ = clock.Now()
	}
}
