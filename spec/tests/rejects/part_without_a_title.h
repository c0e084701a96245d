/* REFUSED = "toys.h:4: @par without a title" */
/** @file toy.h
 * Toys.
 * @par
 * Notes. */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
