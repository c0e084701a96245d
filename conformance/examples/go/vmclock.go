package clockbound

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// page is a mapped VMClock page.
type page struct {
	memory []byte
}

// openPage opens, maps and checks the VMClock page at path. The error is an *Error.
func openPage(path string) (*page, error) {
	memory, stat, err := mapFile(path, vmclockBytes, vmclockBytes)
	if err != nil {
		return nil, err
	}
	magic := binary.LittleEndian.Uint32(memory[vmclockMagicAt:])
	version := binary.LittleEndian.Uint16(memory[vmclockVersionAt:])
	size := int64(binary.LittleEndian.Uint32(memory[vmclockSizeAt:]))
	fault := (*Error)(nil)
	switch {
	case magic != vmclockMagic:
		fault = &Error{Kind: SegmentNotInitialized, Detail: fmt.Sprintf("the magic is %#x; this is no VMClock page", magic)}
	case version != vmclockVersion:
		fault = &Error{Kind: SegmentVersionNotSupported, Detail: fmt.Sprintf("VMClock version %d; this reader knows 1", version)}
	case size < vmclockBytes || size > stat.Size:
		fault = &Error{Kind: SegmentMalformed, Detail: fmt.Sprintf("a VMClock page of %d bytes in %d", size, stat.Size)}
	}
	if fault != nil {
		_ = syscall.Munmap(memory)
		fault.Path = path
		return nil, fault
	}
	found := &page{memory}
	runtime.SetFinalizer(found, func(unused *page) { _ = syscall.Munmap(unused.memory) })
	return found, nil
}

// marker returns the disruption marker, or false where the page is in an update in all attempts. Unlike a generation the
// sequence may be 0.
func (page *page) marker() (uint64, bool) {
	sequence := (*uint32)(unsafe.Pointer(&page.memory[vmclockSeqAt]))
	marker := (*uint64)(unsafe.Pointer(&page.memory[vmclockMarkerAt]))
	for attempt := 0; attempt < readAttemptsCount; attempt++ {
		// ORDERING: as in segment.copy.
		before := atomic.LoadUint32(sequence)
		found := atomic.LoadUint64(marker)
		after := atomic.LoadUint32(sequence)
		if before == after && bytesOf(&before)[0]%2 == 0 {
			runtime.KeepAlive(page) // it stays mapped until here
			return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Pointer(&found))[:]), true
		}
	}
	runtime.KeepAlive(page)
	return 0, false
}

// bytesOf returns the bytes of a word as they lie in memory.
func bytesOf(word *uint32) *[4]byte { return (*[4]byte)(unsafe.Pointer(word)) }
