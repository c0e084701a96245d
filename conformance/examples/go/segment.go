package clockbound

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// segment is a mapped file of either layout. Its memory is unmapped when the garbage collector finds that nobody reads
// it any more, so that no goroutine ever loads from memory that another one has given back.
type segment struct {
	memory  []byte
	version uint16
	state   *uint32  // version and generation
	body    []uint64 // what follows the header
	device  uint64
	inode   uint64
}

// openSegment opens, maps and checks the file at path. The error is an *Error.
func openSegment(path string) (*segment, error) {
	memory, stat, err := mapFile(path, headerBytes, headerBytes+int64(unsafe.Sizeof(body2{})))
	if err != nil {
		return nil, err
	}
	found, kind, detail := newSegment(memory, stat.Size)
	if found == nil {
		_ = syscall.Munmap(memory)
		return nil, &Error{Kind: kind, Path: path, Detail: detail}
	}
	found.device, found.inode = uint64(stat.Dev), stat.Ino // a device has 32 bits on some processors
	runtime.SetFinalizer(found, func(unused *segment) { _ = syscall.Munmap(unused.memory) })
	return found, nil
}

// newSegment checks the header in memory, of a file of so many bytes. memory may end before the file does, and is at
// least as long as a header. Where something is wrong it returns nil, and what.
func newSegment(memory []byte, fileBytes int64) (*segment, Kind, string) {
	head := (*header)(unsafe.Pointer(&memory[0]))
	word := (*uint32)(unsafe.Pointer(&head.state))
	now := loadState(word)
	bodyBytes := int64(0)
	switch {
	case head.magic != [2]uint32{magic0, magic1}:
		return nil, SegmentNotInitialized, fmt.Sprintf("the magic is %#x; this is no segment", head.magic)
	case now.version == 0 || now.generation == 0:
		return nil, SegmentNotInitialized, "never written; is the daemon running?"
	case now.version == 1:
		bodyBytes = int64(unsafe.Sizeof(body1{}))
	case now.version == 2:
		bodyBytes = int64(unsafe.Sizeof(body2{}))
	default:
		return nil, SegmentVersionNotSupported, fmt.Sprintf("version %d; this reader knows 1 and 2", now.version)
	}
	size := int64(head.segmentSize)
	if size < headerBytes+bodyBytes {
		return nil, SegmentMalformed, fmt.Sprintf("segment_size %d, below %d", size, headerBytes+bodyBytes)
	}
	// A load from beyond the end of the file would end the process.
	if fileBytes < size {
		return nil, SegmentMalformed, fmt.Sprintf("%d bytes long, and segment_size %d", fileBytes, size)
	}
	return &segment{
		memory:  memory,
		version: now.version,
		state:   word,
		body:    unsafe.Slice((*uint64)(unsafe.Pointer(&memory[headerBytes])), bodyBytes/8),
	}, 0, ""
}

func loadState(word *uint32) state {
	now := atomic.LoadUint32(word)
	return *(*state)(unsafe.Pointer(&now))
}

// isAt says whether path still names this file. Its inode can't be another file's as long as it is mapped.
func (segment *segment) isAt(path string) bool {
	var stat syscall.Stat_t
	err := syscall.Stat(path, &stat)
	return err != nil || uint64(stat.Dev) == segment.device && stat.Ino == segment.inode
}

// mapFile maps the beginning of a file, or device, for reading: at most so many bytes, and never more than the file has.
// The error is an *Error.
func mapFile(path string, leastBytes, mostBytes int64) ([]byte, *syscall.Stat_t, error) {
	refused := func(what string, err error) ([]byte, *syscall.Stat_t, error) {
		return nil, nil, &Error{Kind: Syscall, Path: path, Detail: what, Err: err}
	}
	// Without O_NONBLOCK a pipe in the file's place would block until somebody writes to it.
	file, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	for err == syscall.EINTR {
		file, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	}
	if err != nil {
		return refused("open", err)
	}
	defer syscall.Close(file)
	var stat syscall.Stat_t
	if err := syscall.Fstat(file, &stat); err != nil {
		return refused("fstat", err)
	}
	if stat.Mode&syscall.S_IFMT == syscall.S_IFCHR {
		stat.Size = int64(syscall.Getpagesize()) // a device has no length of its own
	}
	if stat.Size < leastBytes {
		detail := fmt.Sprintf("%d bytes long; at least %d are needed", stat.Size, leastBytes)
		return nil, nil, &Error{Kind: SegmentNotInitialized, Path: path, Detail: detail}
	}
	if mostBytes > stat.Size {
		mostBytes = stat.Size
	}
	memory, err := syscall.Mmap(file, 0, int(mostBytes), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return refused("mmap", err)
	}
	return memory, &stat, nil
}
