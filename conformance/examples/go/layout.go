package clockbound

// The bytes, the words and the limits, as spec/layout.json has them; layout_test.go compares.

// Default paths.
const (
	DefaultSegmentPath = "/var/run/clockbound/shm0"
	DefaultVMClockPath = "/dev/vmclock0"
)

const (
	magic0      = 0x414D5A4E
	magic1      = 0x43420200
	headerBytes = 16

	vmclockMagic   = 0x4B4C4356
	vmclockVersion = 1
)

// Limits.
const (
	nanosecondsPerSecond = 1_000_000_000
	graceNS              = 5_000_000_000
	causalityToleranceNS = 1_000
	driftLimitPPB        = 1_000_000_000
	readAttemptsCount    = 1_000
	reopenIntervalNS     = 1_000_000_000
)

// header begins both layouts. Its integers, like those of the bodies, have the machine's byte order.
type header struct {
	magic       [2]uint32
	segmentSize uint32
	state       // version and generation share an aligned 32-bit word, because Go has no atomic loads of 16 bits
}

type state struct {
	version    uint16
	generation uint16
}

// body1 follows the header in layout 1.
type body1 struct {
	asOfSec       int64
	asOfNsec      int64
	voidAfterSec  int64
	voidAfterNsec int64
	boundNS       int64
	maxDriftPPB   uint32
	_             uint32
	clockStatus   int32
	_             [4]byte
}

// body2 follows the header in layout 2.
type body2 struct {
	asOfSec           int64
	asOfNsec          int64
	voidAfterSec      int64
	voidAfterNsec     int64
	boundNS           int64
	disruptionMarker  uint64
	maxDriftPPB       uint32
	clockStatus       int32
	disruptionSupport uint8
	_                 [7]byte
}

// Places in the VMClock page, whose integers are little-endian on every machine.
const (
	vmclockBytes     = 104
	vmclockMagicAt   = 0
	vmclockSizeAt    = 4
	vmclockVersionAt = 8
	vmclockSeqAt     = 12
	vmclockMarkerAt  = 16
)

// Status is how far an interval can be relied on.
type Status int32

// The statuses. Layout 1 has no Disrupted.
const (
	Unknown      Status = 0 // nothing is known; the interval must not be relied on
	Synchronized Status = 1
	FreeRunning  Status = 2 // no corrections come, but the bound holds
	Disrupted    Status = 3 // the clock was disrupted; the interval must not be relied on
)

var statusNames = [...]string{"UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED"}

func (status Status) String() string {
	if status < 0 || int(status) >= len(statusNames) {
		return "INVALID"
	}
	return statusNames[status]
}

// Kind says why there is no interval. It is itself an error, so that errors.Is(err, clockbound.SegmentMalformed) works.
type Kind int

// The kinds of errors.
const (
	Syscall                    Kind = 1 // the system refused something; the Error wraps what it said
	SegmentNotInitialized      Kind = 2
	SegmentMalformed           Kind = 3
	CausalityBreach            Kind = 4 // the segment comes from the future: from another boot, say
	SegmentVersionNotSupported Kind = 5
)

var kindNames = [...]string{
	"NONE",
	"SYSCALL",
	"SEGMENT_NOT_INITIALIZED",
	"SEGMENT_MALFORMED",
	"CAUSALITY_BREACH",
	"SEGMENT_VERSION_NOT_SUPPORTED",
}

func (kind Kind) String() string {
	if kind < 0 || int(kind) >= len(kindNames) {
		return "INVALID"
	}
	return kindNames[kind]
}

func (kind Kind) Error() string { return kind.String() }
