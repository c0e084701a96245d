/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check.h"
#include "last_good_pair.h"

static struct cb_last_good last_good;

static void forget(void)
{
    memset(&last_good, 0, sizeof last_good);
}

static void keep(uint16_t serial, uint16_t generation, int64_t bound_ns)
{
    const struct cb_snapshot snapshot = {.serial = serial, .generation = generation, .bound_ns = bound_ns};
    cb_last_good_keep(&last_good, &snapshot);
}

/* bound_ns of what is kept; -1 if nothing is. */
static int64_t kept(void)
{
    struct cb_snapshot snapshot;
    return cb_last_good_recall(&last_good, &snapshot) ? snapshot.bound_ns : -1;
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

static void an_older_one_of_the_file_before_is_not_kept(void)
{
    forget();
    keep(0, 6, 60);
    keep(1, 4, 40);
    keep(0, 8, 80); /* by a thread that was held up */
    CHECK_EQUAL(40, kept());
    keep(65535, 8, 80); /* the file before number 0, as files are counted round */
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

/* The pair: what a reader has. */
static struct cb_last_good_pair pair;

static void keep_in_pair(uint16_t serial, uint16_t generation, int64_t bound_ns)
{
    struct cb_snapshot snapshot = {.serial = serial};
    snapshot.generation = generation;
    snapshot.bound_ns = bound_ns;
    cb_last_good_pair_keep(&pair, &snapshot);
}

static int64_t kept_in_pair(void)
{
    struct cb_snapshot snapshot;
    return cb_last_good_pair_recall(&pair, &snapshot) ? snapshot.bound_ns : -1;
}

static void a_pair_gives_the_newest(void)
{
    memset(&pair, 0, sizeof pair);
    CHECK_EQUAL(-1, kept_in_pair());
    const uint16_t generations[] = {65530, 65532, 65534, 2, 4, 6, 10, 14};
    for (size_t i = 0; i < sizeof generations / sizeof generations[0]; i++) {
        keep_in_pair(0, generations[i], generations[i]);
        CHECK_EQUAL(generations[i], kept_in_pair());
    }
    keep_in_pair(1, 4, 40); /* of another file, whatever its generation */
    CHECK_EQUAL(40, kept_in_pair());
    keep_in_pair(1, 2, 20);
    CHECK_EQUAL(40, kept_in_pair());
}

static void an_interrupted_keeper_leaves_a_pair_the_one_before(void)
{
    for (size_t i = 0; i < 2; i++) {
        memset(&pair, 0, sizeof pair);
        keep_in_pair(0, 2, 20);
        keep_in_pair(0, 4, 40);
        uint32_t sequence;
        CHECK(cb_cell_begin(&pair.places[i].cell, &sequence));
        /* generation 2 is kept in place 1, generation 4 in place 0 */
        CHECK_EQUAL(i == 0 ? 20 : 40, kept_in_pair());
        cb_cell_end(&pair.places[i].cell, sequence);
        CHECK_EQUAL(40, kept_in_pair());
    }
}

int main(void)
{
    RUN(at_first_there_is_none);
    RUN(the_latest_is_kept);
    RUN(an_older_one_of_the_same_file_is_not);
    RUN(older_is_counted_round_the_counter);
    RUN(far_behind_means_that_the_counter_went_round);
    RUN(another_file_replaces_whatever_its_generation);
    RUN(an_older_one_of_the_file_before_is_not_kept);
    RUN(a_keeper_that_is_interrupted_holds_up_nobody);
    RUN(a_pair_gives_the_newest);
    RUN(an_interrupted_keeper_leaves_a_pair_the_one_before);
    return check_failures();
}
