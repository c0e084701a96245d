/* SPDX-License-Identifier: Apache-2.0 */
/* What a segment said at one moment, checked once and in nanoseconds, so that asking it is cheap. */
#ifndef CLOCKBOUND_SNAPSHOT_H
#define CLOCKBOUND_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "segment_layout.h"

/* Made from a consistent copy of a segment's record. */
struct cb_snapshot {
    int64_t as_of_ns;      /* monotonic */
    int64_t void_after_ns; /* monotonic */
    int64_t bound_ns;
    uint64_t disruption_marker;
    uint32_t max_drift_ppb;
    uint16_t serial;     /* of the mapping that it was taken from */
    uint16_t generation; /* even */
    uint8_t clock_status;
    bool has_disruption_support;
    bool is_in_range; /* bound.range; otherwise the times, the bound and the status mean nothing */
};

/* Makes a snapshot of the record of a segment with that layout version. */
void cb_snapshot_make(struct cb_snapshot *snapshot, uint16_t version, uint16_t serial,
                      const struct cb_segment_record *record);

#endif
