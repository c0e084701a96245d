/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions on real files. */
#include <errno.h>
#include <pthread.h>

#include "check.h"
#include "clocks.h"
#include "files.h"

#define REALTIME (INT64_C(1700000000) * S)

static void expect_open_fails(clockbound_err_kind kind, int sys_errno)
{
    clockbound_err err = {CLOCKBOUND_ERR_NONE, -1, NULL};
    clockbound_ctx *ctx = clockbound_open(segment_path, &err);
    CHECK(ctx == NULL);
    CHECK_EQUAL(kind, err.kind);
    CHECK_EQUAL(sys_errno, err.sys_errno);
    CHECK(err.detail != NULL);
    clockbound_close(ctx);
}

/* Expects the status, and REALTIME -+ bound_ns, at elapsed_ns after second 100. */
static void expect_now_at(clockbound_ctx *ctx, int64_t elapsed_ns, int64_t bound_ns,
                          clockbound_clock_status status)
{
    clockbound_interval now;
    memset(&now, 0, sizeof now);
    CHECK(clockbound_now_at(ctx, REALTIME, 100 * S + elapsed_ns, &now) == NULL);
    CHECK_EQUAL(REALTIME - bound_ns, now.earliest_ns);
    CHECK_EQUAL(REALTIME + bound_ns, now.latest_ns);
    CHECK_EQUAL(status, now.clock_status);
}

static void expect_now_at_fails(clockbound_ctx *ctx, clockbound_err_kind kind)
{
    clockbound_interval now;
    clockbound_err const *err = clockbound_now_at(ctx, REALTIME, 100 * S, &now);
    CHECK(err != NULL);
    if (err != NULL)
        CHECK_EQUAL(kind, err->kind);
}

static void missing_and_unreadable_files_are_syscall_errors(void)
{
    unlink(segment_path);
    expect_open_fails(CLOCKBOUND_ERR_SYSCALL, ENOENT);
}

static void files_that_are_no_segments_are_not_initialised(void)
{
    unsigned char bytes[CB_SEGMENT_V2_SIZE_BYTES];
    struct cb_segment_record record = good();

    write_file(segment_path, "", 0);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
    cb_segment_v2_store(bytes, &record);
    write_file(segment_path, bytes, 15);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
    cb_segment_v2_store_magic(bytes, 0, 0x414D5A4F);
    write_file(segment_path, bytes, sizeof bytes);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
    cb_segment_v2_store(bytes, &record);
    cb_segment_v2_store_magic(bytes, 1, 0x43420201);
    write_file(segment_path, bytes, sizeof bytes);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
    /* the bytes that the published protocol prints, as a string */
    memcpy(bytes, "\x41\x4d\x5a\x4e\x43\x42\x02\x00", 8);
    write_file(segment_path, bytes, sizeof bytes);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
#endif
    cb_segment_v2_store(bytes, &record);
    cb_segment_v2_store_version(bytes, 0);
    write_file(segment_path, bytes, sizeof bytes);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
    record.generation = 0;
    write_v2(&record);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
}

static void an_unknown_version_is_not_supported(void)
{
    unsigned char bytes[CB_SEGMENT_V2_SIZE_BYTES];
    const struct cb_segment_record record = good();
    cb_segment_v2_store(bytes, &record);
    cb_segment_v2_store_version(bytes, 3);
    write_file(segment_path, bytes, sizeof bytes);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED, 0);
}

static void sizes_that_cannot_be_are_malformed(void)
{
    unsigned char bytes[96] = {0};
    const struct cb_segment_record record = good();
    cb_segment_v2_store(bytes, &record);
    write_file(segment_path, bytes, 79); /* the file is shorter than it says */
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0);
    cb_segment_v2_store_segment_size(bytes, 79); /* shorter than the layout */
    write_file(segment_path, bytes, 80);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0);
    cb_segment_v2_store_segment_size(bytes, 81);
    write_file(segment_path, bytes, 80);
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 0);
    cb_segment_v2_store_segment_size(bytes, 96); /* longer than the layout is fine */
    write_file(segment_path, bytes, 96);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    if (ctx != NULL)
        expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    clockbound_close(ctx);
}

static void a_fifo_does_not_hang(void)
{
    unlink(segment_path);
    CHECK_EQUAL(0, mkfifo(segment_path, 0644));
    expect_open_fails(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0);
    unlink(segment_path);
}

static void null_arguments_are_errors(void)
{
    clockbound_err err = {CLOCKBOUND_ERR_NONE, 0, NULL};
    clockbound_now_result now;
    CHECK(clockbound_open(NULL, &err) == NULL);
    CHECK_EQUAL(CLOCKBOUND_ERR_SYSCALL, err.kind);
    CHECK_EQUAL(EINVAL, err.sys_errno);
    CHECK(clockbound_open(NULL, NULL) == NULL);
    CHECK(clockbound_vmclock_open(segment_path, NULL, &err) == NULL);
    CHECK(clockbound_now(NULL, &now) != NULL);
    CHECK(clockbound_close(NULL) == NULL);
    const struct cb_segment_record record = good();
    write_v2(&record);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    CHECK(clockbound_now(ctx, NULL) != NULL);
    clockbound_close(ctx);
}

static void both_layouts_are_told_apart_by_their_version(void)
{
    unsigned char bytes[CB_SEGMENT_V1_SIZE_BYTES];
    const struct cb_segment_record record = good();
    cb_segment_v1_store(bytes, &record);
    memset(bytes + CB_SEGMENT_V1_PADDING_OFFSET_BYTES, 0xff, 4);  /* garbage that existing writers leave */
    memset(bytes + CB_SEGMENT_V1_RESERVED_OFFSET_BYTES, 0xee, 4);
    write_file(segment_path, bytes, sizeof bytes);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    if (ctx != NULL)
        expect_now_at(ctx, S, 1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    clockbound_close(ctx);
    write_v2(&record);
    ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    if (ctx != NULL)
        expect_now_at(ctx, S, 1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    clockbound_close(ctx);
}

static void now_brackets_the_clock_with_a_bound_that_has_grown(void)
{
    struct timespec monotonic, before, after;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    struct cb_segment_record record = good();
    record.as_of_sec = monotonic.tv_sec - 1;
    record.as_of_nsec = monotonic.tv_nsec;
    record.void_after_sec = record.as_of_sec + 1000;
    write_v2(&record);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    clockbound_now_result now;
    clock_gettime(CLOCK_REALTIME, &before);
    CHECK(clockbound_now(ctx, &now) == NULL);
    clock_gettime(CLOCK_REALTIME, &after);
    const int64_t earliest_ns = now.earliest.tv_sec * S + now.earliest.tv_nsec;
    const int64_t latest_ns = now.latest.tv_sec * S + now.latest.tv_nsec;
    const int64_t reading_ns = earliest_ns + (latest_ns - earliest_ns) / 2;
    CHECK(before.tv_sec * S + before.tv_nsec <= reading_ns);
    CHECK(reading_ns <= after.tv_sec * S + after.tv_nsec);
    /* at least 1 s old: half the width is at least 1 ms + 50 us; and this test takes less than 100 s */
    CHECK((latest_ns - earliest_ns) / 2 >= 1050000);
    CHECK((latest_ns - earliest_ns) / 2 < 6050000);
    clockbound_close(ctx);
}

static void a_dead_writer_leaves_the_last_good_snapshot(void)
{
    const struct cb_segment_record record = good();
    write_v2(&record);
    unsigned char *bytes = map(segment_path);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_segment_v2_store_bound_ns(bytes, 5);
    cb_segment_v2_store_generation(bytes, 3); /* half written, for ever */
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    expect_now_at(ctx, S, 1050000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_segment_v2_store_generation(bytes, 0); /* never written, it says now */
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_segment_v2_store_generation(bytes, 4);
    cb_segment_v2_store_version(bytes, 0);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_segment_v2_store_version(bytes, 2);
    expect_now_at(ctx, 0, 5, CLOCKBOUND_STA_SYNCHRONIZED);
    clockbound_close(ctx);
    unmap(bytes);
}

/* The least time that a question took, so that an interruption doesn't count. */
static int64_t least_cost_ns(clockbound_ctx *ctx)
{
    int64_t least_ns = INT64_MAX;
    for (int i = 0; i < 200; i++) {
        struct timespec begin, end;
        clockbound_interval now;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        for (int j = 0; j < 10; j++)
            CHECK(clockbound_now_at(ctx, REALTIME, 100 * S, &now) == NULL);
        clock_gettime(CLOCK_MONOTONIC, &end);
        const int64_t cost_ns = (end.tv_sec - begin.tv_sec) * S + end.tv_nsec - begin.tv_nsec;
        if (cost_ns < least_ns)
            least_ns = cost_ns;
    }
    return least_ns;
}

/* A question that makes its 1,000 attempts costs hundreds of times as much as one that doesn't. */
static void a_dead_writer_costs_attempts_once_and_not_each_time(void)
{
    for (int updates = 0; updates < 3; updates++) { /* one snapshot to fall back on, or two */
        struct cb_segment_record record = good();
        write_v2(&record);
        unsigned char *bytes = map(segment_path);
        clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
        for (int i = 0; i < updates; i++) {
            publish(bytes, &record);
            expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
        }
        const int64_t alive_ns = least_cost_ns(ctx);
        cb_segment_v2_store_generation(bytes, (uint16_t)(cb_segment_v2_load_generation(bytes) + 1));
        CHECK(least_cost_ns(ctx) < 50 * (alive_ns + 100));
        clockbound_close(ctx);
        unmap(bytes);
    }
}

static void a_half_written_segment_has_no_interval(void)
{
    struct cb_segment_record record = good();
    record.generation = 3;
    write_v2(&record);
    unsigned char *bytes = map(segment_path);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    expect_now_at_fails(ctx, CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED);
    cb_segment_v2_store_generation(bytes, 4);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    clockbound_close(ctx);
    unmap(bytes);
}

static void every_generation_is_followed(void)
{
    struct cb_segment_record record = good();
    write_v2(&record);
    unsigned char *bytes = map(segment_path);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    for (int64_t i = 0; i < 70000; i++) { /* once round the 16-bit counter */
        record.bound_ns = i;
        publish(bytes, &record);
        clockbound_interval now;
        if (clockbound_now_at(ctx, REALTIME, 100 * S, &now) != NULL || now.latest_ns != REALTIME + i) {
            CHECK_EQUAL(-1, i);
            break;
        }
    }
    clockbound_close(ctx);
    unmap(bytes);
}

static void a_replaced_file_is_followed_once_the_snapshot_is_old(void)
{
    struct cb_segment_record record = good();
    write_v2(&record);
    clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
    record.bound_ns = 2000000;
    write_v2(&record); /* another file under the same name */
    /* young: no look. 5 s old: 250 us of growth */
    expect_now_at(ctx, 5 * S, 1250000, CLOCKBOUND_STA_FREE_RUNNING);
    /* older: it looks, and moves */
    expect_now_at(ctx, 5 * S + 1, 2250001, CLOCKBOUND_STA_FREE_RUNNING);
    /* the path names nothing, or not a segment: it stays where it is */
    write_file(segment_path, "", 0);
    expect_now_at(ctx, 6 * S, 2300000, CLOCKBOUND_STA_FREE_RUNNING);
    clockbound_close(ctx);
}

static void a_replaced_file_is_looked_for_once_a_second_at_most(void)
{
    int64_t took_ns = S;
    /* Again where the machine held this up for so long that it may have looked twice. */
    for (int attempts = 0; attempts < 5 && took_ns >= S; attempts++) {
        struct cb_segment_record record = good();
        write_v2(&record);
        clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
        clockbound_interval now = {0};
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        expect_now_at(ctx, 6 * S, 1300000, CLOCKBOUND_STA_FREE_RUNNING); /* looks: the same file */
        record.bound_ns = 2000000;
        write_v2(&record);
        CHECK(clockbound_now_at(ctx, REALTIME, 106 * S, &now) == NULL);
        clock_gettime(CLOCK_MONOTONIC, &after);
        took_ns = (after.tv_sec - before.tv_sec) * S + after.tv_nsec - before.tv_nsec;
        if (took_ns < S)
            CHECK_EQUAL(REALTIME + 1300000, now.latest_ns); /* not again so soon */
        const struct timespec a_second = {1, 20000000};
        nanosleep(&a_second, NULL);
        expect_now_at(ctx, 6 * S, 2300000, CLOCKBOUND_STA_FREE_RUNNING);
        clockbound_close(ctx);
    }
    CHECK(took_ns < S);
}

/* Old segments that give no interval at second 100, though they are young. */
static const struct {
    int64_t as_of_sec, as_of_nsec, bound_ns;
    clockbound_err_kind kind;
} without_interval[] = {
    {99, S, 1000000, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
    {100, 0, -1, CLOCKBOUND_ERR_SEGMENT_MALFORMED},
    {101, 0, 1000000, CLOCKBOUND_ERR_CAUSALITY_BREACH},
};
#define WITHOUT_INTERVAL_COUNT (sizeof without_interval / sizeof without_interval[0])

static void write_without_interval(size_t i)
{
    struct cb_segment_record record = good();
    record.as_of_sec = without_interval[i].as_of_sec;
    record.as_of_nsec = without_interval[i].as_of_nsec;
    record.bound_ns = without_interval[i].bound_ns;
    write_v2(&record);
}

static void a_replaced_file_is_followed_where_the_old_one_gives_no_interval(void)
{
    struct cb_segment_record record = good();
    record.bound_ns = 2000000;
    for (size_t i = 0; i < WITHOUT_INTERVAL_COUNT; i++) {
        write_without_interval(i);
        clockbound_ctx *ctx = clockbound_open(segment_path, NULL);
        write_v2(&record);
        expect_now_at(ctx, 0, 2000000, CLOCKBOUND_STA_SYNCHRONIZED);
        clockbound_close(ctx);
    }
}

static void without_an_interval_another_file_is_looked_for_once_a_second_at_most(void)
{
    struct cb_segment_record record = good();
    record.bound_ns = 2000000;
    int64_t took_ns = S;
    /* Again where the machine held this up for so long that one may have looked twice. */
    for (int attempts = 0; attempts < 5 && took_ns >= S; attempts++) {
        clockbound_ctx *contexts[WITHOUT_INTERVAL_COUNT];
        bool stayed[WITHOUT_INTERVAL_COUNT];
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        for (size_t i = 0; i < WITHOUT_INTERVAL_COUNT; i++) {
            clockbound_interval now;
            write_without_interval(i);
            contexts[i] = clockbound_open(segment_path, NULL);
            expect_now_at_fails(contexts[i], without_interval[i].kind); /* looks: the same file */
            write_v2(&record);
            clockbound_err const *err = clockbound_now_at(contexts[i], REALTIME, 100 * S, &now);
            stayed[i] = err != NULL && err->kind == without_interval[i].kind;
        }
        clock_gettime(CLOCK_MONOTONIC, &after);
        took_ns = (after.tv_sec - before.tv_sec) * S + after.tv_nsec - before.tv_nsec;
        const struct timespec a_second = {1, 20000000};
        nanosleep(&a_second, NULL);
        for (size_t i = 0; i < WITHOUT_INTERVAL_COUNT; i++) {
            if (took_ns < S)
                CHECK(stayed[i]); /* not again so soon */
            expect_now_at(contexts[i], 0, 2000000, CLOCKBOUND_STA_SYNCHRONIZED);
            clockbound_close(contexts[i]);
        }
    }
    CHECK(took_ns < S);
}

static void disruption_support_needs_the_page(void)
{
    clockbound_err err = {CLOCKBOUND_ERR_NONE, 0, NULL};
    const struct cb_segment_record record = with_disruption_support(7);
    write_v2(&record);
    unlink(page_path);
    CHECK(clockbound_vmclock_open(segment_path, page_path, &err) == NULL);
    CHECK_EQUAL(CLOCKBOUND_ERR_SYSCALL, err.kind);
    CHECK_EQUAL(ENOENT, err.sys_errno);
    write_file(page_path, "VCLK", 4);
    CHECK(clockbound_vmclock_open(segment_path, page_path, &err) == NULL);
    CHECK_EQUAL(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, err.kind);
}

static void a_marker_that_differs_makes_the_status_unknown(void)
{
    const struct cb_segment_record record = with_disruption_support(7);
    write_v2(&record);
    write_page(7);
    unsigned char *page = map(page_path);
    clockbound_ctx *ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    CHECK(ctx != NULL);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_vmclock_store_disruption_marker(page, 8);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_UNKNOWN);
    cb_vmclock_store_disruption_marker(page, 7);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_vmclock_store_seq_count(page, 1); /* the page can't be read */
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_UNKNOWN);
    clockbound_close(ctx);
    unmap(page);
}

static void support_that_is_turned_on_later_is_heeded(void)
{
    struct cb_segment_record record = good();
    write_v2(&record);
    unlink(page_path);
    unsigned char *bytes = map(segment_path);
    clockbound_ctx *ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    cb_segment_v2_store_disruption_marker(bytes, 7);
    cb_segment_v2_store_clock_disruption_support_enabled(bytes, 1);
    cb_segment_v2_store_generation(bytes, 4);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_UNKNOWN); /* no page */
    write_page(7);
    const struct timespec a_second = {1, 20000000};
    nanosleep(&a_second, NULL);
    expect_now_at(ctx, 0, 1000000, CLOCKBOUND_STA_SYNCHRONIZED);
    clockbound_close(ctx);
    unmap(bytes);
}

/* The premise, on this machine: the offset of the coarse clocks is that of the precise ones. */
static void monotonic_readings_are_never_early_on_this_machine(void)
{
    static struct cb_clocks clocks;
    cb_clocks_init(&clocks);
    clocks.coarse_is_cheap = true; /* also where it isn't, under an emulator say */
    int wrong = 0;
    for (int i = 0; i < 200000; i++) {
        struct timespec before, after;
        int64_t realtime_ns, monotonic_ns;
        clock_gettime(CLOCK_MONOTONIC, &before);
        CHECK(cb_clocks_read(&clocks, &realtime_ns, &monotonic_ns) == NULL);
        clock_gettime(CLOCK_MONOTONIC, &after);
        wrong += monotonic_ns < before.tv_sec * S + before.tv_nsec;
        wrong += monotonic_ns > after.tv_sec * S + after.tv_nsec + 20000000; /* a tick, 10 ms at most */
    }
    CHECK_EQUAL(0, wrong);
}

/* Threads that share one context while the segment changes and its file is replaced. */
#define THREADS 4
static clockbound_ctx *shared_ctx;
static atomic_bool stop_reading;

static void *read_on(void *unused)
{
    intptr_t wrong = 0;
    (void)unused;
    while (!atomic_load(&stop_reading)) {
        clockbound_interval now;
        /* bound_ns is max_drift_ppb, so 1 s later the bound is twice that */
        if (clockbound_now_at(shared_ctx, REALTIME, 101 * S, &now) != NULL)
            wrong++;
        else if ((now.latest_ns - REALTIME) % 2 != 0)
            wrong++;
    }
    return (void *)wrong; /* NOLINT: a number, not an address */
}

static void threads_share_one_context(void)
{
    struct cb_segment_record record = good();
    record.bound_ns = record.max_drift_ppb;
    write_v2(&record);
    unsigned char *bytes = map(segment_path);
    shared_ctx = clockbound_open(segment_path, NULL);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, read_on, NULL));
    for (uint32_t i = 1; i < 300000; i++) {
        record.max_drift_ppb = i;
        record.bound_ns = i;
        publish(bytes, &record);
    }
    atomic_store(&stop_reading, true);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        CHECK_EQUAL(0, pthread_join(threads[i], &wrong));
        CHECK(wrong == NULL);
    }
    clockbound_close(shared_ctx);
    unmap(bytes);
}

int main(void)
{
    files_begin();
    RUN(missing_and_unreadable_files_are_syscall_errors);
    RUN(files_that_are_no_segments_are_not_initialised);
    RUN(an_unknown_version_is_not_supported);
    RUN(sizes_that_cannot_be_are_malformed);
    RUN(a_fifo_does_not_hang);
    RUN(null_arguments_are_errors);
    RUN(both_layouts_are_told_apart_by_their_version);
    RUN(now_brackets_the_clock_with_a_bound_that_has_grown);
    RUN(a_dead_writer_leaves_the_last_good_snapshot);
    RUN(a_dead_writer_costs_attempts_once_and_not_each_time);
    RUN(a_half_written_segment_has_no_interval);
    RUN(every_generation_is_followed);
    RUN(a_replaced_file_is_followed_once_the_snapshot_is_old);
    RUN(a_replaced_file_is_looked_for_once_a_second_at_most);
    RUN(a_replaced_file_is_followed_where_the_old_one_gives_no_interval);
    RUN(without_an_interval_another_file_is_looked_for_once_a_second_at_most);
    RUN(disruption_support_needs_the_page);
    RUN(a_marker_that_differs_makes_the_status_unknown);
    RUN(support_that_is_turned_on_later_is_heeded);
    RUN(monotonic_readings_are_never_early_on_this_machine);
    RUN(threads_share_one_context);
    files_end();
    return check_failures();
}
