/* SPDX-License-Identifier: Apache-2.0 */
/* One context in several processes: opened before a fork, used on both sides of it. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "check.h"
#include "live.h"

#define NOW (INT64_C(1700000000) * S)
#define READINGS 20000

static clockbound_ctx *ctx;
static unsigned char *bytes;

/* A record that is a function of one number: 1 s after as_of the bound is twice it. A torn one would show. */
static struct cb_segment_record of(uint32_t number)
{
    struct cb_segment_record record = good();
    record.bound_ns = number;
    record.max_drift_ppb = number;
    return record;
}

static void begin(void)
{
    const struct cb_segment_record record = of(1);
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

/* The number that the context reads; NONE if no snapshot was to be had, -1 if anything else is the matter. */
#define NONE (-2)
static int64_t number_read(void)
{
    clockbound_interval now;
    clockbound_err const *err = clockbound_now_at(ctx, NOW, 101 * S, &now);
    if (err != NULL)
        return err->kind == CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED ? NONE : -1;
    if (now.clock_status != CLOCKBOUND_STA_SYNCHRONIZED)
        return -1;
    const int64_t bound_ns = now.latest_ns - NOW;
    return NOW - now.earliest_ns == bound_ns && bound_ns % 2 == 0 ? bound_ns / 2 : -1;
}

/* How many of so many readings were without a number. */
static int64_t wrong_readings(int count)
{
    int64_t wrong = 0;
    for (int i = 0; i < count; i++)
        wrong += number_read() < 1;
    return wrong;
}

/* A child that does this and ends without its parent's cleaning up. */
static pid_t start(bool (*what)(void))
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        _exit(what() ? 0 : 1);
    CHECK(child > 0);
    return child;
}

static void expect_success(pid_t child)
{
    int status = -1;
    CHECK_EQUAL(child, waitpid(child, &status, 0));
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(0, WEXITSTATUS(status));
}

static bool read_and_close(void)
{
    const bool right = wrong_readings(READINGS) == 0;
    return clockbound_close(ctx) == NULL && right;
}

static void parent_and_children_read_at_the_same_time(void)
{
    pid_t children[3];
    begin();
    for (int i = 0; i < 3; i++)
        children[i] = start(read_and_close);
    CHECK_EQUAL(0, wrong_readings(READINGS));
    for (int i = 0; i < 3; i++)
        expect_success(children[i]);
    end();
}

static bool only_close(void)
{
    return clockbound_close(ctx) == NULL;
}

static void closing_in_a_child_does_not_disturb_the_parent(void)
{
    begin();
    CHECK_EQUAL(1, number_read());
    expect_success(start(only_close));
    CHECK_EQUAL(1, number_read());
    const struct cb_segment_record next = of(2);
    publish(bytes, &next);
    CHECK_EQUAL(2, number_read());
    cb_segment_v2_store_generation(bytes, 5); /* half-written: the last good one is there still */
    CHECK_EQUAL(2, number_read());
    end();
}

static bool expect_the_next(void)
{
    /* bounded: a minute or so */
    for (int i = 0; i < 60000 && number_read() != 2; i++)
        pause_for(MS);
    const bool right = number_read() == 2;
    return clockbound_close(ctx) == NULL && right;
}

static void what_is_published_after_the_fork_reaches_both(void)
{
    begin();
    const pid_t child = start(expect_the_next);
    CHECK_EQUAL(1, number_read());
    const struct cb_segment_record next = of(2);
    publish(bytes, &next);
    CHECK_EQUAL(2, number_read());
    expect_success(child);
    end();
}

static bool read_old_ones(void)
{
    const struct cb_segment_record next = of(2);
    cb_segment_v2_store_generation(bytes, 3);
    const bool kept = number_read() == 1; /* what the parent had read before the fork */
    publish(bytes, &next);
    return clockbound_close(ctx) == NULL && kept;
}

static void the_last_good_snapshot_is_inherited(void)
{
    begin();
    CHECK_EQUAL(1, number_read());
    expect_success(start(read_old_ones));
    CHECK_EQUAL(2, number_read());
    end();
}

/* At 7 s the snapshot is old enough for a look at the path, which happens once a second at most. */
static int64_t bound_at_7_s(void)
{
    clockbound_interval now;
    return clockbound_now_at(ctx, NOW, 107 * S, &now) == NULL ? now.latest_ns - NOW : -1;
}

static bool follow_the_file(void)
{
    const bool right = bound_at_7_s() == 8 * 5;
    return clockbound_close(ctx) == NULL && right;
}

static void each_process_follows_a_replaced_file_by_itself(void)
{
    begin();
    CHECK_EQUAL(1, number_read());
    const struct cb_segment_record fresh = of(5);
    write_v2(&fresh);
    expect_success(start(follow_the_file));
    CHECK_EQUAL(1, number_read()); /* nobody has looked here yet */
    CHECK_EQUAL(8 * 5, bound_at_7_s());
    expect_success(start(read_and_close));
    CHECK_EQUAL(5, number_read());
    end();
}

static atomic_bool stop;

static bool publish_much(void)
{
    for (uint32_t number = 1; number < 200000; number++) {
        const struct cb_segment_record record = of(number);
        publish(bytes, &record);
    }
    return clockbound_close(ctx) == NULL;
}

static void processes_read_while_another_writes(void)
{
    pid_t children[3];
    begin();
    const pid_t writer = start(publish_much);
    for (int i = 0; i < 3; i++)
        children[i] = start(read_and_close);
    CHECK_EQUAL(0, wrong_readings(READINGS));
    for (int i = 0; i < 3; i++)
        expect_success(children[i]);
    expect_success(writer);
    end();
}

static void *publish_on(void *unused)
{
    (void)unused;
    for (uint32_t number = 1; !atomic_load(&stop); number = number % 100000 + 1) {
        const struct cb_segment_record record = of(number);
        publish(bytes, &record);
        pause_for(1000);
    }
    return NULL;
}

/*
 * The same, but some readings may be without an answer: while the writer, one thread that keeps a snapshot
 * and another that keeps the next are all held up at once, or a fork has left the latter two behind, there is
 * nothing to be had.
 */
static int64_t wrong_or_missing_readings(int count)
{
    int64_t wrong = 0, missing = 0;
    for (int i = 0; i < count; i++) {
        const int64_t number = number_read();
        missing += number == NONE;
        wrong += number < 1 && number != NONE;
    }
    return missing <= count / 100 ? wrong : wrong + missing;
}

static bool read_some_and_close(void)
{
    const bool right = wrong_or_missing_readings(READINGS) == 0;
    return clockbound_close(ctx) == NULL && right;
}

static void *read_on(void *wrong)
{
    while (!atomic_load(&stop))
        *(int64_t *)wrong += wrong_or_missing_readings(READINGS);
    return NULL;
}

/* The fork may come while any of the parent's threads is in the middle of anything; they don't exist in the
 * child. */
static void a_child_of_many_threads_reads_on(void)
{
    pthread_t writer, readers[2];
    int64_t wrong[2] = {0, 0};
    begin();
    atomic_store(&stop, false);
    CHECK_EQUAL(0, pthread_create(&writer, NULL, publish_on, NULL));
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(0, pthread_create(&readers[i], NULL, read_on, &wrong[i]));
    for (int i = 0; i < 20; i++)
        expect_success(start(read_some_and_close));
    CHECK_EQUAL(0, wrong_or_missing_readings(READINGS));
    atomic_store(&stop, true);
    CHECK_EQUAL(0, pthread_join(writer, NULL));
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(0, pthread_join(readers[i], NULL));
        CHECK_EQUAL(0, wrong[i]);
    }
    end();
}

static bool wait_in_child(void)
{
    const int64_t now_ns = clock_ns(CLOCK_REALTIME);
    const int64_t in_a_minute_ns = clock_ns(CLOCK_MONOTONIC) + 60 * S;
    const bool right =
        clockbound_wait_after(ctx, now_ns, in_a_minute_ns) == NULL && clock_ns(CLOCK_REALTIME) - MS > now_ns;
    return clockbound_close(ctx) == NULL && right;
}

static void both_wait(void)
{
    const struct cb_segment_record record = live();
    write_v2(&record);
    ctx = clockbound_open(segment_path, NULL);
    const pid_t child = start(wait_in_child);
    const int64_t now_ns = clock_ns(CLOCK_REALTIME);
    CHECK(clockbound_wait_after(ctx, now_ns, clock_ns(CLOCK_MONOTONIC) + 60 * S) == NULL);
    expect_success(child);
    clockbound_close(ctx);
}

int main(void)
{
    files_begin();
    RUN(parent_and_children_read_at_the_same_time);
    RUN(closing_in_a_child_does_not_disturb_the_parent);
    RUN(what_is_published_after_the_fork_reaches_both);
    RUN(the_last_good_snapshot_is_inherited);
    RUN(each_process_follows_a_replaced_file_by_itself);
    RUN(processes_read_while_another_writes);
    RUN(a_child_of_many_threads_reads_on);
    RUN(both_wait);
    files_end();
    return check_failures();
}
