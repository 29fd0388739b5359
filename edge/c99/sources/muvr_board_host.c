/* The test on a machine with a C library. */

#include <stdio.h>

#include "muvr_board.h"

void muvr_print(const char *text)
{
    fputs(text, stdout);
}

uint32_t muvr_instructions(void)
{
    return 0;
}
