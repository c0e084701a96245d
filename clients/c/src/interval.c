/* SPDX-License-Identifier: Apache-2.0 */
#include "interval.h"

#include <stddef.h>

static bool join_ns(int64_t sec, int64_t nsec, int64_t *joined_ns)
{
    int64_t whole_ns;
    return nsec >= 0 && nsec < CB_NANOSECONDS_PER_SECOND &&
           !__builtin_mul_overflow(sec, CB_NANOSECONDS_PER_SECOND, &whole_ns) &&
           !__builtin_add_overflow(whole_ns, nsec, joined_ns);
}

bool cb_snapshot_as_of_ns(const struct cb_snapshot *snapshot, int64_t *as_of_ns)
{
    return join_ns(snapshot->record.as_of_sec, snapshot->record.as_of_nsec, as_of_ns);
}

/* bound.range, for the fields that one look is enough for. */
static bool in_range(const struct cb_snapshot *snapshot)
{
    switch (snapshot->version) {
    case CB_SEGMENT_V1_VERSION:
        return cb_segment_v1_invalid(&snapshot->record) == NULL;
    case CB_SEGMENT_V2_VERSION:
        return cb_segment_v2_invalid(&snapshot->record) == NULL;
    default:
        return false;
    }
}

/* bound.growth: how much the error can have grown in elapsed_ns, rounded up. False on overflow. */
static bool growth_ns(int64_t elapsed_ns, uint32_t max_drift_ppb, int64_t *growth)
{
    const int64_t ppb = (int64_t)max_drift_ppb;
    /* Up to 9.2 s the whole product fits, and one division does for two. The value is the same, because
     * s * ppb is a whole number. */
    if (elapsed_ns <= INT64_MAX / CB_DRIFT_LIMIT_PPB) {
        const uint64_t product = (uint64_t)(elapsed_ns * ppb);
        *growth = (int64_t)((product + CB_NANOSECONDS_PER_SECOND - 1) / CB_NANOSECONDS_PER_SECOND);
        return true;
    }
    const int64_t s = elapsed_ns / CB_NANOSECONDS_PER_SECOND;
    const int64_t ns = elapsed_ns % CB_NANOSECONDS_PER_SECOND;
    /* ns and ppb are below 10**9 each, so their product fits. */
    const int64_t of_ns = (ns * ppb + CB_NANOSECONDS_PER_SECOND - 1) / CB_NANOSECONDS_PER_SECOND;
    int64_t of_s;
    return !__builtin_mul_overflow(s, ppb, &of_s) && !__builtin_add_overflow(of_s, of_ns, growth);
}

/* status.fixed, status.grace, status.void-after, status.disruption */
static clockbound_clock_status status_at(int32_t published, int64_t elapsed_ns, int64_t monotonic_ns,
                                         int64_t void_after_ns, bool disrupted)
{
    if (disrupted || published == CLOCKBOUND_STA_UNKNOWN)
        return CLOCKBOUND_STA_UNKNOWN;
    if (published == CLOCKBOUND_STA_DISRUPTED)
        return CLOCKBOUND_STA_DISRUPTED;
    if (elapsed_ns < CB_GRACE_NS)
        return published == CLOCKBOUND_STA_SYNCHRONIZED ? CLOCKBOUND_STA_SYNCHRONIZED
                                                        : CLOCKBOUND_STA_FREE_RUNNING;
    return monotonic_ns < void_after_ns ? CLOCKBOUND_STA_FREE_RUNNING : CLOCKBOUND_STA_UNKNOWN;
}

clockbound_err_kind cb_interval_at(const struct cb_snapshot *snapshot, int64_t realtime_ns,
                                   int64_t monotonic_ns, bool disrupted, struct cb_interval *interval)
{
    const struct cb_segment_record *record = &snapshot->record;
    int64_t as_of_ns, void_after_ns, elapsed_ns, growth, bound_ns, earliest_ns, latest_ns;

    if (!in_range(snapshot) || !join_ns(record->as_of_sec, record->as_of_nsec, &as_of_ns) ||
        !join_ns(record->void_after_sec, record->void_after_nsec, &void_after_ns))
        return CLOCKBOUND_ERR_SEGMENT_MALFORMED;

    if (__builtin_sub_overflow(monotonic_ns, as_of_ns, &elapsed_ns))
        return monotonic_ns < as_of_ns ? CLOCKBOUND_ERR_CAUSALITY_BREACH : CLOCKBOUND_ERR_SEGMENT_MALFORMED;
    if (elapsed_ns <= -CB_CAUSALITY_TOLERANCE_NS)
        return CLOCKBOUND_ERR_CAUSALITY_BREACH;
    if (elapsed_ns < 0)
        elapsed_ns = 0;

    if (!growth_ns(elapsed_ns, record->max_drift_ppb, &growth) ||
        __builtin_add_overflow(record->bound_ns, growth, &bound_ns) ||
        __builtin_sub_overflow(realtime_ns, bound_ns, &earliest_ns) ||
        __builtin_add_overflow(realtime_ns, bound_ns, &latest_ns))
        return CLOCKBOUND_ERR_SEGMENT_MALFORMED;

    interval->earliest_ns = earliest_ns;
    interval->latest_ns = latest_ns;
    interval->age_ns = elapsed_ns;
    interval->status = status_at(record->clock_status, elapsed_ns, monotonic_ns, void_after_ns, disrupted);
    return CLOCKBOUND_ERR_NONE;
}
