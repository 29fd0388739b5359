/* How muvr_model.c describes the network and the preprocessing to the code that is the same for every model. */

#ifndef MUVR_LAYERS_H
#define MUVR_LAYERS_H

#include <stdint.h>

#include "muvr_dot.h"
#include "muvr_model.h"

typedef enum { MUVR_CONVOLUTION, MUVR_SEPARATE_CONVOLUTION, MUVR_MAX_POOL, MUVR_GLOBAL_AVERAGE } muvr_layer_kind;

/* Output o of a separate convolution sees the channel o % inputs alone.

   Activations are int8 [samples][channels]. An accumulator of a convolution is
   bias + sum of weight * (input + 128), the input's zero point being folded into the bias, and becomes
   accumulator * multiplier * 2^(shift - 31) + output_zero_point, clamped. */
typedef struct {
    muvr_layer_kind kind;
    uint16_t samples; /* of the input */
    uint16_t inputs;  /* channels of the input */
    uint16_t length;  /* samples of the output, after the pool */
    uint16_t outputs; /* channels of the output */
    uint16_t size;    /* taps of a convolution, samples of a pool */
    uint16_t stride;
    uint16_t padding_before; /* samples of the value input_zero_point, before and after the input */
    uint16_t padding_after;
    uint16_t pool_size; /* a convolution is followed by a max pool of so many samples, 1 if there is none */
    uint16_t pool_stride;
    int16_t input_zero_point;
    int16_t output_zero_point;
    int16_t activation_min;
    int16_t activation_max;
    const int8_t *weights; /* [outputs][MUVR_ROW(size * inputs)]; separate: [outputs][size] */
    const int32_t *bias;   /* [outputs] */
    const int32_t *multiplier; /* [outputs] */
    const int8_t *shift;       /* [outputs]; to the left if positive */
} muvr_layer;

typedef struct {
    uint8_t first_channel;
    uint8_t axes;
    uint8_t magnitude; /* the input channel of the length of its vector, 0 if there is none */
} muvr_sensor;

extern const muvr_layer muvr_layers[MUVR_LAYERS];
extern const muvr_sensor muvr_sensors[MUVR_SENSORS];
extern const float muvr_channel_mean[MUVR_INPUTS];
extern const float muvr_channel_gain[MUVR_INPUTS];
extern const float muvr_softmax_factors[8]; /* exp(-2^i * output_scale / temperature) */

/* Queue the values [axes] of a grid point of a sensor; what does not follow those that wait replaces them. */
void muvr_append(int sensor, int64_t point, const float *values);

/* The nearest integers, for magnitudes below 2^51, and whether a < b, for finite numbers. */
int64_t muvr_floor(double value);
int64_t muvr_ceiling(double value);
int64_t muvr_nearest(double value); /* halves to even */
int muvr_is_less(double a, double b);

/* Who is told the values [axes] of MUVR_COUNTED_SENSOR as they are resampled, or 0. */
extern void (*muvr_counter)(const float *values);

/* What muvr_reset does in muvr_resampler.c. */
void muvr_reset_resamplers(void);

#endif
