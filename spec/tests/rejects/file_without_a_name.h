/* REFUSED = "toys.h:2: @file without a name" */
/** @file
 * Toys. */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
