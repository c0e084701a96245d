/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that is cancelled while the library moves to another file: this test's own close stands before
 * libc's. */
#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "check.h"
#include "live.h"

long syscall(long number, ...);

static _Thread_local bool cancelled_at_close;

int close(int descriptor)
{
    if (cancelled_at_close) {
        pthread_cancel(pthread_self());
        pthread_testcancel(); /* as in libc's, before anything is closed */
    }
    return (int)syscall(SYS_close, descriptor);
}

/* What the library has put off. Being cancelled after all would only confuse ASan, which marks stacks. */
static void forget_cancel(void)
{
    int previous;
    cancelled_at_close = false;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &previous);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        perror("/proc/self/fd");
        exit(2);
    }
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static clockbound_ctx *ctx;
static bool answered;

static void *ask(void *unused)
{
    clockbound_interval now;
    (void)unused;
    cancelled_at_close = true;
    answered = clockbound_now_ns(ctx, &now) == NULL && now.clock_status == CLOCKBOUND_STA_SYNCHRONIZED;
    forget_cancel();
    return NULL;
}

static void *open_one(void *unused)
{
    (void)unused;
    cancelled_at_close = true;
    ctx = clockbound_vmclock_open(segment_path, page_path, NULL);
    forget_cancel();
    return NULL;
}

static void run_in_a_thread(void *(*body)(void *))
{
    pthread_t thread;
    void *result = PTHREAD_CANCELED;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, body, NULL));
    CHECK_EQUAL(0, pthread_join(thread, &result));
    CHECK(result == NULL);
}

static void a_cancelled_thread_moves_to_the_new_file_first(void)
{
    struct cb_segment_record old = live();
    old.as_of_sec -= 20; /* older than the grace period, so that the context looks for another file */
    write_v2(&old);
    ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    const int before = open_descriptors();
    const struct cb_segment_record fresh = live();
    write_v2(&fresh);
    answered = false;
    run_in_a_thread(ask);
    CHECK(answered);
    CHECK_EQUAL(before, open_descriptors());
    clockbound_close(ctx);
}

static void a_cancelled_thread_opens_first(void)
{
    struct cb_segment_record record = live();
    record.clock_disruption_support_enabled = 1;
    write_v2(&record);
    write_page(0);
    const int before = open_descriptors();
    ctx = NULL;
    run_in_a_thread(open_one);
    CHECK(ctx != NULL);
    CHECK_EQUAL(before, open_descriptors());
    clockbound_close(ctx);
}

int main(void)
{
    files_begin();
    RUN(a_cancelled_thread_moves_to_the_new_file_first);
    RUN(a_cancelled_thread_opens_first);
    files_end();
    return check_failures();
}
