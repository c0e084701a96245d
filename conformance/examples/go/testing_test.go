package clockbound

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"unsafe"
)

// memoryBytes is a segment of layout 2 in memory, as aligned as a mapping is.
type memoryBytes [10]uint64

func (memory *memoryBytes) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(memory)), unsafe.Sizeof(*memory))
}

// newMemory returns a segment of layout 2 with this generation and body.
func newMemory(generation uint16, body body2) *memoryBytes {
	memory := new(memoryBytes)
	*(*header)(unsafe.Pointer(memory)) = header{
		magic:       [2]uint32{magic0, magic1},
		segmentSize: uint32(unsafe.Sizeof(*memory)),
		state:       state{2, generation},
	}
	*(*body2)(unsafe.Pointer(&memory[headerBytes/8])) = body
	return memory
}

// setGeneration stores as a writer does.
func (memory *memoryBytes) setGeneration(generation uint16) {
	now := state{2, generation}
	place := (*uint32)(unsafe.Pointer(&(*header)(unsafe.Pointer(memory)).state))
	atomic.StoreUint32(place, *(*uint32)(unsafe.Pointer(&now)))
}

// clockOn returns a Clock on memory instead of a file.
func clockOn(t *testing.T, memory *memoryBytes) *Clock {
	t.Helper()
	found, kind, detail := newSegment(memory.bytes(), int64(unsafe.Sizeof(*memory)))
	if found == nil {
		t.Fatal(kind, detail)
	}
	clock := &Clock{path: "memory"}
	clock.segment.Store(found)
	return clock
}

// fresh is a synchronised record whose bound was 1,000,000 ns at 1000 s.
func fresh() body2 {
	return body2{
		asOfSec: 1000, voidAfterSec: 2000, boundNS: 1_000_000, maxDriftPPB: 50_000, clockStatus: int32(Synchronized),
	}
}

// page returns the bytes of a VMClock page.
func pageBytes(sequence uint32, marker uint64) []byte {
	bytes := make([]byte, vmclockBytes)
	binary.LittleEndian.PutUint32(bytes[vmclockMagicAt:], vmclockMagic)
	binary.LittleEndian.PutUint32(bytes[vmclockSizeAt:], vmclockBytes)
	binary.LittleEndian.PutUint16(bytes[vmclockVersionAt:], vmclockVersion)
	binary.LittleEndian.PutUint32(bytes[vmclockSeqAt:], sequence)
	binary.LittleEndian.PutUint64(bytes[vmclockMarkerAt:], marker)
	return bytes
}

// put replaces the file at path by one with these bytes, as a daemon would.
func put(t *testing.T, path string, bytes []byte) string {
	t.Helper()
	if err := os.WriteFile(path+".new", bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// openOn opens a Clock on a file with these bytes.
func openOn(t *testing.T, bytes []byte) (*Clock, string) {
	t.Helper()
	path := put(t, filepath.Join(t.TempDir(), "shm0"), bytes)
	clock, err := Open(Options{SegmentPath: path, VMClockPath: filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = clock.Close() })
	return clock, path
}
