/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary interface that programs out there were linked with, declared once more: a library of empty
 * functions, which abidiff compares with the real one. Written by hand; what has been released is never
 * changed here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef struct clockbound_ctx clockbound_ctx;

typedef enum clockbound_err_kind {
    CLOCKBOUND_ERR_NONE = 0,
    CLOCKBOUND_ERR_SYSCALL = 1,
    CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED = 2,
    CLOCKBOUND_ERR_SEGMENT_MALFORMED = 3,
    CLOCKBOUND_ERR_CAUSALITY_BREACH = 4,
    CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED = 5
} clockbound_err_kind;

typedef struct clockbound_err {
    clockbound_err_kind kind;
    int sys_errno;
    const char *detail;
} clockbound_err;

typedef enum clockbound_clock_status {
    CLOCKBOUND_STA_UNKNOWN = 0,
    CLOCKBOUND_STA_SYNCHRONIZED = 1,
    CLOCKBOUND_STA_FREE_RUNNING = 2,
    CLOCKBOUND_STA_DISRUPTED = 3
} clockbound_clock_status;

typedef struct clockbound_now_result {
    struct timespec earliest;
    struct timespec latest;
    clockbound_clock_status clock_status;
} clockbound_now_result;

typedef struct clockbound_interval {
    int64_t earliest_ns;
    int64_t latest_ns;
    clockbound_clock_status clock_status;
} clockbound_interval;

clockbound_ctx *clockbound_open(char const *shm_path, clockbound_err *err);
clockbound_ctx *clockbound_vmclock_open(char const *shm_path, char const *vmclock_path, clockbound_err *err);
clockbound_err const *clockbound_close(clockbound_ctx *ctx);
clockbound_err const *clockbound_now(clockbound_ctx *ctx, clockbound_now_result *result);
clockbound_err const *clockbound_now_ns(clockbound_ctx *ctx, clockbound_interval *interval);
clockbound_err const *clockbound_now_within(clockbound_ctx *ctx, int64_t max_error_ns,
                                            clockbound_interval *interval);
clockbound_err const *clockbound_now_tai(clockbound_ctx *ctx, clockbound_interval *interval);
clockbound_err const *clockbound_before(clockbound_ctx *ctx, int64_t time_ns, bool *answer);
clockbound_err const *clockbound_after(clockbound_ctx *ctx, int64_t time_ns, bool *answer);
clockbound_err const *clockbound_wait_after(clockbound_ctx *ctx, int64_t time_ns, int64_t deadline_ns);
clockbound_err const *clockbound_wait_synchronized(clockbound_ctx *ctx, int64_t max_error_ns,
                                                   int64_t deadline_ns);
clockbound_err const *clockbound_now_at(clockbound_ctx *ctx, int64_t realtime_ns, int64_t monotonic_ns,
                                        clockbound_interval *interval);
clockbound_err const *clockbound_interval_from_bytes(void const *segment, size_t segment_bytes,
                                                     void const *vmclock, size_t vmclock_bytes,
                                                     int64_t realtime_ns, int64_t monotonic_ns,
                                                     clockbound_interval *interval);
size_t clockbound_err_text(clockbound_err const *err, char *text, size_t size);
char const *clockbound_err_kind_name(clockbound_err_kind kind);
char const *clockbound_clock_status_name(clockbound_clock_status status);
char const *clockbound_version(void);

clockbound_ctx *clockbound_open(char const *shm_path, clockbound_err *err)
{
    (void)shm_path, (void)err;
    return NULL;
}

clockbound_ctx *clockbound_vmclock_open(char const *shm_path, char const *vmclock_path, clockbound_err *err)
{
    (void)shm_path, (void)vmclock_path, (void)err;
    return NULL;
}

clockbound_err const *clockbound_close(clockbound_ctx *ctx)
{
    (void)ctx;
    return NULL;
}

clockbound_err const *clockbound_now(clockbound_ctx *ctx, clockbound_now_result *result)
{
    (void)ctx, (void)result;
    return NULL;
}

clockbound_err const *clockbound_now_ns(clockbound_ctx *ctx, clockbound_interval *interval)
{
    (void)ctx, (void)interval;
    return NULL;
}

clockbound_err const *clockbound_now_within(clockbound_ctx *ctx, int64_t max_error_ns,
                                            clockbound_interval *interval)
{
    (void)ctx, (void)max_error_ns, (void)interval;
    return NULL;
}

clockbound_err const *clockbound_now_tai(clockbound_ctx *ctx, clockbound_interval *interval)
{
    (void)ctx, (void)interval;
    return NULL;
}

clockbound_err const *clockbound_before(clockbound_ctx *ctx, int64_t time_ns, bool *answer)
{
    (void)ctx, (void)time_ns, (void)answer;
    return NULL;
}

clockbound_err const *clockbound_after(clockbound_ctx *ctx, int64_t time_ns, bool *answer)
{
    (void)ctx, (void)time_ns, (void)answer;
    return NULL;
}

clockbound_err const *clockbound_wait_after(clockbound_ctx *ctx, int64_t time_ns, int64_t deadline_ns)
{
    (void)ctx, (void)time_ns, (void)deadline_ns;
    return NULL;
}

clockbound_err const *clockbound_wait_synchronized(clockbound_ctx *ctx, int64_t max_error_ns,
                                                   int64_t deadline_ns)
{
    (void)ctx, (void)max_error_ns, (void)deadline_ns;
    return NULL;
}

clockbound_err const *clockbound_now_at(clockbound_ctx *ctx, int64_t realtime_ns, int64_t monotonic_ns,
                                        clockbound_interval *interval)
{
    (void)ctx, (void)realtime_ns, (void)monotonic_ns, (void)interval;
    return NULL;
}

clockbound_err const *clockbound_interval_from_bytes(void const *segment, size_t segment_bytes,
                                                     void const *vmclock, size_t vmclock_bytes,
                                                     int64_t realtime_ns, int64_t monotonic_ns,
                                                     clockbound_interval *interval)
{
    (void)segment, (void)segment_bytes, (void)vmclock, (void)vmclock_bytes, (void)realtime_ns,
        (void)monotonic_ns, (void)interval;
    return NULL;
}

size_t clockbound_err_text(clockbound_err const *err, char *text, size_t size)
{
    (void)err, (void)text, (void)size;
    return 0;
}

char const *clockbound_err_kind_name(clockbound_err_kind kind)
{
    (void)kind;
    return NULL;
}

char const *clockbound_clock_status_name(clockbound_clock_status status)
{
    (void)status;
    return NULL;
}

char const *clockbound_version(void)
{
    return NULL;
}
