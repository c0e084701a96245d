/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a thread's C code up to its next operation on shared memory. */
#ifndef REPLAY_H
#define REPLAY_H

#include "machine.h"

/* Maps the shared memory, and declares what `setup` puts there. */
void replay_setup(const struct model_scenario *scenario, struct state *state);

/*
 * Brings a thread from its log to its next operation, or to its end. Returns NULL, or what it found
 * broken.
 */
const char *replay_advance(const struct model_scenario *scenario, struct state *state, unsigned thread);

/* Calls the scenario's `final`. Returns NULL, or what it found broken. */
const char *replay_final(const struct model_scenario *scenario, const struct state *state);

/* Whether a label of must_reach, by its place in the list, was reached since the setup. */
bool replay_reached(unsigned label);

/* Name of a location and whether a thread may store to it. */
const char *replay_location_name(unsigned location);
bool replay_may_store(unsigned thread, unsigned location);

#endif
