/* REFUSED = "toys.h:6: toy_open: can't read 'int'" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
TOY_API int toy_open(int);
