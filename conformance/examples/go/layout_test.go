package clockbound

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// spec is spec/layout.json, as far as it is needed.
type spec struct {
	Layouts map[string]struct {
		SizeBytes uintptr `json:"size_bytes"`
		Fields    []struct {
			Name        string
			OffsetBytes uintptr `json:"offset_bytes"`
			SizeBytes   uintptr `json:"size_bytes"`
			Valid       struct {
				Kind  string
				Value json.RawMessage
			}
		}
	}
	Limits       map[string]struct{ Value json.RawMessage }
	Paths        map[string]struct{ Value string }
	Enumerations map[string]struct {
		Members []struct {
			Name  string
			Value int
		}
	}
}

func readSpec(t *testing.T) spec {
	t.Helper()
	path := os.Getenv("CLOCKBOUND_LAYOUT_JSON")
	if path == "" {
		path = filepath.Join("..", "..", "..", "spec", "layout.json")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; name the file that came with the conformance suite in CLOCKBOUND_LAYOUT_JSON", err)
	}
	var found spec
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return found
}

// fields returns the offset and size of each field of a struct that lies at base, by its name in layout.json.
func fields(base uintptr, kind reflect.Type) map[string][2]uintptr {
	renamed := map[string]string{"BoundNS": "bound_ns", "DisruptionSupport": "clock_disruption_support_enabled"}
	found := map[string][2]uintptr{}
	for i := 0; i < kind.NumField(); i++ {
		field := kind.Field(i)
		switch {
		case field.Name == "_":
		case field.Type.Kind() == reflect.Struct:
			for name, place := range fields(base+field.Offset, field.Type) {
				found[name] = place
			}
		default:
			title := strings.ToUpper(field.Name[:1]) + field.Name[1:]
			name, ok := renamed[title]
			if !ok {
				name = snake(title)
			}
			found[name] = [2]uintptr{base + field.Offset, field.Type.Size()}
		}
	}
	return found
}

// snake returns max_drift_ppb for MaxDriftPPB.
func snake(title string) string {
	text := strings.ReplaceAll(title, "PPB", "Ppb")
	var out strings.Builder
	for i, letter := range text {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			out.WriteByte('_')
		}
		out.WriteRune(letter)
	}
	return strings.ToLower(out.String())
}

func TestSegmentLayoutsAreThoseOfTheSpec(t *testing.T) {
	found := readSpec(t)
	for name, body := range map[string]reflect.Type{
		"segment_v1": reflect.TypeOf(body1{}),
		"segment_v2": reflect.TypeOf(body2{}),
	} {
		layout := found.Layouts[name]
		ours := fields(0, reflect.TypeOf(header{}))
		for field, place := range fields(headerBytes, body) {
			ours[field] = place
		}
		if size := headerBytes + body.Size(); size != layout.SizeBytes {
			t.Errorf("%s has %d bytes, ours has %d", name, layout.SizeBytes, size)
		}
		count := 0
		for _, field := range layout.Fields {
			if field.Valid.Kind == "reserved" {
				continue
			}
			count++
			if ours[field.Name] != [2]uintptr{field.OffsetBytes, field.SizeBytes} {
				t.Errorf("%s: %s is at %d and has %d bytes; ours: %v",
					name, field.Name, field.OffsetBytes, field.SizeBytes, ours[field.Name])
			}
		}
		if count != len(ours) || count == 0 {
			t.Errorf("%s has %d fields, ours has %d", name, count, len(ours))
		}
	}
	if size := unsafe.Sizeof(header{}); size != headerBytes {
		t.Errorf("a header has %d bytes", size)
	}
}

func TestVMClockLayoutIsThatOfTheSpec(t *testing.T) {
	layout := readSpec(t).Layouts["vmclock"]
	if layout.SizeBytes != vmclockBytes {
		t.Errorf("the page has %d bytes", layout.SizeBytes)
	}
	ours := map[string]uintptr{
		"magic":             vmclockMagicAt,
		"size":              vmclockSizeAt,
		"version":           vmclockVersionAt,
		"seq_count":         vmclockSeqAt,
		"disruption_marker": vmclockMarkerAt,
	}
	constants := map[string]string{"magic": strconv.Itoa(vmclockMagic), "version": strconv.Itoa(vmclockVersion)}
	for _, field := range layout.Fields {
		if at, ok := ours[field.Name]; ok {
			delete(ours, field.Name)
			if at != field.OffsetBytes {
				t.Errorf("%s is at %d, not %d", field.Name, field.OffsetBytes, at)
			}
		}
		if want, ok := constants[field.Name]; ok && want != string(field.Valid.Value) {
			t.Errorf("%s is %s, not %s", field.Name, field.Valid.Value, want)
		}
	}
	if len(ours) > 0 {
		t.Errorf("the spec has no %v", ours)
	}
}

func TestNumbersAndWordsAreThoseOfTheSpec(t *testing.T) {
	found := readSpec(t)
	for name, ours := range map[string]int64{
		"NANOSECONDS_PER_SECOND": nanosecondsPerSecond,
		"GRACE_NS":               graceNS,
		"CAUSALITY_TOLERANCE_NS": causalityToleranceNS,
		"DRIFT_LIMIT_PPB":        driftLimitPPB,
		"READ_ATTEMPTS_COUNT":    readAttemptsCount,
		"REOPEN_INTERVAL_NS":     reopenIntervalNS,
	} {
		if want := string(found.Limits[name].Value); want != strconv.FormatInt(ours, 10) {
			t.Errorf("%s is %s, not %d", name, want, ours)
		}
	}
	for name, ours := range map[string]string{
		"DEFAULT_SEGMENT_V2_PATH": DefaultSegmentPath,
		"DEFAULT_VMCLOCK_PATH":    DefaultVMClockPath,
	} {
		if want := found.Paths[name].Value; want != ours {
			t.Errorf("%s is %q, not %q", name, want, ours)
		}
	}
	for name, ours := range map[string][]string{"ClockStatus": statusNames[:], "ErrorKind": kindNames[:]} {
		members := found.Enumerations[name].Members
		if len(members) != len(ours) {
			t.Errorf("%s has %d members, not %d", name, len(members), len(ours))
			continue
		}
		for _, member := range members {
			if ours[member.Value] != member.Name {
				t.Errorf("%s %d is %s, not %s", name, member.Value, member.Name, ours[member.Value])
			}
		}
	}
	for _, field := range found.Layouts["segment_v2"].Fields {
		var want [2]uint32
		if field.Name != "magic" {
			continue
		}
		if err := json.Unmarshal(field.Valid.Value, &want); err != nil || want != [2]uint32{magic0, magic1} {
			t.Errorf("the magic is %#x (%v)", want, err)
		}
	}
}
