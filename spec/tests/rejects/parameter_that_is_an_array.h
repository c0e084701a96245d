/* REFUSED = "toys.h:7: toy_open: can't read 'int mood[2]'" */
/** @file toy.h
 * Toys. */
/** Open.
 * @param mood how
 * @return a box */
TOY_API int toy_open(int mood[2]);
