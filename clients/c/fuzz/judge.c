/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *judge_kind_name(clockbound_err_kind kind)
{
    static const char *const names[] = {"NONE",
                                        "SYSCALL",
                                        "SEGMENT_NOT_INITIALIZED",
                                        "SEGMENT_MALFORMED",
                                        "CAUSALITY_BREACH",
                                        "SEGMENT_VERSION_NOT_SUPPORTED"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}

bool judge_is_untouched(const void *memory, size_t size_bytes)
{
    const unsigned char *bytes = (const unsigned char *)memory;
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != UNTOUCHED)
            return false;
    return true;
}

/* The error's text is right, and stays so where it must be cut. */
static void check_text(const char *call, const clockbound_err *err)
{
    char right[512], text[512];
    const int right_length =
        err->sys_errno == 0 ? snprintf(right, sizeof right, "%s", err->detail)
                            : snprintf(right, sizeof right, "%s: %s", err->detail, strerror(err->sys_errno));
    const size_t length = clockbound_err_text(err, NULL, 0);
    if (right_length < 0 || length != (size_t)right_length || length >= sizeof text)
        fail("%s: the length of its error's text is %zu; expected %d", call, length, right_length);
    const size_t sizes[] = {length + 1, length, length / 2 + 1, 1, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t size = sizes[i];
        memset(text, UNTOUCHED, sizeof text);
        if (clockbound_err_text(err, text, size) != length)
            fail("%s: the length of its error's text depends on the room", call);
        if (size > 0 && (memcmp(text, right, size - 1) != 0 || text[size - 1] != '\0'))
            fail("%s: the text of its error isn't \"%s\"", call, right);
        if (!judge_is_untouched(text + size, sizeof text - size))
            fail("%s: the text of its error goes beyond its end", call);
    }
}

void judge_error(const char *call, const clockbound_err *err, unsigned kinds, int sys_errno)
{
    if (err->kind <= CLOCKBOUND_ERR_NONE || err->kind > CLOCKBOUND_ERR_SEGMENT_VERSION_NOT_SUPPORTED)
        fail("%s: error kind %d, which isn't one", call, (int)err->kind);
    if ((kinds >> err->kind & 1) == 0)
        fail("%s: error %s (%s); allowed is only the set %#x", call, judge_kind_name(err->kind), err->detail,
             kinds);
    if (strcmp(clockbound_err_kind_name(err->kind), judge_kind_name(err->kind)) != 0)
        fail("%s: the error's kind is named %s", call, clockbound_err_kind_name(err->kind));
    if (err->detail == NULL || err->detail[0] == '\0')
        fail("%s: error without detail", call);
    if (err->kind != CLOCKBOUND_ERR_SYSCALL && err->sys_errno != 0)
        fail("%s: errno %d with error %s", call, err->sys_errno, judge_kind_name(err->kind));
    if (err->kind == CLOCKBOUND_ERR_SYSCALL &&
        (err->sys_errno <= 0 || (sys_errno > 0 && sys_errno != err->sys_errno)))
        fail("%s: errno %d; expected %d", call, err->sys_errno, sys_errno);
    check_text(call, err);
}

/* What the rules say of one real-time reading and a monotonic one that came with it (first), or as late as it
 * may (last). */
struct range {
    struct oracle_answer first, last;
    bool first_good, last_good;
    wide least_bound_ns, most_bound_ns; /* if one of the two is good */
};

static bool may_fail(const struct range *range, clockbound_err_kind kind)
{
    return kind != CLOCKBOUND_ERR_NONE && (range->first.kind == kind || range->last.kind == kind);
}

static bool may_have(const struct range *range, clockbound_clock_status status)
{
    if ((range->first_good && range->first.status == status) ||
        (range->last_good && range->last.status == status))
        return true;
    /* between the two */
    return range->first_good && range->last_good && range->first.status == CLOCKBOUND_STA_SYNCHRONIZED &&
           range->last.status == CLOCKBOUND_STA_UNKNOWN && status == CLOCKBOUND_STA_FREE_RUNNING;
}

static bool may_be_trusted(const struct range *range)
{
    return may_have(range, CLOCKBOUND_STA_SYNCHRONIZED) || may_have(range, CLOCKBOUND_STA_FREE_RUNNING);
}

static bool may_be_distrusted(const struct range *range)
{
    return may_have(range, CLOCKBOUND_STA_UNKNOWN) || may_have(range, CLOCKBOUND_STA_DISRUPTED);
}

/* The ends, less shift_ns, lie at equal distances from the real-time reading, and the distance and the status
 * are possible. */
static bool is_interval_right(const struct range *range, const struct reply *reply, int64_t realtime_ns,
                              wide shift_ns)
{
    const wide earliest_ns = reply->earliest_ns - shift_ns, latest_ns = reply->latest_ns - shift_ns;
    const wide bound_ns = latest_ns - realtime_ns;
    return realtime_ns - earliest_ns == bound_ns && bound_ns >= range->least_bound_ns &&
           bound_ns <= range->most_bound_ns && may_have(range, reply->status);
}

static bool is_right_at(const struct question *question, const struct reply *reply,
                        const struct oracle_record *record, bool disrupted, const struct reading *reading)
{
    const int64_t argument_ns = question->argument_ns, realtime_ns = reading->realtime_ns;
    const wide tai_ns = (wide)reading->tai_offset_s * ORACLE_SECOND_NS;
    struct range range = {
        .first = oracle_answer(record, realtime_ns, reading->monotonic_ns, disrupted),
        .last = oracle_answer(record, realtime_ns, question->end_monotonic_ns, disrupted),
        .least_bound_ns = record->bound_ns,
        .most_bound_ns = INT64_MAX,
    };
    range.first_good = range.first.kind == CLOCKBOUND_ERR_NONE;
    range.last_good = range.last.kind == CLOCKBOUND_ERR_NONE;
    if (range.first_good)
        range.least_bound_ns = range.first.latest_ns - realtime_ns;
    if (range.last_good)
        range.most_bound_ns = range.last.latest_ns - realtime_ns;

    const bool any_good = range.first_good || range.last_good;
    if (reply->or_error && !(range.first_good && range.last_good))
        return true;
    if (reply->kind == CLOCKBOUND_ERR_SYSCALL)
        return (reply->sys_errno == EAGAIN && may_be_distrusted(&range) &&
                (question->what == ASKED_WITHIN || question->what == ASKED_BEFORE ||
                 question->what == ASKED_AFTER)) ||
               (reply->sys_errno == ERANGE && may_be_trusted(&range) && question->what == ASKED_WITHIN &&
                range.most_bound_ns > argument_ns);
    if (reply->kind != CLOCKBOUND_ERR_NONE)
        return may_fail(&range, reply->kind) ||
               (question->what == ASKED_TAI && any_good && reply->kind == CLOCKBOUND_ERR_SEGMENT_MALFORMED &&
                realtime_ns + range.most_bound_ns + tai_ns > INT64_MAX);
    if (!any_good)
        return false;
    switch (question->what) {
    case ASKED_NOW:
    case ASKED_NOW_NS:
        return is_interval_right(&range, reply, realtime_ns, 0);
    case ASKED_TAI:
        return tai_ns > 0 && is_interval_right(&range, reply, realtime_ns, tai_ns);
    case ASKED_WITHIN:
        return is_interval_right(&range, reply, realtime_ns, 0) && oracle_is_trusted(reply->status) &&
               reply->latest_ns - realtime_ns <= argument_ns;
    case ASKED_BEFORE:
        return may_be_trusted(&range) && (reply->yes ? realtime_ns + range.least_bound_ns < argument_ns
                                                     : realtime_ns + range.most_bound_ns >= argument_ns);
    case ASKED_AFTER:
        return may_be_trusted(&range) && (reply->yes ? realtime_ns - range.least_bound_ns > argument_ns
                                                     : realtime_ns - range.most_bound_ns <= argument_ns);
    case ASKED_SYNCHRONIZED:
        break;
    }
    return reply->yes ? may_have(&range, CLOCKBOUND_STA_SYNCHRONIZED) && range.least_bound_ns <= argument_ns
                      : may_be_distrusted(&range) || may_have(&range, CLOCKBOUND_STA_FREE_RUNNING) ||
                            range.most_bound_ns > argument_ns;
}

bool judge_is_right(const struct question *question, const struct reply *reply,
                    const struct oracle_record *record, bool disrupted)
{
    for (size_t i = 0; i < question->readings_count; i++)
        if (is_right_at(question, reply, record, disrupted, &question->readings[i]))
            return true;
    return false;
}

bool judge_is_right_without_snapshot(const struct reply *reply)
{
    return reply->kind == CLOCKBOUND_ERR_SEGMENT_NOT_INITIALIZED || reply->or_error;
}
