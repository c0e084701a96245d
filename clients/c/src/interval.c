/* SPDX-License-Identifier: Apache-2.0 */
#include "interval.h"

/* bound.growth: how much the error can have grown in elapsed_ns, rounded up. False on overflow. */
static bool growth_ns(int64_t elapsed_ns, uint32_t max_drift_ppb, int64_t *growth)
{
    const int64_t ppb = (int64_t)max_drift_ppb;
    /* Up to 9.2 s the whole product fits, and one division does for two. The value is the same, because
     * s * ppb is a whole number. */
    if (elapsed_ns <= INT64_MAX / CB_DRIFT_LIMIT_PPB) {
        *growth = cb_growth_ns((uint64_t)elapsed_ns, max_drift_ppb);
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
static clockbound_clock_status status_at(uint8_t published, int64_t elapsed_ns, int64_t monotonic_ns,
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
    int64_t elapsed_ns, growth;

    if (!snapshot->is_in_range)
        return CLOCKBOUND_ERR_SEGMENT_MALFORMED;

    if (__builtin_sub_overflow(monotonic_ns, snapshot->as_of_ns, &elapsed_ns))
        return monotonic_ns < snapshot->as_of_ns ? CLOCKBOUND_ERR_CAUSALITY_BREACH
                                                 : CLOCKBOUND_ERR_SEGMENT_MALFORMED;
    if (elapsed_ns <= -CB_CAUSALITY_TOLERANCE_NS)
        return CLOCKBOUND_ERR_CAUSALITY_BREACH;
    if (elapsed_ns < 0)
        elapsed_ns = 0;

    const clockbound_clock_status status =
        status_at(snapshot->clock_status, elapsed_ns, monotonic_ns, snapshot->void_after_ns, disrupted);
    if (!growth_ns(elapsed_ns, snapshot->max_drift_ppb, &growth) ||
        !cb_interval_set(realtime_ns, snapshot->bound_ns, growth, elapsed_ns, status, interval))
        return CLOCKBOUND_ERR_SEGMENT_MALFORMED;
    return CLOCKBOUND_ERR_NONE;
}
