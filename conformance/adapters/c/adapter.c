/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance adapter of the C library: one JSON object a line from stdin, one a line to stdout (see
 * ../README.md).
 *
 * Requests are flat objects of strings, so the scanner below reads those and refuses everything else. It
 * unescapes in place (an escape is never shorter than what it stands for) and never reads past the line's
 * NUL.
 */
#include <clockbound.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 65536, FIELDS_COUNT = 16, CONTEXTS_COUNT = 8, PATH_BYTES = 4096 };

/* An answer to repeat has so many runs, and each of them fits into so many bytes. */
enum { RUNS_COUNT = 500, RUN_BYTES = 96 };

struct field {
    char *name;
    char *value;
};

struct request {
    struct field fields[FIELDS_COUNT];
    size_t count;
};

/* A context that stays open between requests. */
struct context {
    char path[PATH_BYTES];
    clockbound_ctx *ctx;
};

static struct context now_contexts[CONTEXTS_COUNT];
static struct context watched;
static int64_t watched_computes_left_count;

static char *skip_space(char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Four hexadecimal digits at `at`, or -1. */
static int32_t hex4(char const *at)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char const *digits = "0123456789abcdef0123456789ABCDEF";
        char const *digit = at[i] == '\0' ? NULL : strchr(digits, at[i]);
        if (digit == NULL)
            return -1;
        value = value * 16 + (int32_t)((digit - digits) % 16);
    }
    return value;
}

/* Read the string at `at`, unescape it in place, point `text` to it; return where it ends, or NULL. */
static char *scan_string(char *at, char **text)
{
    static char const names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (*at != '"')
        return NULL;
    char *out = *text = ++at;
    while (*at != '"') {
        if ((unsigned char)*at < 0x20) /* also the line's end */
            return NULL;
        if (*at != '\\') {
            *out++ = *at++;
            continue;
        }
        at++;
        if (*at == 'u') {
            int32_t code = hex4(at + 1);
            if (code <= 0 || code > 0x7f) /* other characters come as UTF-8, not as escapes */
                return NULL;
            *out++ = (char)code;
            at += 5;
            continue;
        }
        char const *name = *at == '\0' ? NULL : strchr(names, *at);
        if (name == NULL)
            return NULL;
        *out++ = meanings[name - names];
        at++;
    }
    *out = '\0'; /* at or before the closing quote */
    return at + 1;
}

static bool scan_request(char *at, struct request *request)
{
    request->count = 0;
    at = skip_space(at);
    if (*at++ != '{')
        return false;
    for (;;) {
        if (request->count == FIELDS_COUNT)
            return false;
        struct field *field = &request->fields[request->count++];
        if ((at = scan_string(skip_space(at), &field->name)) == NULL)
            return false;
        at = skip_space(at);
        if (*at++ != ':')
            return false;
        if ((at = scan_string(skip_space(at), &field->value)) == NULL)
            return false;
        at = skip_space(at);
        if (*at == '}')
            return *skip_space(at + 1) == '\0';
        if (*at++ != ',')
            return false;
    }
}

/* The value of field `name`, or NULL. */
static char const *get(struct request const *request, char const *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return request->fields[i].value;
    return NULL;
}

static bool get_int64(struct request const *request, char const *name, int64_t *value)
{
    char const *text = get(request, name);
    if (text == NULL || *text == '\0')
        return false;
    char *end;
    errno = 0;
    intmax_t parsed = strtoimax(text, &end, 10);
    if (errno != 0 || *end != '\0' || parsed < INT64_MIN || parsed > INT64_MAX)
        return false;
    *value = (int64_t)parsed;
    return true;
}

static void answer_error(char const *seq, clockbound_err const *err)
{
    printf("{\"seq\":\"%s\",\"type\":\"error\",\"kind\":\"%s\"}\n", seq, clockbound_err_kind_name(err->kind));
}

static void answer_unsupported(char const *seq, char const *reason)
{
    printf("{\"seq\":\"%s\",\"type\":\"unsupported\",\"reason\":\"%s\"}\n", seq, reason);
}

static void answer_interval(char const *seq, clockbound_err const *err, clockbound_interval const *interval)
{
    if (err != NULL) {
        answer_error(seq, err);
        return;
    }
    printf("{\"seq\":\"%s\",\"type\":\"interval\",\"earliest_ns\":\"%" PRId64 "\",\"latest_ns\":\"%" PRId64
           "\",\"status\":\"%s\"}\n",
           seq, interval->earliest_ns, interval->latest_ns,
           clockbound_clock_status_name(interval->clock_status));
}

static clockbound_ctx *open_context(struct request const *request, clockbound_err *err)
{
    char const *vmclock = get(request, "vmclock");
    if (vmclock != NULL)
        return clockbound_vmclock_open(get(request, "segment"), vmclock, err);
    return clockbound_open(get(request, "segment"), err);
}

static void close_context(struct context *context)
{
    if (context->ctx != NULL)
        clockbound_close(context->ctx);
    context->ctx = NULL;
}

/* Open into `context`, which is free, or answer why not. */
static bool keep_context(struct context *context, char const *seq, struct request const *request)
{
    clockbound_err err;
    if (strlen(get(request, "segment")) >= PATH_BYTES) {
        answer_unsupported(seq, "the path is too long");
        return false;
    }
    context->ctx = open_context(request, &err);
    if (context->ctx == NULL) {
        answer_error(seq, &err);
        return false;
    }
    strcpy(context->path, get(request, "segment"));
    return true;
}

static void compute(char const *seq, struct request const *request)
{
    int64_t realtime_ns, monotonic_ns;
    if (!get_int64(request, "realtime_ns", &realtime_ns) ||
        !get_int64(request, "monotonic_ns", &monotonic_ns)) {
        answer_unsupported(seq, "realtime_ns and monotonic_ns must be 64-bit integers as strings");
        return;
    }
    clockbound_interval interval;
    if (watched.ctx != NULL && strcmp(watched.path, get(request, "segment")) == 0) {
        answer_interval(seq, clockbound_now_at(watched.ctx, realtime_ns, monotonic_ns, &interval), &interval);
        if (--watched_computes_left_count <= 0)
            close_context(&watched);
        return;
    }
    clockbound_err err;
    clockbound_ctx *ctx = open_context(request, &err);
    if (ctx == NULL) {
        answer_error(seq, &err);
        return;
    }
    answer_interval(seq, clockbound_now_at(ctx, realtime_ns, monotonic_ns, &interval), &interval);
    clockbound_close(ctx);
}

static void now(char const *seq, struct request const *request)
{
    size_t i = 0;
    while (i < CONTEXTS_COUNT && now_contexts[i].ctx != NULL &&
           strcmp(now_contexts[i].path, get(request, "segment")) != 0)
        i++;
    if (i == CONTEXTS_COUNT) {
        answer_unsupported(seq, "too many segments");
        return;
    }
    if (now_contexts[i].ctx == NULL && !keep_context(&now_contexts[i], seq, request))
        return;
    clockbound_interval interval;
    answer_interval(seq, clockbound_now_ns(now_contexts[i].ctx, &interval), &interval);
}

static void watch(char const *seq, struct request const *request)
{
    int64_t count;
    if (!get_int64(request, "count", &count)) {
        answer_unsupported(seq, "count must be an integer as a string");
        return;
    }
    close_context(&watched);
    if (!keep_context(&watched, seq, request))
        return;
    watched_computes_left_count = count;
    printf("{\"seq\":\"%s\",\"type\":\"watching\"}\n", seq);
}

static bool same_answer(clockbound_err const *err, clockbound_interval const *interval,
                        clockbound_err const *before_err, clockbound_interval const *before)
{
    if (err != NULL || before_err != NULL)
        return err != NULL && before_err != NULL && err->kind == before_err->kind;
    return interval->earliest_ns == before->earliest_ns && interval->latest_ns == before->latest_ns &&
           interval->clock_status == before->clock_status;
}

/* `length_bytes` of text so far; returns the length with one run more. */
static size_t add_run(char *text, size_t length_bytes, int64_t count, clockbound_err const *err,
                      clockbound_interval const *interval)
{
    char *at = text + length_bytes;
    char const *comma = length_bytes == 0 ? "" : ",";
    int const added_bytes = err != NULL ? snprintf(at, RUN_BYTES, "%s%" PRId64 " %s", comma, count,
                                                   clockbound_err_kind_name(err->kind))
                                        : snprintf(at, RUN_BYTES, "%s%" PRId64 " %" PRId64 " %" PRId64 " %s",
                                                   comma, count, interval->earliest_ns, interval->latest_ns,
                                                   clockbound_clock_status_name(interval->clock_status));
    return length_bytes + (size_t)added_bytes;
}

/* Ask `count` times in a row, as fast as it goes, and say only where the answer changed. */
static void repeat(char const *seq, struct request const *request)
{
    static char text[RUNS_COUNT * RUN_BYTES];
    int64_t realtime_ns, monotonic_ns, count;
    if (!get_int64(request, "realtime_ns", &realtime_ns) ||
        !get_int64(request, "monotonic_ns", &monotonic_ns) || !get_int64(request, "count", &count) ||
        count < 1) {
        answer_unsupported(seq, "realtime_ns, monotonic_ns and count must be 64-bit integers as strings");
        return;
    }
    if (watched.ctx == NULL || strcmp(watched.path, get(request, "segment")) != 0) {
        answer_unsupported(seq, "repeat is for the path of a watch");
        return;
    }
    size_t length_bytes = 0;
    int64_t run_count = 0;
    clockbound_interval before = {0};
    clockbound_err const *before_err = NULL;
    for (int runs_count = 1; count > 0; count--) {
        clockbound_interval interval = {0};
        clockbound_err const *err = clockbound_now_at(watched.ctx, realtime_ns, monotonic_ns, &interval);
        if (run_count > 0 && !same_answer(err, &interval, before_err, &before)) {
            if (runs_count++ == RUNS_COUNT)
                break; /* this answer isn't told; the next question asks again */
            length_bytes = add_run(text, length_bytes, run_count, before_err, &before);
            run_count = 0;
        }
        before = interval;
        before_err = err;
        run_count++;
    }
    add_run(text, length_bytes, run_count, before_err, &before);
    printf("{\"seq\":\"%s\",\"type\":\"repeated\",\"runs\":\"%s\"}\n", seq, text);
}

static void hello(char const *seq, struct request const *request)
{
    char const *protocol = get(request, "protocol");
    if (protocol == NULL || strcmp(protocol, "1") != 0) {
        answer_unsupported(seq, "this adapter speaks protocol 1");
        return;
    }
    printf("{\"seq\":\"%s\",\"type\":\"hello\",\"protocol\":\"1\",\"name\":\"clockbound-adapter-c\","
           "\"language\":\"c\","
           "\"library\":\"libclockbound\",\"version\":\"%s\",\"layouts\":[\"1\",\"2\"],"
           "\"features\":[\"compute\",\"now\",\"watch\",\"repeat\"]}\n",
           seq, clockbound_version());
}

int main(void)
{
    static char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct request request;
        char const *seq, *cmd;
        if (strchr(line, '\n') == NULL || !scan_request(line, &request) ||
            (seq = get(&request, "seq")) == NULL || seq[strspn(seq, "0123456789")] != '\0' ||
            (cmd = get(&request, "cmd")) == NULL) {
            fprintf(stderr,
                    "clockbound-adapter-c: not a request (a flat JSON object of strings in a line of at most "
                    "%d bytes)\n",
                    LINE_BYTES - 1);
            return 2;
        }
        bool const needs_segment = strcmp(cmd, "hello") != 0 && strcmp(cmd, "stop") != 0;
        if (needs_segment && get(&request, "segment") == NULL)
            answer_unsupported(seq, "no such command, or no segment in it");
        else if (strcmp(cmd, "hello") == 0)
            hello(seq, &request);
        else if (strcmp(cmd, "compute") == 0)
            compute(seq, &request);
        else if (strcmp(cmd, "now") == 0)
            now(seq, &request);
        else if (strcmp(cmd, "watch") == 0)
            watch(seq, &request);
        else if (strcmp(cmd, "repeat") == 0)
            repeat(seq, &request);
        else if (strcmp(cmd, "stop") == 0)
            printf("{\"seq\":\"%s\",\"type\":\"stopped\"}\n", seq);
        else
            answer_unsupported(seq, "no such command");
        if (fflush(stdout) != 0)
            return 1;
        if (strcmp(cmd, "stop") == 0)
            return 0;
    }
    return 0;
}
