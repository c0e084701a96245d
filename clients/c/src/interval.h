/* SPDX-License-Identifier: Apache-2.0 */
/* From a snapshot and two clock readings to an interval: arithmetic alone, in integers. */
#ifndef CLOCKBOUND_INTERVAL_H
#define CLOCKBOUND_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "clockbound/types.h"
#include "snapshot.h"

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

/* bound.growth: how much the error can have grown in elapsed_ns, up to 9.2 s, rounded up. */
static inline int64_t cb_growth_ns(uint64_t elapsed_ns, uint32_t max_drift_ppb)
{
    return (int64_t)((elapsed_ns * max_drift_ppb + CB_NANOSECONDS_PER_SECOND - 1) /
                     CB_NANOSECONDS_PER_SECOND);
}

/* interval.ends: false on overflow, with *interval left alone. */
static inline bool cb_interval_set(int64_t realtime_ns, int64_t published_bound_ns, int64_t growth_ns,
                                   int64_t age_ns, clockbound_clock_status status,
                                   struct cb_interval *interval)
{
    int64_t bound_ns, earliest_ns, latest_ns;
    if (__builtin_add_overflow(published_bound_ns, growth_ns, &bound_ns) ||
        __builtin_sub_overflow(realtime_ns, bound_ns, &earliest_ns) ||
        __builtin_add_overflow(realtime_ns, bound_ns, &latest_ns))
        return false;
    *interval = (struct cb_interval){
        .earliest_ns = earliest_ns, .latest_ns = latest_ns, .status = status, .age_ns = age_ns};
    return true;
}

/*
 * The same as cb_interval_at() for a snapshot in range that is less than CB_GRACE_NS old, as almost all are
 * that anybody asks. False, with *interval left alone, for any other age and where there is no interval.
 */
static inline bool cb_interval_at_young(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                        int64_t monotonic_ns, bool disrupted, struct cb_interval *interval)
{
    int64_t age_ns;
    /* One comparison for both limits: an age below 0 is far above as an unsigned number. */
    if (__builtin_sub_overflow(monotonic_ns, snapshot->as_of_ns, &age_ns) ||
        (uint64_t)age_ns >= (uint64_t)CB_GRACE_NS)
        return false;
    /* Within the grace period the published status stands. */
    return cb_interval_set(
        realtime_ns, snapshot->bound_ns, cb_growth_ns((uint64_t)age_ns, snapshot->max_drift_ppb), age_ns,
        disrupted ? CLOCKBOUND_STA_UNKNOWN : (clockbound_clock_status)snapshot->clock_status, interval);
}

#endif
