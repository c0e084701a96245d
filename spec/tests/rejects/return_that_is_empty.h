/* REFUSED = "toys.h:5: @return without words" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return */
TOY_API int toy_open(void);
