/* SPDX-License-Identifier: Apache-2.0 */
#include "visited.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

struct entry {
    uint64_t hash;
    size_t size_bytes;
    unsigned char *bytes; /* NULL: a free place */
};

static struct entry *entries;
static size_t entries_capacity; /* a power of two */
static size_t entries_count;

void visited_clear(void)
{
    for (size_t i = 0; i < entries_capacity; i++)
        free(entries[i].bytes);
    free(entries);
    entries = NULL;
    entries_capacity = entries_count = 0;
}

static uint64_t hash_of(const unsigned char *bytes, size_t size_bytes)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

/* Where the entry is, or where it belongs. */
static struct entry *find(uint64_t hash, const unsigned char *bytes, size_t size_bytes)
{
    for (size_t i = (size_t)hash;; i++) {
        struct entry *entry = &entries[i & (entries_capacity - 1)];
        if (entry->bytes == NULL || (entry->hash == hash && entry->size_bytes == size_bytes &&
                                     memcmp(entry->bytes, bytes, size_bytes) == 0))
            return entry;
    }
}

static void grow(void)
{
    struct entry *old = entries;
    const size_t old_capacity = entries_capacity;
    entries_capacity = old_capacity == 0 ? 1024 : 2 * old_capacity;
    entries = (struct entry *)calloc(entries_capacity, sizeof *entries);
    if (entries == NULL)
        machine_stop("no memory for the states");
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].bytes != NULL)
            *find(old[i].hash, old[i].bytes, old[i].size_bytes) = old[i];
    free(old);
}

bool visited_add(const unsigned char *bytes, size_t size_bytes)
{
    if (2 * entries_count >= entries_capacity)
        grow();
    const uint64_t hash = hash_of(bytes, size_bytes);
    struct entry *entry = find(hash, bytes, size_bytes);
    if (entry->bytes != NULL)
        return false;
    entry->bytes = (unsigned char *)malloc(size_bytes);
    if (entry->bytes == NULL)
        machine_stop("no memory for the states");
    memcpy(entry->bytes, bytes, size_bytes);
    entry->hash = hash;
    entry->size_bytes = size_bytes;
    entries_count++;
    return true;
}
