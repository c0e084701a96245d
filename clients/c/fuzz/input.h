/* SPDX-License-Identifier: Apache-2.0 */
/* Takes numbers from an input. Past its end everything is 0. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    const uint8_t *next;
    size_t left_bytes;
};

static inline bool input_is_empty(const struct input *input)
{
    return input->left_bytes == 0;
}

static inline uint8_t take_u8(struct input *input)
{
    if (input->left_bytes == 0)
        return 0;
    input->left_bytes--;
    return *input->next++;
}

/* Little-endian, so that an input means the same on every machine. */
static inline uint64_t take_little(struct input *input, unsigned size_bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size_bytes; i++)
        value |= (uint64_t)take_u8(input) << (8 * i);
    return value;
}

/* Numbers at which a rule, or a type, has an edge. Their places are part of what an input means. */
static const int64_t edges[] = {
    0,
    1000,                           /* tolerance of bound.causality */
    1000000000,                     /* a second; the limit of max_drift_ppb and of nanoseconds */
    INT64_C(5000000000),            /* grace */
    INT64_C(1000000000000),         /* void_after, and more than 1000 s */
    INT64_C(9223372036),            /* the last whole second of an int64 of nanoseconds */
    INT64_C(9223372036000000000),   /* the same, in nanoseconds */
    INT64_MAX,                      /* + 1 is INT64_MIN */
    INT64_C(0x7fffffff),            /* + 1 is beyond an int32 */
    INT64_C(0xffffffff),            /* + 1 is beyond a uint32 */
    INT64_C(3155760000000000000),   /* the bound before the first synchronisation */
    INT64_C(1700000000000000000),   /* a usual CLOCK_REALTIME */
    INT64_C(864000000000000),       /* a usual CLOCK_MONOTONIC */
    INT64_C(50000),                 /* a usual drift */
    INT64_C(1000000),               /* a usual bound */
    INT64_C(0xfffe),                /* the last even generation */
};
#define EDGES_COUNT (sizeof edges / sizeof edges[0])

static inline int64_t add_wrapping(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* A 64-bit number: 00eeeeee nn the edge e plus the signed byte n; 01eeeeee nn its negation plus n; 10nnnnnn
 * the number n; 11...... the eight bytes that follow. */
static inline int64_t take_value(struct input *input)
{
    const uint8_t selector = take_u8(input);
    if (selector >= 0xC0)
        return (int64_t)take_little(input, 8);
    if (selector >= 0x80)
        return selector & 0x3f;
    const int64_t edge = edges[(selector & 0x3f) % EDGES_COUNT];
    return add_wrapping((selector & 0x40) != 0 ? -edge : edge, (int8_t)take_u8(input));
}

#endif
