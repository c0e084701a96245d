package clockbound

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
)

// numbered is a record whose fields all follow from one number.
func numbered(number int64) body2 {
	return body2{
		asOfSec:           number,
		asOfNsec:          number ^ 0x5555,
		voidAfterSec:      -number,
		voidAfterNsec:     number * 3,
		boundNS:           number << 20,
		disruptionMarker:  ^uint64(number),
		maxDriftPPB:       uint32(number),
		clockStatus:       int32(-number),
		disruptionSupport: 1,
	}
}

func isWhole(seen *snapshot) bool {
	body := numbered(seen.asOfSec)
	return *seen == snapshot{
		version:           2,
		asOfSec:           body.asOfSec,
		asOfNsec:          body.asOfNsec,
		voidAfterSec:      body.voidAfterSec,
		voidAfterNsec:     body.voidAfterNsec,
		boundNS:           body.boundNS,
		maxDriftPPB:       body.maxDriftPPB,
		clockStatus:       body.clockStatus,
		disruptionMarker:  body.disruptionMarker,
		disruptionSupport: true,
	}
}

// A writer at full speed, and readers that share one Clock: no snapshot is torn, and for no reader time goes back.
func TestSnapshotsAreWholeAndNeverGoBack(t *testing.T) {
	const (
		readersCount   = 4
		readsCount     = 20_000
		restsCount     = 50
		differentCount = 100
		deadline       = 60 * time.Second
	)
	memory := newMemory(2, numbered(1))
	clock := clockOn(t, memory)
	var stop atomic.Bool
	var writer, readers sync.WaitGroup
	writer.Add(1)
	go func() {
		defer writer.Done()
		generation := uint16(2)
		for number := int64(2); !stop.Load(); number++ {
			body := numbered(number)
			words := (*[8]uint64)(unsafe.Pointer(&body))
			memory.setGeneration(generation + 1)
			for i := range words {
				atomic.StoreUint64(&memory[headerBytes/8+i], words[i])
			}
			if generation += 2; generation == 0 {
				generation = 2
			}
			memory.setGeneration(generation)
			for rest := 0; rest < restsCount && !stop.Load(); rest++ { // so that an attempt succeeds about as often as not
			}
		}
	}()
	began := time.Now()
	for reader := 0; reader < readersCount; reader++ {
		readers.Add(1)
		go func() {
			defer readers.Done()
			last, seenCount := int64(0), 0
			for read := 0; read < readsCount || seenCount < differentCount; read++ {
				seen, err := clock.snapshot()
				switch {
				case err != nil:
					t.Errorf("read %d: %v", read, err)
				case !isWhole(seen):
					t.Errorf("read %d is torn: %+v", read, *seen)
				case seen.asOfSec < last:
					t.Errorf("read %d went back from %d to %d", read, last, seen.asOfSec)
				case time.Since(began) > deadline:
					t.Errorf("only %d different snapshots in %d reads; this proves nothing", seenCount, read)
				default:
					if seen.asOfSec > last {
						last = seen.asOfSec
						seenCount++
					}
					continue
				}
				return
			}
		}()
	}
	readers.Wait()
	stop.Store(true)
	writer.Wait()
}

func TestLastGoodSnapshotServesWhileAnUpdateLasts(t *testing.T) {
	memory := newMemory(3, numbered(7))
	clock := clockOn(t, memory)
	if _, err := clock.snapshot(); !errors.Is(err, SegmentNotInitialized) {
		t.Fatalf("a snapshot of half an update: %v", err)
	}
	memory.setGeneration(4)
	good, err := clock.snapshot()
	if err != nil || !isWhole(good) || good.asOfSec != 7 {
		t.Fatalf("%+v, %v", good, err)
	}
	for _, generation := range []uint16{5, 0, 65535} {
		memory.setGeneration(generation)
		memory[headerBytes/8] = 8 // of another record
		if seen, err := clock.snapshot(); err != nil || *seen != *good {
			t.Errorf("generation %d: %+v, %v", generation, seen, err)
		}
	}
}

func TestAGoroutineThatWasHeldUpPutsNothingOverANewerSnapshot(t *testing.T) {
	clock := clockOn(t, newMemory(2, numbered(7)))
	before := clock.last.Load()
	newer, err := clock.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if kept := clock.remember(before, snapshot{asOfSec: 6}); kept != nil || clock.last.Load() != newer {
		t.Errorf("kept %+v; the last is %+v, not %+v", kept, clock.last.Load(), newer)
	}
	if kept := clock.remember(newer, *newer); kept != newer {
		t.Errorf("what is known already was kept once more: %p, %p", kept, newer)
	}
}
