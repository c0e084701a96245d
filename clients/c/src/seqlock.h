/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing memory that another thread or process changes. The memory ordering between the
 * writer and the readers of a segment stands in this file, and model/ checks it.
 *
 * A seqlock has one writer, which makes a counter odd, changes the data and makes the counter even
 * again. A reader copies the data and keeps the copy only if the counter was even and the same before
 * and after. The data is read and written in relaxed atomic words: the reader may well see half of an
 * update, and throws it away; what it must never have is a data race, which C leaves undefined.
 */
#ifndef CLOCKBOUND_SEQLOCK_H
#define CLOCKBOUND_SEQLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The widest word that the machine moves in one piece; every layout is a whole number of them. */
typedef uintptr_t cb_word;

_Static_assert(sizeof(_Atomic cb_word) == sizeof(cb_word), "atomic words lie in memory as plain ones");
_Static_assert(sizeof(_Atomic uint16_t) == sizeof(uint16_t), "atomic counters lie in memory as plain ones");
_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "atomic counters lie in memory as plain ones");
_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_SHORT_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "a lock inside an atomic would not be shared with other processes");

/* Tells the processor that this is a spin loop. */
static inline void cb_spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
    __asm__ __volatile__("yield");
#endif
}

/* Copies size_bytes, a whole number of words, out of shared memory. */
static inline void cb_words_load(void *copy, const void *shared, size_t size_bytes)
{
    const _Atomic cb_word *from = (const _Atomic cb_word *)shared;
/* Unrolled, the words stay in registers. Otherwise what comes next reads two of them at a time from the copy,
 * and waits until both stores have left the store buffer. clang unrolls by itself. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 16
#endif
    for (size_t i = 0; i < size_bytes / sizeof(cb_word); i++) {
        /* ORDERING: relaxed; the counter's acquire load before and acquire fence after hold it in place. */
        const cb_word word = atomic_load_explicit(&from[i], memory_order_relaxed);
        memcpy((unsigned char *)copy + i * sizeof word, &word, sizeof word);
    }
}

/* Copies size_bytes, a whole number of words, into shared memory. */
static inline void cb_words_store(void *shared, const void *bytes, size_t size_bytes)
{
    _Atomic cb_word *to = (_Atomic cb_word *)shared;
    for (size_t i = 0; i < size_bytes / sizeof(cb_word); i++) {
        cb_word word;
        memcpy(&word, (const unsigned char *)bytes + i * sizeof word, sizeof word);
        /* ORDERING: relaxed; the release fence before and the counter's release store after hold it in place.
         */
        atomic_store_explicit(&to[i], word, memory_order_relaxed);
    }
}

/* One 16-bit word of shared memory, without order. */
static inline uint16_t cb_u16_load(const void *shared)
{
    return atomic_load_explicit((const _Atomic uint16_t *)shared, memory_order_relaxed);
}

static inline uint32_t cb_u32_load(const void *shared)
{
    return atomic_load_explicit((const _Atomic uint32_t *)shared, memory_order_relaxed);
}

/* A stable generation: written at least once, and no update in progress. */
static inline bool cb_generation_is_stable(uint16_t generation)
{
    return generation != 0 && (generation & 1) == 0;
}

/*
 * One attempt to copy the size_bytes at body that generation guards. The copy counts only if this
 * returns true; *seen is the generation that it belongs to.
 */
static inline bool cb_seqlock_read(const void *generation, const void *body, void *copy, size_t size_bytes,
                                   uint16_t *seen)
{
    const _Atomic uint16_t *counter = (const _Atomic uint16_t *)generation;
    /* ORDERING: acquire; pairs with the release store that ends cb_seqlock_publish, so that everything of
     * that update is seen. */
    const uint16_t before = atomic_load_explicit(counter, memory_order_acquire);
    if (!cb_generation_is_stable(before))
        return false;
    cb_words_load(copy, body, size_bytes);
    /* ORDERING: acquire fence; pairs with the release fence of cb_seqlock_publish: if the copy has a word of
     * a later update, the load below sees at least that update's odd generation. */
    atomic_thread_fence(memory_order_acquire);
    const uint16_t after = atomic_load_explicit(counter, memory_order_relaxed);
    *seen = before;
    return before == after;
}

/*
 * Publishes size_bytes at body, which generation guards. One writer at a time. An odd generation left by
 * a writer that died is made even by this update. Returns the new generation.
 */
static inline uint16_t cb_seqlock_publish(void *generation, void *body, const void *bytes, size_t size_bytes)
{
    _Atomic uint16_t *counter = (_Atomic uint16_t *)generation;
    const uint16_t odd = (uint16_t)(atomic_load_explicit(counter, memory_order_relaxed) | 1u);
    /* 0 means "never written", so 2 comes after 65535. */
    const uint16_t even = odd == UINT16_MAX ? 2 : (uint16_t)(odd + 1);
    atomic_store_explicit(counter, odd, memory_order_relaxed);
    /* ORDERING: release fence; keeps the odd store before the stores of the record. A release store of the
     * odd generation would not: it orders what comes before it, not what comes after. */
    atomic_thread_fence(memory_order_release);
    cb_words_store(body, bytes, size_bytes);
    /* ORDERING: release; pairs with the acquire load that begins cb_seqlock_read. */
    atomic_store_explicit(counter, even, memory_order_release);
    return even;
}

/*
 * One attempt to read a 64-bit field at field, little-endian, that a 32-bit little-endian counter guards
 * (the VMClock page). The bytes are left as they are in memory.
 */
static inline bool cb_seqlock_read_page(const void *seq_count, const void *field, unsigned char bytes[8])
{
    const _Atomic uint32_t *counter = (const _Atomic uint32_t *)seq_count;
    /* ORDERING: acquire; pairs with the hypervisor's write barrier after it has made the counter even. */
    const uint32_t before = atomic_load_explicit(counter, memory_order_acquire);
    unsigned char lowest_byte;
    memcpy(&lowest_byte, &before, 1); /* little-endian: the first byte says whether it is odd */
    if (lowest_byte & 1)
        return false;
    cb_words_load(bytes, field, 8);
    /* ORDERING: acquire fence; pairs with the hypervisor's write barrier after it has made the counter odd.
     */
    atomic_thread_fence(memory_order_acquire);
    return before == atomic_load_explicit(counter, memory_order_relaxed);
}

/* Bytes that any thread of this process may replace: whoever comes while another stores, gives up. */
#define CB_CELL_WORDS (48 / sizeof(cb_word))
struct cb_cell {
    _Atomic uint32_t sequence; /* odd: a store is in progress; 0: never stored */
    _Atomic cb_word words[CB_CELL_WORDS];
};

/* Makes an empty cell. */
static inline void cb_cell_init(struct cb_cell *cell)
{
    atomic_init(&cell->sequence, 0);
}

/* Begins a store; false if another thread is in the middle of one. */
static inline bool cb_cell_begin(struct cb_cell *cell, uint32_t *sequence)
{
    /* ORDERING: relaxed; the exchange below decides, and nothing is read before it. */
    *sequence = atomic_load_explicit(&cell->sequence, memory_order_relaxed);
    /* ORDERING: acquire on success; pairs with the release store of cb_cell_end, so that this thread sees
     * the bytes that it is about to replace. */
    if ((*sequence & 1) != 0 ||
        !atomic_compare_exchange_strong_explicit(&cell->sequence, sequence, *sequence + 1,
                                                 memory_order_acquire, memory_order_relaxed))
        return false;
    /* ORDERING: release fence; keeps the odd sequence before the words, as in cb_seqlock_publish. */
    atomic_thread_fence(memory_order_release);
    return true;
}

/* Ends a store that began with `sequence`. */
static inline void cb_cell_end(struct cb_cell *cell, uint32_t sequence)
{
    /* After the largest even number comes 2: 0 means "never stored". */
    const uint32_t even = sequence == UINT32_MAX - 1 ? 2 : sequence + 2;
    /* ORDERING: release; pairs with the acquire load of cb_cell_read. */
    atomic_store_explicit(&cell->sequence, even, memory_order_release);
}

/* One attempt to copy the cell's bytes. */
static inline bool cb_cell_read(const struct cb_cell *cell, void *copy, size_t size_bytes)
{
    /* ORDERING: as in cb_seqlock_read. */
    const uint32_t before = atomic_load_explicit(&cell->sequence, memory_order_acquire);
    if (before == 0 || (before & 1) != 0)
        return false;
    cb_words_load(copy, cell->words, size_bytes);
    atomic_thread_fence(memory_order_acquire);
    return before == atomic_load_explicit(&cell->sequence, memory_order_relaxed);
}

#endif
