/* SPDX-License-Identifier: Apache-2.0 */
/* The extensions, except the waits, on real files and on clocks that this test sets, which stand still.
 * Expected values are computed by hand; the sums stand beside them. */
#include "check.h"
#include "fake_clocks.h"
#include "files.h"
#include "interval.h"

#define NOW (INT64_C(1700000000) * S)

static clockbound_ctx *ctx;
static unsigned char *bytes;

/* A context on a segment with this record, elapsed_ns after second 100, when CLOCK_REALTIME shows NOW. */
static void begin_with(const struct cb_segment_record *record, int64_t elapsed_ns)
{
    fake_clocks_begin(100 * S + elapsed_ns, NOW);
    write_v2(record);
    bytes = map(segment_path);
    ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    CHECK(ctx != NULL);
}

static void begin(void)
{
    const struct cb_segment_record record = good();
    begin_with(&record, 0);
}

static void end(void)
{
    clockbound_close(ctx);
    ctx = NULL;
    unmap(bytes);
}

static void set_status(int32_t status)
{
    struct cb_segment_record record;
    cb_segment_v2_load(bytes, &record);
    record.clock_status = status;
    publish(bytes, &record);
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

static clockbound_interval found;

/* So that it shows whether anything was stored. */
static clockbound_interval *untouched(void)
{
    found = (clockbound_interval){-1, -2, CLOCKBOUND_STA_DISRUPTED};
    return &found;
}

static void expect_untouched(void)
{
    CHECK_EQUAL(-1, found.earliest_ns);
    CHECK_EQUAL(-2, found.latest_ns);
    CHECK_EQUAL(CLOCKBOUND_STA_DISRUPTED, found.clock_status);
}

static void expect_interval(int64_t earliest_ns, int64_t latest_ns, clockbound_clock_status status)
{
    CHECK_EQUAL(earliest_ns, found.earliest_ns);
    CHECK_EQUAL(latest_ns, found.latest_ns);
    CHECK_EQUAL(status, found.clock_status);
}

/* One question for all that give an interval, so that what holds for all is tested for each. */
enum question { NOW_NS, NOW_WITHIN, NOW_TAI, NOW_AT, BEFORE, AFTER, QUESTIONS };
static bool answer;

static clockbound_err const *ask(enum question question, clockbound_ctx *whom)
{
    untouched();
    answer = false;
    switch (question) {
    case NOW_NS:
        return clockbound_now_ns(whom, &found);
    case NOW_WITHIN:
        return clockbound_now_within(whom, INT64_MAX, &found);
    case NOW_TAI:
        return clockbound_now_tai(whom, &found);
    case NOW_AT:
        return clockbound_now_at(whom, true_monotonic_ns + offset_ns, true_monotonic_ns, &found);
    case BEFORE:
        return clockbound_before(whom, INT64_MAX, &answer);
    case AFTER:
        return clockbound_after(whom, INT64_MIN, &answer);
    case QUESTIONS:
        break;
    }
    return NULL;
}

static bool fails_closed(enum question question)
{
    return question == NOW_WITHIN || question == BEFORE || question == AFTER;
}

static void now_ns_is_the_interval_in_nanoseconds(void)
{
    begin();
    CHECK(clockbound_now_ns(ctx, untouched()) == NULL);
    expect_interval(NOW - 1000000, NOW + 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    true_monotonic_ns += 2 * S; /* and with it CLOCK_REALTIME; 2 s at 50 ppm are 100000 ns */
    CHECK(clockbound_now_ns(ctx, untouched()) == NULL);
    expect_interval(NOW + 2 * S - 1100000, NOW + 2 * S + 1100000, CLOCKBOUND_STA_SYNCHRONIZED);
    set_status(CLOCKBOUND_STA_DISRUPTED); /* the caller looks at the status */
    CHECK(clockbound_now_ns(ctx, untouched()) == NULL);
    CHECK_EQUAL(CLOCKBOUND_STA_DISRUPTED, found.clock_status);
    end();
}

/* The original's result for the same instants: seconds and nanoseconds, the latter never negative. */
static void now_gives_seconds_and_nanoseconds(void)
{
    static const struct {
        int64_t realtime_ns, earliest_sec, earliest_nsec, latest_sec, latest_nsec;
    } cases[] = {
        {INT64_C(1700000000999999999), 1700000000, 998999999, 1700000001, 999999},
        {0, -1, 999000000, 0, 1000000},         /* -0.001 s */
        {-999999, -1, 998000001, 0, 1},         /* -0.001999999 s */
        {-1000001, -1, 997999999, -1, 999999999}, /* -0.002000001 s and -0.000000001 s */
        {-S, -2, 999000000, -1, 1000000},       /* -1.001 s and -0.999 s */
        {1000000, 0, 0, 0, 2000000},
        {-S - 1000000, -2, 998000000, -1, 0},   /* -1.002 s and -1 s */
        {-S + 1000000, -1, 0, -1, 2000000},     /* -1 s and -0.998 s */
        /* 2^63 - 1 is 9223372036.854775807 s */
        {INT64_MAX - 1000000, INT64_C(9223372036), 852775807, INT64_C(9223372036), 854775807},
        {INT64_C(-9223372036) * S, INT64_C(-9223372037), 999000000, INT64_C(-9223372036), 1000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clockbound_now_result now;
        memset(&now, 0, sizeof now);
        begin();
        true_monotonic_ns = 0; /* CLOCK_REALTIME is a sum, which must fit */
        struct cb_segment_record record = good();
        record.as_of_sec = 0;
        publish(bytes, &record);
        offset_ns = cases[i].realtime_ns;
        CHECK(clockbound_now(ctx, &now) == NULL);
        CHECK_EQUAL(cases[i].earliest_sec, now.earliest.tv_sec);
        CHECK_EQUAL(cases[i].earliest_nsec, now.earliest.tv_nsec);
        CHECK_EQUAL(cases[i].latest_sec, now.latest.tv_sec);
        CHECK_EQUAL(cases[i].latest_nsec, now.latest.tv_nsec);
        CHECK_EQUAL(CLOCKBOUND_STA_SYNCHRONIZED, now.clock_status);
        end();
    }
}

static void now_at_is_the_interval_for_given_readings(void)
{
    begin();
    memset(reads, 0, sizeof reads);
    CHECK(clockbound_now_at(ctx, -5, 101 * S, untouched()) == NULL);
    expect_interval(-5 - 1050000, -5 + 1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    CHECK(clockbound_now_at(ctx, INT64_MAX - 1000000, 100 * S, untouched()) == NULL);
    expect_interval(INT64_MAX - 2000000, INT64_MAX, CLOCKBOUND_STA_SYNCHRONIZED);
    CHECK_EQUAL(0, reads[REALTIME] + reads[PRECISE_MONOTONIC]);
    /* an end that doesn't fit, and a reading from before the segment */
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0,
                 clockbound_now_at(ctx, INT64_MAX - 999999, 100 * S, untouched()));
    expect_untouched();
    expect_error(CLOCKBOUND_ERR_CAUSALITY_BREACH, 0, clockbound_now_at(ctx, NOW, 99 * S, untouched()));
    expect_untouched();
    end();
}

static void now_within_compares_half_the_interval(void)
{
    begin();
    CHECK(clockbound_now_within(ctx, 1000000, untouched()) == NULL); /* exactly as large */
    expect_interval(NOW - 1000000, NOW + 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    expect_error(CLOCKBOUND_ERR_SYSCALL, ERANGE, clockbound_now_within(ctx, 999999, untouched()));
    expect_untouched();
    expect_error(CLOCKBOUND_ERR_SYSCALL, ERANGE, clockbound_now_within(ctx, 0, untouched()));
    expect_untouched();
    CHECK(clockbound_now_within(ctx, INT64_MAX, untouched()) == NULL);
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_within(ctx, -1, untouched()));
    expect_untouched();
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_within(ctx, INT64_MIN, untouched()));
    true_monotonic_ns += 1; /* the bound grows by what is rounded up to 1 ns */
    expect_error(CLOCKBOUND_ERR_SYSCALL, ERANGE, clockbound_now_within(ctx, 1000000, untouched()));
    CHECK(clockbound_now_within(ctx, 1000001, untouched()) == NULL);
    /* a negative argument is told even where there would be no interval */
    set_status(CLOCKBOUND_STA_UNKNOWN);
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_within(ctx, -1, untouched()));
    end();
}

/* The ends are farther apart than an int64_t tells. */
static void now_within_measures_the_widest_interval(void)
{
    struct cb_segment_record record = good();
    record.bound_ns = INT64_MAX - 1;
    record.max_drift_ppb = 0;
    begin_with(&record, 0);
    offset_ns = -true_monotonic_ns; /* CLOCK_REALTIME shows 0 */
    CHECK(clockbound_now_within(ctx, INT64_MAX - 1, untouched()) == NULL);
    expect_interval(-INT64_MAX + 1, INT64_MAX - 1, CLOCKBOUND_STA_SYNCHRONIZED);
    expect_error(CLOCKBOUND_ERR_SYSCALL, ERANGE, clockbound_now_within(ctx, INT64_MAX - 2, untouched()));
    expect_error(CLOCKBOUND_ERR_SYSCALL, ERANGE, clockbound_now_within(ctx, 1, untouched()));
    end();
}

static void a_bound_of_nothing_is_within_nothing(void)
{
    struct cb_segment_record record = good();
    record.bound_ns = 0;
    begin_with(&record, 0);
    CHECK(clockbound_now_within(ctx, 0, untouched()) == NULL);
    expect_interval(NOW, NOW, CLOCKBOUND_STA_SYNCHRONIZED);
    end();
}

/* -1: an error. */
static int before(int64_t time_ns)
{
    bool is_before = false;
    return clockbound_before(ctx, time_ns, &is_before) != NULL ? -1 : is_before;
}

static int after(int64_t time_ns)
{
    bool is_after = false;
    return clockbound_after(ctx, time_ns, &is_after) != NULL ? -1 : is_after;
}

static void before_and_after_are_sure_only_outside_the_interval(void)
{
    begin(); /* NOW -+ 1000000 */
    CHECK_EQUAL(0, before(INT64_MIN));
    CHECK_EQUAL(0, before(NOW - 1000001));
    CHECK_EQUAL(0, before(NOW));
    CHECK_EQUAL(0, before(NOW + 1000000)); /* latest itself may be true time */
    CHECK_EQUAL(1, before(NOW + 1000001));
    CHECK_EQUAL(1, before(INT64_MAX));
    CHECK_EQUAL(1, after(INT64_MIN));
    CHECK_EQUAL(1, after(NOW - 1000001));
    CHECK_EQUAL(0, after(NOW - 1000000)); /* and so may earliest */
    CHECK_EQUAL(0, after(NOW));
    CHECK_EQUAL(0, after(NOW + 1000001));
    CHECK_EQUAL(0, after(INT64_MAX));
    /* an answer that was true becomes false */
    answer = true;
    CHECK(clockbound_before(ctx, NOW, &answer) == NULL);
    CHECK(!answer);
    answer = true;
    CHECK(clockbound_after(ctx, NOW, &answer) == NULL);
    CHECK(!answer);
    end();
}

static void ends_at_the_ends_of_time_are_compared_rightly(void)
{
    struct cb_segment_record record = good();
    record.bound_ns = 0;
    record.as_of_sec = 0;
    begin_with(&record, -100 * S); /* monotonic time 0 */
    offset_ns = INT64_MAX;
    CHECK_EQUAL(0, before(INT64_MAX));
    CHECK_EQUAL(1, after(INT64_MAX - 1));
    CHECK_EQUAL(0, after(INT64_MAX));
    end();

    record.bound_ns = 854775808; /* -2^63 is -9223372036.854775808 s */
    begin_with(&record, -100 * S);
    offset_ns = INT64_C(-9223372036) * S;
    CHECK_EQUAL(0, after(INT64_MIN));
    CHECK_EQUAL(0, before(INT64_MIN));
    CHECK_EQUAL(1, before(offset_ns + 854775809));
    offset_ns -= 1; /* no interval fits, nor does the clock's own reading as seconds and nanoseconds */
    expect_error(CLOCKBOUND_ERR_SYSCALL, EOVERFLOW, clockbound_before(ctx, 0, &answer));
    end();
}

static void only_a_trusted_status_gives_an_answer_that_carries_none(void)
{
    static const struct {
        int32_t status;
        bool trusted;
        const char *detail;
    } cases[] = {{CLOCKBOUND_STA_UNKNOWN, false, "the clock status is UNKNOWN"},
                 {CLOCKBOUND_STA_SYNCHRONIZED, true, NULL},
                 {CLOCKBOUND_STA_FREE_RUNNING, true, NULL},
                 {CLOCKBOUND_STA_DISRUPTED, false, "the clock status is DISRUPTED"}};
    for (enum question question = NOW_NS; question < QUESTIONS; question++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            begin();
            tai_offset_ns = 37 * S;
            set_status(cases[i].status);
            clockbound_err const *err = ask(question, ctx);
            if (cases[i].trusted || !fails_closed(question)) {
                CHECK(err == NULL);
                if (question == BEFORE || question == AFTER)
                    CHECK(answer);
                else
                    CHECK_EQUAL(cases[i].status, found.clock_status);
            } else {
                expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN, err);
                CHECK(err != NULL && strcmp(cases[i].detail, err->detail) == 0);
                expect_untouched();
                CHECK(!answer);
            }
            end();
        }
    }
}

/* SYNCHRONIZED when it was written: what counts is what it is now. */
static void a_snapshot_that_has_grown_old_fails_closed(void)
{
    for (enum question question = NOW_NS; question < QUESTIONS; question++) {
        begin();
        tai_offset_ns = 37 * S;
        true_monotonic_ns = 1100 * S - 1;
        CHECK(ask(question, ctx) == NULL); /* FREE_RUNNING */
        true_monotonic_ns = 1100 * S;
        if (fails_closed(question)) {
            expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN, ask(question, ctx));
        } else {
            CHECK(ask(question, ctx) == NULL);
            CHECK_EQUAL(CLOCKBOUND_STA_UNKNOWN, found.clock_status);
        }
        end();
    }
}

static void a_disruption_fails_closed(void)
{
    const struct cb_segment_record record = with_disruption_support(7);
    for (enum question question = NOW_NS; question < QUESTIONS; question++) {
        write_page(7);
        begin_with(&record, 0);
        tai_offset_ns = 37 * S;
        CHECK(ask(question, ctx) == NULL);
        unsigned char *page = map(page_path);
        cb_vmclock_store_disruption_marker(page, 8);
        if (fails_closed(question)) {
            expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN, ask(question, ctx));
        } else {
            CHECK(ask(question, ctx) == NULL);
            CHECK_EQUAL(CLOCKBOUND_STA_UNKNOWN, found.clock_status);
        }
        unmap(page);
        end();
    }
}

static void errors_of_segment_and_clocks_are_those_of_now(void)
{
    for (enum question question = NOW_NS; question < QUESTIONS; question++) {
        struct cb_segment_record record = good();

        record.bound_ns = -1;
        begin_with(&record, 0);
        tai_offset_ns = 37 * S;
        expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, ask(question, ctx));
        expect_untouched();
        CHECK(!answer);
        end();

        record = good();
        begin_with(&record, -1000);
        tai_offset_ns = 37 * S;
        expect_error(CLOCKBOUND_ERR_CAUSALITY_BREACH, 0, ask(question, ctx));
        expect_untouched();
        CHECK(!answer);
        end();

        record.generation = 3;
        begin_with(&record, 0);
        tai_offset_ns = 37 * S;
        expect_error(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, ask(question, ctx));
        expect_untouched();
        CHECK(!answer);
        end();

        begin();
        tai_offset_ns = 37 * S;
        failing_clock = REALTIME;
        if (question == NOW_AT)
            CHECK(ask(question, ctx) == NULL); /* reads no clock */
        else
            expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, ask(question, ctx));
        if (question != NOW_AT)
            expect_untouched();
        CHECK(!answer);
        end();
    }
}

static void null_arguments_are_errors(void)
{
    begin();
    for (enum question question = NOW_NS; question < QUESTIONS; question++) {
        expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, ask(question, NULL));
        expect_untouched();
        CHECK(!answer);
    }
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_ns(ctx, NULL));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_within(ctx, 1, NULL));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_tai(ctx, NULL));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_at(ctx, 0, 0, NULL));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_before(ctx, 0, NULL));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_after(ctx, 0, NULL));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_wait_after(NULL, 0, 0));
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_wait_synchronized(NULL, 0, 0));
    unsigned char segment[CB_SEGMENT_V2_SIZE_BYTES];
    memcpy(segment, bytes, sizeof segment);
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL,
                 clockbound_interval_from_bytes(NULL, 80, NULL, 0, NOW, 100 * S, untouched()));
    expect_untouched();
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL,
                 clockbound_interval_from_bytes(segment, 80, NULL, 0, NOW, 100 * S, NULL));
    end();
}

static void the_tai_scale_is_ahead_by_what_the_kernel_says(void)
{
    begin();
    tai_offset_ns = 37 * S;
    CHECK(clockbound_now_tai(ctx, untouched()) == NULL);
    expect_interval(NOW + 37 * S - 1000000, NOW + 37 * S + 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    tai_offset_ns = 0;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ENODATA, clockbound_now_tai(ctx, untouched()));
    expect_untouched();
    tai_offset_ns = 37 * S;
    failing_clock = TAI;
    expect_error(CLOCKBOUND_ERR_SYSCALL, EINVAL, clockbound_now_tai(ctx, untouched()));
    expect_untouched();
    end();
}

/* A leap second is inserted before the reading_no-th reading of CLOCK_REALTIME from now: it goes back by 1 s,
 * and TAI goes on. */
static int leap_before_reading, leaps_left;

static void leap(int clock)
{
    if (clock != REALTIME || leaps_left == 0 || --leap_before_reading > 0)
        return;
    leaps_left--;
    leap_before_reading = 1;
    offset_ns -= S;
    tai_offset_ns += S;
}

static void a_leap_second_does_not_move_tai(void)
{
    /* readings: two for the offset, one for the interval, two for the offset; each of them may be the first
     * after the leap second */
    for (int reading = 1; reading <= 6; reading++) {
        begin();
        tai_offset_ns = 37 * S;
        leap_before_reading = reading;
        leaps_left = 1;
        before_reading = leap;
        CHECK(clockbound_now_tai(ctx, untouched()) == NULL);
        expect_interval(NOW + 37 * S - 1000000, NOW + 37 * S + 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
        end();
    }
}

/* The offset is set anew each time that the clock is asked for the interval, which is every third reading. */
static void set_tai(int clock)
{
    static int readings;
    if (clock == REALTIME && ++readings % 5 == 3)
        tai_offset_ns += S;
}

static void an_offset_of_tai_that_changes_all_the_time_gives_none(void)
{
    begin();
    tai_offset_ns = 37 * S;
    before_reading = set_tai;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ENODATA, clockbound_now_tai(ctx, untouched()));
    expect_untouched();
    CHECK_EQUAL(37 + 3, tai_offset_ns / S); /* three attempts */
    end();
}

static void an_end_that_does_not_fit_the_tai_scale_is_malformed(void)
{
    begin();
    tai_offset_ns = S;
    const int64_t largest_ns = INT64_MAX - S - 1000000; /* so that latest on the TAI scale is the last one */
    offset_ns = largest_ns - true_monotonic_ns;
    CHECK(clockbound_now_tai(ctx, untouched()) == NULL);
    expect_interval(INT64_MAX - 2000000, INT64_MAX, CLOCKBOUND_STA_SYNCHRONIZED);
    struct cb_segment_record record = good();
    record.bound_ns += 1;
    publish(bytes, &record);
    expect_error(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, clockbound_now_tai(ctx, untouched()));
    expect_untouched();
    end();
}

/* What a context answers for these bytes in files, without a VMClock page where vmclock is NULL. */
static clockbound_err from_files(const void *segment, size_t segment_bytes, const void *vmclock,
                                 size_t vmclock_bytes, int64_t realtime_ns, int64_t monotonic_ns)
{
    clockbound_err err = {CLOCKBOUND_ERR_NONE, 0, ""};
    write_file(segment_path, segment, segment_bytes);
    if (vmclock != NULL)
        write_file(page_path, vmclock, vmclock_bytes);
    else
        unlink(page_path);
    clockbound_ctx *opened = clockbound_vmclock_open(segment_path, page_path, &err);
    if (opened != NULL) {
        clockbound_err const *failed = clockbound_now_at(opened, realtime_ns, monotonic_ns, untouched());
        if (failed != NULL)
            err = *failed;
    } else {
        untouched();
    }
    clockbound_close(opened);
    return err;
}

/* Expects the same from the bytes as from files; returns the kind. */
static clockbound_err_kind expect_as_from_files(const void *segment, size_t segment_bytes,
                                                const void *vmclock, size_t vmclock_bytes,
                                                int64_t realtime_ns, int64_t monotonic_ns)
{
    const clockbound_err expected =
        from_files(segment, segment_bytes, vmclock, vmclock_bytes, realtime_ns, monotonic_ns);
    const clockbound_interval wanted = found;
    /* nowhere aligned, and of exactly this length, so that a checker sees what lies beyond */
    unsigned char *copy = (unsigned char *)malloc(segment_bytes + 1);
    if (copy == NULL)
        exit(2);
    memcpy(copy + 1, segment, segment_bytes);
    clockbound_err const *err = clockbound_interval_from_bytes(
        copy + 1, segment_bytes, vmclock, vmclock_bytes, realtime_ns, monotonic_ns, untouched());
    CHECK_EQUAL(expected.kind, err != NULL ? err->kind : CLOCKBOUND_ERR_NONE);
    CHECK_EQUAL(expected.sys_errno, err != NULL ? err->sys_errno : 0);
    CHECK(err == NULL || err->detail != NULL);
    CHECK_EQUAL(wanted.earliest_ns, found.earliest_ns);
    CHECK_EQUAL(wanted.latest_ns, found.latest_ns);
    CHECK_EQUAL(wanted.clock_status, found.clock_status);
    free(copy);
    return err != NULL ? err->kind : CLOCKBOUND_ERR_NONE;
}

static void store(unsigned char *to, int layout, const struct cb_segment_record *record)
{
    memset(to, 0, 96);
    if (layout == 1)
        cb_segment_v1_store(to, record);
    else
        cb_segment_v2_store(to, record);
}

static const size_t layout_bytes[] = {0, CB_SEGMENT_V1_SIZE_BYTES, CB_SEGMENT_V2_SIZE_BYTES};

static void bytes_give_the_interval_of_a_file(void)
{
    unsigned char segment[96];
    fake_clocks_begin(100 * S, NOW);
    for (int layout = 1; layout <= 2; layout++) {
        const struct cb_segment_record record = good();
        store(segment, layout, &record);
        for (int64_t elapsed_ns = -999; elapsed_ns <= 5 * S; elapsed_ns += 500000999)
            CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, layout_bytes[layout], NULL, 0, NOW,
                                                                  100 * S + elapsed_ns));
        /* 2.5 s at 50 ppm are 125000 ns */
        CHECK_EQUAL(CLOCKBOUND_ERR_NONE,
                    expect_as_from_files(segment, layout_bytes[layout], NULL, 0, NOW, 102 * S + S / 2));
        expect_interval(NOW - 1125000, NOW + 1125000, CLOCKBOUND_STA_SYNCHRONIZED);
    }
}

static void a_copy_may_be_longer_than_its_segment(void)
{
    unsigned char segment[96];
    const struct cb_segment_record record = good();
    fake_clocks_begin(100 * S, NOW);
    for (int layout = 1; layout <= 2; layout++) {
        store(segment, layout, &record);
        memset(segment + layout_bytes[layout], 0xff, sizeof segment - layout_bytes[layout]);
        CHECK_EQUAL(CLOCKBOUND_ERR_NONE,
                    expect_as_from_files(segment, sizeof segment, NULL, 0, NOW, 100 * S));
        expect_interval(NOW - 1000000, NOW + 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    }
}

/* open.not-initialised, open.version and open.malformed. Fields of the header lie alike in both layouts. */
static void damaged_headers_are_told_as_of_a_file(void)
{
    enum { WHOLE = -1 };
    static const struct {
        int offset_bytes, width_bytes;
        uint32_t value;
        int size_bytes;
        clockbound_err_kind kind;
    } cases[] = {
        {0, 0, 0, 0, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED}, /* nothing */
        {0, 0, 0, 15, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {0, 0, 0, 16, CLOCKBOUND_ERR_SEGMENT_MALFORMED}, /* a header alone */
        {0, 0, 0, 71, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {0, 4, 0x414D5A4F, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {4, 4, 0x43420201, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {8, 4, 0, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {8, 4, 71, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {8, 4, 81, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {8, 4, UINT32_MAX, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {12, 2, 0, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {12, 2, 3, WHOLE, CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED},
        {12, 2, UINT16_MAX, WHOLE, CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED},
        {14, 2, 0, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {14, 2, 1, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED}, /* taken during an update */
        {14, 2, 3, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {14, 2, UINT16_MAX, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {14, 2, UINT16_MAX - 1, WHOLE, CLOCKBOUND_ERR_NONE},
    };
    const struct cb_segment_record record = good();
    fake_clocks_begin(100 * S, NOW);
    for (int layout = 1; layout <= 2; layout++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            unsigned char segment[96];
            const uint16_t narrow = (uint16_t)cases[i].value;
            store(segment, layout, &record);
            if (cases[i].width_bytes == 4)
                memcpy(segment + cases[i].offset_bytes, &cases[i].value, 4);
            else if (cases[i].width_bytes == 2)
                memcpy(segment + cases[i].offset_bytes, &narrow, 2);
            const size_t size_bytes =
                cases[i].size_bytes == WHOLE ? layout_bytes[layout] : (size_t)cases[i].size_bytes;
            const int before_ = check_failed;
            CHECK_EQUAL(cases[i].kind, expect_as_from_files(segment, size_bytes, NULL, 0, NOW, 100 * S));
            if (check_failed != before_)
                fprintf(stderr, "in case %zu of layout %d\n", i, layout);
        }
    }
}

/* bound.range and bound.causality */
static void damaged_records_are_told_as_of_a_file(void)
{
    fake_clocks_begin(100 * S, NOW);
    for (int layout = 1; layout <= 2; layout++) {
        for (int i = 0;; i++) {
            struct cb_segment_record record = good();
            clockbound_err_kind kind = CLOCKBOUND_ERR_SEGMENT_MALFORMED;
            int64_t monotonic_ns = 100 * S, realtime_ns = NOW;
            switch (i) {
            case 0:
                record.bound_ns = -1;
                break;
            case 1:
                record.max_drift_ppb = 1000000000;
                break;
            case 2:
                record.as_of_nsec = -1;
                break;
            case 3:
                record.as_of_nsec = S;
                break;
            case 4:
                record.void_after_nsec = -1;
                break;
            case 5:
                record.void_after_nsec = S;
                break;
            case 6:
                record.clock_status = -1;
                break;
            case 7:
                record.clock_status = 4;
                break;
            case 8:
                record.as_of_sec = INT64_MIN;
                break;
            case 9:
                record.void_after_sec = INT64_MAX;
                break;
            case 10: /* the bound grows beyond what fits */
                record.bound_ns = INT64_MAX;
                realtime_ns = 0;
                monotonic_ns += 1;
                break;
            case 11: /* an end doesn't fit */
                realtime_ns = INT64_MIN;
                break;
            case 12:
                monotonic_ns -= 1000;
                kind = CLOCKBOUND_ERR_CAUSALITY_BREACH;
                break;
            case 13:
                monotonic_ns = INT64_MIN;
                kind = CLOCKBOUND_ERR_CAUSALITY_BREACH;
                break;
            case 14:
                record.clock_status = CLOCKBOUND_STA_DISRUPTED; /* layout 1 has none */
                kind = layout == 1 ? CLOCKBOUND_ERR_SEGMENT_MALFORMED : CLOCKBOUND_ERR_NONE;
                break;
            case 15: /* the largest of everything */
                record.bound_ns = INT64_MAX;
                realtime_ns = 0;
                kind = CLOCKBOUND_ERR_NONE;
                break;
            default:
                i = -1;
                break;
            }
            if (i < 0)
                break;
            unsigned char segment[96];
            store(segment, layout, &record);
            const int before_ = check_failed;
            CHECK_EQUAL(kind, expect_as_from_files(segment, layout_bytes[layout], NULL, 0, realtime_ns,
                                                   monotonic_ns));
            if (check_failed != before_)
                fprintf(stderr, "in case %d of layout %d\n", i, layout);
        }
    }
}

/* Whatever bit is wrong, bytes and file agree. The flag of disruption support is left to what follows. */
static void any_wrong_bit_gives_the_same_from_bytes_and_file(void)
{
    fake_clocks_begin(101 * S, NOW);
    for (int layout = 1; layout <= 2; layout++) {
        const struct cb_segment_record record = good();
        for (size_t bit = 0; bit < layout_bytes[layout] * 8; bit++) {
            unsigned char segment[96];
            store(segment, layout, &record);
            segment[bit / 8] ^= (unsigned char)(1u << bit % 8);
            if (layout == 2 && bit / 8 == CB_SEGMENT_V2_CLOCK_DISRUPTION_SUPPORT_ENABLED_OFFSET_BYTES)
                continue;
            expect_as_from_files(segment, layout_bytes[layout], NULL, 0, NOW, 101 * S);
        }
    }
}

static void every_status_is_told_from_bytes(void)
{
    unsigned char segment[96];
    fake_clocks_begin(100 * S, NOW);
    for (int32_t status = CLOCKBOUND_STA_UNKNOWN; status <= CLOCKBOUND_STA_DISRUPTED; status++) {
        struct cb_segment_record record = good();
        record.clock_status = status;
        store(segment, 2, &record);
        CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, 80, NULL, 0, NOW, 100 * S));
        expect_interval(NOW - 1000000, NOW + 1000000, (clockbound_clock_status)status);
    }
    const struct cb_segment_record record = good();
    store(segment, 2, &record);
    const int64_t monotonic_ns[] = {105 * S, 1100 * S - 1, 1100 * S};
    const clockbound_clock_status expected[] = {CLOCKBOUND_STA_FREE_RUNNING, CLOCKBOUND_STA_FREE_RUNNING,
                                                CLOCKBOUND_STA_UNKNOWN};
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, 80, NULL, 0, NOW, monotonic_ns[i]));
        CHECK_EQUAL(expected[i], found.clock_status);
    }
}

static void the_vmclock_page_is_heeded_as_a_file_is(void)
{
    unsigned char segment[96], page[CB_VMCLOCK_SIZE_BYTES + 1], good_page[CB_VMCLOCK_SIZE_BYTES];
    const struct cb_segment_record record = with_disruption_support(7);
    fake_clocks_begin(100 * S, NOW);
    store(segment, 2, &record);
    store_page(good_page, 7);

    CHECK_EQUAL(CLOCKBOUND_ERR_NONE,
                expect_as_from_files(segment, 80, good_page, sizeof good_page, NOW, 100 * S));
    expect_interval(NOW - 1000000, NOW + 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    memcpy(page + 1, good_page, sizeof good_page);
    CHECK(clockbound_interval_from_bytes(segment, 80, page + 1, sizeof good_page, NOW, 100 * S,
                                         untouched()) == NULL); /* not aligned */
    CHECK_EQUAL(CLOCKBOUND_STA_SYNCHRONIZED, found.clock_status);

    /* another marker, also one that differs in the last bit only */
    const uint64_t markers[] = {8, 6, 0, UINT64_C(0x8000000000000007)};
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++) {
        store_page(page, markers[i]);
        CHECK_EQUAL(CLOCKBOUND_ERR_NONE,
                    expect_as_from_files(segment, 80, page, sizeof good_page, NOW, 100 * S));
        expect_interval(NOW - 1000000, NOW + 1000000, CLOCKBOUND_STA_UNKNOWN);
    }

    /* in an update */
    memcpy(page, good_page, sizeof good_page);
    cb_vmclock_store_seq_count(page, 1);
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, 80, page, sizeof good_page, NOW, 100 * S));
    CHECK_EQUAL(CLOCKBOUND_STA_UNKNOWN, found.clock_status);
    cb_vmclock_store_seq_count(page, UINT32_MAX - 1);
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, 80, page, sizeof good_page, NOW, 100 * S));
    CHECK_EQUAL(CLOCKBOUND_STA_SYNCHRONIZED, found.clock_status);

    /* none: a context doesn't open then; the bytes alone leave it unknown */
    CHECK(clockbound_interval_from_bytes(segment, 80, NULL, 0, NOW, 100 * S, untouched()) == NULL);
    expect_interval(NOW - 1000000, NOW + 1000000, CLOCKBOUND_STA_UNKNOWN);
    /* and where the segment doesn't ask for it, nobody looks at it */
    const struct cb_segment_record unsupported = good();
    store(segment, 2, &unsupported);
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, 80, "", 0, NOW, 100 * S));
    CHECK_EQUAL(CLOCKBOUND_STA_SYNCHRONIZED, found.clock_status);
    store(segment, 1, &record); /* layout 1 cannot ask */
    CHECK_EQUAL(CLOCKBOUND_ERR_NONE, expect_as_from_files(segment, 72, "", 0, NOW, 100 * S));
    CHECK_EQUAL(CLOCKBOUND_STA_SYNCHRONIZED, found.clock_status);
}

static void a_damaged_vmclock_page_is_told_as_of_a_file(void)
{
    enum { WHOLE = CB_VMCLOCK_SIZE_BYTES };
    static const struct {
        void (*store)(void *page, uint32_t value);
        uint32_t value;
        size_t size_bytes;
        clockbound_err_kind kind;
    } cases[] = {
        {NULL, 0, 0, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {NULL, 0, WHOLE - 1, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {cb_vmclock_store_magic, 0, WHOLE, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED},
        {cb_vmclock_store_size, WHOLE - 1, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {cb_vmclock_store_size, WHOLE + 1, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
        {cb_vmclock_store_size, WHOLE + 1, WHOLE + 1, CLOCKBOUND_ERR_NONE},
        {cb_vmclock_store_size, UINT32_MAX, WHOLE, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
    };
    unsigned char segment[96], page[CB_VMCLOCK_SIZE_BYTES + 1];
    const struct cb_segment_record record = with_disruption_support(7);
    fake_clocks_begin(100 * S, NOW);
    store(segment, 2, &record);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(page, 0, sizeof page);
        store_page(page, 7);
        if (cases[i].store != NULL)
            cases[i].store(page, cases[i].value);
        const int before_ = check_failed;
        CHECK_EQUAL(cases[i].kind,
                    expect_as_from_files(segment, 80, page, cases[i].size_bytes, NOW, 100 * S));
        if (check_failed != before_)
            fprintf(stderr, "in case %zu\n", i);
    }
    store_page(page, 7);
    cb_vmclock_store_version(page, 2);
    CHECK_EQUAL(CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED,
                expect_as_from_files(segment, 80, page, WHOLE, NOW, 100 * S));
}

static void bytes_need_neither_clock_nor_file(void)
{
    unsigned char segment[96];
    const struct cb_segment_record record = good();
    store(segment, 2, &record);
    fake_clocks_begin(100 * S, NOW);
    unlink(segment_path);
    failing_clock = REALTIME;
    CHECK(clockbound_interval_from_bytes(segment, 80, NULL, 0, NOW, 100 * S, untouched()) == NULL);
    for (int clock = 0; clock < FAKE_CLOCKS; clock++)
        CHECK_EQUAL(0, reads[clock]);
}

/* The whole line for err, at every size that a buffer may have. */
static void expect_text(const char *expected, clockbound_err const *err)
{
    const size_t length = strlen(expected);
    CHECK_EQUAL(length, clockbound_err_text(err, NULL, 0));
    CHECK_EQUAL(length, clockbound_err_text(err, NULL, 100)); /* there is nowhere to put it */
    for (size_t size = 0; size <= length + 2; size++) {
        char text[160];
        memset(text, '#', sizeof text);
        CHECK_EQUAL(length, clockbound_err_text(err, text, size));
        const size_t fitting = size == 0 ? 0 : size - 1 < length ? size - 1 : length;
        CHECK(memcmp(expected, text, fitting) == 0);
        if (size != 0)
            CHECK_EQUAL('\0', text[fitting]);
        CHECK_EQUAL('#', text[size]); /* nothing beyond */
    }
}

static void the_text_of_an_error_is_its_detail_and_errno(void)
{
    expect_text("no error", NULL);
    const clockbound_err none = {CLOCKBOUND_ERR_NONE, ENOENT, "not looked at"};
    expect_text("no error", &none);
    const clockbound_err missing = {CLOCKBOUND_ERR_SYSCALL, ENOENT, "open of the segment"};
    expect_text("open of the segment: No such file or directory", &missing);
    const clockbound_err malformed = {CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, "something is wrong"};
    expect_text("something is wrong", &malformed);
    const clockbound_err formats = {CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0, "100%s of %n"};
    expect_text("100%s of %n", &formats);
}

static void the_text_of_an_error_without_detail_is_its_kind(void)
{
    const clockbound_err initialised = {CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, NULL};
    expect_text("SEGMENT_NOT_INITIALIZED", &initialised);
    const clockbound_err missing = {CLOCKBOUND_ERR_SYSCALL, ENOENT, NULL};
    expect_text("SYSCALL: No such file or directory", &missing);
    const clockbound_err unheard_of = {(clockbound_err_kind)6, 0, NULL};
    expect_text("?", &unheard_of);
    const clockbound_err negative = {(clockbound_err_kind)-1, 0, "detail"};
    expect_text("detail", &negative);
}

/* C libraries differ in what they say of an errno that there isn't. */
static void an_errno_that_there_is_not_does_no_harm(void)
{
    const int numbers[] = {-1, 99999, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const clockbound_err err = {CLOCKBOUND_ERR_SYSCALL, numbers[i], "a call"};
        char text[160];
        const size_t length = clockbound_err_text(&err, text, sizeof text);
        CHECK_EQUAL(strlen(text), length);
        CHECK(strncmp(text, "a call", 6) == 0);
    }
}

static void errors_of_the_library_have_a_text(void)
{
    char text[160];
    begin();
    clockbound_err_text(clockbound_now_within(ctx, -1, &found), text, sizeof text);
    CHECK(strcmp("max_error_ns is negative: Invalid argument", text) == 0);
    end();
}

static void kinds_and_statuses_have_names(void)
{
    static const char *const kinds[] = {"NONE",
                                        "SYSCALL",
                                        "SEGMENT_NOT_INITIALIZED",
                                        "SEGMENT_MALFORMED",
                                        "CAUSALITY_BREACH",
                                        "SEGMENT_VERSION_NOT_SUPPORTED"};
    static const char *const statuses[] = {"UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED"};
    for (int i = 0; i < 6; i++)
        CHECK(strcmp(kinds[i], clockbound_err_kind_name((clockbound_err_kind)i)) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(strcmp(statuses[i], clockbound_clock_status_name((clockbound_clock_status)i)) == 0);
    CHECK(strcmp("?", clockbound_err_kind_name((clockbound_err_kind)6)) == 0);
    CHECK(strcmp("?", clockbound_err_kind_name((clockbound_err_kind)-1)) == 0);
    CHECK(strcmp("?", clockbound_clock_status_name((clockbound_clock_status)4)) == 0);
    CHECK(strcmp("?", clockbound_clock_status_name((clockbound_clock_status)-1)) == 0);
}

static void the_version_is_that_of_the_header(void)
{
    CHECK(strcmp(CLOCKBOUND_VERSION, clockbound_version()) == 0);
}

int main(void)
{
    files_begin();
    RUN(now_ns_is_the_interval_in_nanoseconds);
    RUN(now_gives_seconds_and_nanoseconds);
    RUN(now_at_is_the_interval_for_given_readings);
    RUN(now_within_compares_half_the_interval);
    RUN(now_within_measures_the_widest_interval);
    RUN(a_bound_of_nothing_is_within_nothing);
    RUN(before_and_after_are_sure_only_outside_the_interval);
    RUN(ends_at_the_ends_of_time_are_compared_rightly);
    RUN(only_a_trusted_status_gives_an_answer_that_carries_none);
    RUN(a_snapshot_that_has_grown_old_fails_closed);
    RUN(a_disruption_fails_closed);
    RUN(errors_of_segment_and_clocks_are_those_of_now);
    RUN(null_arguments_are_errors);
    RUN(the_tai_scale_is_ahead_by_what_the_kernel_says);
    RUN(a_leap_second_does_not_move_tai);
    RUN(an_offset_of_tai_that_changes_all_the_time_gives_none);
    RUN(an_end_that_does_not_fit_the_tai_scale_is_malformed);
    RUN(bytes_give_the_interval_of_a_file);
    RUN(a_copy_may_be_longer_than_its_segment);
    RUN(damaged_headers_are_told_as_of_a_file);
    RUN(damaged_records_are_told_as_of_a_file);
    RUN(any_wrong_bit_gives_the_same_from_bytes_and_file);
    RUN(every_status_is_told_from_bytes);
    RUN(the_vmclock_page_is_heeded_as_a_file_is);
    RUN(a_damaged_vmclock_page_is_told_as_of_a_file);
    RUN(bytes_need_neither_clock_nor_file);
    RUN(the_text_of_an_error_is_its_detail_and_errno);
    RUN(the_text_of_an_error_without_detail_is_its_kind);
    RUN(an_errno_that_there_is_not_does_no_harm);
    RUN(errors_of_the_library_have_a_text);
    RUN(kinds_and_statuses_have_names);
    RUN(the_version_is_that_of_the_header);
    files_end();
    return check_failures();
}
