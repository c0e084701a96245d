/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary interface, for programs that were built against an earlier release or against the original. The
 * numbers are written by hand and never follow the header. ILP32 is 32-bit with 64-bit time.
 */
#include <clockbound.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define OFFSET(type, member, bytes)                                                                          \
    _Static_assert(offsetof(type, member) == (bytes), #type "." #member " is at " #bytes)
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " has " #bytes " bytes")
#define VALUE(name, value) _Static_assert((name) == (value), #name " is " #value)

_Static_assert(sizeof(time_t) == 8, "build with -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64");

#if defined(__LP64__)
SIZE(clockbound_err, 16);
OFFSET(clockbound_err, kind, 0);
OFFSET(clockbound_err, sys_errno, 4);
OFFSET(clockbound_err, detail, 8);
#define RESULT_BYTES 40
#else
SIZE(clockbound_err, 12);
OFFSET(clockbound_err, kind, 0);
OFFSET(clockbound_err, sys_errno, 4);
OFFSET(clockbound_err, detail, 8);
#if defined(__i386__)
#define RESULT_BYTES 36 /* 64-bit members are aligned to 4 bytes there */
#else
#define RESULT_BYTES 40
#endif
#endif
SIZE(struct timespec, 16);
SIZE(clockbound_now_result, RESULT_BYTES);
OFFSET(clockbound_now_result, earliest, 0);
OFFSET(clockbound_now_result, latest, 16);
OFFSET(clockbound_now_result, clock_status, 32);

#if defined(__i386__)
#define INTERVAL_BYTES 20
#else
#define INTERVAL_BYTES 24
#endif
SIZE(clockbound_interval, INTERVAL_BYTES);
OFFSET(clockbound_interval, earliest_ns, 0);
OFFSET(clockbound_interval, latest_ns, 8);
OFFSET(clockbound_interval, clock_status, 16);
SIZE(bool, 1);

SIZE(clockbound_err_kind, 4);
VALUE(CLOCKBOUND_ERR_NONE, 0);
VALUE(CLOCKBOUND_ERR_SYSCALL, 1);
VALUE(CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED, 2);
VALUE(CLOCKBOUND_ERR_SEGMENT_MALFORMED, 3);
VALUE(CLOCKBOUND_ERR_CAUSALITY_BREACH, 4);
VALUE(CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED, 5);

SIZE(clockbound_clock_status, 4);
VALUE(CLOCKBOUND_STA_UNKNOWN, 0);
VALUE(CLOCKBOUND_STA_SYNCHRONIZED, 1);
VALUE(CLOCKBOUND_STA_FREE_RUNNING, 2);
VALUE(CLOCKBOUND_STA_DISRUPTED, 3);

/* As the original declares them; another type would not compile. */
static clockbound_ctx *(*const open_segment)(char const *, clockbound_err *) = clockbound_open;
static clockbound_ctx *(*const open_both)(char const *, char const *,
                                          clockbound_err *) = clockbound_vmclock_open;
static clockbound_err const *(*const close_context)(clockbound_ctx *) = clockbound_close;
static clockbound_err const *(*const ask)(clockbound_ctx *, clockbound_now_result *) = clockbound_now;

/* Segments of layout 2, as a daemon on this machine writes them. */
struct segment {
    uint32_t magic[2];
    uint32_t size_bytes;
    uint16_t version;
    uint16_t generation;
    int64_t as_of_sec;
    int64_t as_of_nsec;
    int64_t void_after_sec;
    int64_t void_after_nsec;
    int64_t bound_ns;
    uint64_t disruption_marker;
    uint32_t max_drift_ppb;
    int32_t clock_status;
    uint8_t clock_disruption_support_enabled;
    uint8_t reserved[7];
};
SIZE(struct segment, 80);

static char path[] = "/tmp/clockbound-abi-XXXXXX";

static void write_segment(void)
{
    /* as_of is 0: every monotonic reading comes later, and an age that can't be is no part of this test. */
    const struct segment segment = {.magic = {0x414D5A4E, 0x43420200},
                                    .size_bytes = 80,
                                    .version = 2,
                                    .generation = 2,
                                    .void_after_sec = INT32_MAX,
                                    .bound_ns = 1000,
                                    .clock_status = 2};
    const int descriptor = mkstemp(path);
    if (descriptor < 0 || write(descriptor, &segment, sizeof segment) != (ssize_t)sizeof segment ||
        close(descriptor) != 0) {
        perror(path);
        exit(2);
    }
}

static int64_t int64_at(const unsigned char *bytes)
{
    int64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* That the library agrees with the numbers above: it may have been built with other options. */
static void a_result_fills_these_bytes_and_no_others(void)
{
    _Alignas(8) unsigned char bytes[RESULT_BYTES + 64];
    memset(bytes, 0xa5, sizeof bytes);
    struct timespec before, after;
    clockbound_ctx *ctx = open_segment(path, NULL);
    CHECK(ctx != NULL);
    if (ctx == NULL)
        return;
    clock_gettime(CLOCK_REALTIME, &before);
    CHECK(ask(ctx, (clockbound_now_result *)(void *)bytes) == NULL);
    clock_gettime(CLOCK_REALTIME, &after);
    const int64_t earliest_sec = int64_at(bytes + 0), latest_sec = int64_at(bytes + 16);
    long earliest_nsec, latest_nsec;
    int status;
    memcpy(&earliest_nsec, bytes + offsetof(struct timespec, tv_nsec), sizeof earliest_nsec);
    memcpy(&latest_nsec, bytes + 16 + offsetof(struct timespec, tv_nsec), sizeof latest_nsec);
    memcpy(&status, bytes + 32, sizeof status);
    /* the bound is what was written, since it doesn't grow, and the clock's reading stands in the middle */
    CHECK(earliest_nsec >= 0 && earliest_nsec <= 999999999 && latest_nsec >= 0 && latest_nsec <= 999999999);
    CHECK_EQUAL(2000, (latest_sec - earliest_sec) * 1000000000 + latest_nsec - earliest_nsec);
    CHECK((before.tv_sec - earliest_sec) * 1000000000 + before.tv_nsec - earliest_nsec <= 1000);
    CHECK((after.tv_sec - earliest_sec) * 1000000000 + after.tv_nsec - earliest_nsec >= 1000);
    CHECK_EQUAL(2, status);
    for (size_t i = RESULT_BYTES; i < sizeof bytes; i++)
        CHECK_EQUAL(0xa5, bytes[i]);
    CHECK(close_context(ctx) == NULL);
}

static void an_interval_fills_these_bytes_and_no_others(void)
{
    _Alignas(8) unsigned char bytes[INTERVAL_BYTES + 64];
    memset(bytes, 0xa5, sizeof bytes);
    clockbound_ctx *ctx = open_segment(path, NULL);
    CHECK(ctx != NULL);
    if (ctx == NULL)
        return;
    /* at an age of 3 s, without drift, the bound is what was written */
    CHECK(clockbound_now_at(ctx, INT64_C(1795132800000000500), INT64_C(3000000000),
                            (clockbound_interval *)(void *)bytes) == NULL);
    CHECK_EQUAL(INT64_C(1795132799999999500), int64_at(bytes + 0));
    CHECK_EQUAL(INT64_C(1795132800000001500), int64_at(bytes + 8));
    int status;
    memcpy(&status, bytes + 16, sizeof status);
    CHECK_EQUAL(2, status);
    for (size_t i = INTERVAL_BYTES; i < sizeof bytes; i++)
        CHECK_EQUAL(0xa5, bytes[i]);
    CHECK(close_context(ctx) == NULL);
}

static void errors_lie_where_callers_look_for_them(void)
{
    _Alignas(8) unsigned char bytes[sizeof(clockbound_err) + 64];
    memset(bytes, 0xa5, sizeof bytes);
    CHECK(open_both("/nonexistent/shm0", "/nonexistent/vmclock0", (clockbound_err *)(void *)bytes) == NULL);
    int kind, sys_errno;
    memcpy(&kind, bytes + 0, sizeof kind);
    memcpy(&sys_errno, bytes + 4, sizeof sys_errno);
    CHECK_EQUAL(1, kind);
    CHECK_EQUAL(2, sys_errno); /* ENOENT on every Linux */
    for (size_t i = sizeof(clockbound_err); i < sizeof bytes; i++)
        CHECK_EQUAL(0xa5, bytes[i]);
    clockbound_err const *err = ask(NULL, NULL);
    CHECK(err != NULL && err->kind == CLOCKBOUND_ERR_SYSCALL && err->sys_errno == 22); /* EINVAL */
}

int main(void)
{
    write_segment();
    RUN(a_result_fills_these_bytes_and_no_others);
    RUN(an_interval_fills_these_bytes_and_no_others);
    RUN(errors_lie_where_callers_look_for_them);
    unlink(path);
    return check_failures();
}
