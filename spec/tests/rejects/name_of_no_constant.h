/* REFUSED = "toys.h:6: names TOY_MOOD_GONE, which" */
/** @file toy.h
 * Toys. */
/** Open.
 * @return TOY_MOOD_GONE */
TOY_API int toy_open(void);
