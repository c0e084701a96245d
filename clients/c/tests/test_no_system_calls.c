/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That the questions make no system call while the segment is fresh: they are asked where the kernel kills
 * whoever makes one, in a child with a seccomp filter. On machines whose clocks are system calls (no vDSO, or
 * one for none of their clocksources), in emulators, and in checkers that make system calls of their own,
 * this can't be seen: then the program exits with 77, which means skipped.
 */
#define _DEFAULT_SOURCE /* syscall() */
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"
#include "live.h"

/* What Linux declares in headers that not every C library comes with: seccomp(2), and programs that look at
 * one word of what it hands them. */
#define SKIPPED 77
struct instruction {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};
struct program {
    unsigned short count;
    const struct instruction *instructions;
};
#define LOAD_WORD 0x20
#define JUMP_IF_EQUAL 0x15
#define RETURN 0x06
#define KILL_PROCESS 0x80000000u
#define ALLOW 0x7fff0000u
#define FILTER_MODE 2

/* From here on this process can only exit. The number of the call is the first word. */
static bool forbid_system_calls(void)
{
    static const struct instruction instructions[] = {
        {LOAD_WORD, 0, 0, 0},
        {JUMP_IF_EQUAL, 0, 1, SYS_exit_group},
        {RETURN, 0, 0, ALLOW},
        {RETURN, 0, 0, KILL_PROCESS},
    };
    const struct program program = {sizeof instructions / sizeof instructions[0], instructions};
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && /* no core file of who is killed */
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, FILTER_MODE, &program, 0, 0) == 0;
}

/* What a child did that asked so, or why it was not asked. */
enum outcome { ANSWERED, WRONG, KILLED, NOT_FILTERED };

static enum outcome without_system_calls(bool (*ask)(void))
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (!forbid_system_calls())
            syscall(SYS_exit_group, NOT_FILTERED);
        syscall(SYS_exit_group, ask() ? ANSWERED : WRONG);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        return KILLED;
    return WIFEXITED(status) && WEXITSTATUS(status) <= NOT_FILTERED ? (enum outcome)WEXITSTATUS(status)
                                                                    : KILLED;
}

static bool make_a_system_call(void)
{
    return syscall(SYS_getppid) > 0;
}

static bool do_nothing(void)
{
    return true;
}

static bool read_the_clocks(void)
{
    struct timespec time;
    return clock_gettime(CLOCK_REALTIME, &time) == 0 && clock_gettime(CLOCK_MONOTONIC, &time) == 0;
}

#define CALLS 100000
static clockbound_ctx *ctx;

static bool ask_now(void)
{
    bool right = true;
    for (int i = 0; i < CALLS; i++) {
        clockbound_now_result now;
        right &= clockbound_now(ctx, &now) == NULL && now.clock_status == CLOCKBOUND_STA_SYNCHRONIZED;
    }
    return right;
}

static bool ask_now_ns(void)
{
    bool right = true;
    for (int i = 0; i < CALLS; i++) {
        clockbound_interval now;
        right &= clockbound_now_ns(ctx, &now) == NULL && now.latest_ns - now.earliest_ns == 2 * MS;
    }
    return right;
}

static bool ask_now_within(void)
{
    bool right = true;
    for (int i = 0; i < CALLS; i++) {
        clockbound_interval now;
        right &= clockbound_now_within(ctx, MS, &now) == NULL;
        clockbound_err const *err = clockbound_now_within(ctx, MS - 1, &now);
        right &= err != NULL && err->kind == CLOCKBOUND_ERR_SYSCALL;
    }
    return right;
}

static bool ask_before(void)
{
    bool right = true;
    for (int i = 0; i < CALLS; i++) {
        bool answer = false;
        right &= clockbound_before(ctx, INT64_MAX, &answer) == NULL && answer;
    }
    return right;
}

static bool ask_after(void)
{
    bool right = true;
    for (int i = 0; i < CALLS; i++) {
        bool answer = false;
        right &= clockbound_after(ctx, 0, &answer) == NULL && answer;
    }
    return right;
}

static bool (*const questions[])(void) = {ask_now, ask_now_ns, ask_now_within, ask_before, ask_after};

/* As of now, so that the questions that follow find it fresh. */
static unsigned char *begin_with(const struct cb_segment_record *record)
{
    write_v2(record);
    ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    CHECK(ctx != NULL);
    return map(segment_path);
}

static void end(unsigned char *bytes)
{
    clockbound_close(ctx);
    unmap(bytes);
}

static void no_question_makes_a_system_call(void)
{
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const struct cb_segment_record record = live();
        unsigned char *bytes = begin_with(&record);
        CHECK_EQUAL(ANSWERED, without_system_calls(questions[i]));
        end(bytes);
    }
}

static void nor_where_the_daemon_follows_a_vmclock_page(void)
{
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct cb_segment_record record = live();
        record.clock_disruption_support_enabled = 1;
        record.disruption_marker = 7;
        write_page(7);
        unsigned char *bytes = begin_with(&record);
        CHECK_EQUAL(ANSWERED, without_system_calls(questions[i]));
        end(bytes);
    }
}

static void nor_while_an_update_is_never_ended(void)
{
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const struct cb_segment_record record = live();
        unsigned char *bytes = begin_with(&record);
        cb_segment_v2_store_generation(bytes, 3); /* its writer died */
        CHECK_EQUAL(ANSWERED, without_system_calls(questions[i]));
        end(bytes);
    }
}

/* What would be proved wrong is seen here: a child that makes a system call is killed. */
static void a_system_call_would_be_seen(void)
{
    CHECK_EQUAL(KILLED, without_system_calls(make_a_system_call));
}

#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER true
#elif defined(__has_feature)
#define THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define THREAD_SANITIZER false
#endif

int main(void)
{
    const char *why = NULL;
    if (THREAD_SANITIZER)
        why = "ThreadSanitizer makes some of its own, now and then";
    else if (without_system_calls(do_nothing) == NOT_FILTERED)
        why = "this kernel, or what runs this program, has no seccomp filters";
    else if (without_system_calls(do_nothing) != ANSWERED)
        why = "what runs this program makes system calls of its own";
    else if (without_system_calls(read_the_clocks) != ANSWERED)
        why = "reading the clocks is a system call here";
    if (why != NULL) {
        printf("not proved: that no question makes a system call; %s\n", why);
        return SKIPPED;
    }
    files_begin();
    RUN(a_system_call_would_be_seen);
    RUN(no_question_makes_a_system_call);
    RUN(nor_where_the_daemon_follows_a_vmclock_page);
    RUN(nor_while_an_update_is_never_ended);
    files_end();
    return check_failures();
}
