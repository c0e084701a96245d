/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included by the compiler before anything else of the library (-include), so that the fuzzer stands between
 * the reader and the machine: it says what the clocks show and how long a sleep is, takes a writer's next
 * step right before one of the reader's loads, and lets memory run out. The library's sources stay as they
 * are.
 */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

void cb_fuzz_before_load(const volatile void *object, size_t size);
int cb_fuzz_clock_gettime(clockid_t clock, struct timespec *reading);
int cb_fuzz_clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left);
void *cb_fuzz_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset);
int cb_fuzz_munmap(void *address, size_t size);
void *cb_fuzz_malloc(size_t size);
void *cb_fuzz_calloc(size_t count, size_t size);
char *cb_fuzz_strdup(const char *text);

#undef atomic_load_explicit
#ifdef __clang__
#define atomic_load_explicit(object, order)                                                                  \
    (cb_fuzz_before_load(object, sizeof *(object)), __c11_atomic_load(object, order))
#else
#define atomic_load_explicit(object, order)                                                                  \
    (cb_fuzz_before_load(object, sizeof *(object)), __atomic_load_n(object, order))
#endif

/* Nobody else runs meanwhile, so there is nothing to wait for. */
#define __builtin_ia32_pause() ((void)0)

#ifndef HOOKS_KEEP_NAMES /* the fuzzer's own part of it calls the real ones */
#define clock_gettime(clock, reading) cb_fuzz_clock_gettime(clock, reading)
#define clock_nanosleep(clock, flags, until, left) cb_fuzz_clock_nanosleep(clock, flags, until, left)
#define mmap(address, size, protection, flags, descriptor, offset)                                           \
    cb_fuzz_mmap(address, size, protection, flags, descriptor, offset)
#define munmap(address, size) cb_fuzz_munmap(address, size)
#define malloc(size) cb_fuzz_malloc(size)
#define calloc(count, size) cb_fuzz_calloc(count, size)
#undef strdup
#define strdup(text) cb_fuzz_strdup(text)
#endif

#endif
