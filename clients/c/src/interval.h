/* SPDX-License-Identifier: Apache-2.0 */
/* From a snapshot and two clock readings to an interval: arithmetic alone, in integers. */
#ifndef CLOCKBOUND_INTERVAL_H
#define CLOCKBOUND_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "clockbound/types.h"
#include "segment_layout.h"

/* A consistent copy of a segment's record. */
struct cb_snapshot {
    uint16_t version; /* layout version; says which statuses there are */
    uint16_t serial;  /* of the mapping that it was taken from */
    struct cb_segment_record record;
};

struct cb_interval {
    int64_t earliest_ns; /* realtime */
    int64_t latest_ns;   /* realtime */
    clockbound_clock_status status;
    int64_t age_ns; /* of the snapshot at the monotonic reading; 0 where that is a little earlier */
};

/*
 * The interval that contains true time at the two readings. `disrupted` says that the VMClock page knows
 * of a disruption that the snapshot doesn't. Returns CLOCKBOUND_ERR_NONE, or _SEGMENT_MALFORMED or
 * _CAUSALITY_BREACH and leaves *interval alone. Rules: bound.*, interval.ends, status.*
 */
clockbound_err_kind cb_interval_at(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                   int64_t monotonic_ns, bool disrupted, struct cb_interval *interval);

/* as_of in nanoseconds of the monotonic clock; false if the snapshot's is out of range. */
bool cb_snapshot_as_of_ns(const struct cb_snapshot *snapshot, int64_t *as_of_ns);

#endif
