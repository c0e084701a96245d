/* SPDX-License-Identifier: Apache-2.0 */
/* The waits on clocks that this test sets: it takes the place of each sleep, and moves the world meanwhile.
 */
#include "check.h"
#include "fake_clocks.h"
#include "files.h"

#define NOW (INT64_C(1700000000) * S)
#define START (100 * S) /* CLOCK_MONOTONIC then */
#define SLICE (100 * MS)
#define LEAST_SLEEP INT64_C(50000)
#define NEVER INT64_MAX

static clockbound_ctx *ctx;
static unsigned char *bytes;
static struct cb_segment_record record;

/* A segment whose bound, 1 ms, doesn't grow, so that the sums are simple. */
static void begin(void)
{
    fake_clocks_begin(START, NOW);
    record = good();
    record.max_drift_ppb = 0;
    write_v2(&record);
    bytes = map(segment_path);
    ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
}

static void end(void)
{
    clockbound_close(ctx);
    unmap(bytes);
}

static void expect_error(clockbound_err_kind kind, int sys_errno, clockbound_err const *err)
{
    CHECK(err != NULL);
    if (err == NULL)
        return;
    CHECK_EQUAL(kind, err->kind);
    CHECK_EQUAL(sys_errno, err->sys_errno);
    CHECK(err->detail != NULL);
}

static void expect_sleeps(int count, int64_t at_most_ns)
{
    CHECK_EQUAL(count, sleeps);
    CHECK(longest_sleep_ns <= at_most_ns);
}

/* Publishes what the segment says from now on: as of this moment. */
static void publish_now(void)
{
    record.as_of_sec = true_monotonic_ns / S;
    record.as_of_nsec = true_monotonic_ns % S;
    record.void_after_sec = record.as_of_sec + 1000;
    publish(bytes, &record);
}

static void what_has_passed_is_not_waited_for(void)
{
    begin();
    CHECK(clockbound_wait_after(ctx, NOW - 1000001, NEVER) == NULL);
    CHECK(clockbound_wait_after(ctx, INT64_MIN, NEVER) == NULL);
    /* looked at before the deadline is */
    CHECK(clockbound_wait_after(ctx, NOW - 1000001, START - 1) == NULL);
    CHECK(clockbound_wait_after(ctx, NOW - 1000001, INT64_MIN) == NULL);
    CHECK(clockbound_wait_synchronized(ctx, 1000000, INT64_MIN) == NULL); /* exactly good enough */
    CHECK(clockbound_wait_synchronized(ctx, INT64_MAX, INT64_MIN) == NULL);
    expect_sleeps(0, 0);
    end();
}

static void a_wait_ends_with_the_first_nanosecond_after_the_instant(void)
{
    begin();
    CHECK(clockbound_wait_after(ctx, NOW - 1000000, NEVER) == NULL); /* earliest is not after itself */
    CHECK_EQUAL(START + LEAST_SLEEP, true_monotonic_ns);
    expect_sleeps(1, LEAST_SLEEP);
    end();

    begin(); /* the least sleep is not longer than the deadline allows */
    CHECK(clockbound_wait_after(ctx, NOW - 1000000, START + 1) == NULL);
    CHECK_EQUAL(START + 1, true_monotonic_ns);
    end();

    begin(); /* 10 ms from now, 1 ms of which nobody knows */
    CHECK(clockbound_wait_after(ctx, NOW + 10 * MS, NEVER) == NULL);
    CHECK_EQUAL(START + 11 * MS + 1, true_monotonic_ns);
    expect_sleeps(1, 11 * MS + 1);
    end();
}

static void a_long_wait_looks_ten_times_a_second(void)
{
    begin();
    CHECK(clockbound_wait_after(ctx, NOW + S, NEVER) == NULL);
    CHECK_EQUAL(START + S + MS + 1, true_monotonic_ns);
    expect_sleeps(11, SLICE);
    end();
}

static void a_growing_bound_makes_the_wait_longer(void)
{
    begin();
    record.max_drift_ppb = 500000000; /* half a second a second, so that it shows */
    publish_now();
    CHECK(clockbound_wait_after(ctx, NOW + 10 * MS, NEVER) == NULL);
    /* earliest = NOW + e - 1 ms - ceil(e / 2) > NOW + 10 ms, so e = 22 ms + 1 or more: 11000001 - 11000000 -
     * 1 is 0 still, and 22000002 - 11000001 - 1000000 is 10000001 */
    CHECK(true_monotonic_ns >= START + 22 * MS + 2);
    CHECK(true_monotonic_ns <= START + 22 * MS + LEAST_SLEEP);
    CHECK(sleeps <= 30); /* halving each time what is left */
    end();
}

/* At nearly a second a second, what is left hardly becomes less: 2 ms would be waited for 1 ns at a time. */
static void a_bound_that_grows_with_the_clock_is_not_a_busy_loop(void)
{
    begin();
    record.max_drift_ppb = 999999999;
    publish_now();
    CHECK(clockbound_wait_after(ctx, NOW - MS + 1, START + 10 * MS) != NULL);
    CHECK_EQUAL(START + 10 * MS, true_monotonic_ns);
    CHECK_EQUAL(10 * MS / LEAST_SLEEP, sleeps);
    end();
}

/* A signal 1 ms into each sleep. */
static int interrupt(int64_t until_ns)
{
    if (true_monotonic_ns + MS < until_ns) {
        true_monotonic_ns += MS;
        return EINTR;
    }
    true_monotonic_ns = until_ns;
    return 0;
}

static void signals_neither_end_nor_lengthen_a_wait(void)
{
    begin();
    instead_of_sleeping = interrupt;
    CHECK(clockbound_wait_after(ctx, NOW + 10 * MS, NEVER) == NULL);
    CHECK_EQUAL(START + 11 * MS + LEAST_SLEEP, true_monotonic_ns);
    CHECK_EQUAL(12, sleeps); /* at 0, 1, ... 11 ms */
    end();

    begin();
    record.bound_ns = S; /* too large */
    publish_now();
    instead_of_sleeping = interrupt;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_synchronized(ctx, MS, START + 10 * MS));
    CHECK_EQUAL(START + 10 * MS, true_monotonic_ns);
    CHECK_EQUAL(10, sleeps);
    end();
}

static void a_deadline_that_has_come_ends_a_wait_at_once(void)
{
    const int64_t deadlines_ns[] = {START, START - 1, 0, -1, INT64_MIN};
    for (size_t i = 0; i < sizeof deadlines_ns / sizeof deadlines_ns[0]; i++) {
        begin();
        expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                     clockbound_wait_after(ctx, NOW - 1000000, deadlines_ns[i]));
        expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                     clockbound_wait_synchronized(ctx, 999999, deadlines_ns[i]));
        expect_sleeps(0, 0);
        end();
    }
}

static void a_deadline_in_the_middle_is_kept_to_the_nanosecond(void)
{
    begin();
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                 clockbound_wait_after(ctx, NOW + S, START + 250 * MS + 7));
    CHECK_EQUAL(START + 250 * MS + 7, true_monotonic_ns);
    expect_sleeps(3, SLICE);
    end();

    begin();
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                 clockbound_wait_synchronized(ctx, 0, START + 250 * MS + 7));
    CHECK_EQUAL(START + 250 * MS + 7, true_monotonic_ns);
    expect_sleeps(3, SLICE);
    end();

    begin(); /* what comes with the deadline has come in time */
    CHECK(clockbound_wait_after(ctx, NOW + 10 * MS, START + 11 * MS + 1) == NULL);
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                 clockbound_wait_after(ctx, NOW + 10 * MS + 1, START + 11 * MS + 1));
    end();
}

static void instants_at_the_ends_of_time_do_not_overflow(void)
{
    begin();
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_after(ctx, INT64_MAX, START + SLICE));
    expect_sleeps(1, SLICE);
    offset_ns = INT64_MIN / 2; /* farther from INT64_MAX than an int64_t tells */
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_after(ctx, INT64_MAX, START + 2 * SLICE));
    expect_sleeps(2, SLICE);
    offset_ns = MS - true_monotonic_ns; /* earliest is 0: INT64_MAX is left, to which 1 can't be added */
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_after(ctx, INT64_MAX, START + 3 * SLICE));
    expect_sleeps(3, SLICE);
    end();

    begin(); /* the monotonic clock near its own end: a slice would not fit */
    true_monotonic_ns = INT64_MAX - 10;
    offset_ns = -true_monotonic_ns;
    record.as_of_sec = true_monotonic_ns / S;
    record.void_after_sec = record.as_of_sec;
    publish(bytes, &record);
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_after(ctx, S, NEVER));
    CHECK_EQUAL(INT64_MAX, true_monotonic_ns);
    expect_sleeps(1, 10);
    end();
}

static void without_a_trusted_status_nobody_waits(void)
{
    const int32_t statuses[] = {CLOCKBOUND_STA_UNKNOWN, CLOCKBOUND_STA_DISRUPTED};
    for (size_t i = 0; i < 2; i++) {
        begin();
        record.clock_status = statuses[i];
        publish_now();
        expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN, clockbound_wait_after(ctx, NOW + S, NEVER));
        expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN, clockbound_wait_after(ctx, NOW - S, NEVER));
        expect_sleeps(0, 0);
        end();
    }
}

/* What the segment says after so many sleeps. */
static int sleeps_before_change;
static void (*change)(void);

static int sleep_and_change(int64_t until_ns)
{
    if (until_ns > true_monotonic_ns)
        true_monotonic_ns = until_ns;
    if (sleeps == sleeps_before_change)
        change();
    return 0;
}

static void change_after(int count, void (*how)(void))
{
    sleeps_before_change = count;
    change = how;
    instead_of_sleeping = sleep_and_change;
}

static void become_unknown(void)
{
    record.clock_status = CLOCKBOUND_STA_UNKNOWN;
    publish_now();
}

static void become_disrupted(void)
{
    record.clock_status = CLOCKBOUND_STA_DISRUPTED;
    publish_now();
}

static void become_free_running(void)
{
    record.clock_status = CLOCKBOUND_STA_FREE_RUNNING;
    publish_now();
}

static void become_synchronized(void)
{
    record.clock_status = CLOCKBOUND_STA_SYNCHRONIZED;
    publish_now();
}

static void become_malformed(void)
{
    record.max_drift_ppb = 1000000000;
    publish_now();
}

static void become_well_formed(void)
{
    record.max_drift_ppb = 0;
    publish_now();
}

static void become_exact(void)
{
    record.bound_ns = MS;
    publish_now();
}

static void a_status_that_is_lost_ends_a_wait_with_the_next_look(void)
{
    void (*const losses[])(void) = {become_unknown, become_disrupted};
    for (size_t i = 0; i < 2; i++) {
        begin();
        change_after(2, losses[i]);
        expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN, clockbound_wait_after(ctx, NOW + S, NEVER));
        expect_sleeps(2, SLICE);
        end();
    }
}

static void a_free_running_clock_serves_a_wait_for_an_instant(void)
{
    begin();
    change_after(2, become_free_running);
    CHECK(clockbound_wait_after(ctx, NOW + S, NEVER) == NULL);
    CHECK_EQUAL(START + S + MS + 1, true_monotonic_ns);
    end();
}

static void a_segment_that_breaks_ends_a_wait_for_an_instant(void)
{
    begin();
    change_after(2, become_malformed);
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, clockbound_wait_after(ctx, NOW + S, NEVER));
    expect_sleeps(2, SLICE);
    end();
}

static void a_bound_that_shrinks_ends_a_wait_sooner(void)
{
    begin();
    record.bound_ns = 3600 * S;
    publish_now();
    change_after(3, become_exact);
    CHECK(clockbound_wait_after(ctx, NOW, NEVER) == NULL); /* not an hour later */
    CHECK_EQUAL(START + 3 * SLICE, true_monotonic_ns);
    expect_sleeps(3, SLICE);
    end();
}

static void step_back(void)
{
    offset_ns -= S;
}

static void step_forward(void)
{
    offset_ns += 3600 * S;
}

static void a_step_of_the_clock_moves_the_end_of_a_wait(void)
{
    begin();
    change_after(1, step_back);
    CHECK(clockbound_wait_after(ctx, NOW + S, NEVER) == NULL);
    CHECK_EQUAL(START + 2 * S + MS + 1, true_monotonic_ns);
    end();

    begin();
    change_after(1, step_forward);
    CHECK(clockbound_wait_after(ctx, NOW + 60 * S, NEVER) == NULL);
    CHECK_EQUAL(START + SLICE, true_monotonic_ns);
    end();
}

static void only_a_synchronized_clock_is_good_enough(void)
{
    void (*const others[])(void) = {become_unknown, become_disrupted, become_free_running};
    for (size_t i = 0; i < 3; i++) {
        begin();
        others[i]();
        expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                     clockbound_wait_synchronized(ctx, INT64_MAX, START + S));
        CHECK_EQUAL(START + S, true_monotonic_ns);
        expect_sleeps(10, SLICE);
        change_after(sleeps + 3, become_synchronized);
        CHECK(clockbound_wait_synchronized(ctx, INT64_MAX, NEVER) == NULL);
        CHECK_EQUAL(START + S + 3 * SLICE, true_monotonic_ns);
        end();
    }
}

static void the_bound_must_be_small_enough_too(void)
{
    begin();
    record.bound_ns = MS + 1;
    publish_now();
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_synchronized(ctx, MS, START + SLICE));
    change_after(sleeps + 2, become_exact);
    CHECK(clockbound_wait_synchronized(ctx, MS, NEVER) == NULL);
    CHECK_EQUAL(START + 3 * SLICE, true_monotonic_ns);
    end();
}

static void a_negative_error_is_refused(void)
{
    begin();
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_wait_synchronized(ctx, -1, NEVER));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_wait_synchronized(ctx, INT64_MIN, INT64_MIN));
    expect_sleeps(0, 0);
    end();
}

static void a_segment_that_breaks_does_not_end_a_wait_for_the_clock(void)
{
    begin();
    become_malformed();
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, /* at the deadline, and instead of ETIMEDOUT */
                 clockbound_wait_synchronized(ctx, MS, START + 3 * SLICE));
    CHECK_EQUAL(START + 3 * SLICE, true_monotonic_ns);
    change_after(sleeps + 2, become_well_formed);
    CHECK(clockbound_wait_synchronized(ctx, MS, NEVER) == NULL);
    CHECK_EQUAL(START + 5 * SLICE, true_monotonic_ns);
    end();

    /* what counts at the deadline is the last look */
    begin();
    become_malformed();
    record.bound_ns = S;
    change_after(2, become_well_formed);
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_synchronized(ctx, MS, START + 3 * SLICE));
    change_after(sleeps + 1, become_malformed);
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0,
                 clockbound_wait_synchronized(ctx, MS, START + 6 * SLICE));
    end();
}

static int fail_to_sleep(int64_t until_ns)
{
    (void)until_ns;
    return ENOTSUP;
}

static void clocks_and_sleeps_that_fail_end_a_wait(void)
{
    begin();
    instead_of_sleeping = fail_to_sleep;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ENOTSUP, clockbound_wait_after(ctx, NOW, NEVER));
    expect_error(CLOCKBOUND_ERR_SYSCALL, ENOTSUP, clockbound_wait_synchronized(ctx, 0, NEVER));
    /* also where the segment could not be read: that would be told at the deadline only */
    become_malformed();
    expect_error(CLOCKBOUND_ERR_SYSCALL, ENOTSUP, clockbound_wait_synchronized(ctx, 0, NEVER));
    failing_clock = PRECISE_MONOTONIC;
    sleeps = 0;
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_wait_after(ctx, NOW, NEVER));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_wait_synchronized(ctx, 0, NEVER));
    CHECK_EQUAL(0, sleeps);
    end();
}

int main(void)
{
    files_begin();
    RUN(what_has_passed_is_not_waited_for);
    RUN(a_wait_ends_with_the_first_nanosecond_after_the_instant);
    RUN(a_long_wait_looks_ten_times_a_second);
    RUN(a_growing_bound_makes_the_wait_longer);
    RUN(a_bound_that_grows_with_the_clock_is_not_a_busy_loop);
    RUN(signals_neither_end_nor_lengthen_a_wait);
    RUN(a_deadline_that_has_come_ends_a_wait_at_once);
    RUN(a_deadline_in_the_middle_is_kept_to_the_nanosecond);
    RUN(instants_at_the_ends_of_time_do_not_overflow);
    RUN(without_a_trusted_status_nobody_waits);
    RUN(a_status_that_is_lost_ends_a_wait_with_the_next_look);
    RUN(a_free_running_clock_serves_a_wait_for_an_instant);
    RUN(a_segment_that_breaks_ends_a_wait_for_an_instant);
    RUN(a_bound_that_shrinks_ends_a_wait_sooner);
    RUN(a_step_of_the_clock_moves_the_end_of_a_wait);
    RUN(only_a_synchronized_clock_is_good_enough);
    RUN(the_bound_must_be_small_enough_too);
    RUN(a_negative_error_is_refused);
    RUN(a_segment_that_breaks_does_not_end_a_wait_for_the_clock);
    RUN(clocks_and_sleeps_that_fail_end_a_wait);
    files_end();
    return check_failures();
}
