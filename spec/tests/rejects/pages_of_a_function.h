/* REFUSED = "toys.h:5: @see belongs to @file" */
/** @file toy.h
 * Toys. */
/** Open.
 * @see fork(2)
 * @return a box */
TOY_API int toy_open(void);
