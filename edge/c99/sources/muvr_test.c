/* Runs the test vectors: windows through the network, and raw frames through the preprocessing.

   Says PASS, and returns 0, or the first difference, and returns 1. */

#include "muvr.h"
#include "muvr_board.h"
#include "muvr_test_vectors.h"

#define PROBABILITY_ERROR_MAX 1e-5f

static void print_number(const char *name, int32_t value)
{
    char digits[12];
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    int place = 11;

    digits[place] = '\0';
    do {
        digits[--place] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--place] = '-';
    muvr_print(name);
    muvr_print(digits + place);
}

static int differs(const char *what, int32_t nr, int32_t place, int32_t is, int32_t expected)
{
    if (is == expected)
        return 0;
    print_number(what, nr);
    print_number(", value ", place);
    print_number(": ", is);
    print_number(" instead of ", expected);
    muvr_print("\nFAIL\n");
    return 1;
}

static int input_differs(const char *what, int32_t nr, const int8_t *expected)
{
    int32_t i;

    for (i = 0; i < MUVR_TEST_INPUT_VALUES; i++)
        if (differs(what, nr, i, muvr_input()[i] - 128, expected[i]))
            return 1;
    return 0;
}

static int output_differs(int32_t nr, const int8_t *output)
{
    int32_t i;

    for (i = 0; i < MUVR_CLASSES; i++)
        if (differs("output of window ", nr, i, output[i], muvr_test_outputs[nr][i]))
            return 1;
    return 0;
}

static int probabilities_differ(int32_t nr, const int8_t *output)
{
    float probabilities[MUVR_CLASSES];
    int32_t i;

    muvr_softmax(output, probabilities);
    for (i = 0; i < MUVR_CLASSES; i++) {
        const float error = probabilities[i] - muvr_test_probabilities[nr][i];
        if (-PROBABILITY_ERROR_MAX <= error && error <= PROBABILITY_ERROR_MAX)
            continue;
        print_number("probabilities of window ", nr);
        print_number(", class ", i);
        muvr_print(" differ\nFAIL\n");
        return 1;
    }
    return 0;
}

static int test_network(void)
{
    int32_t nr;

    for (nr = 0; nr < MUVR_TEST_WINDOWS; nr++) {
        const int8_t *output;
        uint32_t begun;
        muvr_quantise(muvr_test_windows[nr]);
        if (input_differs("input of window ", nr, muvr_test_inputs[nr]))
            return 1;
        begun = muvr_instructions();
        output = muvr_run();
        print_number("instructions of window ", nr);
        print_number(": ", (int32_t)(muvr_instructions() - begun));
        muvr_print("\n");
        if (output_differs(nr, output) || probabilities_differ(nr, output))
            return 1;
    }
    return 0;
}

/* Take a frame, and compare the windows that it completes with those expected from number `cut` on. */
static int test_frame(const muvr_frame *frame, int32_t *cut)
{
    int64_t start_ms;

    if (!muvr_push(frame)) {
        muvr_print("a frame was refused\nFAIL\n");
        return 1;
    }
    while (muvr_next_window(&start_ms)) {
        if (*cut == MUVR_TEST_CUT_WINDOWS || start_ms != muvr_test_cut_starts_ms[*cut]) {
            print_number("a window is cut elsewhere: number ", *cut);
            muvr_print("\nFAIL\n");
            return 1;
        }
        if (input_differs("input of cut window ", *cut, muvr_test_cut_inputs[*cut]))
            return 1;
        ++*cut;
    }
    return 0;
}

static int test_windows(void)
{
    uint32_t begun = muvr_instructions();
    int32_t cut = 0, nr;

    muvr_reset();
    for (nr = 0; nr < MUVR_TEST_FRAMES; nr++)
        if (test_frame(&muvr_test_frames[nr], &cut))
            return 1;
    print_number("instructions of preprocessing: ", (int32_t)(muvr_instructions() - begun));
    print_number("\nwindows cut: ", cut);
    muvr_print("\n");
    if (cut == MUVR_TEST_CUT_WINDOWS)
        return 0;
    print_number("windows expected: ", MUVR_TEST_CUT_WINDOWS);
    muvr_print("\nFAIL\n");
    return 1;
}

static int test_counting(void)
{
    static muvr_repetition found[MUVR_TEST_REPETITIONS];
    uint32_t begun;
    int32_t nr, count;

    muvr_reset();
    muvr_begin_set();
    if (!muvr_push(&muvr_test_set)) {
        muvr_print("a set was refused\nFAIL\n");
        return 1;
    }
    muvr_end_set();
    begun = muvr_instructions();
    count = muvr_repetitions(found, MUVR_TEST_REPETITIONS);
    print_number("instructions of counting: ", (int32_t)(muvr_instructions() - begun));
    print_number("\nrepetitions: ", count);
    muvr_print("\n");
    if (differs("repetitions", 0, 0, count, MUVR_TEST_REPETITIONS))
        return 1;
    for (nr = 0; nr < count; nr++) {
        const muvr_repetition *expected = &muvr_test_repetitions[nr];
        if (differs("begin of repetition ", nr, 0, found[nr].begin, expected->begin) ||
            differs("turn of repetition ", nr, 0, found[nr].turn, expected->turn) ||
            differs("end of repetition ", nr, 0, found[nr].end, expected->end) ||
            differs("range of repetition ", nr, 0, found[nr].range == expected->range, 1))
            return 1;
    }
    return 0;
}

int main(void)
{
    if (test_network() || test_windows() || test_counting())
        return 1;
    muvr_print("PASS\n");
    return 0;
}
