/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks for counting instructions, preloaded into the program: valgrind hides the vDSO, where coarse clocks
 * cost less than precise ones, and the library, which measures that when a context is opened, would take its
 * other path. Each reading moves these clocks on by what it costs in the vDSO, or, where
 * CLOCKBOUND_BENCH_NO_VDSO is set, by as much as every other, as without one. So every run counts the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define S INT64_C(1000000000)
#define COARSE_REALTIME 5
#define COARSE_MONOTONIC 6
#define TAI 11

/* CLOCK_MONOTONIC, and what the others differ from it by. */
static int64_t monotonic_ns = 100000 * S;
static const int64_t realtime_offset_ns = 1700000000 * S + 123456789;
static const int64_t tai_offset_ns = 37 * S;
static const int64_t tick_ns = 4000000;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int64_t coarse_cost_ns;
    if (coarse_cost_ns == 0)
        coarse_cost_ns = getenv("CLOCKBOUND_BENCH_NO_VDSO") != NULL ? 20 : 5;
    const int is_coarse = clock == COARSE_REALTIME || clock == COARSE_MONOTONIC;
    monotonic_ns += is_coarse ? coarse_cost_ns : 20;
    /* The tick at the start stays the latest one: another would come once in 100000 readings. */
    int64_t ns = is_coarse ? 100000 * S - tick_ns : monotonic_ns;
    if (clock == CLOCK_REALTIME || clock == COARSE_REALTIME || clock == TAI)
        ns += realtime_offset_ns;
    if (clock == TAI)
        ns += tai_offset_ns;
    time->tv_sec = (time_t)(ns / S);
    time->tv_nsec = (long)(ns % S);
    return 0;
}
