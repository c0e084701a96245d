/* SPDX-License-Identifier: Apache-2.0 */
/* The reader below the public interface: the same, with times in int64 nanoseconds. For bindings. */
#ifndef CLOCKBOUND_READER_H
#define CLOCKBOUND_READER_H

#include "clockbound.h"
#include "interval.h"

/*
 * As clockbound_vmclock_open(); none of the paths may be NULL. On failure *failed_path is the one of the two
 * that *err is about.
 */
clockbound_ctx *cb_reader_open(const char *shm_path, const char *vmclock_path, clockbound_err *err,
                               const char **failed_path);

/* As clockbound_now_ns(), clockbound_now_at() and clockbound_now_tai(); ctx and interval must not be NULL. */
clockbound_err const *cb_reader_now(clockbound_ctx *ctx, struct cb_interval *interval);
clockbound_err const *cb_reader_now_at(clockbound_ctx *ctx, int64_t realtime_ns, int64_t monotonic_ns,
                                       struct cb_interval *interval);
clockbound_err const *cb_reader_now_tai(clockbound_ctx *ctx, struct cb_interval *interval);

/* What cb_interval_at() returned, as an error; NULL if none. */
clockbound_err const *cb_interval_error(clockbound_err_kind kind);

#endif
