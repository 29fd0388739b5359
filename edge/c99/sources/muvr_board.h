/* What muvr_test.c needs of the machine it runs on: a line of output and an end. Not part of the library. */

#ifndef MUVR_BOARD_H
#define MUVR_BOARD_H

#include <stdint.h>

void muvr_print(const char *text);

/* Instructions since some moment, or 0 where nobody counts them; overflows. */
uint32_t muvr_instructions(void);

#endif
