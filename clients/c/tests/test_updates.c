/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that ask one context while a writer publishes: what was published before a question is never
 * missing in its answer, whether the segment was copied for it or not. */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "live.h"

#define READERS 3
#define UPDATES 10000
#define BOUND_NS INT64_C(1000) /* of each update; the growth is 0 */

static clockbound_ctx *ctx;
static unsigned char *bytes;
static _Atomic int64_t published;

/* None of these changes with the age within 1000 s, so a thread may be held up. */
static clockbound_clock_status status_of(int64_t update)
{
    static const clockbound_clock_status statuses[] = {CLOCKBOUND_STA_UNKNOWN, CLOCKBOUND_STA_FREE_RUNNING,
                                                       CLOCKBOUND_STA_DISRUPTED};
    return statuses[update % 3];
}

static void publish_update(int64_t update)
{
    static struct cb_segment_record record;
    /* A daemon that hears nothing of chronyd publishes with the same as_of. */
    if (update % 8 == 1)
        record = live();
    record.bound_ns = update * BOUND_NS;
    record.clock_status = (int32_t)status_of(update);
    publish(bytes, &record);
    atomic_store_explicit(&published, update, memory_order_release);
}

static void *write_updates(void *unused)
{
    (void)unused;
    for (int64_t update = 2; update <= UPDATES; update++) {
        publish_update(update);
        if (update % 4 == 0) /* so that there are questions without an update between them, too */
            pause_for(100000);
    }
    return NULL;
}

struct findings {
    int64_t answers, wrong;
};

static void *ask(void *findings)
{
    struct findings *found = (struct findings *)findings;
    int64_t before, last = 0;
    do {
        clockbound_interval now;
        before = atomic_load_explicit(&published, memory_order_acquire);
        if (clockbound_now_ns(ctx, &now) != NULL) {
            found->wrong++;
            continue;
        }
        const int64_t width_ns = now.latest_ns - now.earliest_ns;
        const int64_t update = width_ns / (2 * BOUND_NS);
        found->answers++;
        found->wrong += width_ns % (2 * BOUND_NS) != 0 || update < before || update < last ||
                        now.clock_status != status_of(update);
        last = update;
    } while (before < UPDATES);
    return NULL;
}

static void every_answer_is_of_the_newest_update(void)
{
    pthread_t writer, readers[READERS];
    struct findings found[READERS] = {{0}};
    const struct cb_segment_record first = live();
    write_v2(&first);
    bytes = map(segment_path);
    publish_update(1);
    ctx = clockbound_open(segment_path, NULL);
    CHECK(ctx != NULL);
    for (int i = 0; i < READERS; i++)
        CHECK_EQUAL(0, pthread_create(&readers[i], NULL, ask, &found[i]));
    CHECK_EQUAL(0, pthread_create(&writer, NULL, write_updates, NULL));
    pthread_join(writer, NULL);
    for (int i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
        CHECK_EQUAL(0, found[i].wrong);
        CHECK(found[i].answers > 0);
    }
    clockbound_close(ctx);
    unmap(bytes);
}

int main(void)
{
    files_begin();
    RUN(every_answer_is_of_the_newest_update);
    files_end();
    return check_failures();
}
