/* REFUSED = "toys.h:6: toy_open: has no @param mood" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
TOY_API int toy_open(int mood);
