/* REFUSED = "toys.h:3: @file isn't the first" */
/** Toys.
 * @file toy.h */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
