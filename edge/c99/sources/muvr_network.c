/* The int8 network: TensorFlow Lite Micro's integers, with gemmlowp's double rounding.

   The scheme is Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
   Inference" (CVPR 2018). No accumulator can leave int32: the generator refuses a model where one could. */

#include "muvr.h"
#include "muvr_layers.h"

/* A layer reads at one end of the arena and writes at the other. Values are kept as uint8, + 128, because machines
   that multiply bytes want one side without a sign. */
static uint8_t arena[MUVR_ARENA_BYTES + MUVR_DOT_STEP - 1];
static int32_t accumulators[MUVR_OUTPUTS_MAX];
static int32_t greatest[MUVR_OUTPUTS_MAX];
static int8_t outputs[MUVR_CLASSES];

static void sum_separately(const muvr_layer *layer, const uint8_t *seen, int32_t *sums)
{
    const int8_t *weights = layer->weights;
    uint32_t output, channel = 0, tap;

    for (output = 0; output < layer->outputs; output++) {
        const uint8_t *value = seen + channel;
        int32_t sum = layer->bias[output];
        for (tap = 0; tap < layer->size; tap++, value += layer->inputs)
            sum += *value * *weights++;
        sums[output] = sum;
        channel = channel + 1 == layer->inputs ? 0 : channel + 1;
    }
}

/* What one sample of a convolution's outputs sums up of the inputs `seen`. What is read beyond them meets weights of
   zero. Several outputs at a time share the reading. */
static void sum_products(const muvr_layer *layer, const uint8_t *seen, int32_t *sums)
{
    const uint32_t row = MUVR_ROW((uint32_t)layer->size * layer->inputs);
    uint32_t output = 0;

    if (layer->kind == MUVR_SEPARATE_CONVOLUTION) {
        sum_separately(layer, seen, sums);
        return;
    }
    for (; output + MUVR_DOT_OUTPUTS <= layer->outputs; output += MUVR_DOT_OUTPUTS)
        muvr_dots(seen, layer->weights + output * row, row, layer->bias + output, sums + output);
    for (; output < layer->outputs; output++)
        sums[output] = layer->bias[output] + muvr_dot(seen, layer->weights + output * row, row);
}

/* round(round(x * 2^left * multiplier / 2^31) / 2^right): gemmlowp's SaturatingRoundingDoublingHighMul, halves up,
   then RoundingDivideByPOT, halves away from zero. */
static void rescale(const muvr_layer *layer, const int32_t *sums, uint8_t *output)
{
    const int32_t zero_point = layer->output_zero_point;
    const int32_t lowest = layer->activation_min - zero_point, highest = layer->activation_max - zero_point;
    uint32_t i;

    for (i = 0; i < layer->outputs; i++) {
        const int32_t shift = layer->shift[i];
        const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
        const int32_t shifted = (int32_t)((uint32_t)sums[i] << left);
        const int32_t high = (int32_t)(((int64_t)shifted * layer->multiplier[i] + (1 << 30)) >> 31);
        const int32_t half = (int32_t)((1u << right) >> 1);
        const int32_t down = half == 0 ? 0 : high >> 31; /* -1 for what is negative */
        const int32_t value = (high + half + down) >> right;
        const int32_t bounded = value < lowest ? lowest : value > highest ? highest : value;
        output[i] = (uint8_t)(bounded + zero_point + 128);
    }
}

/* Rescaling never decreases, so the pool's maximum is taken before it, of which there is less to rescale then. */
static void convolve(const muvr_layer *layer, const uint8_t *input, uint8_t *output)
{
    const uint32_t stride = (uint32_t)layer->stride * layer->inputs;
    uint32_t sample, tap, i;

    for (sample = 0; sample < layer->length; sample++, output += layer->outputs) {
        const uint8_t *seen = input + sample * layer->pool_stride * stride;
        sum_products(layer, seen, greatest);
        for (tap = 1; tap < layer->pool_size; tap++) {
            sum_products(layer, seen + tap * stride, accumulators);
            for (i = 0; i < layer->outputs; i++)
                greatest[i] = accumulators[i] > greatest[i] ? accumulators[i] : greatest[i];
        }
        rescale(layer, greatest, output);
    }
}

#if MUVR_POOLS_ALONE
static void pool_max(const muvr_layer *layer, const uint8_t *input, uint8_t *output)
{
    uint32_t sample, channel, tap;

    for (sample = 0; sample < layer->length; sample++) {
        const uint8_t *seen = input + (uint32_t)sample * layer->stride * layer->inputs;
        for (channel = 0; channel < layer->inputs; channel++) {
            uint8_t most = seen[channel];
            for (tap = 1; tap < layer->size; tap++) {
                const uint8_t value = seen[tap * layer->inputs + channel];
                most = value > most ? value : most;
            }
            *output++ = most;
        }
    }
}
#endif

/* The mean, rounded half away from zero: C's division goes towards zero. */
static void average(const muvr_layer *layer, const uint8_t *input, uint8_t *output)
{
    const int32_t size = layer->size;
    uint32_t channel, sample;

    for (channel = 0; channel < layer->inputs; channel++) {
        int32_t total = 0;
        for (sample = 0; sample < layer->samples; sample++)
            total += input[sample * layer->inputs + channel] - 128;
        output[channel] = (uint8_t)((total + (total < 0 ? -(size / 2) : size / 2)) / size + 128);
    }
}

/* Where the input of layer `nr` is, with its padding; behind the last layer, where its output is. */
static uint8_t *buffer_of(uint32_t nr, uint32_t bytes)
{
    return nr % 2 == 0 ? arena : arena + MUVR_ARENA_BYTES - bytes;
}

/* The first sample of a layer's input; what stands before and after it is set to the zero point. */
static uint8_t *padded_input(uint32_t nr)
{
    const muvr_layer *layer = &muvr_layers[nr];
    const uint32_t before = (uint32_t)layer->padding_before * layer->inputs;
    const uint32_t values = (uint32_t)layer->samples * layer->inputs;
    const uint32_t after = (uint32_t)layer->padding_after * layer->inputs;
    const uint8_t silence = (uint8_t)(layer->input_zero_point + 128);
    uint8_t *buffer = buffer_of(nr, before + values + after);
    uint32_t i;

    for (i = 0; i < before; i++)
        buffer[i] = silence;
    for (i = before + values; i < before + values + after; i++)
        buffer[i] = silence;
    return buffer + before;
}

uint8_t *muvr_input(void)
{
    return padded_input(0);
}

const int8_t *muvr_run(void)
{
    uint8_t *input = padded_input(0), *output = input;
    uint32_t nr, i;

    for (nr = 0; nr < MUVR_LAYERS; nr++, input = output) {
        const muvr_layer *layer = &muvr_layers[nr];
        const uint32_t before = (uint32_t)layer->padding_before * layer->inputs;
        output = nr + 1 < MUVR_LAYERS ? padded_input(nr + 1) : buffer_of(nr + 1, MUVR_CLASSES);
        if (layer->kind == MUVR_CONVOLUTION || layer->kind == MUVR_SEPARATE_CONVOLUTION)
            convolve(layer, input - before, output);
#if MUVR_POOLS_ALONE
        else if (layer->kind == MUVR_MAX_POOL)
            pool_max(layer, input, output);
#endif
        else
            average(layer, input, output);
    }
    for (i = 0; i < MUVR_CLASSES; i++)
        outputs[i] = (int8_t)(output[i] - 128);
    return outputs;
}

/* Outputs differ by whole steps, so exp(-steps * size) is a product of the factors that the bits of `steps` name. */
void muvr_softmax(const int8_t output[MUVR_CLASSES], float probabilities[MUVR_CLASSES])
{
    int8_t most = output[0];
    float total = 0.0f;
    int i, bit;

    for (i = 1; i < MUVR_CLASSES; i++)
        most = output[i] > most ? output[i] : most;
    for (i = 0; i < MUVR_CLASSES; i++) {
        const int32_t steps = most - output[i];
        float weight = 1.0f;
        for (bit = 0; bit < 8; bit++)
            if (steps >> bit & 1)
                weight *= muvr_softmax_factors[bit];
        probabilities[i] = weight;
        total += weight;
    }
    for (i = 0; i < MUVR_CLASSES; i++)
        probabilities[i] /= total;
}
