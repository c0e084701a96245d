/* REFUSED = "toys.h:6: @param mood: described before" */
/** @file toy.h
 * Toys. */
/** Open.
 * @param mood how
 * @param mood why
 * @return a box */
TOY_API int toy_open(int mood);
