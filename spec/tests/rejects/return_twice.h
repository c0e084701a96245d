/* REFUSED = "toys.h:6: a second @return" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box
 * @return a lid */
TOY_API int toy_open(void);
