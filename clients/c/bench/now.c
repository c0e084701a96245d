/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clockbound_now() costs through the shared library, as ratios to two bare clock readings in the same
 * run. Absolute times say more about the machine than about the library.
 */
#include <clockbound.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "segment_layout.h"
#include "seqlock.h"

#define S INT64_C(1000000000)
#define ROUNDS 101
#define CALLS 20000
#define SINGLE_CALLS 200000

static clockbound_ctx *ctx;
static unsigned char *segment;

static int64_t monotonic_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * S + time.tv_nsec;
}

static void publish(void)
{
    unsigned char bytes[CB_SEGMENT_V2_SIZE_BYTES];
    const int64_t now_ns = monotonic_ns();
    const struct cb_segment_record record = {.generation = 2,
                                             .as_of_sec = now_ns / S,
                                             .as_of_nsec = now_ns % S,
                                             .void_after_sec = now_ns / S + 1000,
                                             .bound_ns = 250000,
                                             .max_drift_ppb = 50000,
                                             .clock_status = CLOCKBOUND_STA_SYNCHRONIZED};
    cb_segment_v2_store(bytes, &record);
    if (cb_segment_v2_load_generation(segment) == 0)
        memcpy(segment, bytes, CB_SEGMENT_V2_GENERATION_OFFSET_BYTES);
    cb_seqlock_publish(segment + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES,
                       segment + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES,
                       bytes + CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES,
                       CB_SEGMENT_V2_SIZE_BYTES - CB_SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES);
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

static double bare_ns(void)
{
    struct timespec time;
    const int64_t begin_ns = monotonic_ns();
    for (int i = 0; i < CALLS; i++) {
        clock_gettime(CLOCK_REALTIME, &time);
        clock_gettime(CLOCK_MONOTONIC, &time);
    }
    return (double)(monotonic_ns() - begin_ns) / CALLS;
}

static double now_ns(void)
{
    clockbound_now_result now;
    const int64_t begin_ns = monotonic_ns();
    for (int i = 0; i < CALLS; i++) {
        if (clockbound_now(ctx, &now) != NULL) {
            fputs("clockbound_now failed\n", stderr);
            exit(1);
        }
    }
    return (double)(monotonic_ns() - begin_ns) / CALLS;
}

/* Median of the ratio to bare readings, each pair taken one right after the other. */
static double ratio(double *median_ns)
{
    static double ratios[ROUNDS], absolute[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        publish();
        const double bare = bare_ns();
        absolute[i] = now_ns();
        ratios[i] = absolute[i] / bare;
    }
    *median_ns = quantile(absolute, ROUNDS, 0.5);
    return quantile(ratios, ROUNDS, 0.5);
}

static atomic_int running;

static void *count_calls(void *counted)
{
    clockbound_now_result now;
    long calls = 0;
    while (atomic_load_explicit(&running, memory_order_relaxed)) {
        for (int i = 0; i < 1000; i++)
            clockbound_now(ctx, &now);
        calls += 1000;
    }
    *(long *)counted = calls;
    return NULL;
}

static long calls_in_200_ms(int threads)
{
    pthread_t ids[8];
    long counted[8], sum = 0;
    const struct timespec pause = {0, 200000000};
    atomic_store(&running, 1);
    for (int i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, count_calls, &counted[i]);
    nanosleep(&pause, NULL);
    atomic_store(&running, 0);
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += counted[i];
    }
    return sum;
}

static double threads_ratio(void)
{
    static double ratios[15];
    for (int i = 0; i < 15; i++) {
        publish();
        const long one = calls_in_200_ms(1);
        ratios[i] = (double)calls_in_200_ms(2) / (double)one;
    }
    return quantile(ratios, 15, 0.5);
}

static void *write_on(void *unused)
{
    const struct timespec pause = {0, 1000000};
    (void)unused;
    while (atomic_load(&running)) {
        publish();
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* p99.9 to median of single calls, while a writer publishes 1000 times a second. */
static double tail_ratio(void)
{
    static double single[SINGLE_CALLS];
    pthread_t writer;
    atomic_store(&running, 1);
    pthread_create(&writer, NULL, write_on, NULL);
    for (int i = 0; i < SINGLE_CALLS; i++) {
        clockbound_now_result now;
        const int64_t begin_ns = monotonic_ns();
        clockbound_now(ctx, &now);
        single[i] = (double)(monotonic_ns() - begin_ns);
    }
    atomic_store(&running, 0);
    pthread_join(writer, NULL);
    const double tail = quantile(single, SINGLE_CALLS, 0.999);
    return tail / quantile(single, SINGLE_CALLS, 0.5);
}

int main(void)
{
    char path[] = "/dev/shm/clockbound-bench-XXXXXX";
    const int descriptor = mkstemp(path);
    if (descriptor < 0 || ftruncate(descriptor, 4096) != 0) {
        perror(path);
        return 2;
    }
    segment = (unsigned char *)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    publish();
    clockbound_err err;
    ctx = clockbound_open(path, &err);
    unlink(path);
    if (segment == MAP_FAILED || ctx == NULL) {
        fprintf(stderr, "%s: %s\n", path, err.detail);
        return 2;
    }

    double median_ns;
    const double now_ratio = ratio(&median_ns);
    printf("clockbound_now, median                   %6.1f ns  %5.2f of two bare readings\n", median_ns,
           now_ratio);
    printf("two threads, calls                                 %5.2f of one thread's\n", threads_ratio());
    printf("p99.9 with a writer at 1 kHz                       %5.2f of the median\n", tail_ratio());

    publish();
    now_ns();
    cb_segment_v2_store_generation(segment,
                                   (uint16_t)(cb_segment_v2_load_generation(segment) + 1)); /* it died */
    clockbound_now_result now;
    const int64_t begin_ns = monotonic_ns();
    clockbound_now(ctx, &now);
    const int64_t first_ns = monotonic_ns() - begin_ns;
    const double bare = bare_ns();
    printf("first call after a writer died           %6.1f us\n", (double)first_ns / 1000);
    printf("the calls after that                               %5.2f of two bare readings\n",
           now_ns() / bare);
    clockbound_close(ctx);
    return 0;
}
