/* REFUSED = "toys.h:4: can't read from '/** Open.'" */
/** @file toy.h
 * Toys. */
/** Open.
TOY_API int toy_open(void);
