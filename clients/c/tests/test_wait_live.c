/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The waits as they are: real clocks, signals, threads, and a segment that somebody writes meanwhile. Nothing
 * here expects a wait to end within so many milliseconds, only that it ends before it would have otherwise:
 * each has a deadline of a minute, or is for an instant an hour away.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "check.h"
#include "live.h"

#define HOUR (3600 * S)

static clockbound_ctx *ctx;
static unsigned char *bytes;
static int64_t in_a_minute_ns; /* CLOCK_MONOTONIC a minute after the test began */

static void begin_with(const struct cb_segment_record *record)
{
    write_v2(record);
    bytes = map(segment_path);
    ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    in_a_minute_ns = clock_ns(CLOCK_MONOTONIC) + 60 * S;
}

static void begin(void)
{
    const struct cb_segment_record record = live();
    begin_with(&record);
}

static void end(void)
{
    CHECK(clock_ns(CLOCK_MONOTONIC) < in_a_minute_ns);
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
}

/* The clock is 1 ms past the instant, or more: by then it has certainly passed. */
static bool has_passed(int64_t time_ns)
{
    return clock_ns(CLOCK_REALTIME) - MS > time_ns;
}

static void a_commit_wait_ends_after_its_timestamp(void)
{
    begin();
    for (int i = 0; i < 20; i++) {
        clockbound_interval now;
        CHECK(clockbound_now_ns(ctx, &now) == NULL);
        CHECK(clockbound_wait_after(ctx, now.latest_ns, in_a_minute_ns) == NULL);
        CHECK(has_passed(now.latest_ns));
        bool answer = false;
        CHECK(clockbound_after(ctx, now.latest_ns, &answer) == NULL);
        CHECK(answer);
    }
    end();
}

static void a_deadline_ends_a_wait(void)
{
    begin();
    const int64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + 150 * MS;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                 clockbound_wait_after(ctx, clock_ns(CLOCK_REALTIME) + HOUR, deadline_ns));
    CHECK(clock_ns(CLOCK_MONOTONIC) >= deadline_ns);
    const int64_t next_ns = deadline_ns + 150 * MS;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_synchronized(ctx, 0, next_ns));
    CHECK(clock_ns(CLOCK_MONOTONIC) >= next_ns);
    /* in the past */
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT,
                 clockbound_wait_after(ctx, clock_ns(CLOCK_REALTIME) + HOUR, deadline_ns));
    end();
}

static atomic_int alarms;

static void count_alarm(int signal_number)
{
    (void)signal_number;
    atomic_fetch_add(&alarms, 1);
}

static void set_alarm(int64_t interval_us)
{
    const struct itimerval timer = {{0, interval_us}, {0, interval_us}};
    CHECK_EQUAL(0, setitimer(ITIMER_REAL, &timer, NULL));
}

static void a_signal_that_keeps_coming_neither_ends_nor_shortens_a_wait(void)
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_alarm; /* without SA_RESTART */
    CHECK_EQUAL(0, sigaction(SIGALRM, &action, &before));
    begin();
    set_alarm(5000);

    const int64_t time_ns = clock_ns(CLOCK_REALTIME) + 300 * MS;
    CHECK(clockbound_wait_after(ctx, time_ns, in_a_minute_ns) == NULL);
    CHECK(has_passed(time_ns));
    CHECK(atomic_exchange(&alarms, 0) > 0);

    const int64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + 300 * MS;
    expect_error(CLOCKBOUND_ERR_SYSCALL, ETIMEDOUT, clockbound_wait_synchronized(ctx, 0, deadline_ns));
    CHECK(clock_ns(CLOCK_MONOTONIC) >= deadline_ns);
    CHECK(atomic_load(&alarms) > 0);

    set_alarm(0);
    end();
    CHECK_EQUAL(0, sigaction(SIGALRM, &before, NULL));
}

/* Something that another thread does 200 ms from now, while this one waits. */
static void *act(void *what)
{
    pause_for(200 * MS);
    (*(void (**)(void))what)();
    return NULL;
}

static pthread_t meanwhile(void (**what)(void))
{
    pthread_t thread;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, act, (void *)what));
    return thread;
}

static void publish_live(void)
{
    const struct cb_segment_record record = live();
    publish(bytes, &record);
}

static void publish_unknown(void)
{
    struct cb_segment_record record = live();
    record.clock_status = CLOCKBOUND_STA_UNKNOWN;
    publish(bytes, &record);
}

static void publish_disrupted(void)
{
    struct cb_segment_record record = live();
    record.clock_status = CLOCKBOUND_STA_DISRUPTED;
    publish(bytes, &record);
}

/* As a daemon that starts anew does where it doesn't take the file over: complete under another name first.
 */
static void replace_file(void)
{
    char fresh_path[80];
    unsigned char fresh[CB_SEGMENT_V2_SIZE_BYTES];
    const struct cb_segment_record record = live();
    cb_segment_v2_store(fresh, &record);
    snprintf(fresh_path, sizeof fresh_path, "%s.new", segment_path);
    write_file(fresh_path, fresh, sizeof fresh);
    CHECK_EQUAL(0, rename(fresh_path, segment_path));
}

static void a_bound_that_shrinks_ends_a_wait_sooner(void)
{
    struct cb_segment_record record = live();
    record.bound_ns = HOUR;
    begin_with(&record);
    void (*what)(void) = publish_live;
    const pthread_t other = meanwhile(&what);
    const int64_t time_ns = clock_ns(CLOCK_REALTIME);
    CHECK(clockbound_wait_after(ctx, time_ns, in_a_minute_ns) == NULL);
    CHECK(has_passed(time_ns));
    CHECK_EQUAL(0, pthread_join(other, NULL));
    end();
}

static void a_status_that_is_lost_ends_a_wait(void)
{
    void (*losses[])(void) = {publish_unknown, publish_disrupted};
    for (size_t i = 0; i < 2; i++) {
        begin();
        const pthread_t other = meanwhile(&losses[i]);
        expect_error(CLOCKBOUND_ERR_SYSCALL, EAGAIN,
                     clockbound_wait_after(ctx, clock_ns(CLOCK_REALTIME) + HOUR, in_a_minute_ns));
        CHECK_EQUAL(0, pthread_join(other, NULL));
        end();
    }
}

static void a_clock_that_becomes_synchronized_ends_a_wait(void)
{
    begin();
    publish_unknown();
    void (*what)(void) = publish_live;
    const pthread_t other = meanwhile(&what);
    CHECK(clockbound_wait_synchronized(ctx, MS, in_a_minute_ns) == NULL);
    CHECK_EQUAL(0, pthread_join(other, NULL));
    end();
}

static void a_damaged_segment_that_is_mended_ends_a_wait(void)
{
    struct cb_segment_record damaged = live();
    damaged.bound_ns = -1; /* no daemon writes this */
    begin_with(&damaged);
    void (*what)(void) = publish_live;
    pthread_t other = meanwhile(&what);
    CHECK(clockbound_wait_synchronized(ctx, MS, in_a_minute_ns) == NULL);
    CHECK_EQUAL(0, pthread_join(other, NULL));
    end();

    damaged = live();
    damaged.generation = 3; /* half-written by one who died, when nobody had looked yet */
    begin_with(&damaged);
    expect_error(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 0, clockbound_wait_synchronized(ctx, MS, 0));
    other = meanwhile(&what);
    CHECK(clockbound_wait_synchronized(ctx, MS, in_a_minute_ns) == NULL);
    CHECK_EQUAL(0, pthread_join(other, NULL));
    end();
}

static void a_replaced_file_ends_a_wait(void)
{
    struct cb_segment_record old = live();
    old.as_of_sec -= 10; /* its daemon is gone */
    old.void_after_sec = old.as_of_sec + 5;
    for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
        old.generation = is_damaged == 1 ? 3 : 2;
        begin_with(&old);
        void (*what)(void) = replace_file;
        const pthread_t other = meanwhile(&what);
        CHECK(clockbound_wait_synchronized(ctx, MS, in_a_minute_ns) == NULL);
        CHECK_EQUAL(0, pthread_join(other, NULL));
        end();
    }
}

/* ASan marks the stack of each function that is entered, and doesn't see that cancelling leaves them all. */
#if defined(__SANITIZE_ADDRESS__)
#define MARKED_STACK
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MARKED_STACK
#endif
#endif
#ifdef MARKED_STACK
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
#endif

static void leave(void *deepest)
{
    (void)deepest;
#ifdef MARKED_STACK
    __asan_unpoison_memory_region((char *)deepest - 32768, 32768);
#endif
}

static void *wait_after_for_ever(void *unused)
{
    char here;
    (void)unused;
    pthread_cleanup_push(leave, &here);
    clockbound_wait_after(ctx, INT64_MAX, INT64_MAX);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *wait_synchronized_for_ever(void *unused)
{
    char here;
    (void)unused;
    pthread_cleanup_push(leave, &here);
    clockbound_wait_synchronized(ctx, 0, INT64_MAX);
    pthread_cleanup_pop(0);
    return NULL;
}

static void a_cancelled_thread_leaves_the_context_usable(void)
{
    void *(*const waits[])(void *) = {wait_after_for_ever, wait_synchronized_for_ever};
    begin();
    for (size_t i = 0; i < 2; i++) {
        for (int64_t delay_ns = 0; delay_ns <= 250 * MS; delay_ns += 50 * MS) {
            pthread_t waiter;
            void *result = NULL;
            CHECK_EQUAL(0, pthread_create(&waiter, NULL, waits[i], NULL));
            pause_for(delay_ns);
            CHECK_EQUAL(0, pthread_cancel(waiter));
            CHECK_EQUAL(0, pthread_join(waiter, &result));
            CHECK(result == PTHREAD_CANCELED);
            clockbound_interval now;
            CHECK(clockbound_now_ns(ctx, &now) == NULL);
            CHECK(clockbound_wait_after(ctx, now.latest_ns, in_a_minute_ns) == NULL);
        }
    }
    end();
}

static void *wait_for_the_same(void *failed)
{
    *(bool *)failed = clockbound_wait_after(ctx, clock_ns(CLOCK_REALTIME) + 50 * MS, in_a_minute_ns) != NULL;
    return NULL;
}

static void threads_wait_on_one_context(void)
{
    pthread_t threads[4];
    bool failed[4];
    begin();
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, wait_for_the_same, &failed[i]));
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
        CHECK(!failed[i]);
    }
    end();
}

/* A loop that doesn't sleep would take as long as the wait. */
static void waiting_takes_next_to_no_processor_time(void)
{
    begin();
    const int64_t before_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    CHECK(clockbound_wait_after(ctx, clock_ns(CLOCK_REALTIME) + S, in_a_minute_ns) == NULL);
    CHECK(clockbound_wait_synchronized(ctx, 0, clock_ns(CLOCK_MONOTONIC) + S) != NULL);
    const int64_t used_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
    CHECK(used_ns < S / 2);
    printf("       %" PRId64 " us in 2 s\n", used_ns / 1000);
    end();
}

int main(void)
{
    files_begin();
    RUN(a_commit_wait_ends_after_its_timestamp);
    RUN(a_deadline_ends_a_wait);
    RUN(a_signal_that_keeps_coming_neither_ends_nor_shortens_a_wait);
    RUN(a_bound_that_shrinks_ends_a_wait_sooner);
    RUN(a_status_that_is_lost_ends_a_wait);
    RUN(a_clock_that_becomes_synchronized_ends_a_wait);
    RUN(a_damaged_segment_that_is_mended_ends_a_wait);
    RUN(a_replaced_file_ends_a_wait);
    RUN(a_cancelled_thread_leaves_the_context_usable);
    RUN(threads_wait_on_one_context);
    RUN(waiting_takes_next_to_no_processor_time);
    files_end();
    return check_failures();
}
