/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lease that two hosts never hold at the same time, although their clocks differ: lease [SEGMENT]
 *
 * Its holder acts only while the end has certainly not come, and the next one only when it has certainly
 * passed. Here one program plays both.
 */
#include <clockbound.h>
#include <stdio.h>
#include <time.h>

#define MILLISECOND INT64_C(1000000)
#define LEASE_NS (50 * MILLISECOND)

static int fail(const char *what, const clockbound_err *err)
{
    char text[160];
    clockbound_err_text(err, text, sizeof text);
    fprintf(stderr, "%s: %s\n", what, text);
    return 1;
}

/* Works while it is certain that the lease holds. An error means that it is not. */
static const clockbound_err *hold(clockbound_ctx *ctx, int64_t end_ns)
{
    const struct timespec piece_of_work = {0, MILLISECOND};
    for (;;) {
        bool holds;
        const clockbound_err *err = clockbound_before(ctx, end_ns, &holds);
        if (err != NULL || !holds)
            return err;
        nanosleep(&piece_of_work, NULL);
    }
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : CLOCKBOUND_SHM_DEFAULT_PATH;
    clockbound_err open_err;
    clockbound_ctx *ctx = clockbound_open(path, &open_err);
    if (ctx == NULL)
        return fail(path, &open_err);

    clockbound_interval now;
    const clockbound_err *err = clockbound_now_within(ctx, LEASE_NS / 4, &now);
    if (err == NULL) {
        const int64_t end_ns = now.latest_ns + LEASE_NS; /* what both hosts agree on */
        puts("the first holds the lease");
        err = hold(ctx, end_ns);
        puts("the first stops");
        if (err == NULL)
            err = clockbound_wait_after(ctx, end_ns, INT64_MAX);
        if (err == NULL)
            puts("the second may begin");
    }
    const int status = err == NULL ? 0 : fail(path, err);
    clockbound_close(ctx);
    return status;
}
