# SPDX-License-Identifier: Apache-2.0
"""Changes to the library's own source that the model must catch, or must accept.

A mutant is an edit of one function. An edit that no longer fits the source is an error, so this
file can't fall behind what it is about; and an ordering in the source that has no mutant here is one as well.
"""

import re
from typing import NamedTuple

SEQLOCK = "seqlock.h"
LAST_GOOD = "last_good.c"
LAST_GOOD_INLINE = "last_good.h"
LAST_GOOD_PAIR = "last_good_pair.c"
READER = "reader.c"
CLOCKS = "clocks.c"
CLOCKS_INLINE = "clocks.h"
SEGMENT = "segment.h"
TORN_COPY = "a torn copy counted"
TORN_FIELD = "a torn field of the page counted"
TORN_SNAPSHOT = "a torn snapshot was recalled"
OLDER_SNAPSHOT = "an older snapshot was recalled after a newer one"
HIDDEN_SNAPSHOT = "a keeper that was held up hid the snapshot before"
OTHER_SNAPSHOT = "what was kept last wasn't recalled"
OLDER_ANSWER = "an answer came from an older snapshot than the one before"
OTHER_ANSWER = "an answer came from what the segment didn't hold"
NOT_MAPPED = "a pointer was followed to what isn't mapped"
EARLY = "the monotonic reading is early"


class Mutant(NamedTuple):
    name: str
    file: str
    function: str  # where the edit is; every edit of a mutant is in this one function
    edits: tuple[tuple[str, str], ...]  # (old, new); white space doesn't matter, `old` stands there once
    broken: str  # what the model finds broken; "" for a variant that it must accept
    execution: str  # how it comes about, in words


def without_comments(source: str) -> str:
    """The source with blanks for comments, each character in its old place."""
    return re.sub(r"/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found[0]), source, flags=re.DOTALL)


def function_span(source: str, function: str) -> tuple[int, int]:
    """Where a function begins and ends: it ends with the first brace in column 0."""
    found = re.search(
        rf"^[a-z][^;{{}}()]*\b{function}\([^;{{}}]*\)\n\{{.*?^\}}",
        without_comments(source),
        flags=re.DOTALL | re.MULTILINE,
    )
    if found is None:
        raise ValueError(f"there is no function {function} any more: change source_mutants.py with it")
    return found.span()


def edited(source: str, mutant: Mutant) -> str:
    """The source with all edits of the mutant."""
    for old, new in mutant.edits:
        begin, end = function_span(source, mutant.function)
        pattern = r"\s*".join(re.escape(token) for token in re.findall(r"\w+|[^\w\s]", old))
        found = list(re.finditer(pattern, without_comments(source)[begin:end]))
        if len(found) != 1:
            raise ValueError(
                f"{mutant.name}: {old!r} stands {len(found)} times in {mutant.function}, not once: "
                "change source_mutants.py with it"
            )
        source = source[: begin + found[0].start()] + new + source[begin + found[0].end() :]
    return source


def orderings(source: str) -> list[tuple[str, str]]:
    """(function, operation and order) of each ordering in the source that is more than relaxed."""
    code = without_comments(source)
    found = []
    for function in re.findall(r"^[a-z][^;{}()]*\b(\w+)\([^;{}]*\)\n\{", code, flags=re.MULTILINE):
        begin, end = function_span(source, function)
        for operation in re.finditer(r"\batomic_(\w+?)(?:_explicit)?\s*\(([^;{]*)", code[begin:end]):
            orders = re.findall(r"memory_order_(\w+)", operation[2])
            found += [(function, f"{operation[1]} {order}") for order in orders if order != "relaxed"]
    return found


def weakened(
    function: str, operation: str, text: str, broken: str, execution: str, file: str = SEQLOCK
) -> Mutant:
    """The mutant that makes one ordering relaxed; a relaxed fence is none. `text` stands once in the function."""
    order = operation.split()[1]
    return Mutant(
        weakened_name(function, operation),
        file,
        function,
        ((text, text.replace(f"memory_order_{order}", "memory_order_relaxed", 1)),),
        broken,
        execution,
    )


def weakened_name(function: str, operation: str) -> str:
    return f"{function}: {operation} made relaxed"


WEAKENED = [
    weakened(
        "cb_seqlock_publish",
        "thread_fence release",
        "atomic_thread_fence(memory_order_release)",
        TORN_COPY,
        "A word of update 2 is seen before the odd generation that precedes it: the reader finds generation 2, "
        "an old word, a new word, and generation 2 again.",
    ),
    weakened(
        "cb_seqlock_publish",
        "store release",
        "atomic_store_explicit(counter, even, memory_order_release)",
        TORN_COPY,
        "The even generation is seen before the words: the reader finds generation 4 twice, with words of "
        "update 1 between.",
    ),
    weakened(
        "cb_seqlock_read",
        "load acquire",
        "before = atomic_load_explicit(counter, memory_order_acquire)",
        TORN_COPY,
        "The reader sees the even generation 4, but its loads of the words have gone ahead: some are old.",
    ),
    weakened(
        "cb_seqlock_read",
        "thread_fence acquire",
        "atomic_thread_fence(memory_order_acquire)",
        TORN_COPY,
        "The second load of the generation goes ahead of the words: it still gives 2, while a word is new.",
    ),
    weakened(
        "cb_seqlock_read_page",
        "load acquire",
        "before = atomic_load_explicit(counter, memory_order_acquire)",
        TORN_FIELD,
        "As in cb_seqlock_read: the even count is seen and half of the field is old (words of 32 bits).",
    ),
    weakened(
        "cb_seqlock_read_page",
        "thread_fence acquire",
        "atomic_thread_fence(memory_order_acquire)",
        TORN_FIELD,
        "As in cb_seqlock_read: the second load of the count is older than half of the field (words of 32 bits).",
    ),
    weakened(
        "cb_cell_begin",
        "compare_exchange_strong acquire",
        "memory_order_acquire, memory_order_relaxed",
        TORN_SNAPSHOT,
        "Keeper 2 takes the cell after keeper 1 without seeing what keeper 1 stored there. Its words may come before "
        "those of keeper 1 in the words' own order; whoever recalls after both finds some of each.",
    ),
    weakened(
        "cb_cell_begin",
        "thread_fence release",
        "atomic_thread_fence(memory_order_release)",
        TORN_SNAPSHOT,
        "A new word is seen before the odd sequence: the recaller finds the old even sequence on both sides.",
    ),
    weakened(
        "cb_cell_end",
        "store release",
        "atomic_store_explicit(&cell->sequence, even, memory_order_release)",
        TORN_SNAPSHOT,
        "The even sequence is seen before the words that it closes.",
    ),
    weakened(
        "cb_cell_read",
        "load acquire",
        "before = atomic_load_explicit(&cell->sequence, memory_order_acquire)",
        TORN_SNAPSHOT,
        "The recaller sees the even sequence, but its loads of the words have gone ahead.",
    ),
    weakened(
        "cb_cell_read",
        "thread_fence acquire",
        "atomic_thread_fence(memory_order_acquire)",
        TORN_SNAPSHOT,
        "The second load of the sequence goes ahead of the words.",
    ),
    weakened(
        "reopen",
        "load acquire",
        "atomic_load_explicit(&ctx->segment, memory_order_acquire)",
        NOT_MAPPED,
        "The second to move sees the first one's pointer, and not the segment that it points to.",
        READER,
    ),
    weakened(
        "reopen",
        "compare_exchange_strong release",
        "memory_order_release, memory_order_relaxed",
        NOT_MAPPED,
        "The pointer is seen before the segment that it points to.",
        READER,
    ),
    weakened(
        "take",
        "load acquire",
        "atomic_load_explicit(&ctx->segment, memory_order_acquire)",
        NOT_MAPPED,
        "The reader sees the new pointer, and not the segment that it points to.",
        READER,
    ),
    weakened(
        "now_from_latest",
        "load acquire",
        "atomic_load_explicit(&ctx->segment, memory_order_acquire)",
        NOT_MAPPED,
        "As in take: the new pointer is seen, and not the segment that it points to.",
        READER,
    ),
    weakened(
        "vmclock_page",
        "load acquire",
        "atomic_load_explicit(&ctx->vmclock, memory_order_acquire)",
        NOT_MAPPED,
        "The reader sees the pointer, and not the page that it points to.",
        READER,
    ),
    weakened(
        "vmclock_page",
        "compare_exchange_strong acq_rel",
        "memory_order_acq_rel, memory_order_acquire",
        NOT_MAPPED,
        "The pointer is seen before the page that it points to.",
        READER,
    ),
    weakened(
        "vmclock_page",
        "compare_exchange_strong acquire",
        "memory_order_acq_rel, memory_order_acquire",
        NOT_MAPPED,
        "The second to map the page goes on with the first one's pointer without seeing what it points to.",
        READER,
    ),
]

READ_CHECK = "if (!cb_generation_is_stable(before)) return false;"
SECOND_LOAD = "const uint16_t after = atomic_load_explicit(counter, memory_order_relaxed);"
STORE_ODD = "atomic_store_explicit(counter, odd, memory_order_relaxed);"
RELEASE_FENCE = "atomic_thread_fence(memory_order_release);"
ACQUIRE_FENCE = "atomic_thread_fence(memory_order_acquire);"
EXCHANGE = (
    "!atomic_compare_exchange_strong_explicit(&cell->sequence, sequence, *sequence + 1, "
    "memory_order_acquire, memory_order_relaxed)"
)
STORE_KEY = "atomic_store_explicit(&last_good->key, key, memory_order_relaxed);"
END_CELL = "cb_cell_end(&last_good->cell, sequence);"
LOOK = (
    "return atomic_compare_exchange_strong_explicit(looked_ns, &before, monotonic_ns, memory_order_relaxed, "
    "memory_order_relaxed);"
)
READ_LOOK = (
    "if (!cb_cell_read(&clocks->last_look, &look, sizeof look)) "
    "return cb_clocks_read_plainly(clocks, realtime, realtime_ns, monotonic_ns);"
)
READ_REALTIME = (
    "if (clock_gettime(CLOCK_REALTIME, realtime) != 0 || !cb_timespec_ns(realtime, realtime_ns)) "
    "return cb_clocks_failure();"
)
LOOK_MONOTONIC = "cb_clock_read_ns(CB_COARSE_MONOTONIC, &look->coarse_ns) &&"
LOOK_REALTIME = "cb_clock_read_ns(CB_COARSE_REALTIME, &realtime_ns) &&"

REWRITTEN = [
    Mutant(
        "cb_seqlock_publish: odd release store in place of the fence",
        SEQLOCK,
        "cb_seqlock_publish",
        ((STORE_ODD, STORE_ODD.replace("relaxed", "release")), (RELEASE_FENCE, "")),
        TORN_COPY,
        "A release store holds back what comes before it, not the words after it: as without the fence.",
    ),
    Mutant(
        "cb_seqlock_publish: fence before the odd store",
        SEQLOCK,
        "cb_seqlock_publish",
        ((RELEASE_FENCE, ""), (STORE_ODD, RELEASE_FENCE + STORE_ODD)),
        TORN_COPY,
        "Nothing stands between the odd store and the words: as without the fence.",
    ),
    Mutant(
        "cb_seqlock_publish: no odd store",
        SEQLOCK,
        "cb_seqlock_publish",
        ((STORE_ODD, ""),),
        TORN_COPY,
        "Nothing tells a reader that an update has begun: generation 2, words of both updates, generation 2.",
    ),
    Mutant(
        "cb_seqlock_publish: an odd generation counted on",
        SEQLOCK,
        "cb_seqlock_publish",
        (
            (
                "(uint16_t)(atomic_load_explicit(counter, memory_order_relaxed) | 1u)",
                "(uint16_t)(atomic_load_explicit(counter, memory_order_relaxed) + 1u)",
            ),
        ),
        "a copy counted with the generation of another update",
        "After a writer that died at 3, the next one stores 4, then the words, then 5: readers take the update for "
        "finished before it has begun.",
    ),
    Mutant(
        "cb_seqlock_publish: 65534 followed by 0",
        SEQLOCK,
        "cb_seqlock_publish",
        (("odd == UINT16_MAX ? 2 : (uint16_t)(odd + 1)", "(uint16_t)(odd + 1)"),),
        "an update got another generation than the next",
        "The update after 65534 gets generation 0, which means that nothing was ever written.",
    ),
    Mutant(
        "cb_seqlock_read: first check removed",
        SEQLOCK,
        "cb_seqlock_read",
        ((READ_CHECK, ""),),
        TORN_COPY,
        "The reader finds generation 3 on both sides of a copy in the middle of the update.",
    ),
    Mutant(
        "cb_seqlock_read: second check removed",
        SEQLOCK,
        "cb_seqlock_read",
        (("return before == after;", "return true;"),),
        TORN_COPY,
        "The update begins after the first check: old words, then new ones.",
    ),
    Mutant(
        "cb_seqlock_read: second load before the copy",
        SEQLOCK,
        "cb_seqlock_read",
        ((SECOND_LOAD, ""), ("cb_words_load(", SECOND_LOAD + "cb_words_load(")),
        TORN_COPY,
        "Both loads of the generation give 2, then the update begins, then the words are copied.",
    ),
    Mutant(
        "cb_seqlock_read: fence before the copy",
        SEQLOCK,
        "cb_seqlock_read",
        ((ACQUIRE_FENCE, ""), ("cb_words_load(", ACQUIRE_FENCE + "cb_words_load(")),
        TORN_COPY,
        "Nothing holds the second load of the generation behind the words.",
    ),
    Mutant(
        "cb_seqlock_read: only an odd second generation refused",
        SEQLOCK,
        "cb_seqlock_read",
        (("return before == after;", "return (after & 1) == 0;"),),
        TORN_COPY,
        "A whole update passes during the copy: generation 2, old words, new words, generation 4.",
    ),
    Mutant(
        "cb_seqlock_read_page: first check removed",
        SEQLOCK,
        "cb_seqlock_read_page",
        (("if (lowest_byte & 1) return false;", ""),),
        TORN_FIELD,
        "The count is odd on both sides of the copy (words of 32 bits).",
    ),
    Mutant(
        "cb_seqlock_read_page: second check removed",
        SEQLOCK,
        "cb_seqlock_read_page",
        (("return before == atomic_load_explicit(counter, memory_order_relaxed);", "return true;"),),
        TORN_FIELD,
        "The hypervisor begins after the first check (words of 32 bits).",
    ),
    Mutant(
        "cb_words_load: copied by memcpy",
        SEQLOCK,
        "cb_words_load",
        (
            (
                "const cb_word word = atomic_load_explicit(&from[i], memory_order_relaxed);",
                "cb_word word; memcpy(&word, (const char *)shared + i * sizeof word, sizeof word);",
            ),
        ),
        "shared memory was touched other than by an atomic operation",
        "A plain read of memory that another thread stores to is a data race, whatever it gives.",
    ),
    Mutant(
        "cb_words_store: stored as plain words",
        SEQLOCK,
        "cb_words_store",
        (
            (
                "atomic_store_explicit(&to[i], word, memory_order_relaxed);",
                "memcpy((char *)shared + i * sizeof word, &word, sizeof word);",
            ),
        ),
        "shared memory was touched other than by an atomic operation",
        "A plain store to memory that another thread reads is a data race.",
    ),
    Mutant(
        "cb_cell_begin: exchange split into load and store",
        SEQLOCK,
        "cb_cell_begin",
        (
            (
                EXCHANGE,
                "(atomic_store_explicit(&cell->sequence, *sequence + 1, memory_order_relaxed), false)",
            ),
        ),
        TORN_SNAPSHOT,
        "Both keepers load the same even sequence and store at once; the cell is left with words of both.",
    ),
    Mutant(
        "cb_cell_begin: first check removed",
        SEQLOCK,
        "cb_cell_begin",
        (("(*sequence & 1) != 0 ||", ""),),
        TORN_SNAPSHOT,
        "Keeper 2 makes the odd sequence of keeper 1 even while keeper 1 stores.",
    ),
    Mutant(
        "cb_cell_end: 2**32 - 2 followed by 0",
        SEQLOCK,
        "cb_cell_end",
        (("sequence == UINT32_MAX - 1 ? 2 : sequence + 2", "sequence + 2"),),
        "a store left the cell as if there had never been one",
        "The store after the largest even sequence leaves 0, and what was kept can't be recalled.",
    ),
    Mutant(
        "cb_cell_read: first check removed",
        SEQLOCK,
        "cb_cell_read",
        (("if (before == 0 || (before & 1) != 0) return false;", ""),),
        TORN_SNAPSHOT,
        "The sequence is odd on both sides of the copy.",
    ),
    Mutant(
        "cb_cell_read: 0 taken for a store",
        SEQLOCK,
        "cb_cell_read",
        (("before == 0 ||", ""),),
        "something was recalled before anything was kept",
        "An empty cell is recalled.",
    ),
    Mutant(
        "cb_cell_read: second check removed",
        SEQLOCK,
        "cb_cell_read",
        (("return before == atomic_load_explicit(&cell->sequence, memory_order_relaxed);", "return true;"),),
        TORN_SNAPSHOT,
        "A keeper begins after the first check.",
    ),
    Mutant(
        "cb_last_good_keep: no second look at the key",
        LAST_GOOD,
        "cb_last_good_keep",
        (("!is_newer(atomic_load_explicit(&last_good->key, memory_order_relaxed), key)", "true"),),
        OLDER_SNAPSHOT,
        "A keeper that was held up replaces the newer snapshot of the other by its own.",
    ),
    Mutant(
        "cb_last_good_keep: key stored after the cell is closed",
        LAST_GOOD,
        "cb_last_good_keep",
        (
            (STORE_KEY, ""),
            (
                END_CELL,
                END_CELL + STORE_KEY,
            ),
        ),
        "the cell's key and words are of different updates",
        "Keeper 2 takes the cell before keeper 1 has stored the key: the key of one stays with the words of the other.",
    ),
    Mutant(
        "is_newer: a mapping before taken for newer",
        LAST_GOOD,
        "is_newer",
        (("files_later <= INT16_MAX", "false"),),
        "the mapping before was recalled after its keeper came late",
        "A keeper held up over the change to another mapping replaces that one's snapshot by its own.",
    ),
    Mutant(
        "cb_last_good_pair_keep: all in one place",
        LAST_GOOD_PAIR,
        "cb_last_good_pair_keep",
        (("generation >> 1 & 1", "generation & 1"),),
        HIDDEN_SNAPSHOT,
        "The keeper of snapshot 3 is held up in the place of 2, and 1 is the newest that can be had.",
    ),
    Mutant(
        "cb_last_good_pair_recall: one place is enough",
        LAST_GOOD_PAIR,
        "cb_last_good_pair_recall",
        (("second && (!first || is_newer(&other, snapshot))", "second && !first"),),
        OTHER_SNAPSHOT,
        "The second place has the newer one.",
    ),
    Mutant(
        "cb_last_good_pair_recall: the second place wins",
        LAST_GOOD_PAIR,
        "cb_last_good_pair_recall",
        (("second && (!first || is_newer(&other, snapshot))", "second"),),
        OTHER_SNAPSHOT,
        "The first place has the newer one.",
    ),
    Mutant(
        "is_newer: the generation doesn't go round",
        LAST_GOOD_PAIR,
        "is_newer",
        (
            (
                "is_past(than->generation, snapshot->generation)",
                "snapshot->generation > than->generation",
            ),
        ),
        OTHER_SNAPSHOT,
        "65532 is taken for newer than 2.",
    ),
    Mutant(
        "is_newer: the mapping doesn't count",
        LAST_GOOD_PAIR,
        "is_newer",
        (("if (snapshot->serial != than->serial)", "if (false)"),),
        OTHER_SNAPSHOT,
        "100 of the mapping before is taken for newer than 2 of this one.",
    ),
    Mutant(
        "reopen: the other's segment unmapped",
        READER,
        "reopen",
        (("cb_segment_unmap(found);", "cb_segment_unmap(current);"),),
        NOT_MAPPED,
        "The second to move unmaps what the first one has moved to.",
    ),
    Mutant(
        "vmclock_page: its own page used after another thread's has won",
        READER,
        "vmclock_page",
        (("cb_vmclock_unmap(found); return page;", "cb_vmclock_unmap(found); return found;"),),
        NOT_MAPPED,
        "The second to map the page reads what it has just unmapped.",
    ),
    Mutant(
        "may_look: exchange split into load and store",
        READER,
        "may_look",
        (
            (
                LOOK,
                "atomic_store_explicit(looked_ns, monotonic_ns, memory_order_relaxed); return true;",
            ),
        ),
        "not one thread alone looked",
        "Both load the time of the look before, and both look.",
    ),
    Mutant(
        "cb_segment_is_still: generation not compared",
        SEGMENT,
        "cb_segment_is_still",
        (("cb_segment_generation(segment) == snapshot->generation &&", ""),),
        OLDER_ANSWER,
        "An update that leaves as_of alone: the reader has read a whole segment after it, while another thread was "
        "keeping the snapshot before, and is answered by that one.",
    ),
    Mutant(
        "cb_segment_is_still: as_of not compared",
        SEGMENT,
        "cb_segment_is_still",
        (
            (
                "+ (uint64_t)as_of[1] == (uint64_t)snapshot->as_of_ns",
                "+ (uint64_t)as_of[1] != 0",
            ),
        ),
        OTHER_ANSWER,
        "The generation has gone round since.",
    ),
    Mutant(
        "cb_segment_is_still: file not compared",
        SEGMENT,
        "cb_segment_is_still",
        (("segment->serial == snapshot->serial &&", ""),),
        OTHER_ANSWER,
        "The next file has the same generation and as_of.",
    ),
    Mutant(
        "now_from_latest: segment not looked at",
        READER,
        "now_from_latest",
        (("cb_segment_is_still(segment, &snapshot) &&", "((void)segment, true) &&"),),
        OLDER_ANSWER,
        "The reader has read a whole segment after an update, but the snapshot before is the one that is kept.",
    ),
    Mutant(
        "cb_last_good_try: no checks",
        LAST_GOOD_INLINE,
        "cb_last_good_try",
        (
            (
                "return cb_cell_read(&last_good->cell, snapshot, sizeof *snapshot);",
                "cb_words_load(snapshot, last_good->cell.words, sizeof *snapshot); return true;",
            ),
        ),
        TORN_SNAPSHOT,
        "Words of two snapshots.",
    ),
    Mutant(
        "cb_clocks_read_both: coarse clock not compared",
        CLOCKS_INLINE,
        "cb_clocks_read_both",
        (("coarse_ns == look.coarse_ns &&", ""),),
        EARLY,
        "After a step back the offset of before it is still taken.",
    ),
    Mutant(
        "cb_clocks_read_both: coarse clock read before the other",
        CLOCKS_INLINE,
        "cb_clocks_read_both",
        (
            (
                READ_REALTIME,
                "const bool has_coarse = cb_clock_read_ns(CB_COARSE_MONOTONIC, &coarse_ns);" + READ_REALTIME,
            ),
            (
                "cb_clock_read_ns(CB_COARSE_MONOTONIC, &coarse_ns) && coarse_ns ==",
                "has_coarse && coarse_ns ==",
            ),
        ),
        EARLY,
        "A step back between the two readings.",
    ),
    Mutant(
        "cb_clocks_read_both: look loaded after the clock",
        CLOCKS_INLINE,
        "cb_clocks_read_both",
        ((READ_LOOK, ""), (READ_REALTIME, READ_REALTIME + READ_LOOK)),
        EARLY,
        "The real-time reading, then a step, then another reader's look, and this one finds the coarse clock where that "
        "one did.",
    ),
    Mutant(
        "look_at_offset: real-time clock first",
        CLOCKS,
        "look_at_offset",
        ((LOOK_MONOTONIC + LOOK_REALTIME, LOOK_REALTIME + LOOK_MONOTONIC),),
        EARLY,
        "A step back between the two readings: the offset is of before it, the coarse clock of after it.",
    ),
]

# Other correct ways to write the same. That the model accepts them shows that it doesn't refuse whatever is new.
ACCEPTED = [
    Mutant(
        "cb_seqlock_publish: odd release store besides the fence",
        SEQLOCK,
        "cb_seqlock_publish",
        ((STORE_ODD, STORE_ODD.replace("relaxed", "release")),),
        "",
        "More order than is needed.",
    ),
    Mutant(
        "cb_seqlock_publish: release fence before a relaxed even store",
        SEQLOCK,
        "cb_seqlock_publish",
        (
            (
                "atomic_store_explicit(counter, even, memory_order_release);",
                RELEASE_FENCE + "atomic_store_explicit(counter, even, memory_order_relaxed);",
            ),
        ),
        "",
        "A fence before a relaxed store orders at least as much as a release store.",
    ),
    Mutant(
        "cb_words_load: acquire loads",
        SEQLOCK,
        "cb_words_load",
        (("memory_order_relaxed", "memory_order_acquire"),),
        "",
        "Each load of a word then does what the fence after them does.",
    ),
    Mutant(
        "cb_seqlock_read: acquire fence after a relaxed first load",
        SEQLOCK,
        "cb_seqlock_read",
        (
            (
                "before = atomic_load_explicit(counter, memory_order_acquire);",
                "before = atomic_load_explicit(counter, memory_order_relaxed);" + ACQUIRE_FENCE,
            ),
        ),
        "",
        "A fence after a relaxed load orders at least as much as an acquire load.",
    ),
    Mutant(
        "vmclock_page: release exchange",
        READER,
        "vmclock_page",
        (("memory_order_acq_rel", "memory_order_release"),),
        "",
        "What it replaces is NULL, which points to nothing. (C11 itself wants success to order as much as failure.)",
    ),
]
