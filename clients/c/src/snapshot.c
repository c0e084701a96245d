/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot.h"

#include <stddef.h>

static bool join_ns(int64_t sec, int64_t nsec, int64_t *joined_ns)
{
    int64_t whole_ns;
    return !__builtin_mul_overflow(sec, CB_NANOSECONDS_PER_SECOND, &whole_ns) &&
           !__builtin_add_overflow(whole_ns, nsec, joined_ns);
}

/* bound.range, for the fields that one look is enough for. */
static bool in_range(uint16_t version, const struct cb_segment_record *record)
{
    switch (version) {
    case CB_SEGMENT_V1_VERSION:
        return cb_segment_v1_invalid(record) == NULL;
    case CB_SEGMENT_V2_VERSION:
        return cb_segment_v2_invalid(record) == NULL;
    default:
        return false;
    }
}

void cb_snapshot_make(struct cb_snapshot *snapshot, uint16_t version, uint16_t serial,
                      const struct cb_segment_record *record)
{
    int64_t as_of_ns = 0, void_after_ns = 0;
    const bool is_in_range = in_range(version, record) &&
                             join_ns(record->as_of_sec, record->as_of_nsec, &as_of_ns) &&
                             join_ns(record->void_after_sec, record->void_after_nsec, &void_after_ns);
    *snapshot = (struct cb_snapshot){
        .as_of_ns = as_of_ns,
        .void_after_ns = void_after_ns,
        .bound_ns = record->bound_ns,
        .disruption_marker = record->disruption_marker,
        .max_drift_ppb = record->max_drift_ppb,
        .serial = serial,
        .generation = record->generation,
        .clock_status = (uint8_t)record->clock_status,
        .has_disruption_support = record->clock_disruption_support_enabled != 0,
        .is_in_range = is_in_range,
    };
}
