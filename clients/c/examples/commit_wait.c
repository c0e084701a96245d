/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit wait: commit_wait [SEGMENT]
 *
 * A transaction takes as its timestamp the latest time that it can be, and answers its client only when that
 * has certainly passed. So whoever begins after the answer, on whatever host, gets a later timestamp: the
 * order of timestamps is the order in which things happened.
 *
 * The price is a wait of twice the error bound. The writing is done meanwhile, so often nothing is left to
 * wait for.
 */
#include <clockbound.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define MILLISECOND INT64_C(1000000)
/* A clock that may be off by more would make each transaction wait for too long. */
#define MAX_ERROR_NS (10 * MILLISECOND)
/* How long a client is kept waiting before it is told that nobody knows. */
#define PATIENCE_NS (1000 * MILLISECOND)

static void tell(const char *what, const clockbound_err *err)
{
    char text[160];
    clockbound_err_text(err, text, sizeof text);
    fprintf(stderr, "%s: %s\n", what, text);
}

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 * MILLISECOND + now.tv_nsec;
}

static void write_durably(int64_t timestamp_ns)
{
    (void)timestamp_ns; /* a database's own work */
}

/* The clock was disrupted, or the daemon is gone or is being replaced: both can be over in a moment. */
static bool may_pass(const clockbound_err *err)
{
    return err->kind != CLOCKBOUND_ERR_SYSCALL || err->sys_errno == EAGAIN;
}

/* NULL once timestamp_ns has certainly passed. */
static const clockbound_err *wait_until_passed(clockbound_ctx *ctx, int64_t timestamp_ns)
{
    const int64_t deadline_ns = monotonic_ns() + PATIENCE_NS;
    const clockbound_err *err;
    while ((err = clockbound_wait_after(ctx, timestamp_ns, deadline_ns)) != NULL && may_pass(err)) {
        err = clockbound_wait_synchronized(ctx, INT64_MAX, deadline_ns);
        if (err != NULL)
            break;
    }
    return err;
}

static int commit(clockbound_ctx *ctx)
{
    clockbound_interval now;
    const clockbound_err *err = clockbound_now_within(ctx, MAX_ERROR_NS, &now);
    if (err != NULL) {
        tell("refused, and nothing was written", err); /* the client may try again, here or elsewhere */
        return 1;
    }
    write_durably(now.latest_ns);
    err = wait_until_passed(ctx, now.latest_ns);
    if (err != NULL) {
        /* It is written, but the next transaction could get an earlier timestamp: neither "committed" nor
         * "failed" would be true. A database goes on waiting for it, and lets nobody read it until then. */
        tell("written, but not to be seen yet", err);
        return 2;
    }
    printf("committed at %" PRId64 "\n", now.latest_ns);
    return 0;
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : CLOCKBOUND_SHM_DEFAULT_PATH;
    clockbound_err err;
    clockbound_ctx *ctx = clockbound_open(path, &err);
    if (ctx == NULL) {
        tell(path, &err);
        return 1;
    }
    const int status = commit(ctx);
    clockbound_close(ctx);
    return status;
}
