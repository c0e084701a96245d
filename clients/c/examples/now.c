/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the interval that contains true time: now [SEGMENT]
 *
 * Uses nothing but what ClockBound 1.x and 2.x have too.
 */
#include <clockbound.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, const clockbound_err *err)
{
    fprintf(stderr, "%s: %s%s%s\n", what, err->detail, err->sys_errno ? ": " : "",
            err->sys_errno ? strerror(err->sys_errno) : "");
    return 1;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : CLOCKBOUND_SHM_DEFAULT_PATH;
    clockbound_err open_err;
    clockbound_ctx *ctx = clockbound_open(path, &open_err);
    if (ctx == NULL)
        return fail(path, &open_err);

    clockbound_now_result now;
    const clockbound_err *err = clockbound_now(ctx, &now);
    if (err != NULL) {
        fail(path, err);
        clockbound_close(ctx);
        return 1;
    }
    clockbound_close(ctx);

    switch (now.clock_status) {
    case CLOCKBOUND_STA_SYNCHRONIZED:
    case CLOCKBOUND_STA_FREE_RUNNING:
        printf("true time lies between %lld.%09ld\n", (long long)now.earliest.tv_sec, now.earliest.tv_nsec);
        printf("                   and %lld.%09ld\n", (long long)now.latest.tv_sec, now.latest.tv_nsec);
        return 0;
    case CLOCKBOUND_STA_UNKNOWN:
    case CLOCKBOUND_STA_DISRUPTED:
        break;
    }
    fprintf(stderr, "%s: the clock can't be relied on now\n", path);
    return 1;
}
