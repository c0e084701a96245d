/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a reply of the library is one that the rules allow. */
#ifndef JUDGE_H
#define JUDGE_H

#include "oracle.h"
#include "world.h"

enum asked {
    ASKED_NOW, /* and now_at */
    ASKED_NOW_NS,
    ASKED_WITHIN,
    ASKED_TAI,
    ASKED_BEFORE,
    ASKED_AFTER,       /* and each look of wait_after */
    ASKED_SYNCHRONIZED /* each look of wait_synchronized */
};

struct question {
    enum asked what;
    int64_t argument_ns;            /* the instant, or the largest error bound */
    const struct reading *readings; /* the given one, or those that the context took */
    size_t readings_count;
    int64_t end_monotonic_ns; /* a monotonic reading is not later */
};

struct reply {
    clockbound_err_kind kind;
    int sys_errno;
    wide earliest_ns, latest_ns; /* where an interval was asked for and kind is _NONE */
    clockbound_clock_status status;
    bool yes;      /* where no interval was asked for */
    bool or_error; /* it said neither yes nor no, but went on waiting, for an error perhaps */
};

/* Whether the reply is right where the snapshot is `record`. */
bool judge_is_right(const struct question *question, const struct reply *reply,
                    const struct oracle_record *record, bool disrupted);
/* Whether it is right where there never was a snapshot. */
bool judge_is_right_without_snapshot(const struct reply *reply);

/* The kind of an error must be among `kinds`, bits 1 << kind, and its errno, text and names must fit;
 * sys_errno is what it must be where that isn't -1. */
void judge_error(const char *call, const clockbound_err *err, unsigned kinds, int sys_errno);

const char *judge_kind_name(clockbound_err_kind kind);

/* What a function that fails must leave alone is filled with this. */
#define UNTOUCHED 0xA5
bool judge_is_untouched(const void *memory, size_t size_bytes);

#endif
