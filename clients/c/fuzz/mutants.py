"""Ways to break the reader that the fuzzer must notice: a file of src/, what stands there, and what it becomes."""

from __future__ import annotations

MUTANTS: dict[str, tuple[str, str, str]] = {
    # open.*
    "magic isn't checked": (
        "segment.c",
        "cb_u32_load(bytes + CB_SEGMENT_V2_MAGIC_OFFSET_BYTES + 4) != CB_SEGMENT_V2_MAGIC_1",
        "false",
    ),
    "generation 0 opens": (
        "segment.c",
        "*version == 0 || cb_u16_load(bytes + CB_SEGMENT_V2_GENERATION_OFFSET_BYTES) == 0",
        "*version == 0",
    ),
    "short declared size opens": ("segment.c", "if (segment_bytes < needed_bytes)", "if (false)"),
    "short file opens": ("segment.c", "if (file_bytes < (off_t)segment_bytes)", "if (false)"),
    "error is written on success": (
        "reader.c",
        "    atomic_init(&ctx->segment, segment);",
        '    cb_fail(err, CLOCKBOUND_ERR_NONE, 0, "");\n    atomic_init(&ctx->segment, segment);',
    ),
    # read.consistent, read.bounded
    "generation before only": (
        "seqlock.h",
        "*seen = before;\n    return before == after;",
        "*seen = before;\n    (void)after;\n    return true;",
    ),
    "generation after only": (
        "seqlock.h",
        "*seen = before;\n    return before == after;",
        "*seen = after;\n    return cb_generation_is_stable(after);",
    ),
    "odd generation is read": (
        "seqlock.h",
        "return generation != 0 && (generation & 1) == 0;",
        "return generation != 0;",
    ),
    "generation 0 is read": (
        "seqlock.h",
        "return generation != 0 && (generation & 1) == 0;",
        "return (generation & 1) == 0;",
    ),
    "another version is read": (
        "segment.c",
        "if (cb_u16_load(segment->bytes + CB_SEGMENT_V2_VERSION_OFFSET_BYTES) != version)",
        "if (false)",
    ),
    "no snapshot reads as an empty one": (
        "last_good.c",
        "    return false;\n}\n",
        "    memset(snapshot, 0, sizeof *snapshot);\n    snapshot->version = 2;\n    return true;\n}\n",
    ),
    "last good snapshot is the first one": (
        "last_good.c",
        "atomic_load_explicit(&last_good->key, memory_order_relaxed) == key ||",
        "atomic_load_explicit(&last_good->key, memory_order_relaxed) != 0 ||",
    ),
    "attempts aren't bounded": ("reader.c", "CB_READ_ATTEMPTS_COUNT - 1", "1000000"),
    # read.reopen
    "young snapshots look around": ("reader.c", "age_ns > CB_GRACE_NS;", "age_ns >= 0;"),
    "replaced file isn't followed": (
        "reader.c",
        "if (found == NULL)\n        return false;",
        "if (found == NULL || current != NULL)\n        return false;",
    ),
    # bound.*, interval.ends
    "nanoseconds aren't checked": (
        "interval.c",
        "if (!in_range(snapshot) || !join_ns(record->as_of_sec, record->as_of_nsec, &as_of_ns)",
        (
            "struct cb_snapshot lax = *snapshot;\n    lax.record.as_of_nsec = 0;\n"
            "    if (!in_range(&lax) || !join_ns(record->as_of_sec, 0, &as_of_ns) ||\n"
            "        __builtin_add_overflow(as_of_ns, record->as_of_nsec, &as_of_ns)"
        ),
    ),
    "drift isn't checked": (
        "interval.c",
        "if (!in_range(snapshot) ||",
        "struct cb_snapshot copy = *snapshot;\n    copy.record.max_drift_ppb = 0;\n    if (!in_range(&copy) ||",
    ),
    "layout 1 has DISRUPTED": (
        "interval.c",
        "return cb_segment_v1_invalid(&snapshot->record) == NULL;",
        "return cb_segment_v2_invalid(&snapshot->record) == NULL;",
    ),
    "growth rounds down": (
        "interval.c",
        "(ns * ppb + CB_NANOSECONDS_PER_SECOND - 1) / CB_NANOSECONDS_PER_SECOND",
        "ns * ppb / CB_NANOSECONDS_PER_SECOND",
    ),
    "bound overflows": (
        "interval.c",
        "__builtin_add_overflow(record->bound_ns, growth, &bound_ns) ||",
        "(bound_ns = (int64_t)((uint64_t)record->bound_ns + (uint64_t)growth), false) ||",
    ),
    "earliest overflows": (
        "interval.c",
        "__builtin_sub_overflow(realtime_ns, bound_ns, &earliest_ns) ||",
        "(earliest_ns = realtime_ns - bound_ns, false) ||",
    ),
    "elapsed overflows": (
        "interval.c",
        "if (__builtin_sub_overflow(monotonic_ns, as_of_ns, &elapsed_ns))",
        "elapsed_ns = monotonic_ns - as_of_ns;\n    if (false)",
    ),
    "tolerance is a nanosecond wider": (
        "interval.c",
        "elapsed_ns <= -CB_CAUSALITY_TOLERANCE_NS",
        "elapsed_ns < -CB_CAUSALITY_TOLERANCE_NS",
    ),
    "negative age counts": ("interval.c", "if (elapsed_ns < 0)\n        elapsed_ns = 0;", ""),
    "earliest is latest": (
        "interval.c",
        "interval->earliest_ns = earliest_ns;",
        "interval->earliest_ns = latest_ns;",
    ),
    "seconds round towards zero": ("reader.c", "    if (nsec < 0) {", "    if (false) {"),
    "result is written on failure": (
        "reader.c",
        "    if (failed != NULL)\n        return failed;\n    result->earliest",
        "    result->clock_status = CLOCKBOUND_STA_UNKNOWN;\n    if (failed != NULL)\n        return failed;\n    result->earliest",
    ),
    # status.*
    "grace is a nanosecond longer": ("interval.c", "elapsed_ns < CB_GRACE_NS", "elapsed_ns <= CB_GRACE_NS"),
    "void_after is a nanosecond later": (
        "interval.c",
        "monotonic_ns < void_after_ns ?",
        "monotonic_ns <= void_after_ns ?",
    ),
    "DISRUPTED ages": (
        "interval.c",
        "if (published == CLOCKBOUND_STA_DISRUPTED)",
        "if (published == CLOCKBOUND_STA_DISRUPTED && elapsed_ns < CB_GRACE_NS)",
    ),
    "missing page is fine later": (
        "reader.c",
        "return page == NULL || !cb_vmclock_marker",
        "if (page == NULL)\n        return false;\n    return !cb_vmclock_marker",
    ),
    "missing page is fine at open": (
        "reader.c",
        "take(ctx, &snapshot) && snapshot.record.clock_disruption_support_enabled != 0",
        "take(ctx, &snapshot) && snapshot.record.clock_disruption_support_enabled > 255",
    ),
    "odd page is read": ("seqlock.h", "if (lowest_byte & 1)\n        return false;", "(void)lowest_byte;"),
    "page's counter before only": (
        "seqlock.h",
        "return before == atomic_load_explicit(counter, memory_order_relaxed);\n}\n\n/* Bytes that",
        "return true;\n}\n\n/* Bytes that",
    ),
    "unreadable page is fine": (
        "reader.c",
        "|| !cb_vmclock_marker(page, &marker) ||",
        "|| (!cb_vmclock_marker(page, &marker) ? (marker = snapshot->record.disruption_marker, false) : false) ||",
    ),
    # what is left behind
    "refused segment stays mapped": (
        "segment.c",
        "        munmap((void *)(uintptr_t)bytes, LARGEST_LAYOUT_BYTES);\n        return NULL;",
        "        return NULL;",
    ),
    "refused context leaks": (
        "reader.c",
        "    if (segment == NULL) {\n        clockbound_close(ctx);\n        return NULL;",
        "    if (segment == NULL) {\n        return NULL;",
    ),
    "page's descriptor stays open": (
        "segment.c",
        "    close(descriptor);\n    if (page != NULL)",
        "    if (page != NULL)",
    ),
    "allocation isn't checked": (
        "segment.c",
        '        if (segment == NULL)\n            cb_fail(err, CLOCKBOUND_ERR_SYSCALL, ENOMEM, "memory for the segment");\n    }\n    if (segment == NULL) {',
        "    } else {",
    ),
    # clock.precise
    "monotonic clock is the coarse one": (
        "clocks.c",
        "return read_ns(CLOCK_MONOTONIC, monotonic_ns) ? NULL",
        "return read_ns(COARSE_MONOTONIC, monotonic_ns) ? NULL",
    ),
    "offset isn't compared": ("clocks.c", "offset_ns == known_ns && offset_ns", "offset_ns"),
    "offset isn't looked at again": (
        "clocks.c",
        "const int64_t offset_ns = look_at_offset();",
        "const int64_t offset_ns = known_ns != OFFSET_UNKNOWN ? known_ns : look_at_offset();",
    ),
    "monotonic offset is read first": (
        "clocks.c",
        "!read_ns(COARSE_REALTIME, &realtime_ns) || !read_ns(COARSE_MONOTONIC, &monotonic_ns)",
        "!read_ns(COARSE_MONOTONIC, &monotonic_ns) || !read_ns(COARSE_REALTIME, &realtime_ns)",
    ),
}
