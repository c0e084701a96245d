/* SPDX-License-Identifier: Apache-2.0 */
/* What the library itself refuses, and the questions that fail closed. */
#ifndef CLOCKBOUND_REFUSAL_H
#define CLOCKBOUND_REFUSAL_H

#include <stdint.h>

#include "clockbound.h"
#include "interval.h"

extern const clockbound_err cb_null_argument;
extern const clockbound_err cb_negative_max_error;

/* As cb_reader_now(), but an error unless the status is SYNCHRONIZED or FREE_RUNNING. */
clockbound_err const *cb_trusted_now(clockbound_ctx *ctx, struct cb_interval *interval);

/* Half the interval, which always fits. */
int64_t cb_error_bound_ns(const struct cb_interval *interval);

#endif
