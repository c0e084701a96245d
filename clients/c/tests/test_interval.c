/* SPDX-License-Identifier: Apache-2.0 */
/* Expected values are computed by hand; the sums stand beside them. */
#include "check.h"
#include "interval.h"

#define S INT64_C(1000000000)
#define REALTIME (INT64_C(1700000000) * S)

/* Layout 2: as_of 100 s, void_after 1100 s, bound 1 ms, 50 ppm, SYNCHRONIZED. */
struct draft {
    uint16_t version;
    struct cb_segment_record record;
};

static struct draft good(void)
{
    struct draft snapshot = {.version = 2};
    snapshot.record.generation = 2;
    snapshot.record.as_of_sec = 100;
    snapshot.record.void_after_sec = 1100;
    snapshot.record.bound_ns = 1000000;
    snapshot.record.max_drift_ppb = 50000;
    snapshot.record.clock_status = CLOCKBOUND_STA_SYNCHRONIZED;
    return snapshot;
}

/* What cb_interval_at() makes of it. cb_interval_at_young() must make the same of it, or leave it to that. */
static clockbound_err_kind of(const struct draft *draft, int64_t realtime_ns, int64_t monotonic_ns,
                              bool disrupted, struct cb_interval *interval)
{
    struct cb_snapshot snapshot;
    struct cb_interval young = {.earliest_ns = -1};
    cb_snapshot_make(&snapshot, draft->version, 7, &draft->record);
    CHECK_EQUAL(7, snapshot.serial);
    CHECK_EQUAL(draft->record.generation, snapshot.generation);
    const clockbound_err_kind kind =
        cb_interval_at(&snapshot, realtime_ns, monotonic_ns, disrupted, interval);
    const bool is_young =
        kind == CLOCKBOUND_ERR_NONE && monotonic_ns >= snapshot.as_of_ns && interval->age_ns < 5 * S;
    if (!snapshot.is_in_range)
        return kind; /* nobody may ask that of such a one */
    CHECK_EQUAL(is_young, cb_interval_at_young(&snapshot, realtime_ns, monotonic_ns, disrupted, &young));
    CHECK_EQUAL(is_young ? interval->earliest_ns : -1, young.earliest_ns);
    if (is_young) {
        CHECK_EQUAL(interval->latest_ns, young.latest_ns);
        CHECK_EQUAL(interval->status, young.status);
        CHECK_EQUAL(interval->age_ns, young.age_ns);
    }
    return kind;
}

static clockbound_err_kind at(const struct draft *draft, int64_t monotonic_ns, struct cb_interval *interval)
{
    return of(draft, REALTIME, monotonic_ns, false, interval);
}

/* Expects an interval of REALTIME -+ bound_ns. */
static void expect(const struct draft *draft, int64_t monotonic_ns, int64_t bound_ns,
                   clockbound_clock_status status)
{
    struct cb_interval interval = {.status = CLOCKBOUND_STA_UNKNOWN};
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, at(draft, monotonic_ns, &interval));
    CHECK_EQUAL(REALTIME - bound_ns, interval.earliest_ns);
    CHECK_EQUAL(REALTIME + bound_ns, interval.latest_ns);
    CHECK_EQUAL(status, interval.status);
}

static void expect_error(const struct draft *draft, int64_t monotonic_ns, clockbound_err_kind kind)
{
    struct cb_interval interval = {
        .earliest_ns = -1, .latest_ns = -2, .status = CLOCKBOUND_STA_DISRUPTED, .age_ns = -3};
    CHECK_EQUAL(kind, at(draft, monotonic_ns, &interval));
    CHECK_EQUAL(-1, interval.earliest_ns); /* left alone on failure */
    CHECK_EQUAL(-2, interval.latest_ns);
    CHECK_EQUAL(CLOCKBOUND_STA_DISRUPTED, interval.status);
    CHECK_EQUAL(-3, interval.age_ns);
}

static void bound_stands_at_as_of(void)
{
    const struct draft snapshot = good();
    expect(&snapshot, 100 * S, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
}

static void bound_grows_with_age(void)
{
    const struct draft snapshot = good();
    /* 1 s at 50 ppm is 50000 ns */
    expect(&snapshot, 101 * S, 1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    /* 2.5 s: 2 * 50000 + 500000000 * 50000 / 10^9 = 100000 + 25000 */
    expect(&snapshot, 102 * S + S / 2, 1125000, CLOCKBOUND_STA_SYNCHRONIZED);
}

static void growth_is_rounded_up(void)
{
    const struct draft snapshot = good();
    /* 1 ns at 50 ppm is 0.00005 ns, which counts as 1 ns */
    expect(&snapshot, 100 * S + 1, 1000001, CLOCKBOUND_STA_SYNCHRONIZED);
    /* 20000 ns at 50 ppm is exactly 1 ns */
    expect(&snapshot, 100 * S + 20000, 1000001, CLOCKBOUND_STA_SYNCHRONIZED);
    /* 20001 ns: 1.00005 ns, which counts as 2 */
    expect(&snapshot, 100 * S + 20001, 1000002, CLOCKBOUND_STA_SYNCHRONIZED);
}

/* Up to 9.223372036 s the growth is computed in one division, from there on in two. */
static void growth_is_the_same_on_both_sides_of_9_s(void)
{
    struct draft snapshot = good();
    snapshot.record.max_drift_ppb = 999999999;
    /* 9 * 999999999 + ceil(223372036 * 999999999 / 10^9) = 8999999991 + ceil(223372035.776627964) */
    expect(&snapshot, 109 * S + 223372036, 1000000 + INT64_C(9223372027), CLOCKBOUND_STA_FREE_RUNNING);
    /* 9 * 999999999 + ceil(223372037 * 999999999 / 10^9) = 8999999991 + ceil(223372036.776627963) */
    expect(&snapshot, 109 * S + 223372037, 1000000 + INT64_C(9223372028), CLOCKBOUND_STA_FREE_RUNNING);
    snapshot.record.max_drift_ppb = 1;
    expect(&snapshot, 109 * S + 223372036, 1000000 + 10, CLOCKBOUND_STA_FREE_RUNNING);
    expect(&snapshot, 109 * S + 223372037, 1000000 + 10, CLOCKBOUND_STA_FREE_RUNNING);
}

static void as_of_slightly_in_the_future_counts_as_now(void)
{
    const struct draft snapshot = good();
    expect(&snapshot, 100 * S - 999, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
}

static void age_is_never_below_0(void)
{
    const struct draft snapshot = good();
    struct cb_interval interval;
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, at(&snapshot, 103 * S + 7, &interval));
    CHECK_EQUAL(3 * S + 7, interval.age_ns);
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, at(&snapshot, 100 * S - 5, &interval));
    CHECK_EQUAL(0, interval.age_ns);
}

static void as_of_in_the_future_is_a_causality_breach(void)
{
    const struct draft snapshot = good();
    expect_error(&snapshot, 100 * S - 1000, CLOCKBOUND_ERR_CAUSALITY_BREACH);
    expect_error(&snapshot, 0, CLOCKBOUND_ERR_CAUSALITY_BREACH);
    expect_error(&snapshot, INT64_MIN, CLOCKBOUND_ERR_CAUSALITY_BREACH);
}

static void status_stands_for_five_seconds_then_is_free_running_until_void_after(void)
{
    struct draft snapshot = good();
    /* 4.999999999 s: 4 * 50000 + ceil(999999999 * 50000 / 10^9) = 200000 + 50000 */
    expect(&snapshot, 105 * S - 1, 1250000, CLOCKBOUND_STA_SYNCHRONIZED);
    expect(&snapshot, 105 * S, 1250000, CLOCKBOUND_STA_FREE_RUNNING);
    /* 999.999999999 s: 999 * 50000 + 50000 = 50000000 */
    expect(&snapshot, 1100 * S - 1, 51000000, CLOCKBOUND_STA_FREE_RUNNING);
    expect(&snapshot, 1100 * S, 51000000, CLOCKBOUND_STA_UNKNOWN);
    snapshot.record.clock_status = CLOCKBOUND_STA_FREE_RUNNING;
    expect(&snapshot, 105 * S - 1, 1250000, CLOCKBOUND_STA_FREE_RUNNING);
    expect(&snapshot, 105 * S, 1250000, CLOCKBOUND_STA_FREE_RUNNING);
    expect(&snapshot, 1100 * S, 51000000, CLOCKBOUND_STA_UNKNOWN);
}

static void unknown_and_disrupted_stay(void)
{
    struct draft snapshot = good();
    snapshot.record.clock_status = CLOCKBOUND_STA_UNKNOWN;
    expect(&snapshot, 101 * S, 1050000, CLOCKBOUND_STA_UNKNOWN);
    expect(&snapshot, 105 * S, 1250000, CLOCKBOUND_STA_UNKNOWN);
    snapshot.record.clock_status = CLOCKBOUND_STA_DISRUPTED;
    expect(&snapshot, 101 * S, 1050000, CLOCKBOUND_STA_DISRUPTED);
    expect(&snapshot, 1100 * S, 51000000, CLOCKBOUND_STA_DISRUPTED);
}

static void disruption_makes_every_status_unknown(void)
{
    struct draft snapshot = good();
    for (int32_t status = CLOCKBOUND_STA_UNKNOWN; status <= CLOCKBOUND_STA_DISRUPTED; status++) {
        struct cb_interval interval = {.status = CLOCKBOUND_STA_SYNCHRONIZED};
        snapshot.record.clock_status = status;
        CHECK_EQUAL(CLOCKBOUND_ERR_NONE, of(&snapshot, REALTIME, 100 * S, true, &interval));
        CHECK_EQUAL(CLOCKBOUND_STA_UNKNOWN, interval.status);
        CHECK_EQUAL(REALTIME - 1000000, interval.earliest_ns);
    }
}

/* bound.range: one field at a time is put just outside, then just inside. */
static void values_out_of_range_are_malformed(void)
{
    struct draft snapshot = good();
    snapshot.record.bound_ns = -1;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.bound_ns = 0;
    expect(&snapshot, 100 * S, 0, CLOCKBOUND_STA_SYNCHRONIZED);

    snapshot = good();
    snapshot.record.max_drift_ppb = 1000000000;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.max_drift_ppb = 999999999;
    expect(&snapshot, 101 * S, 1000000 + 999999999, CLOCKBOUND_STA_SYNCHRONIZED);

    snapshot = good();
    snapshot.record.as_of_nsec = -1;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.as_of_nsec = S;
    expect_error(&snapshot, 101 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.as_of_nsec = S - 1;
    expect(&snapshot, 101 * S - 1, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);

    snapshot = good();
    snapshot.record.void_after_nsec = -1;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.void_after_nsec = S;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);

    snapshot = good();
    snapshot.record.clock_status = -1;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.clock_status = 4;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
}

static void layout_1_has_no_disrupted(void)
{
    struct draft snapshot = good();
    snapshot.version = 1;
    expect(&snapshot, 100 * S, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    snapshot.record.clock_status = CLOCKBOUND_STA_DISRUPTED;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
}

static void seconds_that_overflow_are_malformed(void)
{
    struct draft snapshot = good();
    /* 2^63 - 1 = 9223372036 s and 854775807 ns */
    snapshot.record.void_after_sec = INT64_C(9223372036);
    snapshot.record.void_after_nsec = 854775807;
    expect(&snapshot, 100 * S, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    snapshot.record.void_after_nsec = 854775808;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot.record.void_after_sec = INT64_MAX;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    snapshot = good();
    snapshot.record.as_of_sec = INT64_MIN;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    /* -9223372036 s fits, but 100 s later than that doesn't fit an elapsed time */
    snapshot.record.as_of_sec = INT64_C(-9223372036);
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
}

static void bounds_and_ends_that_overflow_are_malformed(void)
{
    struct draft snapshot = good();
    struct cb_interval interval;
    /* REALTIME + (2^63 - 1 - REALTIME) just fits; one more doesn't. */
    snapshot.record.bound_ns = INT64_MAX - REALTIME;
    expect(&snapshot, 100 * S, INT64_MAX - REALTIME, CLOCKBOUND_STA_SYNCHRONIZED);
    snapshot.record.bound_ns += 1;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    /* the bound itself overflows as soon as it grows */
    snapshot.record.bound_ns = INT64_MAX;
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, of(&snapshot, 0, 100 * S, false, &interval));
    CHECK_EQUAL(-INT64_MAX, interval.earliest_ns);
    CHECK_EQUAL(CLOCKBOUND_ERR_SEGMENT_MALFORMED, of(&snapshot, 0, 100 * S + 1, false, &interval));
    /* the earlier end */
    snapshot.record.bound_ns = 1;
    CHECK_EQUAL(CLOCKBOUND_ERR_SEGMENT_MALFORMED, of(&snapshot, INT64_MIN, 100 * S, false, &interval));
}

/* 2^64 - 1 apart: as unsigned numbers, a nanosecond. */
static void readings_and_as_of_at_the_two_ends_are_a_causality_breach(void)
{
    struct draft snapshot = good();
    snapshot.record.as_of_sec = INT64_C(9223372036);
    snapshot.record.as_of_nsec = 854775807;
    expect_error(&snapshot, INT64_MIN, CLOCKBOUND_ERR_CAUSALITY_BREACH);
}

static void range_is_judged_before_causality(void)
{
    struct draft snapshot = good();
    snapshot.record.bound_ns = -1;
    expect_error(&snapshot, 0, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
}

static void an_unknown_layout_is_malformed(void)
{
    struct draft snapshot = good();
    snapshot.version = 3;
    expect_error(&snapshot, 100 * S, CLOCKBOUND_ERR_SEGMENT_MALFORMED);
}

int main(void)
{
    RUN(bound_stands_at_as_of);
    RUN(bound_grows_with_age);
    RUN(growth_is_rounded_up);
    RUN(growth_is_the_same_on_both_sides_of_9_s);
    RUN(as_of_slightly_in_the_future_counts_as_now);
    RUN(age_is_never_below_0);
    RUN(as_of_in_the_future_is_a_causality_breach);
    RUN(status_stands_for_five_seconds_then_is_free_running_until_void_after);
    RUN(unknown_and_disrupted_stay);
    RUN(disruption_makes_every_status_unknown);
    RUN(values_out_of_range_are_malformed);
    RUN(layout_1_has_no_disrupted);
    RUN(seconds_that_overflow_are_malformed);
    RUN(bounds_and_ends_that_overflow_are_malformed);
    RUN(readings_and_as_of_at_the_two_ends_are_a_causality_breach);
    RUN(range_is_judged_before_causality);
    RUN(an_unknown_layout_is_malformed);
    return check_failures();
}
