/* REFUSED = "toys.h:6: a comment that doesn't begin with a sentence" */
/** @file toy.h
 * Toys. */
/**     toy_open();
 * @return a box */
TOY_API int toy_open(void);
