/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that reads until SIGTERM, with one context, and then prints what it saw as JSON: reader OFFSET_NS
 * True time is the system clock plus OFFSET_NS.
 */
#include <clockbound.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static long long ns(struct timespec time)
{
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv)
{
    long long offset_ns = argc > 1 ? atoll(argv[1]) : 0;
    long readings_count = 0, errors_count = 0, outside_count = 0, statuses_count[4] = {0};
    int last_error = 0;
    clockbound_err open_err;
    clockbound_ctx *ctx = clockbound_open(CLOCKBOUND_SHM_DEFAULT_PATH, &open_err);
    if (ctx == NULL) {
        fprintf(stderr, "%s\n", open_err.detail);
        return 1;
    }
    signal(SIGTERM, stop);
    while (!stopped) {
        clockbound_now_result now;
        const clockbound_err *err = clockbound_now(ctx, &now);
        readings_count++;
        if (err != NULL) {
            errors_count++;
            last_error = (int)err->kind;
        } else {
            long long half_ns = (ns(now.latest) - ns(now.earliest)) / 2;
            statuses_count[now.clock_status]++;
            if (now.clock_status != CLOCKBOUND_STA_UNKNOWN && now.clock_status != CLOCKBOUND_STA_DISRUPTED)
                outside_count += llabs(offset_ns) > half_ns;
        }
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    printf("{\"readings_count\": %ld, \"errors_count\": %ld, \"last_error\": \"%d\", \"outside_count\": %ld, "
           "\"UNKNOWN\": %ld, \"SYNCHRONIZED\": %ld, \"FREE_RUNNING\": %ld, \"DISRUPTED\": %ld}\n",
           readings_count, errors_count, last_error, outside_count, statuses_count[0], statuses_count[1],
           statuses_count[2], statuses_count[3]);
    clockbound_close(ctx);
    return 0;
}
