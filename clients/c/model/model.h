/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scenario is made of, and the operations that the stand-in for <stdatomic.h> turns into. A scenario's
 * threads are C functions that run the library's own source; the explorer runs them in every order, with
 * every value that C11 lets each load see (README.md says which C11).
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS_MAX 4
#define MODEL_LABELS_MAX 8

/* Memory orders, as bits. */
#define MODEL_RELAXED 0
#define MODEL_ACQUIRE 1
#define MODEL_RELEASE 2
#define MODEL_SEQ_CST 4

/*
 * A thread runs in phases. Between two phases it remembers `carried` and nothing else, so that executions
 * that differ only in what is past can be taken for one. A thread must do the same whenever its loads give
 * the same: no static variables that change, no clock.
 */
struct model_thread {
    const char *name;
    uint64_t (*run)(unsigned phase, uint64_t carried); /* returns what to carry on */
    unsigned phases_count;
};

struct model_scenario {
    const char *name; /* NULL ends the list */
    void (*setup)(void);
    struct model_thread threads[MODEL_THREADS_MAX];
    void (*final)(const uint64_t carried[]);    /* after each complete execution; may be NULL */
    const char *must_reach[MODEL_LABELS_MAX]; /* or the scenario proves nothing */
};

/* Each program of the model has one list. */
extern const struct model_scenario model_scenarios[];

/* The shared memory, one page. Nothing but the operations below can touch it: it is mapped without access.
 * The pages before and after it are ordinary memory, for what a structure holds besides its atomic members
 * and never changes. */
#define MODEL_PAGE_BYTES 4096
unsigned char *model_shared(void);

/* Declares, in a setup, an object in shared memory. Bit t of writers: thread t may store to it. */
void model_location(const volatile void *address, size_t size_bytes, const char *name, uint64_t initial,
                    unsigned writers);

/* In a thread or in `final`: what must hold in every execution, and what must happen in some. What isn't
 * among the scenario's must_reach mustn't be reached. */
void model_require(bool holds, const char *broken);
void model_reach(const char *label);

/* In a thread: any number below count. */
unsigned model_choose(unsigned count);

/* In a thread: runs body, which dies before its operation number `lifetime`, counted from 0. */
void model_run_mortal(void (*body)(void), unsigned lifetime);

/* In `final`: the value that is last in the object's modification order. */
uint64_t model_last(const volatile void *address);

#define MODEL_HERE __func__, __LINE__
uint64_t model_load(const volatile void *address, size_t size_bytes, unsigned order, const char *function,
                    int line);
void model_store(volatile void *address, size_t size_bytes, uint64_t value, unsigned order,
                 const char *function, int line);
bool model_compare_exchange(volatile void *address, size_t size_bytes, void *expected, uint64_t desired,
                            unsigned success, unsigned failure, const char *function, int line);
void model_fence(unsigned order, const char *function, int line);

#endif
