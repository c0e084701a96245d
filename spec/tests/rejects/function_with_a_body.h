/* REFUSED = "toys.h:6: can't read 'TOY_API int toy_open(void) {" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
TOY_API int toy_open(void) { return 1; };
