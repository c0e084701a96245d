/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks that the test sets: these clock_gettime and clock_nanosleep stand before libc's. To be included once
 * in a program. */
#ifndef FAKE_CLOCKS_H
#define FAKE_CLOCKS_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum fake_clock {
    REALTIME = 0,
    PRECISE_MONOTONIC = 1,
    COARSE_REALTIME = 5,
    COARSE_MONOTONIC = 6,
    TAI = 11,
    FAKE_CLOCKS = 12
};

/* The world that the clocks show. */
static int64_t true_monotonic_ns; /* CLOCK_MONOTONIC */
static int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
static int64_t tick_ns; /* CLOCK_MONOTONIC_COARSE */
static int64_t tai_offset_ns; /* CLOCK_TAI - CLOCK_REALTIME */
static int64_t reading_ns; /* time that passes with each reading */

static int reads[FAKE_CLOCKS];
static int readings_left; /* before a loop is taken for one that never ends */
static int failing_clock = -1;
/* Called before each reading, so that the world can change between two of them. */
static void (*before_reading)(int clock);

int clock_gettime(clockid_t clock, struct timespec *time);
int clock_gettime(clockid_t clock, struct timespec *time)
{
    if (before_reading != NULL)
        before_reading(clock);
    if (clock == failing_clock) {
        errno = EINVAL;
        return -1;
    }
    reads[clock]++;
    if (--readings_left < 0) {
        fprintf(stderr, "the clocks are read again and again\n");
        exit(1);
    }
    true_monotonic_ns += reading_ns;
    int64_t ns = clock == COARSE_REALTIME || clock == COARSE_MONOTONIC ? tick_ns : true_monotonic_ns;
    if (clock == REALTIME || clock == COARSE_REALTIME || clock == TAI)
        ns += offset_ns;
    if (clock == TAI)
        ns += tai_offset_ns;
    time->tv_sec = (time_t)(ns / 1000000000);
    time->tv_nsec = (long)(ns % 1000000000);
    if (time->tv_nsec < 0) {
        time->tv_sec -= 1;
        time->tv_nsec += 1000000000;
    }
    return 0;
}

/* Somebody sets CLOCK_REALTIME; the kernel brings its clocks up to the moment for that. */
static inline void step_realtime(int64_t by_ns)
{
    tick_ns = true_monotonic_ns;
    offset_ns += by_ns;
}

static int sleeps;
static int64_t longest_sleep_ns;
/* Called in place of a sleep, which it need not sleep out: moves the world, returns 0 or an errno. */
static int (*instead_of_sleeping)(int64_t until_ns);

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left);
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    (void)left;
    if (clock != CLOCK_MONOTONIC || flags != TIMER_ABSTIME || until->tv_sec < 0 || until->tv_nsec < 0 ||
        until->tv_nsec > 999999999)
        return EINVAL;
    const int64_t until_ns = (int64_t)until->tv_sec * 1000000000 + until->tv_nsec;
    sleeps++;
    if (until_ns - true_monotonic_ns > longest_sleep_ns)
        longest_sleep_ns = until_ns - true_monotonic_ns;
    if (instead_of_sleeping != NULL)
        return instead_of_sleeping(until_ns);
    if (until_ns > true_monotonic_ns)
        true_monotonic_ns = until_ns;
    return 0;
}

/* Every clock works, nobody interferes, and nothing was read yet. */
static inline void fake_clocks_begin(int64_t monotonic_ns, int64_t realtime_ns)
{
    before_reading = NULL;
    instead_of_sleeping = NULL;
    failing_clock = -1;
    true_monotonic_ns = monotonic_ns;
    tick_ns = monotonic_ns;
    offset_ns = realtime_ns - monotonic_ns;
    tai_offset_ns = 0;
    reading_ns = 0;
    readings_left = 1000000;
    sleeps = 0;
    longest_sleep_ns = 0;
    memset(reads, 0, sizeof reads);
}

#endif
