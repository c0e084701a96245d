/* REFUSED = "toys.h:4: @return belongs to a function" */
/** @file toy.h
 * Toys.
 * @return a box */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
