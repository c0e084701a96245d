/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "seqlock.h"

#define BODY_WORDS 8

/* A segment in miniature: a counter and a body, each aligned as in a mapping. */
struct shared {
    _Alignas(8) uint16_t generation;
    _Alignas(8) uint64_t body[BODY_WORDS];
};

/* A body whose every word is a function of one number, so that a torn copy shows. */
static void fill(uint64_t body[BODY_WORDS], uint64_t number)
{
    for (size_t i = 0; i < BODY_WORDS; i++)
        body[i] = number * (2 * i + 1);
}

static bool is_whole(const uint64_t body[BODY_WORDS])
{
    for (size_t i = 0; i < BODY_WORDS; i++)
        if (body[i] != body[0] * (2 * i + 1))
            return false;
    return true;
}

static uint16_t publish(struct shared *shared, uint64_t number)
{
    uint64_t body[BODY_WORDS];
    fill(body, number);
    return cb_seqlock_publish(&shared->generation, shared->body, body, sizeof body);
}

static bool read_once(const struct shared *shared, uint64_t copy[BODY_WORDS], uint16_t *seen)
{
    return cb_seqlock_read(&shared->generation, shared->body, copy, BODY_WORDS * sizeof copy[0], seen);
}

static void first_update_makes_generation_2(void)
{
    struct shared shared = {0};
    CHECK_EQUAL(2, publish(&shared, 7));
    CHECK_EQUAL(2, shared.generation);
    CHECK_EQUAL(4, publish(&shared, 8));
}

static void after_65534_comes_2(void)
{
    struct shared shared = {.generation = 65534};
    CHECK_EQUAL(2, publish(&shared, 7));
    shared.generation = 65532;
    CHECK_EQUAL(65534, publish(&shared, 7));
}

static void an_odd_generation_is_repaired(void)
{
    struct shared shared = {.generation = 41};
    CHECK_EQUAL(42, publish(&shared, 7));
    shared.generation = 65535;
    CHECK_EQUAL(2, publish(&shared, 7));
}

static void a_read_gives_the_body_and_its_generation(void)
{
    struct shared shared = {0};
    uint64_t copy[BODY_WORDS];
    uint16_t seen = 0;
    publish(&shared, 7);
    CHECK(read_once(&shared, copy, &seen));
    CHECK_EQUAL(2, seen);
    CHECK_EQUAL(7, copy[0]);
    CHECK_EQUAL(7 * 15, copy[7]);
}

static void nothing_is_read_while_the_generation_is_odd_or_0(void)
{
    struct shared shared = {0};
    uint64_t copy[BODY_WORDS];
    uint16_t seen;
    CHECK(!read_once(&shared, copy, &seen));
    shared.generation = 3;
    CHECK(!read_once(&shared, copy, &seen));
}

static void a_page_is_read_only_while_its_count_is_even(void)
{
    _Alignas(8) unsigned char page[24] = {0};
    unsigned char bytes[8] = {0};
    page[16] = 0x2a;
    CHECK(cb_seqlock_read_page(page + 12, page + 16, bytes));
    CHECK_EQUAL(0x2a, bytes[0]);
    page[12] = 1; /* little-endian: odd */
    CHECK(!cb_seqlock_read_page(page + 12, page + 16, bytes));
    page[12] = 0;
    page[15] = 1; /* 2^24: even */
    CHECK(cb_seqlock_read_page(page + 12, page + 16, bytes));
}

static void a_cell_gives_back_what_was_stored(void)
{
    struct cb_cell *cell = (struct cb_cell *)calloc(1, sizeof *cell);
    const uint64_t stored[2] = {5, 6};
    uint64_t copy[2] = {0, 0};
    uint32_t sequence;
    CHECK(!cb_cell_read(cell, copy, sizeof copy)); /* never stored */
    CHECK(cb_cell_begin(cell, &sequence));
    cb_words_store(cell->words, stored, sizeof stored);
    CHECK(!cb_cell_read(cell, copy, sizeof copy)); /* in the middle of a store */
    uint32_t other;
    CHECK(!cb_cell_begin(cell, &other)); /* one store at a time */
    cb_cell_end(cell, sequence);
    CHECK(cb_cell_read(cell, copy, sizeof copy));
    CHECK_EQUAL(5, copy[0]);
    CHECK_EQUAL(6, copy[1]);
    free(cell);
}

/* Torture: one writer at full speed, one reader; no copy that counts may be torn or go back. The counts are
 * what even a busy machine, or a checker that lets one thread run at a time, comes to before the time is up.
 */
#define SECONDS_MIN 2
#define SECONDS_MAX 90
#define COUNTED_MIN 100000
#define UPDATES_SEEN_MIN 1000

static struct shared tortured;
static atomic_bool stop_writing;

static void *write_on(void *unused)
{
    (void)unused;
    for (uint64_t number = 2; !atomic_load(&stop_writing); number++)
        publish(&tortured, number);
    return NULL;
}

static void copies_are_never_torn(void)
{
    pthread_t writer;
    publish(&tortured, 1);
    CHECK_EQUAL(0, pthread_create(&writer, NULL, write_on, NULL));
    uint64_t copy[BODY_WORDS], newest = 1, counted = 0, updates_seen = 0, torn = 0, backwards = 0;
    uint16_t seen;
    uint64_t attempts = 0;
    const time_t start_s = time(NULL);
    for (;;) {
        if (attempts++ % 100000 == 0) {
            const time_t elapsed_s = time(NULL) - start_s;
            const bool enough = counted >= COUNTED_MIN && updates_seen >= UPDATES_SEEN_MIN;
            if (elapsed_s >= SECONDS_MAX || (elapsed_s >= SECONDS_MIN && enough))
                break;
        }
        if (!read_once(&tortured, copy, &seen))
            continue;
        counted++;
        torn += !is_whole(copy);
        backwards += copy[0] < newest;
        updates_seen += copy[0] != newest;
        newest = copy[0];
    }
    atomic_store(&stop_writing, true);
    CHECK_EQUAL(0, pthread_join(writer, NULL));
    CHECK_EQUAL(0, torn);
    CHECK_EQUAL(0, backwards);
    CHECK(counted >= COUNTED_MIN);
    CHECK(updates_seen >= UPDATES_SEEN_MIN);
    printf("       %" PRIu64 " attempts, %" PRIu64 " counted, of %" PRIu64 " updates\n", attempts, counted,
           updates_seen);
}

int main(void)
{
    RUN(first_update_makes_generation_2);
    RUN(after_65534_comes_2);
    RUN(an_odd_generation_is_repaired);
    RUN(a_read_gives_the_body_and_its_generation);
    RUN(nothing_is_read_while_the_generation_is_odd_or_0);
    RUN(a_page_is_read_only_while_its_count_is_even);
    RUN(a_cell_gives_back_what_was_stored);
    RUN(copies_are_never_torn);
    return check_failures();
}
