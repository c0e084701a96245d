/* REFUSED = "toys.h:7: text after @param, @return or @see" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return a box
 *
 * It is a good one. */
TOY_API int toy_open(void);
