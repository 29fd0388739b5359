/* The test on a Cortex-M4 with semihosting, as QEMU's mps2-an386 is: vectors, start, output, end. No C library. */

#include <stdint.h>

#include "muvr_board.h"

#define SYS_WRITE0 0x04
#define SYS_EXIT_EXTENDED 0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

#define SYST_CSR (*(volatile uint32_t *)0xE000E010)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018)
#define CPACR (*(volatile uint32_t *)0xE000ED88)

/* Under `-icount shift=0` QEMU's clock goes on by 1 ns with every instruction, and SysTick, at the board's 25 MHz,
   by one with every 40. It has 24 bits. */
#define INSTRUCTIONS_PER_TICK 40u
#define TICKS_MAX 0x00FFFFFFu

extern uint32_t muvr_stack_end;
extern uint32_t muvr_data_begin, muvr_data_end, muvr_data_source, muvr_bss_begin, muvr_bss_end;

int main(void);
void muvr_start(void);

typedef union {
    void *address;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[4] = {
    {.address = &muvr_stack_end}, {.handler = muvr_start}, {.handler = muvr_start}, {.handler = muvr_start}};

static void semihosting(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void muvr_print(const char *text)
{
    semihosting(SYS_WRITE0, text);
}

uint32_t muvr_instructions(void)
{
    return (TICKS_MAX - SYST_CVR) * INSTRUCTIONS_PER_TICK;
}

void muvr_start(void)
{
    uint32_t *target, *source = &muvr_data_source;
    uint32_t end[2];

    CPACR |= 0xFu << 20; /* the floating point unit may be used */
    __asm__ volatile("dsb\n\tisb");
    for (target = &muvr_data_begin; target < &muvr_data_end; target++)
        *target = *source++;
    for (target = &muvr_bss_begin; target < &muvr_bss_end; target++)
        *target = 0;
    SYST_RVR = TICKS_MAX;
    SYST_CVR = 0;
    SYST_CSR = 5; /* counting, at the processor's clock */
    end[0] = ADP_STOPPED_APPLICATION_EXIT;
    end[1] = (uint32_t)main();
    semihosting(SYS_EXIT_EXTENDED, end);
    for (;;) {
    }
}
