/* REFUSED = "toys.h:5: @param without a name or a meaning" */
/** @file toy.h
 * Toys. */
/** Open.
 * @param mood
 * @return a box */
TOY_API int toy_open(int mood);
