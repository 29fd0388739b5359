/* Joins the resampled sensors, and cuts, normalises and quantises windows.

   The same operations in the same order and precision as Python's domain/windows.py and edge/preprocessing.py, so
   that the results are equal bit for bit. */

#include "muvr.h"
#include "muvr_layers.h"

#ifdef __GNUC__
#define square_root __builtin_sqrtf /* an instruction where there is one, without a library */
#else
#include <math.h>
#define square_root sqrtf
#endif

#define SPAN_SECONDS 30        /* sensors that are further apart, or time that went back by more, begin anew */
#define NORMALISED_MAX 6.0f    /* in standard deviations of a channel */
#define STEPS_MAX 1024.0f      /* beyond any int8; keeps the sum with ROUNDING_F exact */
#define ROUNDING_F 12582912.0f /* 1.5 * 2^23: adding and subtracting it rounds a float, halves to even */

/* Resampled values that wait: those of the grid points `first` to first + count - 1. */
typedef struct {
    int64_t first;
    uint16_t oldest; /* where the value of `first` is in `pending` */
    uint16_t count;
} waiting;

static waiting waitings[MUVR_SENSORS];
static float pending[MUVR_PENDING_SAMPLES][MUVR_CHANNELS]; /* each sensor's channels are a ring of their own */
static int64_t next_start;

void (*muvr_counter)(const float *values);

void muvr_reset(void)
{
    int sensor;

    muvr_reset_resamplers();
    for (sensor = 0; sensor < MUVR_SENSORS; sensor++) {
        waitings[sensor].count = 0;
        waitings[sensor].first = 0;
    }
    next_start = 0;
}

static int64_t end_of(const waiting *queue)
{
    return queue->first + queue->count;
}

static void drop_before(waiting *queue, int64_t point)
{
    const int64_t too_early = point - queue->first;
    const int32_t dropped = too_early < 0 ? 0 : too_early < queue->count ? (int32_t)too_early : queue->count;

    queue->first += dropped;
    queue->count = (uint16_t)(queue->count - dropped);
    queue->oldest = (uint16_t)((queue->oldest + dropped) % MUVR_PENDING_SAMPLES);
}

void muvr_append(int sensor, int64_t point, const float *values)
{
    const muvr_sensor *layout = &muvr_sensors[sensor];
    waiting *queue = &waitings[sensor];
    int axis, place;

    if (queue->count == 0 || end_of(queue) != point) {
        queue->first = point;
        queue->count = 0;
    }
    if (queue->count == MUVR_PENDING_SAMPLES)
        drop_before(queue, queue->first + 1);
    place = (queue->oldest + queue->count) % MUVR_PENDING_SAMPLES;
    for (axis = 0; axis < layout->axes; axis++)
        pending[place][layout->first_channel + axis] = values[axis];
    queue->count++;
    if (sensor == MUVR_COUNTED_SENSOR && muvr_counter)
        muvr_counter(values);
}

/* A sample as int8 + 128; one that is not a number saturates, as every comparison with it fails. */
static uint8_t quantised(float value, int channel)
{
    float steps;

    value -= muvr_channel_mean[channel];
    value *= muvr_channel_gain[channel];
    value = value < NORMALISED_MAX ? value : NORMALISED_MAX;
    value = value > -NORMALISED_MAX ? value : -NORMALISED_MAX;
    steps = value * MUVR_INPUT_GAIN;
    steps = steps < STEPS_MAX ? steps : STEPS_MAX;
    steps = steps > -STEPS_MAX ? steps : -STEPS_MAX;
    steps += ROUNDING_F;
    steps -= ROUNDING_F;
    steps += MUVR_INPUT_ZERO_POINT;
    steps = steps < 127.0f ? steps : 127.0f;
    steps = steps > -128.0f ? steps : -128.0f;
    return (uint8_t)((int32_t)steps + 128);
}

/* A sensor's part of a sample: `values` are all channels, `input` all input channels of the sample. */
static void quantise_sensor(const muvr_sensor *layout, const float *values, uint8_t *input)
{
    const int end = layout->first_channel + layout->axes;
    int channel;

    for (channel = layout->first_channel; channel < end; channel++)
        input[channel] = quantised(values[channel], channel);
#if MUVR_INPUTS > MUVR_CHANNELS
    if (layout->magnitude) {
        const float *axes = values + layout->first_channel;
        const float squares = axes[0] * axes[0] + axes[1] * axes[1] + axes[2] * axes[2];
        input[layout->magnitude] = quantised(square_root(squares), layout->magnitude);
    }
#endif
}

void muvr_quantise(const float window[MUVR_WINDOW_SAMPLES * MUVR_CHANNELS])
{
    uint8_t *input = muvr_input();
    int sensor, sample;

    for (sample = 0; sample < MUVR_WINDOW_SAMPLES; sample++)
        for (sensor = 0; sensor < MUVR_SENSORS; sensor++)
            quantise_sensor(&muvr_sensors[sensor], window + sample * MUVR_CHANNELS, input + sample * MUVR_INPUTS);
}

static void quantise_pending(int64_t start)
{
    uint8_t *input = muvr_input();
    int sensor, sample;

    for (sensor = 0; sensor < MUVR_SENSORS; sensor++) {
        const waiting *queue = &waitings[sensor];
        int place = (queue->oldest + (int32_t)(start - queue->first)) % MUVR_PENDING_SAMPLES;
        for (sample = 0; sample < MUVR_WINDOW_SAMPLES; sample++) {
            quantise_sensor(&muvr_sensors[sensor], pending[place], input + sample * MUVR_INPUTS);
            place = place + 1 == MUVR_PENDING_SAMPLES ? 0 : place + 1;
        }
    }
}

/* The first multiple of the stride from `point` on; exact, as grid points are far below 2^53. */
static int64_t align(int64_t point)
{
    return muvr_ceiling((double)point / MUVR_STRIDE_SAMPLES) * MUVR_STRIDE_SAMPLES;
}

/* Drop what can hardly become a window any more. */
static void drop_outdated(void)
{
    int64_t newest = 0;
    int sensor;

    for (sensor = 0; sensor < MUVR_SENSORS; sensor++)
        newest = end_of(&waitings[sensor]) > newest ? end_of(&waitings[sensor]) : newest;
    for (sensor = 0; sensor < MUVR_SENSORS; sensor++)
        drop_before(&waitings[sensor], newest - SPAN_SECONDS * MUVR_RATE_HZ);
}

int muvr_next_window(int64_t *start_ms)
{
    int64_t first = 0, end = INT64_MAX, start;
    int sensor;

    for (sensor = 0; sensor < MUVR_SENSORS; sensor++) {
        const waiting *queue = &waitings[sensor];
        first = queue->first > first ? queue->first : first;
        end = end_of(queue) < end ? end_of(queue) : end;
    }
    start = align(first);
    /* Time that went back leaves next_start ahead of everything there is: begin again from there. */
    if (next_start > start && end + SPAN_SECONDS * MUVR_RATE_HZ >= next_start)
        start = next_start;
    if (end < start + MUVR_WINDOW_SAMPLES) {
        drop_outdated();
        return 0;
    }
    quantise_pending(start);
    next_start = start + MUVR_STRIDE_SAMPLES;
    for (sensor = 0; sensor < MUVR_SENSORS; sensor++)
        drop_before(&waitings[sensor], next_start);
    *start_ms = muvr_nearest((double)(start * 1000) / MUVR_RATE_HZ);
    return 1;
}
