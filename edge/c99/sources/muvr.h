/* What a watch needs to recognise exercises: raw samples in, probabilities of classes out.

       muvr_reset();
       for every frame of a sensor, as its driver yields it:
           muvr_push(&frame);
           while (muvr_next_window(&start_ms)) {
               muvr_softmax(muvr_run(), probabilities);
               ...
           }

   Nothing is allocated; all memory is static, so there is one recogniser, used by one thread at a time. A window
   gives the integers that the Python runtime gives.

   Repetitions are counted of the same frames, in between, where the caller sees a set begin and end:

       muvr_begin_set();
       ... muvr_push and all the rest, as before; muvr_repetitions(0, 0) is the count so far ...
       count = muvr_repetitions(repetitions, 100);
       muvr_end_set();

   Compile without fused multiply-add (-ffp-contract=off) and without -ffast-math: either may change the integers.
   Right shifts of negative integers must be arithmetic, as every compiler for the machines meant here has them. */

#ifndef MUVR_H
#define MUVR_H

#include <stdint.h>

#include "muvr_model.h"

/* Consecutive samples of one sensor, at a steady rate. The physical value, in the sensor's unit (g, rad/s), is
   samples[i * axes + axis] * scale. */
typedef struct {
    uint8_t sensor;         /* one of the MUVR_SENSOR_ constants of muvr_model.h */
    int64_t start_ms;       /* time of the first sample, since 1970-01-01 UTC, before the year 2100 */
    double rate_hz;         /* above 0, to 1000 */
    float scale;            /* above 0, to 1e6 */
    const int16_t *samples; /* [count][axes of the sensor] */
    uint16_t count;         /* samples per axis, at least 1, of at most 600 s */
} muvr_frame;

/* Forget all streams: the next frames begin anew. Not needed after power-up. */
void muvr_reset(void);

/* Take the next frame of a sensor's stream; 0 if a limit above is broken and the frame was ignored, else 1.

   Its samples are resampled to MUVR_RATE_HZ and wait, together with those of the other sensors, to be cut into
   windows. At most MUVR_PENDING_SAMPLES of a sensor wait, which is a window and a second: so call muvr_next_window
   after every frame, let frames be no longer than a second, and sensors take turns. What is too much is dropped,
   oldest first. Samples missing for more than 250 ms are not interpolated over: no window spans them. */
int muvr_push(const muvr_frame *frame);

/* Cut the next window and put it into the arena, normalised and quantised; 0 if none is complete, else 1.

   Windows have MUVR_WINDOW_SAMPLES and start at multiples of MUVR_STRIDE_SAMPLES on the grid k / MUVR_RATE_HZ since
   1970; `start_ms` is the time of their first sample. */
int muvr_next_window(int64_t *start_ms);

/* Put a window that was cut elsewhere into the arena; values in the sensors' units. */
void muvr_quantise(const float window[MUVR_WINDOW_SAMPLES * MUVR_CHANNELS]);

/* The quantised window in the arena, int8 + 128, [MUVR_WINDOW_SAMPLES][MUVR_INPUTS]; muvr_run overwrites it. */
uint8_t *muvr_input(void);

/* Run the network on the window in the arena; int8 [MUVR_CLASSES], valid until it is called again. */
const int8_t *muvr_run(void);

/* Calibrated probabilities of what muvr_run returned, in the order of muvr_classes. */
void muvr_softmax(const int8_t output[MUVR_CLASSES], float probabilities[MUVR_CLASSES]);

/* A repetition of a set: in samples of MUVR_COUNTED_SENSOR at MUVR_RATE_HZ since muvr_begin_set, where it begins,
   turns and ends, and its range, the greatest change of an axis between where it turns and its ends, in the sensor's
   unit. Its tempo is end - begin. */
typedef struct {
    int32_t begin;
    int32_t turn;
    int32_t end;
    float range;
} muvr_repetition;

/* A set begins: the values of MUVR_COUNTED_SENSOR are kept from now on, those of an earlier set are forgotten. Of a
   set longer than MUVR_COUNTING_SECONDS_MAX what is later is not counted; missing samples take no time. */
void muvr_begin_set(void);

/* How many repetitions were done since muvr_begin_set, and the first `count_max` of them, oldest first. It looks at the
   whole set anew, which takes as long as some windows, and may be called as often as one likes. */
int muvr_repetitions(muvr_repetition *repetitions, int count_max);

/* Keep no more values. What was counted can still be asked for. */
void muvr_end_set(void);

#endif
