/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the calls of the read path cost through the shared library, as ratios to two bare clock readings in
 * the same run: absolute times say more about the machine than about the library. This measures, and is no
 * test: it exits with 0 also where a goal is missed.
 */
#include <clockbound.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segment_file.h"

#define ROUNDS 101
#define CALLS 20000
#define SINGLE_CALLS 200000
#define THREAD_ROUNDS 15

#define NOW_RATIO_GOAL 0.85
#define THREADS_RATIO_GOAL 1.9
#define TAIL_RATIO_GOAL 3.0
#define DEAD_WRITER_US_GOAL 50.0
#define DEAD_WRITER_RATIO_GOAL 1.5

static struct segment_file segment;
static clockbound_ctx *ctx;

static void publish_now(void)
{
    const struct cb_segment_record record = record_of_age(0);
    publish(&segment, CB_SEGMENT_V2_VERSION, &record);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double *values, int count, double share)
{
    qsort(values, (size_t)count, sizeof values[0], compare);
    return values[(int)(share * (count - 1))];
}

static bool is_met(double value, double goal, bool is_most)
{
    return is_most ? value <= goal : value >= goal;
}

/* A row of the table; ratio 0 or goal 0: none. */
static void print_row(const char *what, double time_ns, double ratio, const char *of, double goal,
                      bool is_most)
{
    char time[32] = "", compared[48] = "";
    if (time_ns >= 10000)
        snprintf(time, sizeof time, "%.1f us", time_ns / 1000);
    else if (time_ns > 0)
        snprintf(time, sizeof time, "%.1f ns", time_ns);
    if (ratio > 0)
        snprintf(compared, sizeof compared, "%.2f of %s", ratio, of);
    if (goal == 0) {
        printf("%-32s%10s   %s\n", what, time, compared);
        return;
    }
    printf("%-32s%10s   %-30s goal %s %.2f%s: %s\n", what, time, compared, is_most ? "<=" : ">=", goal,
           ratio > 0 ? "" : " us",
           is_met(ratio > 0 ? ratio : time_ns / 1000, goal, is_most) ? "met" : "MISSED");
}

static void check(const clockbound_err *failed)
{
    if (failed == NULL)
        return;
    fprintf(stderr, "a call failed: %s\n", failed->detail);
    exit(1);
}

/* Nanoseconds of one call of `call`, which the compiler puts in its place. */
__attribute__((always_inline)) static inline double cost_ns(void (*call)(void))
{
    const int64_t begin_ns = monotonic_ns();
    for (int i = 0; i < CALLS; i++)
        call();
    return (double)(monotonic_ns() - begin_ns) / CALLS;
}

static void read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
}

static void call_bare(void)
{
    read_clock(CLOCK_REALTIME);
    read_clock(CLOCK_MONOTONIC);
}

/* The readings that the library makes where it can: see src/clocks.h. */
static void call_cheap_clocks(void)
{
    read_clock(CLOCK_REALTIME);
    read_clock(6 /* CLOCK_MONOTONIC_COARSE */);
}

static clockbound_now_result result;
static clockbound_interval interval;
static bool answer;
static int64_t realtime_ns, monotonic_reading_ns;
static unsigned char segment_bytes[CB_SEGMENT_V2_SIZE_BYTES];

static void call_now(void)
{
    check(clockbound_now(ctx, &result));
}

static void call_now_ns(void)
{
    check(clockbound_now_ns(ctx, &interval));
}

static void call_now_within(void)
{
    check(clockbound_now_within(ctx, CB_NANOSECONDS_PER_SECOND, &interval));
}

static void call_now_tai(void)
{
    check(clockbound_now_tai(ctx, &interval));
}

static void call_before(void)
{
    check(clockbound_before(ctx, realtime_ns, &answer));
}

static void call_after(void)
{
    check(clockbound_after(ctx, realtime_ns, &answer));
}

static void call_now_at(void)
{
    check(clockbound_now_at(ctx, realtime_ns, monotonic_reading_ns, &interval));
}

static void call_interval_from_bytes(void)
{
    check(clockbound_interval_from_bytes(segment_bytes, sizeof segment_bytes, NULL, 0, realtime_ns,
                                         monotonic_reading_ns, &interval));
}

static void publish_and_look(void)
{
    struct timespec time;
    publish_now();
    memcpy(segment_bytes, segment.bytes, sizeof segment_bytes);
    clock_gettime(CLOCK_REALTIME, &time);
    realtime_ns = time.tv_sec * CB_NANOSECONDS_PER_SECOND + time.tv_nsec;
    monotonic_reading_ns = monotonic_ns();
}

/* Medians of the time and of its ratio to bare readings, each pair taken one right after the other. */
__attribute__((always_inline)) static inline double measure(const char *what, void (*call)(void), double goal)
{
    static double ratios[ROUNDS], times_ns[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        publish_and_look();
        const double bare_ns = cost_ns(call_bare);
        times_ns[i] = cost_ns(call);
        ratios[i] = times_ns[i] / bare_ns;
    }
    const double ratio = quantile(ratios, ROUNDS, 0.5);
    print_row(what, quantile(times_ns, ROUNDS, 0.5), ratio, "two bare readings", goal, true);
    return ratio;
}

static atomic_int running;

struct counter {
    void (*call)(void);
    long calls;
};

static void *count_calls(void *argument)
{
    struct counter *counter = (struct counter *)argument;
    while (atomic_load_explicit(&running, memory_order_relaxed)) {
        for (int i = 0; i < 1000; i++)
            counter->call();
        counter->calls += 1000;
    }
    return NULL;
}

static double calls_in_100_ms(int threads, void (*call)(void))
{
    pthread_t ids[2];
    struct counter counters[2] = {{call, 0}, {call, 0}};
    const struct timespec pause = {0, 100000000};
    atomic_store(&running, 1);
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, count_calls, &counters[i]);
    nanosleep(&pause, NULL);
    atomic_store(&running, 0);
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return (double)(counters[0].calls + counters[1].calls);
}

static void call_now_alone(void)
{
    clockbound_now_result now;
    check(clockbound_now(ctx, &now));
}

/* Bare readings show what two threads can have on this machine at this time. */
static void measure_threads(void)
{
    static double bare[THREAD_ROUNDS], now[THREAD_ROUNDS];
    for (int i = 0; i < THREAD_ROUNDS; i++) {
        publish_now();
        bare[i] = calls_in_100_ms(2, call_bare) / calls_in_100_ms(1, call_bare);
        now[i] = calls_in_100_ms(2, call_now_alone) / calls_in_100_ms(1, call_now_alone);
    }
    print_row("two threads, bare readings", 0, quantile(bare, THREAD_ROUNDS, 0.5), "one thread's", 0, false);
    print_row("two threads, clockbound_now", 0, quantile(now, THREAD_ROUNDS, 0.5), "one thread's",
              THREADS_RATIO_GOAL, false);
}

static void *write_on(void *unused)
{
    const struct timespec pause = {0, 1000000};
    (void)unused;
    while (atomic_load(&running)) {
        publish_now();
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* p99.9 to median of single calls, while a writer publishes 1000 times a second. */
static double tail_ratio(void)
{
    static double single_ns[SINGLE_CALLS];
    pthread_t writer;
    atomic_store(&running, 1);
    pthread_create(&writer, NULL, write_on, NULL);
    for (int i = 0; i < SINGLE_CALLS; i++) {
        clockbound_now_result now;
        const int64_t begin_ns = monotonic_ns();
        clockbound_now(ctx, &now);
        single_ns[i] = (double)(monotonic_ns() - begin_ns);
    }
    atomic_store(&running, 0);
    pthread_join(writer, NULL);
    const double tail_ns = quantile(single_ns, SINGLE_CALLS, 0.999);
    return tail_ns / quantile(single_ns, SINGLE_CALLS, 0.5);
}

/* The first call after a writer died in the middle of an update, and the calls after that. */
static void measure_dead_writer(void)
{
    static double first_ns[ROUNDS], ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        publish_now();
        const double alive_ns = cost_ns(call_now);
        die_while_writing(&segment);
        const int64_t begin_ns = monotonic_ns();
        call_now();
        first_ns[i] = (double)(monotonic_ns() - begin_ns);
        ratios[i] = cost_ns(call_now) / alive_ns;
    }
    print_row("a writer died: first call", quantile(first_ns, ROUNDS, 0.5), 0, "", DEAD_WRITER_US_GOAL, true);
    print_row("a writer died: later calls", 0, quantile(ratios, ROUNDS, 0.5), "one with a live writer",
              DEAD_WRITER_RATIO_GOAL, true);
}

/* The value of the first line of a file in /proc that begins with `key`. */
static void read_proc(const char *path, const char *key, char *value, size_t size)
{
    char line[256];
    FILE *file = fopen(path, "r");
    snprintf(value, size, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || colon == NULL)
            continue;
        snprintf(value, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (file != NULL)
        fclose(file);
}

/* How much of the shared library is in memory now, and how much of that is this process's own, in kB. */
static void read_resident_kb(long *resident, long *own)
{
    char line[512];
    bool is_library = false;
    long kb;
    FILE *file = fopen("/proc/self/smaps", "r");
    *resident = *own = 0;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strchr(line, '-') != NULL && strstr(line, "B\n") == NULL && strstr(line, "VmFlags") == NULL)
            is_library = strstr(line, "libclockbound.so") != NULL;
        else if (is_library && sscanf(line, "Rss: %ld kB", &kb) == 1)
            *resident += kb;
        else if (is_library && sscanf(line, "Anonymous: %ld kB", &kb) == 1)
            *own += kb;
    }
    if (file != NULL)
        fclose(file);
}

int main(void)
{
    char processor[128];
    clockbound_err err;
    segment = new_file();
    publish_now();
    ctx = clockbound_open(segment.path, &err);
    delete_path(&segment);
    if (ctx == NULL) {
        fprintf(stderr, "%s: %s\n", segment.path, err.detail);
        return 2;
    }
    read_proc("/proc/cpuinfo", "model name", processor, sizeof processor);
#ifdef CLOCKBOUND_PLAIN_CLOCKS
    const char *clocks = "always both clocks (CLOCKBOUND_PLAIN_CLOCKS)";
#else
    const char *clocks = "one precise clock where that is cheaper";
#endif
    printf("processor  %s\ncompiler   %s %s, %s\nclocks     %s\n\n", processor, COMPILER, __VERSION__,
           BUILD_TYPE, clocks);

    measure("REALTIME and MONOTONIC_COARSE", call_cheap_clocks, 0);
    measure("clockbound_now", call_now, NOW_RATIO_GOAL);
    measure("clockbound_now_ns", call_now_ns, 0);
    measure("clockbound_before", call_before, 0);
    measure("clockbound_after", call_after, 0);
    measure("clockbound_now_within", call_now_within, 0);
    clockbound_err const *failed = clockbound_now_tai(ctx, &interval);
    if (failed != NULL && failed->sys_errno == ENODATA)
        printf("%-36snot measured: %s\n", "clockbound_now_tai", failed->detail);
    else
        measure("clockbound_now_tai", call_now_tai, 0);
    measure("clockbound_now_at", call_now_at, 0);
    measure("clockbound_interval_from_bytes", call_interval_from_bytes, 0);
    measure_threads();
    print_row("p99.9 with a writer at 1 kHz", 0, tail_ratio(), "the median", TAIL_RATIO_GOAL, true);
    measure_dead_writer();

    long resident_kb, own_kb;
    read_resident_kb(&resident_kb, &own_kb);
    printf("\nThe library takes %ld kB of memory now, %ld kB of it for each process.\n", resident_kb, own_kb);
    clockbound_close(ctx);
    return 0;
}
