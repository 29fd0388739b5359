/* Sums of products of bytes: for machines with instructions for it, and in plain C for all others.

   Compilers do not find these instructions well enough by themselves: a horizontal sum for every output costs an x86
   more than the products, and a Cortex-M4 multiplies two pairs at a time only when told so. All variants give the
   same integers; with MUVR_PLAIN_C defined there is but one, and no header of the compiler is needed. */

#ifndef MUVR_DOT_H
#define MUVR_DOT_H

#include <stdint.h>

#if !defined(MUVR_PLAIN_C) && defined(__AVX512VNNI__) && defined(__AVX512VL__)
#include <immintrin.h>
#define MUVR_DOT_VNNI
#define MUVR_DOT_STEP 32
#define MUVR_DOT_OUTPUTS 8
#elif !defined(MUVR_PLAIN_C) && defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#include <arm_acle.h>
#define MUVR_DOT_SIMD32
#define MUVR_DOT_STEP 4
#elif defined(MUVR_DOT_STEP)
/* As the compiler's command line says. */
#elif defined(__AVX2__)
#define MUVR_DOT_STEP 32
#elif defined(__SSE2__) || defined(__ARM_NEON)
#define MUVR_DOT_STEP 16
#else
#define MUVR_DOT_STEP 1
#endif

#ifndef MUVR_DOT_OUTPUTS
#define MUVR_DOT_OUTPUTS 4
#endif

/* Where vectors are long, zeros cost less than leaving out what they are multiplied with. */
#define MUVR_SEPARATE (MUVR_DOT_STEP < 16)

/* Bytes of a row of weights: products are summed up in whole steps, so rows are filled up with zeros. */
#define MUVR_ROW(weights) (((weights) + MUVR_DOT_STEP - 1) / MUVR_DOT_STEP * MUVR_DOT_STEP)

/* Of MUVR_DOT_OUTPUTS outputs, sums[o] = bias[o] + sum of seen[i] * weights[o][i]; `row` is a multiple of
   MUVR_DOT_STEP. */
static inline void muvr_dots(const uint8_t *seen, const int8_t *weights, uint32_t row, const int32_t *bias,
                             int32_t *sums);

/* The same of one output. */
static inline int32_t muvr_dot(const uint8_t *seen, const int8_t *weights, uint32_t row)
{
    int32_t sum = 0;
    uint32_t i;

    for (i = 0; i < row; i++)
        sum += seen[i] * weights[i];
    return sum;
}

#if defined(MUVR_DOT_VNNI)

static inline void muvr_dots(const uint8_t *seen, const int8_t *weights, uint32_t row, const int32_t *bias,
                             int32_t *sums)
{
    __m256i s[MUVR_DOT_OUTPUTS], low, high, total;
    uint32_t i, o;

    for (o = 0; o < MUVR_DOT_OUTPUTS; o++)
        s[o] = _mm256_setzero_si256();
    for (i = 0; i < row; i += MUVR_DOT_STEP, weights += MUVR_DOT_STEP) {
        const __m256i values = _mm256_loadu_si256((const __m256i *)(seen + i));
        for (o = 0; o < MUVR_DOT_OUTPUTS; o++)
            s[o] = _mm256_dpbusd_epi32(s[o], values, _mm256_loadu_si256((const __m256i *)(weights + o * row)));
    }
    low = _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3]));
    high = _mm256_hadd_epi32(_mm256_hadd_epi32(s[4], s[5]), _mm256_hadd_epi32(s[6], s[7]));
    total = _mm256_add_epi32(_mm256_permute2x128_si256(low, high, 0x20),
                             _mm256_permute2x128_si256(low, high, 0x31));
    total = _mm256_add_epi32(total, _mm256_loadu_si256((const __m256i *)bias));
    _mm256_storeu_si256((__m256i *)sums, total);
}

#elif defined(MUVR_DOT_SIMD32)

static inline uint32_t muvr_four_bytes(const void *at)
{
    uint32_t bytes;

    __builtin_memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

/* Two pairs at a time: bytes 0 and 2, then 1 and 3. */
static inline int32_t muvr_dot_bytes(int32_t sum, uint16x2_t even, uint16x2_t odd, const int8_t *weights)
{
    const uint32_t bytes = muvr_four_bytes(weights);

    sum = __smlad((int16x2_t)even, __sxtb16((int8x4_t)bytes), sum);
    return __smlad((int16x2_t)odd, __sxtb16((int8x4_t)(bytes >> 8 | bytes << 24)), sum);
}

static inline void muvr_dots(const uint8_t *seen, const int8_t *weights, uint32_t row, const int32_t *bias,
                             int32_t *sums)
{
    const int8_t *w0 = weights, *w1 = w0 + row, *w2 = w1 + row, *w3 = w2 + row;
    const uint8_t *end = seen + row;
    int32_t s0 = bias[0], s1 = bias[1], s2 = bias[2], s3 = bias[3];

    for (; seen < end; seen += 4, w0 += 4, w1 += 4, w2 += 4, w3 += 4) {
        const uint32_t bytes = muvr_four_bytes(seen);
        const uint16x2_t even = __uxtb16((uint8x4_t)bytes), odd = __uxtb16((uint8x4_t)(bytes >> 8));
        s0 = muvr_dot_bytes(s0, even, odd, w0);
        s1 = muvr_dot_bytes(s1, even, odd, w1);
        s2 = muvr_dot_bytes(s2, even, odd, w2);
        s3 = muvr_dot_bytes(s3, even, odd, w3);
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

#else

static inline void muvr_dots(const uint8_t *seen, const int8_t *weights, uint32_t row, const int32_t *bias,
                             int32_t *sums)
{
    const int8_t *w0 = weights, *w1 = w0 + row, *w2 = w1 + row, *w3 = w2 + row;
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    uint32_t i;

    for (i = 0; i < row; i++) {
        s0 += seen[i] * w0[i];
        s1 += seen[i] * w1[i];
        s2 += seen[i] * w2[i];
        s3 += seen[i] * w3[i];
    }
    sums[0] = bias[0] + s0;
    sums[1] = bias[1] + s1;
    sums[2] = bias[2] + s2;
    sums[3] = bias[3] + s3;
}

#endif

#endif
