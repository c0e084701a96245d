/* REFUSED = "toys.h:1: has no comment that begins with @file" */
/** Open.
 * @return a box */
TOY_API int toy_open(void);
