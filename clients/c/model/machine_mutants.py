# SPDX-License-Identifier: Apache-2.0
"""Faults of the model itself, that its litmus programs must catch: machine.c made too strong or too weak."""

from source_mutants import Mutant

MACHINE = "machine.c"
ACQUIRE = "if (order & MODEL_ACQUIRE) join(&thread->current, view);"
VIEW = "thread->next.order & MODEL_RELEASE ? thread->current : thread->released"
PLACE = "thread->current.at[location] + choice"
NEWEST = "state->messages_count[location] - 1"


def fault(name: str, function: str, old: str, new: str = "") -> Mutant:
    return Mutant(name, MACHINE, function, ((old, new),), "", "")


MACHINE_MUTANTS = [
    fault("an acquire load is relaxed", "load", ACQUIRE),
    fault("every load acquires", "load", "if (order & MODEL_ACQUIRE)"),
    fault("an acquire fence does nothing", "machine_step", "thread->current = thread->acquired;", ";"),
    fault("a relaxed load keeps nothing for a fence", "load", "join(&thread->acquired, view);"),
    fault("a release fence does nothing", "machine_step", "thread->released = thread->current;", ";"),
    fault("a release store is relaxed", "store", VIEW, "thread->released"),
    fault("every store releases", "store", VIEW, "thread->current"),
    fault("an exchange ends the release sequence", "store", "join(&message->view, inherited);", ";"),
    fault("two exchanges may read one value", "store", "inherited != NULL;", "false;"),
    fault("an exchange doesn't acquire", "compare_exchange", "place, thread->next.order", "place, 0"),
    fault("an exchange that fails acquires", "compare_exchange", "next.failure_order", "next.order"),
    fault("a store comes last", "machine_step", "place + 1, NULL", f"{NEWEST} + 1, NULL"),
    fault("a load gives the newest value", "machine_step", f"place = {PLACE}", f"place = {NEWEST}"),
    fault("a load may go back", "load", "see(&thread->current, location, place);"),
    fault(
        "a value's view stays when another is put before",
        "insert",
        "shift(&state->messages[i][j].view, location, place);",
        ";",
    ),
    fault(
        "a thread's view stays when a value is put before",
        "insert",
        "shift(&state->threads[i].current, location, place);",
    ),
]
