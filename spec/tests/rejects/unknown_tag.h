/* REFUSED = "toys.h:5: @returns isn't known" */
/** @file toy.h
 * Toys. */
/** Open.
 * @returns a box */
TOY_API int toy_open(void);
