/* REFUSED = "toys.h:7: a comment that describes nothing" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
/** And so on. */
