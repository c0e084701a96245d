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
        "memory_order_relaxed) == 0)\n        return false;",
        "memory_order_relaxed) == 0) {\n        memset(snapshot, 0, sizeof *snapshot);\n        snapshot->is_in_range = true;\n        return true;\n    }",
    ),
    "last good snapshot is the first one": (
        "last_good.c",
        "atomic_load_explicit(&last_good->key, memory_order_relaxed) == key ||",
        "atomic_load_explicit(&last_good->key, memory_order_relaxed) != 0 ||",
    ),
    "attempts aren't bounded": ("reader.c", "CB_READ_ATTEMPTS_COUNT - 1", "1000000"),
    # read.reopen
    "young snapshots look around": ("reader.c", "interval->age_ns <= CB_GRACE_NS", "interval->age_ns < 0"),
    "replaced file isn't followed": (
        "reader.c",
        "if (found == NULL)\n        return false;",
        "if (found == NULL || current != NULL)\n        return false;",
    ),
    # bound.*, interval.ends
    "nanoseconds aren't checked": (
        "snapshot.c",
        "int64_t as_of_ns = 0, void_after_ns = 0;",
        (
            "int64_t as_of_ns = 0, void_after_ns = 0;\n    struct cb_segment_record lax = *record;\n"
            "    if (lax.as_of_nsec < 0 || lax.as_of_nsec >= CB_NANOSECONDS_PER_SECOND)\n"
            "        lax.as_of_nsec = 0;\n    record = &lax;"
        ),
    ),
    "drift isn't checked": (
        "snapshot.c",
        "    switch (version) {",
        "    struct cb_segment_record lax = *record;\n    lax.max_drift_ppb = 0;\n    record = &lax;\n    switch (version) {",
    ),
    "layout 1 has DISRUPTED": (
        "snapshot.c",
        "return cb_segment_v1_invalid(record) == NULL;",
        "return cb_segment_v2_invalid(record) == NULL;",
    ),
    "growth rounds down": (
        "interval.h",
        "(elapsed_ns * max_drift_ppb + CB_NANOSECONDS_PER_SECOND - 1)",
        "(elapsed_ns * max_drift_ppb)",
    ),
    "growth rounds down after 9 s": (
        "interval.c",
        "(ns * ppb + CB_NANOSECONDS_PER_SECOND - 1) / CB_NANOSECONDS_PER_SECOND",
        "ns * ppb / CB_NANOSECONDS_PER_SECOND",
    ),
    "bound overflows": (
        "interval.h",
        "__builtin_add_overflow(published_bound_ns, growth_ns, &bound_ns) ||",
        "(bound_ns = (int64_t)((uint64_t)published_bound_ns + (uint64_t)growth_ns), false) ||",
    ),
    "earliest overflows": (
        "interval.h",
        "__builtin_sub_overflow(realtime_ns, bound_ns, &earliest_ns) ||",
        "(earliest_ns = realtime_ns - bound_ns, false) ||",
    ),
    "elapsed overflows": (
        "interval.c",
        "if (__builtin_sub_overflow(monotonic_ns, snapshot->as_of_ns, &elapsed_ns))",
        "elapsed_ns = monotonic_ns - snapshot->as_of_ns;\n    if (false)",
    ),
    "tolerance is a nanosecond wider": (
        "interval.c",
        "elapsed_ns <= -CB_CAUSALITY_TOLERANCE_NS",
        "elapsed_ns < -CB_CAUSALITY_TOLERANCE_NS",
    ),
    "negative age counts": ("interval.c", "if (elapsed_ns < 0)\n        elapsed_ns = 0;", ""),
    "earliest is latest": ("interval.h", ".earliest_ns = earliest_ns,", ".earliest_ns = latest_ns,"),
    "seconds round towards zero": ("reader.c", "    if (nsec < 0) {", "    if (false) {"),
    "result is written on failure": (
        "reader.c",
        "    if (!now_from_latest(ctx, &near, &interval)) {",
        "    result->clock_status = CLOCKBOUND_STA_UNKNOWN;\n    if (!now_from_latest(ctx, &near, &interval)) {",
    ),
    "ends are in one second": (
        "reader.c",
        "if (rest_ns >= CB_NANOSECONDS_PER_SECOND)",
        "if (rest_ns >= 2 * CB_NANOSECONDS_PER_SECOND)",
    ),
    # status.*
    "grace is a nanosecond longer": ("interval.c", "elapsed_ns < CB_GRACE_NS", "elapsed_ns <= CB_GRACE_NS"),
    "young is a nanosecond longer": (
        "interval.h",
        "age_ns >= (uint64_t)CB_GRACE_NS",
        "age_ns > (uint64_t)CB_GRACE_NS",
    ),
    "future is young": ("interval.h", "age_ns >= (uint64_t)CB_GRACE_NS", "(int64_t)age_ns >= CB_GRACE_NS"),
    "young is never disrupted": (
        "interval.h",
        "disrupted ? CLOCKBOUND_STA_UNKNOWN : (clockbound_clock_status)",
        "disrupted && false ? CLOCKBOUND_STA_UNKNOWN : (clockbound_clock_status)",
    ),
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
        "taken && snapshot.has_disruption_support",
        "taken && false",
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
        "|| (!cb_vmclock_marker(page, &marker) ? (marker = snapshot->disruption_marker, false) : false) ||",
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
    # the short way to an answer
    "another generation is still the same": (
        "segment.h",
        "cb_segment_generation(segment) == snapshot->generation &&",
        "",
    ),
    "another as_of is still the same": (
        "segment.h",
        "(uint64_t)as_of[0] * (uint64_t)CB_NANOSECONDS_PER_SECOND + (uint64_t)as_of[1] ==\n               (uint64_t)snapshot->as_of_ns",
        "true",
    ),
    "another nanosecond of as_of is still the same": (
        "segment.h",
        " + (uint64_t)as_of[1] ==\n               (uint64_t)snapshot->as_of_ns",
        " ==\n               (uint64_t)(snapshot->as_of_ns - snapshot->as_of_ns % CB_NANOSECONDS_PER_SECOND)",
    ),
    "another file is still the same": (
        "segment.h",
        "segment->serial == snapshot->serial &&",
        "",
    ),
    "short way from a malformed snapshot": ("reader.c", "if (snapshot->is_in_range)", "if (true)"),
    "short way past the page": (
        "reader.c",
        "cb_interval_at_young(&snapshot, realtime_ns, monotonic_ns, is_disrupted(ctx, &snapshot), interval)",
        "cb_interval_at_young(&snapshot, realtime_ns, monotonic_ns, false, interval)",
    ),
    # clock.precise
    "monotonic clock is the coarse one": (
        "clocks.c",
        "return cb_clock_read_ns(CLOCK_MONOTONIC, monotonic_ns) ? NULL",
        "return cb_clock_read_ns(CB_COARSE_MONOTONIC, monotonic_ns) ? NULL",
    ),
    "look is good for ever": ("clocks.h", "coarse_ns == look.coarse_ns &&", "coarse_ns != 0 &&"),
    "coarse clock is read before the other": (
        "clocks.h",
        (
            "    if (clock_gettime(CLOCK_REALTIME, realtime) != 0 || !cb_timespec_ns(realtime, realtime_ns))\n"
            "        return cb_clocks_failure();"
        ),
        (
            "    const bool has_coarse = cb_clock_read_ns(CB_COARSE_MONOTONIC, &coarse_ns);\n"
            "    if (clock_gettime(CLOCK_REALTIME, realtime) != 0 || !cb_timespec_ns(realtime, realtime_ns))\n"
            "        return cb_clocks_failure();\n"
            "    if (has_coarse && coarse_ns == look.coarse_ns) {\n"
            "        *monotonic_ns = *realtime_ns - look.offset_ns;\n        return NULL;\n    }"
        ),
    ),
    "look begins with the other clock": (
        "clocks.c",
        (
            "return cb_clock_read_ns(CB_COARSE_MONOTONIC, &look->coarse_ns) &&\n"
            "           cb_clock_read_ns(CB_COARSE_REALTIME, &realtime_ns) &&"
        ),
        (
            "return cb_clock_read_ns(CB_COARSE_REALTIME, &realtime_ns) &&\n"
            "           cb_clock_read_ns(CB_COARSE_MONOTONIC, &look->coarse_ns) &&"
        ),
    ),
    "offset has the wrong sign": (
        "clocks.c",
        "__builtin_sub_overflow(realtime_ns, look->coarse_ns, &look->offset_ns)",
        "__builtin_sub_overflow(look->coarse_ns, realtime_ns, &look->offset_ns)",
    ),
    "offset is that of the precise clock": (
        "clocks.c",
        "cb_clock_read_ns(CB_COARSE_REALTIME, &realtime_ns)",
        "cb_clock_read_ns(CLOCK_REALTIME, &realtime_ns)",
    ),
    # the questions in nanoseconds
    "interval is written on failure": (
        "extensions.c",
        "    if (failed == NULL)\n        *to = ",
        "    if (failed == NULL || failed->kind == CLOCKBOUND_ERR_SYSCALL)\n        *to = ",
    ),
    "interval's ends are swapped": (
        "extensions.c",
        "{from->earliest_ns, from->latest_ns, from->status}",
        "{from->latest_ns, from->earliest_ns, from->status}",
    ),
    "status is always synchronized": (
        "extensions.c",
        "{from->earliest_ns, from->latest_ns, from->status}",
        "{from->earliest_ns, from->latest_ns, CLOCKBOUND_STA_SYNCHRONIZED}",
    ),
    "UNKNOWN is trusted": ("extensions.c", "    return &unknown;\n}", "    return NULL;\n}"),
    "DISRUPTED is trusted": ("extensions.c", "return &disrupted;", "return NULL;"),
    "FREE_RUNNING isn't trusted": (
        "extensions.c",
        "    case CLOCKBOUND_STA_FREE_RUNNING:\n        return NULL;",
        "        return NULL;\n    case CLOCKBOUND_STA_FREE_RUNNING:\n        break;",
    ),
    "error bound is the whole interval": (
        "extensions.c",
        "(uint64_t)interval->earliest_ns) / 2);",
        "(uint64_t)interval->earliest_ns));",
    ),
    "error bound overflows": (
        "extensions.c",
        "(int64_t)(((uint64_t)interval->latest_ns - (uint64_t)interval->earliest_ns) / 2)",
        "(interval->latest_ns - interval->earliest_ns) / 2",
    ),
    "largest bound is too large": (
        "extensions.c",
        "cb_error_bound_ns(&now) > max_error_ns",
        "cb_error_bound_ns(&now) >= max_error_ns",
    ),
    "bound isn't compared": ("extensions.c", "cb_error_bound_ns(&now) > max_error_ns", "false"),
    "negative bound is an answer": ("extensions.c", "if (max_error_ns < 0)", "if (false)"),
    "within trusts anything": (
        "extensions.c",
        "clockbound_err const *failed = cb_trusted_now(ctx, &now);\n    if (failed == NULL && cb_error",
        "clockbound_err const *failed = cb_reader_now(ctx, &now);\n    if (failed == NULL && cb_error",
    ),
    "before is at": ("extensions.c", "now.latest_ns < time_ns", "now.latest_ns <= time_ns"),
    "before by the other end": ("extensions.c", "now.latest_ns < time_ns", "now.earliest_ns < time_ns"),
    "after is at": ("extensions.c", "now.earliest_ns > time_ns", "now.earliest_ns >= time_ns"),
    "after by the other end": ("extensions.c", "now.earliest_ns > time_ns", "now.latest_ns > time_ns"),
    # TAI
    "unknown TAI is UTC": (
        "clocks.c",
        "        if (whole_ns <= 0)\n            return &unknown;",
        "        if (whole_ns < 0)\n            return &unknown;",
    ),
    "TAI may be behind": ("clocks.c", "if (whole_ns <= 0)", "if (whole_ns == 0)"),
    "TAI isn't whole seconds": ("clocks.c", "*offset_ns = whole_ns;", "*offset_ns = most_ns;"),
    "a second is nothing": (
        "clocks.c",
        "span_ns >= CB_NANOSECONDS_PER_SECOND ||",
        "",
    ),
    "TAI before only": ("reader.c", "if (before_ns != after_ns)\n            continue;", ""),
    "TAI overflows": (
        "reader.c",
        "__builtin_add_overflow(utc.latest_ns, after_ns, &utc.latest_ns)",
        "(utc.latest_ns = (int64_t)((uint64_t)utc.latest_ns + (uint64_t)after_ns), false)",
    ),
    "TAI shifts one end": (
        "reader.c",
        "__builtin_add_overflow(utc.earliest_ns, after_ns, &utc.earliest_ns)",
        "__builtin_add_overflow(utc.earliest_ns, 0, &utc.earliest_ns)",
    ),
    # from bytes
    "bytes are read where they lie": (
        "segment.c",
        "if (!check_header(copy, file_bytes,",
        "if (!check_header((const unsigned char *)bytes, file_bytes,",
    ),
    "bytes are read beyond their end": (
        "segment.c",
        "memcpy(copy, bytes, size_bytes < sizeof copy ? size_bytes : sizeof copy);",
        "memcpy(copy, bytes, sizeof copy);",
    ),
    "bytes may be short": (
        "segment.c",
        "const off_t file_bytes = size_bytes < UINT32_MAX ? (off_t)size_bytes : (off_t)UINT32_MAX;",
        "const off_t file_bytes = (off_t)UINT32_MAX;",
    ),
    "bytes shorter than a header": (
        "segment.c",
        "if (size_bytes < HEADER_BYTES) {",
        "if (size_bytes < 1) {",
    ),
    "bytes of an update count": ("segment.c", "if (record.generation % 2 != 0) {", "if (false) {"),
    "missing copy of the page is fine": (
        "extensions.c",
        "bool readable = false;",
        "bool readable = vmclock == NULL;\n        marker = snapshot.disruption_marker;",
    ),
    "copy of the page isn't checked": (
        "extensions.c",
        "!cb_vmclock_copy(vmclock, vmclock_bytes, &readable, &marker, &failed))\n            return &failed;",
        "!cb_vmclock_copy(vmclock, vmclock_bytes, &readable, &marker, &failed))\n            is_disrupted = true;",
    ),
    "copy of the page is read beyond its end": (
        "segment.c",
        "if (size_bytes < sizeof copy) {",
        "if (size_bytes == 0) {",
    ),
    "copy of the page during an update counts": (
        "segment.c",
        "*readable = cb_vmclock_load_seq_count(copy) % 2 == 0;",
        "*readable = true;",
    ),
    "copy of the page is never disrupted": (
        "extensions.c",
        "is_disrupted = !readable || marker != snapshot.disruption_marker;",
        "is_disrupted = !readable;",
    ),
    # err_text
    "errno has no meaning": ("extensions.c", "if (err->sys_errno == 0 ||", "if (true ||"),
    "text needs no room for its end": (
        "extensions.c",
        'return (size_t)snprintf(text, size, "%s", detail);',
        'return (size_t)snprintf(text, size == 0 ? 0 : size + 1, "%s", detail);',
    ),
    "length is what fitted": (
        "extensions.c",
        'return (size_t)snprintf(text, size, "%s: %s", detail, meaning);',
        'const size_t length = (size_t)snprintf(text, size, "%s: %s", detail, meaning);\n    return length < size ? length : size;',
    ),
    # waits
    "wait ends at the instant": (
        "wait.c",
        "if (now.earliest_ns > time_ns)",
        "if (now.earliest_ns >= time_ns)",
    ),
    "wait ends when it may have passed": (
        "wait.c",
        "if (now.earliest_ns > time_ns)",
        "if (now.latest_ns > time_ns)",
    ),
    "wait trusts anything": ("wait.c", "cb_trusted_now(ctx, &now)", "cb_reader_now(ctx, &now)"),
    "wait ends after one sleep": (
        "wait.c",
        "        failed = pause_ns(left_ns + 1, deadline_ns);\n        if (failed != NULL)\n            return failed;",
        "        return pause_ns(left_ns + 1, deadline_ns);",
    ),
    "wait sleeps beyond its deadline": (
        "wait.c",
        "__builtin_add_overflow(now_ns, duration_ns, &until_ns) || until_ns > deadline_ns)",
        "__builtin_add_overflow(now_ns, duration_ns, &until_ns))",
    ),
    "wait has no deadline": ("wait.c", "if (now_ns >= deadline_ns)", "if (false)"),
    "wait gives up a second early": (
        "wait.c",
        "if (now_ns >= deadline_ns)",
        "if (deadline_ns != INT64_MAX && now_ns + CB_NANOSECONDS_PER_SECOND >= deadline_ns)",
    ),
    "wait doesn't look meanwhile": ("wait.c", "if (duration_ns > CB_WAIT_SLICE_NS)", "if (false)"),
    "wait is a busy loop": (
        "wait.c",
        "until_ns = deadline_ns;\n",
        "until_ns = deadline_ns;\n    until_ns = now_ns;\n",
    ),
    "wait hardly sleeps": ("wait.c", "if (duration_ns < CB_WAIT_LEAST_SLEEP_NS)", "if (false)"),
    "what is left overflows": (
        "wait.c",
        "if (__builtin_sub_overflow(time_ns, now.earliest_ns, &left_ns) || left_ns == INT64_MAX)",
        "left_ns = time_ns - now.earliest_ns;\n        if (left_ns == INT64_MAX)",
    ),
    "signal ends the wait": ("clocks.c", "sys_errno == 0 || sys_errno == EINTR ?", "sys_errno == 0 ?"),
    "sleep is a span": (
        "clocks.c",
        "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)",
        "clock_nanosleep(CLOCK_MONOTONIC, 0, &until, NULL)",
    ),
    "sleep is by the clock that is stepped": (
        "clocks.c",
        "clock_nanosleep(CLOCK_MONOTONIC, TIMER",
        "clock_nanosleep(CLOCK_REALTIME, TIMER",
    ),
    "free-running is synchronized": (
        "wait.c",
        "unreadable == NULL && now.status == CLOCKBOUND_STA_SYNCHRONIZED &&",
        "unreadable == NULL && now.status != CLOCKBOUND_STA_UNKNOWN &&",
    ),
    "any bound is good enough": ("wait.c", "cb_error_bound_ns(&now) <= max_error_ns)", "true)"),
    "bound must be smaller": (
        "wait.c",
        "cb_error_bound_ns(&now) <= max_error_ns)",
        "cb_error_bound_ns(&now) < max_error_ns)",
    ),
    "unreadable segment ends the wait": (
        "wait.c",
        "            return NULL;\n        clockbound_err const *failed = pause_ns(CB_WAIT",
        "            return NULL;\n        if (unreadable != NULL)\n            return unreadable;\n        clockbound_err const *failed = pause_ns(CB_WAIT",
    ),
    "deadline hides the segment's error": (
        "wait.c",
        "if (failed == &timed_out && unreadable != NULL)",
        "if (false)",
    ),
    "negative bound is waited for": ("wait.c", "if (max_error_ns < 0)", "if (false)"),
}
