/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of the model: for each object the list of all values ever stored, in modification order, and for
 * each thread a view, which says for each object how old a value it may still see. README.md says why this is
 * C11.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "model.h"

#define LOCATIONS_MAX 12
#define MESSAGES_MAX 12
#define LOG_MAX 48

/* For each location a place in its modification order. */
struct view {
    uint8_t at[LOCATIONS_MAX];
};

/* A value that was stored. */
struct message {
    uint64_t value;
    struct view view; /* what a thread that acquires this value has seen */
    bool glued;       /* stored by a read-modify-write: nothing may come between it and the one before */
};

enum operation_kind {
    OPERATION_LOAD,
    OPERATION_STORE,
    OPERATION_COMPARE_EXCHANGE,
    OPERATION_FENCE,
    OPERATION_CHOOSE
};

struct operation {
    enum operation_kind kind;
    unsigned location;
    unsigned order;         /* on failure of a compare-exchange: failure_order */
    unsigned failure_order; /* compare-exchange */
    uint64_t value;         /* to store; for OPERATION_CHOOSE the number of choices */
    uint64_t expected;      /* compare-exchange */
    const char *function;
    int line;
};

struct thread_state {
    struct view current;  /* how old a value it may still see */
    struct view acquired; /* what an acquire fence would make of current */
    struct view released; /* current at the last release fence */
    bool done;
    unsigned phase;
    uint64_t carried;
    unsigned log_count;
    uint64_t log[LOG_MAX]; /* what each operation of this phase gave */
    struct operation next; /* the one after the log; follows from it */
};

struct state {
    unsigned locations_count;
    unsigned messages_count[LOCATIONS_MAX];
    struct message messages[LOCATIONS_MAX][MESSAGES_MAX]; /* in modification order */
    unsigned threads_count;
    struct thread_state threads[MODEL_THREADS_MAX];
};

/* Ends the program: the model itself is wrong or too small. */
_Noreturn void machine_stop(const char *why);

/* How many choices the next operation of a thread has. Some of them may turn out not to exist. */
unsigned machine_choices_count(const struct state *state, unsigned thread);

/* Does the next operation of a thread in one of its ways; false if that way doesn't exist. */
bool machine_step(struct state *state, unsigned thread, unsigned choice);

#endif
