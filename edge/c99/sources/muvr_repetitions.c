/* Counts repetitions, as coach/repetitions/compact.py does, to the last bit: that says how, and why.

   The same operations in the same order and precision. Who does not call muvr_begin_set pays next to nothing: the
   linker then leaves this file out. */

#include "muvr.h"
#include "muvr_layers.h"

#define AXES 3
#define STEPS_MAX 127
#define HALF_POINTS 4 /* a repetition is compared at so many points before it turns, and after */
#define POINTS (2 * HALF_POINTS)

typedef int32_t course[POINTS][AXES];

/* Repetitions are around every other turn from `first` on, of an axis's swings of at least `height`. */
typedef struct {
    float score;
    int32_t axis;
    int32_t drifting;
    int32_t height;
    int32_t first;
    int32_t count;
} explanation;

static int8_t samples[MUVR_COUNTING_SAMPLES_MAX][AXES];
static uint16_t turns[MUVR_COUNTING_TURNS_MAX + 2]; /* and a begin and an end around them */
static float sums[AXES];                            /* of the values that wait, in steps */
static float gain;
static int32_t waiting, sample_count, turn_count;
static int32_t scale; /* samples pushed that become one */

/* Each two samples become one, what is lost by it being carried on to the next. */
static void halve(void)
{
    int32_t i, axis;

    for (axis = 0; axis < AXES; axis++) {
        int32_t both = 0;
        for (i = 0; i < MUVR_COUNTING_SAMPLES_MAX; i += 2) {
            both = samples[i][axis] + samples[i + 1][axis] + (both & 1);
            samples[i / 2][axis] = (int8_t)(both >> 1);
        }
    }
    sample_count = MUVR_COUNTING_SAMPLES_MAX / 2;
    scale *= 2;
    gain *= 0.5f;
}

static void keep(void)
{
    int32_t axis;

    for (axis = 0; axis < MUVR_COUNTING_AXES; axis++) {
        float steps = sums[axis];
        steps = steps < (float)STEPS_MAX ? steps : (float)STEPS_MAX;
        steps = steps > -(float)STEPS_MAX ? steps : -(float)STEPS_MAX;
        samples[sample_count][axis] = (int8_t)((int32_t)(steps + (STEPS_MAX + 0.5f)) - STEPS_MAX);
        sums[axis] = steps - (float)samples[sample_count][axis];
    }
    sample_count++;
    waiting = 0;
}

static void take(const float *values)
{
    int32_t axis;

    if (sample_count == MUVR_COUNTING_SAMPLES_MAX) {
        if (scale == MUVR_COUNTING_AVERAGED * MUVR_COUNTING_FACTOR_MAX)
            return;
        halve();
    }
    for (axis = 0; axis < MUVR_COUNTING_AXES; axis++)
        sums[axis] += values[axis] * gain;
    if (++waiting == scale)
        keep();
}

void muvr_begin_set(void)
{
    int32_t axis;

    for (axis = 0; axis < AXES; axis++)
        sums[axis] = 0.0f;
    waiting = sample_count = 0;
    scale = MUVR_COUNTING_AVERAGED;
    gain = MUVR_COUNTING_GAIN;
    muvr_counter = take;
}

void muvr_end_set(void)
{
    muvr_counter = 0;
}

static int32_t held(int32_t i)
{
    return i < 0 ? 0 : i < sample_count ? i : sample_count - 1;
}

/* The mean with weights that fall from `length` to 0, of values `apart` samples, the ends held. */
static int32_t triangle(int32_t axis, int32_t at, int32_t length, int32_t apart)
{
    int32_t total = 0, offset;

    for (offset = 1 - length; offset < length; offset++)
        total += (length - (offset < 0 ? -offset : offset)) * samples[held(at + offset * apart)][axis];
    return total * MUVR_COUNTING_FINENESS / (length * length);
}

static int32_t smooth_at(int32_t axis, int32_t at)
{
    const int32_t factor = scale / MUVR_COUNTING_AVERAGED;

    return triangle(axis, at, (MUVR_COUNTING_SMOOTH + factor - 1) / factor | 1, 1);
}

/* The line of an axis, without its slow drift if that is said. */
static int32_t line_at(const explanation *way, int32_t at)
{
    int32_t value = smooth_at(way->axis, at);

    if (way->drifting) {
        const int32_t usual = MUVR_COUNTING_DRIFT * MUVR_COUNTING_AVERAGED / scale;
        const int32_t most = sample_count / (3 * MUVR_COUNTING_DRIFT_LENGTH);
        const int32_t apart = usual < most ? usual : most;
        value -= triangle(way->axis, at, MUVR_COUNTING_DRIFT_LENGTH, apart > 1 ? apart : 1);
    }
    return value;
}

static void find_turns(const explanation *way)
{
    int32_t farthest[2], places[2], is_open[2] = {1, 1}; /* upwards and downwards; the first swing may go either way */
    int32_t now, half, side;

    turn_count = 0;
    for (now = 0; now < sample_count && turn_count < MUVR_COUNTING_TURNS_MAX; now++) {
        int32_t value = line_at(way, now);
        for (side = 0; side < 2; side++, value = -value) {
            if (now == 0 || (is_open[side] && value > farthest[side])) {
                farthest[side] = value;
                places[side] = now;
            }
            if (is_open[side] && farthest[side] - value >= way->height) {
                turns[++turn_count] = (uint16_t)places[side];
                is_open[side] = 0;
                is_open[1 - side] = 1;
                farthest[1 - side] = -value;
                places[1 - side] = now;
                break;
            }
        }
    }
    if (turn_count == 0)
        return;
    half = turn_count > 1 ? (turns[turn_count] - turns[1]) / (turn_count - 1) : sample_count / 2;
    turns[0] = (uint16_t)held(turns[1] - half);
    turns[turn_count + 1] = (uint16_t)held(turns[turn_count] + half);
}

static void follow(int32_t turn, course points)
{
    int32_t point, axis;

    for (point = 0; point < POINTS; point++) {
        const uint16_t *half = &turns[turn - 1 + point / HALF_POINTS];
        const int32_t at = half[0] + (half[1] - half[0]) * (point % HALF_POINTS) / HALF_POINTS;
        for (axis = 0; axis < AXES; axis++)
            points[point][axis] = smooth_at(axis, at);
    }
}

static float covariance(course one, course other)
{
    int32_t sum = 0, axis, point;

    for (axis = 0; axis < AXES; axis++) {
        int32_t ones = 0, others = 0;
        for (point = 0; point < POINTS; point++) {
            ones += one[point][axis];
            others += other[point][axis];
            sum += POINTS * one[point][axis] * other[point][axis];
        }
        sum -= ones * others;
    }
    return (float)sum;
}

/* About the correlation: covariance by the geometric mean of variances, after a step of Newton's. */
static float likeness(course one, course other)
{
    const float own = covariance(one, one), others = covariance(other, other);
    const float mean = (own + others) * 0.5f + 1.0f;

    return covariance(one, other) / ((mean + own * others / mean) * 0.5f);
}

/* Of the repetitions around every other turn from `first` on, the neighbours that are most alike. */
static float find_stretch(explanation *way, int32_t first)
{
    course courses[2];
    int32_t turn, begun = first, number = 1;
    float best = 0.0f, current = 0.0f;

    way->first = first;
    way->count = 1;
    follow(first, courses[0]);
    for (turn = first + 2; turn <= turn_count; turn += 2, number++) {
        follow(turn, courses[number & 1]);
        if (!(current > 0.0f)) {
            current = 0.0f;
            begun = turn - 2;
        }
        current += likeness(courses[~number & 1], courses[number & 1]) - MUVR_COUNTING_LIKENESS_MIN;
        if (current > best) {
            best = current;
            way->first = begun;
            way->count = (turn - begun) / 2 + 1;
        }
    }
    return best / (float)number;
}

/* The score of the explanation that begins with `first`, but for how many heights gave the same turns. */
static void judge(explanation *way, int32_t first)
{
    const float alike = find_stretch(way, first);
    const uint16_t *begun = &turns[way->first], *last = begun + 2 * way->count - 2;
    const int32_t span = last[1] - begun[-1], links = way->count - 1;
    const int32_t times = links > 0 ? *last - *begun : span;
    const float usual = (float)(times * scale) / (float)((links > 0 ? links : 1) * MUVR_COUNTING_USUAL);

    way->score = MUVR_COUNTING_LIKENESS * alike + MUVR_COUNTING_SPAN * ((float)span / (float)sample_count) +
                 MUVR_COUNTING_TEMPO * (usual + 1.0f / usual) + MUVR_COUNTING_DRIFTING * (float)way->drifting;
}

/* Look along an axis for an explanation better than `best`. */
static void explain(explanation *best, int32_t axis, int32_t drifting)
{
    static const uint8_t heights[] = MUVR_COUNTING_HEIGHTS;
    explanation ways[2];
    int32_t mean = 0, deviation = 0, before = 0, found = 0, i, first;

    ways[0].axis = axis;
    ways[0].drifting = drifting;
    for (i = 0; i < sample_count; i++)
        mean += line_at(ways, i);
    mean /= sample_count;
    for (i = 0; i < sample_count; i++) {
        const int32_t value = line_at(ways, i) - mean;
        deviation += value < 0 ? -value : value;
    }
    ways[1] = ways[0];
    for (i = 0; i < (int32_t)sizeof heights; i++) {
        ways[0].height = ways[1].height = deviation * heights[i] / (sample_count * MUVR_COUNTING_HEIGHT_PARTS) + 1;
        find_turns(ways);
        found = turn_count == before ? found + 1 : 1;
        for (first = 0; first < 2 && first < turn_count; first++) {
            float score;
            if (turn_count != before)
                judge(&ways[first], first + 1);
            score = ways[first].score + MUVR_COUNTING_FOUND * (float)found;
            if (best->count == 0 || score > best->score) {
                *best = ways[first];
                best->score = score;
            }
        }
        before = turn_count;
    }
}

static void describe(const uint16_t *at, muvr_repetition *repetition)
{
    int32_t greatest = 0, place;

    for (place = 0; place < 2 * AXES; place++) {
        const int32_t change = smooth_at(place / 2, at[0]) - smooth_at(place / 2, at[place % 2 * 2 - 1]);
        const int32_t size = change < 0 ? -change : change;
        greatest = size > greatest ? size : greatest;
    }
    repetition->begin = at[-1] * scale + scale / 2;
    repetition->turn = at[0] * scale + scale / 2;
    repetition->end = at[1] * scale + scale / 2;
    repetition->range = (float)greatest * MUVR_COUNTING_UNIT;
}

int muvr_repetitions(muvr_repetition *repetitions, int count_max)
{
    explanation best;
    int32_t line, nr;

    best.count = 0;
    if (sample_count > 2 * MUVR_COUNTING_LAG)
        for (line = 0; line < 2 * AXES; line++)
            explain(&best, line / 2, line % 2);
    if (best.count > 0)
        find_turns(&best);
    for (nr = 0; nr < best.count && nr < count_max; nr++)
        describe(&turns[best.first + 2 * nr], &repetitions[nr]);
    return best.count;
}
