/* REFUSED = "toys.h:4: toy_open: has no @return" */
/** @file toy.h
 * Toys. */
/** Open. */
TOY_API int toy_open(void);
