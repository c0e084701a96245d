/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of the snapshot that was taken last must never hide what the segment says now. On clocks
 * that this test sets. */
#include "check.h"
#include "fake_clocks.h"
#include "files.h"

#define NOW (INT64_C(1700000000) * S)

static clockbound_ctx *ctx;
static unsigned char *bytes;
static struct cb_segment_record record;

/* A context that has answered from its segment twice, at second 101. */
static void begin_with(const struct cb_segment_record *first)
{
    clockbound_interval found;
    record = *first;
    fake_clocks_begin(101 * S, NOW);
    write_v2(&record);
    bytes = map(segment_path);
    ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    CHECK(ctx != NULL);
    for (int i = 0; i < 2; i++)
        CHECK(clockbound_now_ns(ctx, &found) == NULL);
}

static void begin(void)
{
    const struct cb_segment_record first = good();
    begin_with(&first);
}

static void end(void)
{
    clockbound_close(ctx);
    unmap(bytes);
}

/* Asks twice: by whatever way the answer comes, it is the same. */
static void expect(int64_t bound_ns, clockbound_clock_status status)
{
    for (int i = 0; i < 2; i++) {
        clockbound_interval found = {0};
        clockbound_now_result result;
        CHECK(clockbound_now_ns(ctx, &found) == NULL);
        CHECK_EQUAL(NOW - bound_ns, found.earliest_ns);
        CHECK_EQUAL(NOW + bound_ns, found.latest_ns);
        CHECK_EQUAL(status, found.clock_status);
        CHECK(clockbound_now(ctx, &result) == NULL);
        CHECK_EQUAL(found.earliest_ns, result.earliest.tv_sec * S + result.earliest.tv_nsec);
        CHECK_EQUAL(found.latest_ns, result.latest.tv_sec * S + result.latest.tv_nsec);
        CHECK(result.earliest.tv_nsec >= 0 && result.earliest.tv_nsec < S);
        CHECK(result.latest.tv_nsec >= 0 && result.latest.tv_nsec < S);
        CHECK_EQUAL(status, result.clock_status);
    }
}

static void expect_error(clockbound_err_kind kind)
{
    for (int i = 0; i < 2; i++) {
        clockbound_interval found;
        clockbound_err const *err = clockbound_now_ns(ctx, &found);
        CHECK(err != NULL);
        if (err != NULL)
            CHECK_EQUAL(kind, err->kind);
    }
}

static void each_update_is_seen(void)
{
    begin();
    expect(1050000, CLOCKBOUND_STA_SYNCHRONIZED); /* 1 s at 50 ppm is 50000 ns */
    record.bound_ns = 3000000;
    publish(bytes, &record); /* with the same as_of */
    expect(3050000, CLOCKBOUND_STA_SYNCHRONIZED);
    record.clock_status = CLOCKBOUND_STA_DISRUPTED;
    publish(bytes, &record);
    expect(3050000, CLOCKBOUND_STA_DISRUPTED);
    record.clock_status = CLOCKBOUND_STA_UNKNOWN;
    publish(bytes, &record);
    expect(3050000, CLOCKBOUND_STA_UNKNOWN);
    record.clock_status = CLOCKBOUND_STA_FREE_RUNNING;
    record.max_drift_ppb = 0;
    publish(bytes, &record);
    expect(3000000, CLOCKBOUND_STA_FREE_RUNNING);
    end();
}

/* Somebody wipes the file and begins anew, or the counter has gone round. */
static void a_generation_that_comes_again_is_another_record(void)
{
    const int64_t later[][2] = {{101, 0}, {100, 1}};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        begin();
        record.as_of_sec = later[i][0];
        record.as_of_nsec = later[i][1];
        record.max_drift_ppb = 0;
        record.bound_ns = 7000000;
        cb_segment_v2_store(bytes, &record);
        CHECK_EQUAL(2, cb_segment_v2_load_generation(bytes));
        expect(7000000, CLOCKBOUND_STA_SYNCHRONIZED);
        end();
    }
}

static void malformed_updates_are_seen(void)
{
    begin();
    record.bound_ns = -1;
    publish(bytes, &record);
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    record.bound_ns = 1000000;
    publish(bytes, &record);
    expect(1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    end();
}

static void age_is_judged_anew_each_time(void)
{
    begin();
    true_monotonic_ns = tick_ns =
        105 * S - 1; /* 4 s and 999999999 ns: 249999.99995, which counts as 250000 */
    offset_ns = NOW - true_monotonic_ns;
    expect(1250000, CLOCKBOUND_STA_SYNCHRONIZED);
    true_monotonic_ns = tick_ns = 105 * S;
    offset_ns = NOW - true_monotonic_ns;
    expect(1250000, CLOCKBOUND_STA_FREE_RUNNING);
    true_monotonic_ns = tick_ns = 1100 * S; /* 1000 s: 50000000 */
    offset_ns = NOW - true_monotonic_ns;
    expect(51000000, CLOCKBOUND_STA_UNKNOWN);
    true_monotonic_ns = tick_ns = 100 * S - 999; /* a little before as_of */
    offset_ns = NOW - true_monotonic_ns;
    expect(1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    true_monotonic_ns = tick_ns = 100 * S - 1000;
    offset_ns = NOW - true_monotonic_ns;
    expect_error(CLOCKBOUND_ERR_CAUSALITY_BREACH);
    end();
}

static void ends_that_overflow_are_malformed(void)
{
    const struct cb_segment_record largest = {.generation = 2,
                                              .as_of_sec = 100,
                                              .void_after_sec = 1100,
                                              .bound_ns = INT64_MAX - NOW - 50000,
                                              .max_drift_ppb = 50000,
                                              .clock_status = CLOCKBOUND_STA_SYNCHRONIZED};
    begin_with(&largest);
    expect(INT64_MAX - NOW, CLOCKBOUND_STA_SYNCHRONIZED);
    true_monotonic_ns = tick_ns += 1; /* the bound is greater by one then */
    offset_ns = NOW - true_monotonic_ns;
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    end();
}

static void disruptions_are_looked_for_each_time(void)
{
    struct cb_segment_record supported = with_disruption_support(7);
    supported.clock_disruption_support_enabled = 2; /* whatever isn't 0 */
    write_page(7);
    begin_with(&supported);
    expect(1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    unsigned char *page = map(page_path);
    cb_vmclock_store_disruption_marker(page, 8);
    expect(1050000, CLOCKBOUND_STA_UNKNOWN);
    record.disruption_marker = 8;
    publish(bytes, &record);
    expect(1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    unmap(page);
    end();
}

/* The same generation and the same as_of, and yet it isn't the file that the snapshot is of. */
static void a_file_that_looks_like_the_one_before_is_another(void)
{
    begin();
    record.bound_ns = -1;
    write_v2(&record);
    true_monotonic_ns = tick_ns = 99 * S; /* before as_of: reason enough to look for another file */
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    true_monotonic_ns = tick_ns = 101 * S;
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    end();
}

/* In the first seconds after the machine has started, 0 is not long ago. */
static void a_malformed_record_is_never_remembered_as_a_good_one(void)
{
    struct cb_segment_record first = good();
    first.as_of_sec = 0;
    fake_clocks_begin(S, NOW);
    write_v2(&first);
    bytes = map(segment_path);
    ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    first.bound_ns = -1;
    publish(bytes, &first);
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED);
    end();
}

/* Whichever way it takes. */
static void expect_one_reading_a_question(void)
{
    memset(reads, 0, sizeof reads);
    clockbound_interval found;
    for (int i = 0; i < 10; i++)
        CHECK(clockbound_now_ns(ctx, &found) == NULL);
    CHECK_EQUAL(10, reads[REALTIME]);
}

static void a_writer_that_died_is_followed_by_another(void)
{
    begin();
    cb_segment_v2_store_generation(bytes, 3);
    cb_segment_v2_store_bound_ns(bytes, 9000000); /* half of an update */
    expect(1050000, CLOCKBOUND_STA_SYNCHRONIZED); /* the last good one */
    expect_one_reading_a_question();
    record.bound_ns = 2000000;
    publish(bytes, &record);
    expect(2050000, CLOCKBOUND_STA_SYNCHRONIZED);
    expect_one_reading_a_question();
    record.bound_ns = 3000000;
    publish(bytes, &record);
    expect(3050000, CLOCKBOUND_STA_SYNCHRONIZED);
    end();
}

/* The seconds of the ends are those of the clock, or others. */
static void ends_in_other_seconds_than_the_clock_are_right(void)
{
    const int64_t realtimes_ns[] = {NOW + S - 1, NOW + S - 1050000, NOW + 1049999, 1050000, 1049999, 0, -1,
                                    -5 * S};
    const int64_t bounds_ns[] = {0, 1, 1000000, S, 3 * S + 1};
    for (size_t i = 0; i < sizeof realtimes_ns / sizeof realtimes_ns[0]; i++) {
        for (size_t j = 0; j < sizeof bounds_ns / sizeof bounds_ns[0]; j++) {
            struct cb_segment_record first = good();
            first.max_drift_ppb = 0;
            first.bound_ns = bounds_ns[j];
            begin_with(&first);
            offset_ns = realtimes_ns[i] - true_monotonic_ns;
            clockbound_now_result result;
            CHECK(clockbound_now(ctx, &result) == NULL);
            CHECK_EQUAL(realtimes_ns[i] - bounds_ns[j], result.earliest.tv_sec * S + result.earliest.tv_nsec);
            CHECK_EQUAL(realtimes_ns[i] + bounds_ns[j], result.latest.tv_sec * S + result.latest.tv_nsec);
            CHECK(result.earliest.tv_nsec >= 0 && result.earliest.tv_nsec < S);
            CHECK(result.latest.tv_nsec >= 0 && result.latest.tv_nsec < S);
            end();
        }
    }
}

/* The least second in which the earlier end can lie begins before what fits in nanoseconds. */
static void ends_in_the_first_and_the_last_second_of_all_are_right(void)
{
    for (int is_new = 0; is_new < 2; is_new++) {
        struct cb_segment_record first = good();
        first.max_drift_ppb = 0;
        first.bound_ns = INT64_MAX - 100;
        clockbound_now_result result;
        fake_clocks_begin(101 * S, 50);
        write_v2(&first);
        bytes = map(segment_path);
        ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
        if (is_new)
            publish(bytes, &first);
        CHECK(clockbound_now(ctx, &result) == NULL);
        /* 50 - (2^63 - 101) = -9223372036854775657, and 50 + 2^63 - 101 = 9223372036854775757 */
        CHECK_EQUAL(-INT64_C(9223372037), result.earliest.tv_sec);
        CHECK_EQUAL(145224343, result.earliest.tv_nsec);
        CHECK_EQUAL(INT64_C(9223372036), result.latest.tv_sec);
        CHECK_EQUAL(854775757, result.latest.tv_nsec);
        end();
    }
}

int main(void)
{
    files_begin();
    RUN(each_update_is_seen);
    RUN(a_generation_that_comes_again_is_another_record);
    RUN(malformed_updates_are_seen);
    RUN(age_is_judged_anew_each_time);
    RUN(ends_that_overflow_are_malformed);
    RUN(disruptions_are_looked_for_each_time);
    RUN(a_file_that_looks_like_the_one_before_is_another);
    RUN(a_malformed_record_is_never_remembered_as_a_good_one);
    RUN(a_writer_that_died_is_followed_by_another);
    RUN(ends_in_other_seconds_than_the_clock_are_right);
    RUN(ends_in_the_first_and_the_last_second_of_all_are_right);
    files_end();
    return check_failures();
}
