/* SPDX-License-Identifier: Apache-2.0 */
/* A program of somebody else's, who found the library in some way. */
#include <clockbound.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    clockbound_err err;
    char text[80];
    if (strcmp(CLOCKBOUND_VERSION, WANTED_VERSION) != 0) {
        fprintf(stderr, "the package says %s, its header %s\n", WANTED_VERSION, CLOCKBOUND_VERSION);
        return 1;
    }
    if (clockbound_open("/nonexistent/shm0", &err) != NULL || err.kind != CLOCKBOUND_ERR_SYSCALL ||
        err.sys_errno != ENOENT) {
        fprintf(stderr, "a missing segment was opened\n");
        return 1;
    }
    clockbound_err_text(&err, text, sizeof text);
    if (strcmp(text, "open of the segment: No such file or directory") != 0 ||
        strcmp(clockbound_version(), CLOCKBOUND_VERSION) != 0) {
        fprintf(stderr, "the library is of another version: %s, \"%s\"\n", clockbound_version(), text);
        return 1;
    }
    return 0;
}
