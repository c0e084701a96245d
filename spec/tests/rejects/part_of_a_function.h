/* REFUSED = "toys.h:5: @par belongs to @file and @name" */
/** @file toy.h
 * Toys. */
/** Open.
 * @par Notes
 * None.
 * @return a box */
TOY_API int toy_open(void);
