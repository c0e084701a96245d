/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the model itself: small programs of which the literature on C11 says what they may do. The name
 * of a scenario is the program's usual name. A scenario that must reach "weak" is one whose weak outcome C11
 * allows; the others forbid it.
 */
#include <stdatomic.h>

#define X ((_Atomic uint32_t *)model_shared())
#define Y ((_Atomic uint32_t *)(model_shared() + 8))
#define Z ((_Atomic uint32_t *)(model_shared() + 16))

#define RELAXED memory_order_relaxed
#define ACQUIRE memory_order_acquire
#define RELEASE memory_order_release
#define ACQ_REL memory_order_acq_rel
#define LOAD atomic_load_explicit
#define STORE atomic_store_explicit
#define FENCE atomic_thread_fence

/* All are 0 at first. Any thread may store. */
static void setup(void)
{
    model_location(X, sizeof *X, "x", 0, 15);
    model_location(Y, sizeof *Y, "y", 0, 15);
    model_location(Z, sizeof *Z, "z", 0, 15);
}

/* A thread of one phase: `body` is what it does, its value is what it carries to `final`. */
#define THREAD(name, body)                                                                                   \
    static uint64_t name(unsigned phase, uint64_t carried)                                                   \
    {                                                                                                        \
        (void)phase, (void)carried;                                                                          \
        body                                                                                                 \
    }

/* What the threads carried, in an outcome that is allowed, and in one that is forbidden. */
#define ALLOWED(name, outcome)                                                                               \
    static void name(const uint64_t c[])                                                                     \
    {                                                                                                        \
        (void)c;                                                                                             \
        if (outcome)                                                                                         \
            model_reach("weak");                                                                             \
    }
#define FORBIDDEN(name, outcome)                                                                             \
    static void name(const uint64_t c[])                                                                     \
    {                                                                                                        \
        (void)c;                                                                                             \
        model_require(!(outcome), "the forbidden outcome");                                                  \
    }

/* Two loads or exchanges as one number: the first in the tens. */
#define PAIR(first, second)                                                                                  \
    const uint64_t first_ = (first), second_ = (second);                                                     \
    return first_ * 10 + second_;

/* Message passing: x is the data, y the flag. */
THREAD(send_relaxed, STORE(X, 1, RELAXED); STORE(Y, 1, RELAXED); return 0;)
THREAD(send_release, STORE(X, 1, RELAXED); STORE(Y, 1, RELEASE); return 0;)
THREAD(send_fence, STORE(X, 1, RELAXED); FENCE(RELEASE); STORE(Y, 1, RELAXED); return 0;)
THREAD(send_fence_too_early, FENCE(RELEASE); STORE(X, 1, RELAXED); STORE(Y, 1, RELAXED); return 0;)
THREAD(send_release_first, STORE(X, 1, RELEASE); STORE(Y, 1, RELAXED); return 0;)
THREAD(send_release_twice, STORE(X, 1, RELAXED); STORE(Y, 1, RELEASE); STORE(Y, 2, RELAXED); return 0;)
THREAD(receive_relaxed, PAIR(LOAD(Y, RELAXED), LOAD(X, RELAXED)))
THREAD(receive_acquire, PAIR(LOAD(Y, ACQUIRE), LOAD(X, RELAXED)))
THREAD(receive_fence, const uint64_t flag = LOAD(Y, RELAXED); FENCE(ACQUIRE); PAIR(flag, LOAD(X, RELAXED)))
THREAD(receive_fence_too_early, FENCE(ACQUIRE); PAIR(LOAD(Y, RELAXED), LOAD(X, RELAXED)))
ALLOWED(data_may_be_missed, c[1] == 10)
FORBIDDEN(data_is_never_missed, c[1] == 10)
ALLOWED(data_may_be_missed_after_2, c[1] == 20)

FORBIDDEN(an_older_store_is_not_taken_for_the_data, c[2] == 12 && model_last(X) == 1)

/* Release sequence: a read-modify-write of the flag hands on what the flag's release store released. */
THREAD(hand_on, uint32_t expected = 1;
       return atomic_compare_exchange_strong_explicit(Y, &expected, 2, RELAXED, RELAXED);)
THREAD(overwrite, const uint64_t seen = LOAD(Y, RELAXED); if (seen == 1) STORE(Y, 2, RELAXED); return seen;)
FORBIDDEN(data_is_never_missed_through_an_exchange, c[2] == 20)
ALLOWED(data_may_be_missed_through_a_store, c[2] == 20)

/* Store buffering and load buffering. */
THREAD(buffer_x, STORE(X, 1, RELEASE); return LOAD(Y, ACQUIRE);)
THREAD(buffer_y, STORE(Y, 1, RELEASE); return LOAD(X, ACQUIRE);)
ALLOWED(both_miss, c[0] == 0 && c[1] == 0)
THREAD(early_x, const uint64_t seen = LOAD(X, RELAXED); STORE(Y, 1, RELAXED); return seen;)
THREAD(early_y, const uint64_t seen = LOAD(Y, RELAXED); STORE(X, 1, RELAXED); return seen;)
FORBIDDEN(both_see_the_future, c[0] == 1 && c[1] == 1)

/* Coherence: one object. */
THREAD(store_1_2, STORE(X, 1, RELAXED); STORE(X, 2, RELAXED); return 0;)
THREAD(store_1, STORE(X, 1, RELAXED); return 0;)
THREAD(store_2, STORE(X, 2, RELAXED); return 0;)
THREAD(load_twice, PAIR(LOAD(X, RELAXED), LOAD(X, RELAXED)))
THREAD(store_2_then_load, STORE(X, 2, RELAXED); return LOAD(X, RELAXED);)
THREAD(load_then_store_2, const uint64_t seen = LOAD(X, RELAXED); STORE(X, 2, RELAXED); return seen;)
FORBIDDEN(never_back, c[1] == 21 || c[1] == 10 || c[1] == 20)
FORBIDDEN(all_agree_on_the_order, (c[2] == 12 && c[3] == 21) || (c[2] == 21 && c[3] == 12))
FORBIDDEN(own_store_is_seen, c[1] == 0 || (c[1] == 1 && model_last(X) != 1))
FORBIDDEN(a_store_follows_what_was_read, c[1] == 1 && model_last(X) == 1)

/* Two objects, stored in opposite orders: each thread's second store may be overwritten by the other's first.
 */
THREAD(x_then_y, STORE(X, 1, RELEASE); STORE(Y, 2, RELEASE); return 0;)
THREAD(y_then_x, STORE(Y, 1, RELEASE); STORE(X, 2, RELEASE); return 0;)
ALLOWED(both_first_stores_last, model_last(X) == 1 && model_last(Y) == 1)

/* S: a store after an acquire is ordered after what was released. */
THREAD(s_release, STORE(X, 2, RELAXED); STORE(Y, 1, RELEASE); return 0;)
THREAD(s_acquire, const uint64_t seen = LOAD(Y, ACQUIRE); STORE(X, 1, RELAXED); return seen;)
THREAD(s_relaxed, const uint64_t seen = LOAD(Y, RELAXED); STORE(X, 1, RELAXED); return seen;)
FORBIDDEN(never_before_what_was_acquired, c[1] == 1 && model_last(X) == 2)
ALLOWED(maybe_before_what_was_read, c[1] == 1 && model_last(X) == 2)

/* Causality through a third thread, and independent readers. */
THREAD(pass_on, const uint64_t seen = LOAD(X, ACQUIRE); STORE(Y, 1, RELEASE); return seen;)
THREAD(pass_on_relaxed, const uint64_t seen = LOAD(X, RELAXED); STORE(Y, 1, RELEASE); return seen;)
THREAD(pass_on_z, const uint64_t seen = LOAD(Y, ACQUIRE); STORE(Z, 1, RELEASE); return seen;)
THREAD(pass_on_z_relaxed, const uint64_t seen = LOAD(Y, RELAXED); STORE(Z, 1, RELEASE); return seen;)
THREAD(acquire_z_x, PAIR(LOAD(Z, ACQUIRE), LOAD(X, RELAXED)))
THREAD(release_x, STORE(X, 1, RELEASE); return 0;)
THREAD(release_y, STORE(Y, 1, RELEASE); return 0;)
THREAD(acquire_x_y, PAIR(LOAD(X, ACQUIRE), LOAD(Y, ACQUIRE)))
THREAD(acquire_y_x, PAIR(LOAD(Y, ACQUIRE), LOAD(X, ACQUIRE)))
FORBIDDEN(causality_passes_on, c[1] == 1 && c[2] == 10)
FORBIDDEN(what_was_only_read_passes_on_too, c[1] == 1 && c[2] == 10)
ALLOWED(data_may_be_missed_by_the_third, c[1] == 1 && c[2] == 10)
ALLOWED(readers_may_disagree, c[2] == 10 && c[3] == 10)

/* Exchanges. */
THREAD(take, uint32_t expected = 0;
       return atomic_compare_exchange_strong_explicit(X, &expected, 1, ACQ_REL, RELAXED);)
THREAD(
    count, uint32_t expected = 0; for (int attempt = 0; attempt < 3; attempt++) {
        if (atomic_compare_exchange_strong_explicit(X, &expected, expected + 1, RELAXED, RELAXED))
            break;
    } return 0;)
FORBIDDEN(both_take, c[0] == 1 && c[1] == 1)
FORBIDDEN(nobody_takes, c[0] == 0 && c[1] == 0)
FORBIDDEN(one_was_lost, model_last(X) != 2)
THREAD(take_relaxed, uint32_t expected = 1;
       const bool taken = atomic_compare_exchange_strong_explicit(Y, &expected, 2, RELAXED, RELAXED);
       const uint64_t data = LOAD(X, RELAXED); return (taken ? 10u : 0u) + data;)
THREAD(take_acquire, uint32_t expected = 1;
       const bool taken = atomic_compare_exchange_strong_explicit(Y, &expected, 2, ACQUIRE, RELAXED);
       const uint64_t data = LOAD(X, RELAXED); return (taken ? 10u : 0u) + data;)
THREAD(fail_relaxed, uint32_t expected = 9;
       atomic_compare_exchange_strong_explicit(Y, &expected, 2, ACQUIRE, RELAXED);
       PAIR(expected, LOAD(X, RELAXED)))
THREAD(fail_acquire, uint32_t expected = 9;
       atomic_compare_exchange_strong_explicit(Y, &expected, 2, ACQUIRE, ACQUIRE);
       PAIR(expected, LOAD(X, RELAXED)))

#define PROGRAM(title, last, first, ...)                                                                     \
    {                                                                                                        \
        .name = title, .setup = setup, .final = last, .must_reach = {first}, .threads = {__VA_ARGS__}        \
    }
#define T(name) {#name, name, 1}

const struct model_scenario model_scenarios[] = {
    PROGRAM("MP, relaxed", data_may_be_missed, "weak", T(send_relaxed), T(receive_relaxed)),
    PROGRAM("MP, release without acquire", data_may_be_missed, "weak", T(send_release), T(receive_relaxed)),
    PROGRAM("MP, acquire without release", data_may_be_missed, "weak", T(send_relaxed), T(receive_acquire)),
    PROGRAM("MP, release and acquire", data_is_never_missed, NULL, T(send_release), T(receive_acquire)),
    PROGRAM("MP, release fence and acquire", data_is_never_missed, NULL, T(send_fence), T(receive_acquire)),
    PROGRAM("MP, release and acquire fence", data_is_never_missed, NULL, T(send_release), T(receive_fence)),
    PROGRAM("MP, fences", data_is_never_missed, NULL, T(send_fence), T(receive_fence)),
    PROGRAM("MP, release fence alone", data_may_be_missed, "weak", T(send_fence), T(receive_relaxed)),
    PROGRAM("MP, acquire fence alone", data_may_be_missed, "weak", T(send_relaxed), T(receive_fence)),
    PROGRAM("MP, release fence too early", data_may_be_missed, "weak", T(send_fence_too_early),
            T(receive_fence)),
    PROGRAM("MP, acquire fence too early", data_may_be_missed, "weak", T(send_fence),
            T(receive_fence_too_early)),
    PROGRAM("MP, release of the data", data_may_be_missed, "weak", T(send_release_first), T(receive_fence)),
    PROGRAM("MP, flag stored again", data_may_be_missed_after_2, "weak", T(send_release_twice),
            T(receive_acquire)),
    PROGRAM("MP through an exchange", data_is_never_missed_through_an_exchange, NULL, T(send_release),
            T(hand_on), T(receive_acquire)),
    PROGRAM("MP through a store", data_may_be_missed_through_a_store, "weak", T(send_release), T(overwrite),
            T(receive_acquire)),
    PROGRAM("MP into a relaxed exchange", data_may_be_missed, "weak", T(send_release), T(take_relaxed)),
    PROGRAM("MP into an acquiring exchange", data_is_never_missed, NULL, T(send_release), T(take_acquire)),
    PROGRAM("MP into an exchange that fails, relaxed", data_may_be_missed, "weak", T(send_release),
            T(fail_relaxed)),
    PROGRAM("MP into an exchange that fails, acquiring", data_is_never_missed, NULL, T(send_release),
            T(fail_acquire)),
    PROGRAM("MP beside another store of the data", an_older_store_is_not_taken_for_the_data, NULL,
            T(send_release), T(store_2), T(receive_acquire)),
    PROGRAM("SB", both_miss, "weak", T(buffer_x), T(buffer_y)),
    PROGRAM("LB", both_see_the_future, NULL, T(early_x), T(early_y)),
    PROGRAM("CoRR", never_back, NULL, T(store_1_2), T(load_twice)),
    PROGRAM("CoRR2", all_agree_on_the_order, NULL, T(store_1), T(store_2), T(load_twice), T(load_twice)),
    PROGRAM("CoWR", own_store_is_seen, NULL, T(store_1), T(store_2_then_load)),
    PROGRAM("CoRW", a_store_follows_what_was_read, NULL, T(store_1), T(load_then_store_2)),
    PROGRAM("2+2W", both_first_stores_last, "weak", T(x_then_y), T(y_then_x)),
    PROGRAM("S", never_before_what_was_acquired, NULL, T(s_release), T(s_acquire)),
    PROGRAM("S, relaxed", maybe_before_what_was_read, "weak", T(s_release), T(s_relaxed)),
    PROGRAM("WRC", causality_passes_on, NULL, T(release_x), T(pass_on), T(acquire_y_x)),
    PROGRAM("WRC, relaxed in the middle", what_was_only_read_passes_on_too, NULL, T(release_x),
            T(pass_on_relaxed), T(acquire_y_x)),
    PROGRAM("ISA2", causality_passes_on, NULL, T(send_release), T(pass_on_z), T(acquire_z_x)),
    PROGRAM("ISA2, relaxed in the middle", data_may_be_missed_by_the_third, "weak", T(send_release),
            T(pass_on_z_relaxed), T(acquire_z_x)),
    PROGRAM("IRIW", readers_may_disagree, "weak", T(release_x), T(release_y), T(acquire_x_y), T(acquire_y_x)),
    PROGRAM("exchange by two", both_take, NULL, T(take), T(take)),
    PROGRAM("exchange by one of two", nobody_takes, NULL, T(take), T(take)),
    PROGRAM("count by two", one_was_lost, NULL, T(count), T(count)),
    {.name = NULL},
};
