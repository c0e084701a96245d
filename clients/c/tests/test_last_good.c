/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check.h"
#include "last_good.h"

static struct cb_last_good last_good;

static void forget(void)
{
    memset(&last_good, 0, sizeof last_good);
}

static void keep(uint16_t serial, uint16_t generation, int64_t bound_ns)
{
    struct cb_snapshot snapshot = {.version = 2};
    snapshot.record.generation = generation;
    snapshot.record.bound_ns = bound_ns;
    cb_last_good_keep(&last_good, serial, &snapshot);
}

/* bound_ns of what is kept; -1 if nothing is. */
static int64_t kept(void)
{
    struct cb_snapshot snapshot;
    return cb_last_good_recall(&last_good, &snapshot) ? snapshot.record.bound_ns : -1;
}

static void at_first_there_is_none(void)
{
    forget();
    CHECK_EQUAL(-1, kept());
}

static void the_latest_is_kept(void)
{
    forget();
    keep(0, 2, 20);
    CHECK_EQUAL(20, kept());
    keep(0, 4, 40);
    CHECK_EQUAL(40, kept());
}

static void an_older_one_of_the_same_file_is_not(void)
{
    forget();
    keep(0, 6, 60);
    keep(0, 4, 40); /* from a thread that was held up */
    CHECK_EQUAL(60, kept());
    keep(0, 6, 61); /* the same one again */
    CHECK_EQUAL(60, kept());
}

static void older_is_counted_round_the_counter(void)
{
    forget();
    keep(0, 65534, 10);
    keep(0, 2, 20); /* comes after 65534 */
    CHECK_EQUAL(20, kept());
    keep(0, 65534, 10);
    CHECK_EQUAL(20, kept());
}

static void far_behind_means_that_the_counter_went_round(void)
{
    forget();
    keep(0, 1000, 10);
    keep(0, 1000 - 130, 20);
    CHECK_EQUAL(20, kept());
}

static void another_file_replaces_whatever_its_generation(void)
{
    forget();
    keep(0, 6, 60);
    keep(1, 4, 40);
    CHECK_EQUAL(40, kept());
}

static void a_keeper_that_is_interrupted_holds_up_nobody(void)
{
    forget();
    uint32_t sequence;
    keep(0, 2, 20);
    CHECK(cb_cell_begin(&last_good.cell, &sequence));
    keep(0, 4, 40); /* gives up */
    CHECK_EQUAL(-1, kept());
    cb_cell_end(&last_good.cell, sequence);
    CHECK_EQUAL(20, kept());
}

int main(void)
{
    RUN(at_first_there_is_none);
    RUN(the_latest_is_kept);
    RUN(an_older_one_of_the_same_file_is_not);
    RUN(older_is_counted_round_the_counter);
    RUN(far_behind_means_that_the_counter_went_round);
    RUN(another_file_replaces_whatever_its_generation);
    RUN(a_keeper_that_is_interrupted_holds_up_nobody);
    return check_failures();
}
