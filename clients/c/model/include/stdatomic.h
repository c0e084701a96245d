/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in the place of the compiler's <stdatomic.h> when the model is built, so that the library's own
 * source runs on the model's memory. It has the operations that the model knows and no others: source that
 * begins to use another one doesn't compile here until the model has learned it.
 */
#ifndef MODEL_STDATOMIC_H
#define MODEL_STDATOMIC_H

#include "../model.h"

typedef enum {
    memory_order_relaxed = MODEL_RELAXED,
    memory_order_acquire = MODEL_ACQUIRE,
    memory_order_release = MODEL_RELEASE,
    memory_order_acq_rel = MODEL_ACQUIRE | MODEL_RELEASE,
    memory_order_seq_cst = MODEL_SEQ_CST, /* refused when it runs */
} memory_order;

/* What the source asserts of the machines that it is for. */
#define ATOMIC_POINTER_LOCK_FREE 2
#define ATOMIC_LLONG_LOCK_FREE 2
#define ATOMIC_SHORT_LOCK_FREE 2
#define ATOMIC_INT_LOCK_FREE 2

/* The comma takes const and _Atomic off the type. */
#define MODEL_VALUE_OF(pointer) __typeof__(((void)0, *(pointer)))

#define atomic_load_explicit(pointer, order)                                                                 \
    ((MODEL_VALUE_OF(pointer))model_load((pointer), sizeof *(pointer), (order), MODEL_HERE))
#define atomic_store_explicit(pointer, value, order)                                                         \
    model_store((pointer), sizeof *(pointer), (uint64_t)(MODEL_VALUE_OF(pointer))(value), (order), MODEL_HERE)
#define atomic_compare_exchange_strong_explicit(pointer, expected, desired, success, failure)                \
    model_compare_exchange((pointer), sizeof *(pointer), (expected),                                         \
                           (uint64_t)(MODEL_VALUE_OF(pointer))(desired), (success), (failure), MODEL_HERE)
#define atomic_thread_fence(order) model_fence((order), MODEL_HERE)
/* As plain as C has it: not for memory that others can reach already. */
#define atomic_init(pointer, value)                                                                          \
    ((void)(*(MODEL_VALUE_OF(pointer) *)(uintptr_t)(pointer) = (MODEL_VALUE_OF(pointer))(value)))

#endif
