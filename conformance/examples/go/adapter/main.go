// The adapter lets the conformance suite ask this package: questions come in on standard input and answers go out on standard
// output, one JSON object a line.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"example.com/clockbound"
)

const (
	questionBytes  = 64 * 1024
	runsLimitCount = 500 // in an answer to repeat
)

type question map[string]string

type answer map[string]any

// adapter is what lasts from one question to the next.
type adapter struct {
	forNow      map[string]*clockbound.Clock // one for each path that now was asked for
	watched     *clockbound.Clock
	watchedPath string
	leftCount   int64
}

func main() {
	if err := converse(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func converse() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 2*questionBytes)
	answers := json.NewEncoder(os.Stdout) // it writes each answer at once, with a line feed
	answers.SetEscapeHTML(false)
	asked := adapter{forNow: map[string]*clockbound.Clock{}}
	for lines.Scan() {
		var next question
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			return fmt.Errorf("question %q: %w", lines.Text(), err)
		}
		said := asked.answer(next)
		said["seq"] = next["seq"]
		if err := answers.Encode(said); err != nil {
			return err
		}
		if next["cmd"] == "stop" {
			return nil
		}
	}
	return lines.Err()
}

func (adapter *adapter) answer(asked question) answer {
	switch asked["cmd"] {
	case "hello":
		return answer{
			"type":     "hello",
			"protocol": "1",
			"name":     "clockbound-adapter-go",
			"language": "go",
			"library":  "clockbound (example)",
			"version":  "0",
			"layouts":  []string{"1", "2"},
			"features": []string{"compute", "now", "watch", "repeat"},
		}
	case "compute":
		return adapter.compute(asked)
	case "now":
		return adapter.now(asked)
	case "watch":
		return adapter.watch(asked)
	case "repeat":
		return adapter.repeat(asked)
	case "stop":
		return answer{"type": "stopped"}
	default:
		return unsupported("no command " + asked["cmd"])
	}
}

func (adapter *adapter) compute(asked question) answer {
	realtimeNS, monotonicNS, err := readings(asked)
	if err != nil {
		return unsupported(err.Error())
	}
	clock := adapter.watched
	if clock != nil && asked["segment"] == adapter.watchedPath {
		if adapter.leftCount--; adapter.leftCount == 0 {
			adapter.watched = nil
			defer clock.Close()
		}
	} else {
		if clock, err = open(asked); err != nil {
			return refused(err)
		}
		defer clock.Close()
	}
	return said(clock.NowAt(realtimeNS, monotonicNS))
}

func (adapter *adapter) now(asked question) answer {
	clock, ok := adapter.forNow[asked["segment"]]
	if !ok {
		var err error
		if clock, err = open(asked); err != nil {
			return refused(err)
		}
		adapter.forNow[asked["segment"]] = clock
	}
	return said(clock.Now())
}

func (adapter *adapter) watch(asked question) answer {
	if adapter.watched != nil {
		adapter.watched.Close()
		adapter.watched = nil
	}
	count, err := strconv.ParseInt(asked["count"], 10, 64)
	if err != nil {
		return unsupported(err.Error())
	}
	clock, err := open(asked)
	if err != nil {
		return refused(err)
	}
	adapter.watched, adapter.watchedPath, adapter.leftCount = clock, asked["segment"], count
	return answer{"type": "watching"}
}

// repeat asks so many times in a row, and says only where the answer changed.
func (adapter *adapter) repeat(asked question) answer {
	if adapter.watched == nil || asked["segment"] != adapter.watchedPath {
		return unsupported("repeat is for the path of a watch")
	}
	realtimeNS, monotonicNS, err := readings(asked)
	if err != nil {
		return unsupported(err.Error())
	}
	count, err := strconv.ParseInt(asked["count"], 10, 64)
	if err != nil {
		return unsupported(err.Error())
	}
	type outcome struct {
		interval clockbound.Interval
		kind     clockbound.Kind // 0: there is an interval
	}
	var runs []string
	var before outcome
	runCount := int64(0)
	end := func() {
		text := before.kind.String()
		if before.kind == 0 {
			text = fmt.Sprintf("%d %d %s", before.interval.EarliestNS, before.interval.LatestNS, before.interval.Status)
		}
		runs = append(runs, fmt.Sprintf("%d %s", runCount, text))
		runCount = 0
	}
	for ; count > 0; count-- {
		interval, err := adapter.watched.NowAt(realtimeNS, monotonicNS)
		now := outcome{interval, kindOf(err)}
		if runCount > 0 && now != before {
			if end(); len(runs) == runsLimitCount {
				break // this answer isn't told; the next question asks again
			}
		}
		before = now
		runCount++
	}
	if runCount > 0 {
		end()
	}
	return answer{"type": "repeated", "runs": strings.Join(runs, ",")}
}

func open(asked question) (*clockbound.Clock, error) {
	return clockbound.Open(clockbound.Options{SegmentPath: asked["segment"], VMClockPath: asked["vmclock"]})
}

func readings(asked question) (realtimeNS, monotonicNS int64, err error) {
	if realtimeNS, err = strconv.ParseInt(asked["realtime_ns"], 10, 64); err != nil {
		return 0, 0, err
	}
	monotonicNS, err = strconv.ParseInt(asked["monotonic_ns"], 10, 64)
	return realtimeNS, monotonicNS, err
}

func said(interval clockbound.Interval, err error) answer {
	if err != nil {
		return refused(err)
	}
	return answer{
		"type":        "interval",
		"earliest_ns": strconv.FormatInt(interval.EarliestNS, 10),
		"latest_ns":   strconv.FormatInt(interval.LatestNS, 10),
		"status":      interval.Status.String(),
	}
}

// kindOf returns the kind of an error of the package, and 0 for none.
func kindOf(err error) clockbound.Kind {
	var known *clockbound.Error
	if errors.As(err, &known) {
		return known.Kind
	}
	return 0
}

func refused(err error) answer {
	fmt.Fprintln(os.Stderr, err)
	return answer{"type": "error", "kind": kindOf(err).String()}
}

func unsupported(reason string) answer {
	return answer{"type": "unsupported", "reason": reason}
}
