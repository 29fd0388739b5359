/* Resamples the streams of all sensors to one grid, and hands each grid point on as soon as it is known.

   The same operations in the same order and precision as Python's domain/windows.py, so that the values are equal bit
   for bit. There a stream's samples are kept until nothing needs them, here no more than the latest two and the
   integral up to them. */

#include "muvr.h"
#include "muvr_layers.h"

#define PERIOD_MS (1000.0 / MUVR_RATE_HZ)
#define HALF_MS (PERIOD_MS / 2)
#define GAP_MS_MAX 250.0       /* samples missing for longer are not interpolated over */
#define START_MS_MAX 4102444800000
#define RATE_HZ_MAX 1000.0
#define SCALE_MAX 1e6f
#define FRAME_SECONDS_MAX 600.0
#define AXES_MAX 3
#define ROUNDING 6755399441055744.0 /* 1.5 * 2^52: a double has whole numbers only around it */

typedef struct {
    double at_ms; /* since the stream's origin */
    double values[AXES_MAX];
    double integrals[AXES_MAX]; /* of the signal between samples joined by lines, from base_ms to this sample */
} sample_point;

/* A double as IEEE 754 has it stored: 0, or sign and size. Microcontrollers do doubles in software, and what is done
   with the bits needs the least of it. */
typedef union {
    double value;
    int64_t bits;
} stored;

/* A stream being resampled: the value of a grid point is the mean of the signal over one period around it. */
typedef struct {
    sample_point before, latest;
    uint8_t count;      /* of these two that exist */
    uint8_t is_opened;  /* the signal's integral at the left edge of the grid point `next` is known */
    int64_t origin_ms;
    int64_t next;       /* the grid point that is not known yet */
    double base_ms;     /* where the integrals begin */
    double opened_ms;
    double opening[AXES_MAX];
} resampler;

static resampler resamplers[MUVR_SENSORS];

int muvr_is_less(double a, double b)
{
    stored difference;

    difference.value = b - a;
    return difference.bits > 0;
}

int64_t muvr_nearest(double value)
{
    stored rounded, zero;

    rounded.value = value + ROUNDING;
    zero.value = ROUNDING;
    return rounded.bits - zero.bits;
}

int64_t muvr_floor(double value)
{
    return muvr_nearest(value) - muvr_is_less(value, value + ROUNDING - ROUNDING);
}

int64_t muvr_ceiling(double value)
{
    return -muvr_floor(-value);
}

/* above < value <= most; what is not a number is beyond all. */
static int is_between(double above, double value, double most)
{
    return muvr_is_less(above, value) && !muvr_is_less(most, value);
}

static double greater(double a, double b)
{
    return muvr_is_less(b, a) ? a : b;
}

void muvr_reset_resamplers(void)
{
    int sensor;

    for (sensor = 0; sensor < MUVR_SENSORS; sensor++)
        resamplers[sensor].count = 0;
}

/* The left edge of the grid point `next`, or its right one, which is also the left edge of the one after it, if
   that comes from the same frame: Python computes the edges so, and the last bit may depend on it. */
static double edge_of(const resampler *stream, int64_t end)
{
    const double origin_ms = (double)stream->origin_ms;

    if (!stream->is_opened)
        return (double)stream->next * PERIOD_MS - origin_ms - HALF_MS;
    if (stream->next + 1 < end)
        return (double)(stream->next + 1) * PERIOD_MS - origin_ms - HALF_MS;
    return (double)stream->next * PERIOD_MS - origin_ms + HALF_MS;
}

/* The signal's integral from base_ms to `at_ms`, which lies between the latest two samples. */
static double integral_at(const resampler *stream, double at_ms, int axis)
{
    const sample_point *left = &stream->before, *right = &stream->latest;
    const double into = at_ms - left->at_ms;
    const double slope = (right->values[axis] - left->values[axis]) / (right->at_ms - left->at_ms);

    return left->integrals[axis] + into * (left->values[axis] + slope * into / 2);
}

static void integrate(resampler *stream, int axes)
{
    const double half_step = (stream->latest.at_ms - stream->before.at_ms) / 2;
    int axis;

    for (axis = 0; axis < axes; axis++) {
        const double sum = stream->latest.values[axis] + stream->before.values[axis];
        stream->latest.integrals[axis] = stream->before.integrals[axis] + sum * half_step;
    }
}

/* Let the integrals begin at the last sample up to `edge_ms`: earlier ones are not needed any more. */
static void rebase(resampler *stream, double edge_ms, int axes)
{
    int axis;

    stream->is_opened = 0;
    if (!muvr_is_less(edge_ms, stream->latest.at_ms)) {
        for (axis = 0; axis < axes; axis++)
            stream->latest.integrals[axis] = 0.0;
        stream->base_ms = stream->latest.at_ms;
        stream->count = 1;
        return;
    }
    for (axis = 0; axis < axes; axis++)
        stream->before.integrals[axis] = 0.0;
    stream->base_ms = stream->before.at_ms;
    integrate(stream, axes);
}

/* Pass the edges up to the latest sample, or with `all` those of every grid point before `end`. */
static void pass_edges(int sensor, int64_t end, int all)
{
    resampler *stream = &resamplers[sensor];
    const int axes = muvr_sensors[sensor].axes;
    float values[AXES_MAX];
    int axis;

    while (stream->count == 2 && (!stream->is_opened || stream->next < end)) {
        const double edge_ms = edge_of(stream, end);
        const double at_ms = greater(edge_ms, stream->base_ms);
        const double width_ms = at_ms - stream->opened_ms;
        if (!muvr_is_less(at_ms, stream->latest.at_ms) && !(all && stream->next < end))
            return;
        for (axis = 0; axis < axes; axis++) {
            const double integral = integral_at(stream, at_ms, axis);
            if (stream->is_opened)
                values[axis] = (float)((integral - stream->opening[axis]) / width_ms);
            stream->opening[axis] = integral;
        }
        stream->opened_ms = at_ms;
        if (!stream->is_opened) {
            stream->is_opened = 1;
            continue;
        }
        muvr_append(sensor, stream->next, values);
        stream->next++;
        if (stream->next == end)
            rebase(stream, edge_ms, axes);
    }
}

static void begin(resampler *stream, int64_t start_ms)
{
    stream->count = 0;
    stream->is_opened = 0;
    stream->origin_ms = start_ms;
    stream->base_ms = 0.0;
    stream->next = muvr_ceiling((double)start_ms / PERIOD_MS);
}

/* Whether a frame that starts at `start_ms` goes on where its stream is, or begins it anew. */
static int is_continued(const resampler *stream, int64_t start_ms, double step_ms)
{
    const double gap_ms = (double)(start_ms - stream->origin_ms) - stream->latest.at_ms;

    return stream->count > 0 && is_between(0.0, gap_ms, greater(GAP_MS_MAX, 1.5 * step_ms));
}

static void add_sample(resampler *stream, double at_ms, const int16_t *raw, float scale, int axes)
{
    int axis;

    stream->before = stream->latest;
    stream->latest.at_ms = at_ms;
    for (axis = 0; axis < axes; axis++) {
        const float value = (float)raw[axis] * scale;
        stream->latest.values[axis] = (double)value;
        stream->latest.integrals[axis] = 0.0;
    }
    if (stream->count > 0)
        integrate(stream, axes);
    stream->count = stream->count > 0 ? 2 : 1;
}

static int is_valid(const muvr_frame *frame)
{
    return frame->sensor < MUVR_SENSORS && 0 <= frame->start_ms && frame->start_ms <= START_MS_MAX &&
           is_between(0.0, frame->rate_hz, RATE_HZ_MAX) && 0 < frame->scale && frame->scale <= SCALE_MAX &&
           frame->count > 0 && !muvr_is_less(FRAME_SECONDS_MAX * frame->rate_hz, frame->count);
}

int muvr_push(const muvr_frame *frame)
{
    resampler *stream;
    double step_ms, offset_ms, latest_ms;
    int64_t end;
    int axes, i;

    if (!is_valid(frame))
        return 0;
    stream = &resamplers[frame->sensor];
    axes = muvr_sensors[frame->sensor].axes;
    step_ms = 1000.0 / frame->rate_hz;
    if (!is_continued(stream, frame->start_ms, step_ms))
        begin(stream, frame->start_ms);
    offset_ms = (double)(frame->start_ms - stream->origin_ms);
    latest_ms = offset_ms + (frame->count - 1) * step_ms;
    end = muvr_floor((latest_ms - HALF_MS + (double)stream->origin_ms) / PERIOD_MS) + 1;
    pass_edges(frame->sensor, end, 0);
    for (i = 0; i < frame->count; i++) {
        add_sample(stream, offset_ms + i * step_ms, frame->samples + i * axes, frame->scale, axes);
        pass_edges(frame->sensor, end, i + 1 == frame->count);
    }
    return 1;
}
