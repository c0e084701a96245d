/* SPDX-License-Identifier: Apache-2.0 */
/* The set of states that were explored already. States are kept whole: no two are ever taken for one. */
#ifndef VISITED_H
#define VISITED_H

#include <stdbool.h>
#include <stddef.h>

void visited_clear(void);

/* Adds the bytes; false if they were there. */
bool visited_add(const unsigned char *bytes, size_t size_bytes);

#endif
