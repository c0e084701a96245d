/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment and the VMClock page: cb_seqlock_publish, cb_seqlock_read and cb_seqlock_read_page, as they
 * stand in seqlock.h. Compiled twice, with words of 64 and of 32 bits; only the latter tear the page's field.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if MODEL_WORD_BITS == 32
#define uintptr_t uint32_t /* what cb_word is on a machine of 32 bits */
#include "seqlock.h"
#undef uintptr_t
#else
#include "seqlock.h"
#endif
_Static_assert(8 * sizeof(cb_word) == MODEL_WORD_BITS, "the model has the words that it was asked for");

#define WRITER 1u /* thread 0, as a bit */
#define WORDS_MAX 8
#define FIELD_BYTES 8 /* of the VMClock page */

/* What the setup of a scenario settles. */
static size_t body_words;
static uint16_t first_generation; /* belongs to update 1, which was before everything else */

static void *counter(void)
{
    return model_shared();
}

static cb_word *body(void)
{
    return (cb_word *)(model_shared() + 16);
}

/* Every word tells which update it is of, and no two words are the same. */
static cb_word word_of(uint64_t number, size_t i)
{
    return (cb_word)(number * 16 + i);
}

static uint64_t number_of(cb_word word)
{
    return word / 16;
}

static void declare_words(size_t count, uint64_t number, uint64_t number_of_last)
{
    static const char *const names[WORDS_MAX] = {"word 0", "word 1", "word 2", "word 3",
                                                 "word 4", "word 5", "word 6", "word 7"};
    for (size_t i = 0; i < count; i++)
        model_location(body() + i, sizeof(cb_word), names[i],
                       word_of(i + 1 < count ? number : number_of_last, i), WRITER);
}

static void declare(uint16_t generation, size_t words)
{
    first_generation = generation;
    body_words = words;
    model_location(counter(), sizeof generation, "generation", generation, WRITER);
    declare_words(words, 1, 1);
}

static void short_body(void)
{
    declare(2, 3);
}

static void whole_body(void)
{
    declare(2, WORDS_MAX);
}

static void counter_goes_round(void)
{
    declare(65532, 2);
}

static void never_written(void)
{
    declare(0, 2);
}

/* A writer before ours died in the middle of update 2. */
static void left_odd(void)
{
    first_generation = 2;
    body_words = 2;
    model_location(counter(), sizeof(uint16_t), "generation", 3, WRITER);
    declare_words(2, 2, 1);
}

static uint16_t publish(uint64_t number)
{
    cb_word words[WORDS_MAX];
    for (size_t i = 0; i < body_words; i++)
        words[i] = word_of(number, i);
    return cb_seqlock_publish(counter(), body(), words, body_words * sizeof words[0]);
}

/* The generation of an update, where none of them was cut short. */
static uint16_t generation_of(uint64_t number)
{
    uint16_t generation = first_generation;
    for (uint64_t i = 1; i < number; i++)
        generation = generation >= 65534 ? 2 : (uint16_t)(generation + 2);
    return generation;
}

static uint64_t write_next(unsigned phase, uint64_t carried)
{
    const uint64_t number = phase + 2;
    model_require(publish(number) == generation_of(number), "an update got another generation than the next");
    return carried;
}

/* A copy that counts: the number of its update, which every word and the generation must agree about. */
static bool read_once(uint64_t *number, uint16_t *seen)
{
    cb_word copy[WORDS_MAX];
    if (!cb_seqlock_read(counter(), body(), copy, body_words * sizeof copy[0], seen))
        return false;
    *number = number_of(copy[0]);
    for (size_t i = 1; i < body_words; i++)
        model_require(copy[i] == word_of(*number, i), "a torn copy counted");
    return true;
}

static void reach_update(uint64_t number)
{
    static const char *const labels[] = {"", "update 1", "update 2", "update 3", "update 4"};
    model_reach(labels[number]);
}

/* Carries the newest update that it has seen. */
static uint64_t read_next(unsigned phase, uint64_t newest)
{
    (void)phase;
    uint64_t number;
    uint16_t seen;
    if (!read_once(&number, &seen))
        return newest;
    model_require(seen == generation_of(number), "a copy counted with the generation of another update");
    model_require(number >= newest, "a reader went back to an older update");
    reach_update(number);
    return number;
}

/* A writer that may die before any of its operations, and the one that comes after it. The latter's flock
 * orders it after the former, so that to the model they are one thread. */
static void publish_2(void)
{
    publish(2);
}

static uint64_t write_and_die(unsigned phase, uint64_t carried)
{
    /* Before each of a load, two stores of the counter, a fence and the words; or not at all. */
    if (phase == 0)
        model_run_mortal(publish_2, model_choose((unsigned)body_words + 6));
    else
        publish(3);
    return carried;
}

static uint64_t read_past_death(unsigned phase, uint64_t newest)
{
    (void)phase;
    uint64_t number;
    uint16_t seen;
    if (!read_once(&number, &seen))
        return newest;
    model_require(number == 1   ? seen == 2
                  : number == 2 ? seen == 4
                                : seen == 4 || seen == 6,
                  "a copy counted with the generation of another update");
    model_require(number >= newest, "a reader went back to an older update");
    reach_update(number);
    return number;
}

/* After left_odd: the repair is update 3 and gets generation 4. */
static uint64_t repair(unsigned phase, uint64_t carried)
{
    (void)phase;
    model_require(publish(3) == 4, "a repair got another generation than the next even one");
    return carried;
}

static uint64_t read_repaired(unsigned phase, uint64_t newest)
{
    (void)phase;
    uint64_t number;
    uint16_t seen;
    if (!read_once(&number, &seen))
        return newest;
    model_require(number == 3 && seen == 4, "a copy of what a dead writer left counted");
    reach_update(number);
    return number;
}

/* The hypervisor's side of the VMClock page: seq_count odd, barrier, field, barrier, seq_count even. */
static uint32_t little_endian(uint32_t number)
{
    const unsigned char bytes[4] = {(unsigned char)number, (unsigned char)(number >> 8),
                                    (unsigned char)(number >> 16), (unsigned char)(number >> 24)};
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static void page(void)
{
    model_location(counter(), sizeof(uint32_t), "seq_count", little_endian(2), WRITER);
    declare_words(FIELD_BYTES / sizeof(cb_word), 1, 1);
}

static uint64_t change_page(unsigned phase, uint64_t carried)
{
    _Atomic uint32_t *seq_count = (_Atomic uint32_t *)counter();
    _Atomic cb_word *field = (_Atomic cb_word *)body();
    const uint32_t number = phase + 2;
    atomic_store_explicit(seq_count, little_endian(2 * number - 1), memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < FIELD_BYTES / sizeof(cb_word); i++)
        atomic_store_explicit(&field[i], word_of(number, i), memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(seq_count, little_endian(2 * number), memory_order_relaxed);
    return carried;
}

static uint64_t read_page(unsigned phase, uint64_t newest)
{
    (void)phase;
    unsigned char bytes[FIELD_BYTES];
    cb_word words[FIELD_BYTES / sizeof(cb_word)];
    if (!cb_seqlock_read_page(counter(), body(), bytes))
        return newest;
    memcpy(words, bytes, sizeof words);
    const uint64_t number = number_of(words[0]);
    for (size_t i = 1; i < FIELD_BYTES / sizeof(cb_word); i++)
        model_require(words[i] == word_of(number, i), "a torn field of the page counted");
    model_require(number >= newest, "a reader of the page went back");
    reach_update(number);
    return number;
}

#define WRITER_AND_READER(write, updates, read, reads)                                                       \
    {                                                                                                        \
        {"writer", write, updates},                                                                          \
        {                                                                                                    \
            "reader", read, reads                                                                            \
        }                                                                                                    \
    }

const struct model_scenario model_scenarios[] = {
    {"three updates, three words, three reads",
     short_body,
     WRITER_AND_READER(write_next, 3, read_next, 3),
     NULL,
     {"update 1", "update 2", "update 3", "update 4"}},
    {"two updates, eight words, two reads",
     whole_body,
     WRITER_AND_READER(write_next, 2, read_next, 2),
     NULL,
     {"update 1", "update 2", "update 3"}},
    {"the generation goes round",
     counter_goes_round,
     WRITER_AND_READER(write_next, 3, read_next, 2),
     NULL,
     {"update 1", "update 2", "update 3", "update 4"}},
    {"the first updates",
     never_written,
     WRITER_AND_READER(write_next, 2, read_next, 2),
     NULL,
     {"update 2", "update 3"}},
    {"a writer dies anywhere, the next goes on",
     short_body,
     WRITER_AND_READER(write_and_die, 2, read_past_death, 2),
     NULL,
     {"update 1", "update 2", "update 3"}},
    {"a writer left the generation odd",
     left_odd,
     WRITER_AND_READER(repair, 1, read_repaired, 2),
     NULL,
     {"update 3"}},
    {"the page",
     page,
     WRITER_AND_READER(change_page, 2, read_page, 3),
     NULL,
     {"update 1", "update 2", "update 3"}},
    {.name = NULL},
};
