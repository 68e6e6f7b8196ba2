/* Inner loops that need vectors or several things in flight at once.
 *
 * Plain C with the vector extension that gcc and clang share: the same text becomes AVX, SSE2 or
 * NEON. No operation is reordered within a sample, so every variant gives the same bits.
 *
 * Coefficients lie as b0 b1 b2 a1 a2 per section. State of one channel: z[section][2]. State of
 * several: z[group of 4 channels][section][2][4], unused lanes zero.
 */
#ifndef VOINTI_KERNELS_H
#define VOINTI_KERNELS_H

#include <stddef.h>
#include <string.h>

typedef double vo_v2 __attribute__((vector_size(16)));
typedef double vo_v4 __attribute__((vector_size(32)));
typedef long long vo_i4 __attribute__((vector_size(32)));
typedef double vo_v4u __attribute__((vector_size(32), aligned(8)));

#define VO_INLINE static inline __attribute__((always_inline))

/* One section, direct form II transposed; s and t are its two delays. */
#define VO_SECTION(in, out, c, s, t)            \
    do {                                        \
        (out) = (c)[0] * (in) + (s);            \
        (s) = (c)[1] * (in) - (c)[3] * (out) + (t); \
        (t) = (c)[2] * (in) - (c)[4] * (out);   \
    } while (0)

/* `count` sections of one channel, one sample after the other. `count` is a constant. */
VO_INLINE void vo_sections(const double *c, double *z, const double *x, double *y, ptrdiff_t n,
                           const int count)
{
    double s[8];
    memcpy(s, z, sizeof(double) * 2 * count);
    for (ptrdiff_t i = 0; i < n; i++) {
        double in = x[i], out;
        for (int k = 0; k < count; k++) {
            VO_SECTION(in, out, c + 5 * k, s[2 * k], s[2 * k + 1]);
            in = out;
        }
        y[i] = in;
    }
    memcpy(z, s, sizeof(double) * 2 * count);
}

/* Four sections of one channel as a staircase: while section 0 works on sample i, section 1
 * works on i-1, 2 on i-2 and 3 on i-3. Two sections share a vector, and none waits for another,
 * so the time of a sample is the time of the one recursion that cannot be shortened. */
static void vo_four(const double *c, double *z, const double *x, double *y, ptrdiff_t n)
{
    if (n < 8) {
        vo_sections(c, z, x, y, n, 4);
        return;
    }
    vo_v2 ka[5], kb[5];
    for (int j = 0; j < 5; j++) {
        ka[j] = (vo_v2){c[j], c[5 + j]};
        kb[j] = (vo_v2){c[10 + j], c[15 + j]};
    }
    double s[8], in1, in2, in3, first;
    memcpy(s, z, sizeof s);
    VO_SECTION(x[0], first, c, s[0], s[1]);
    VO_SECTION(first, in2, c + 5, s[2], s[3]);
    VO_SECTION(in2, in3, c + 10, s[4], s[5]);
    VO_SECTION(x[1], first, c, s[0], s[1]);
    VO_SECTION(first, in2, c + 5, s[2], s[3]);
    VO_SECTION(x[2], in1, c, s[0], s[1]);
    vo_v2 sa = {s[0], s[2]}, ta = {s[1], s[3]}, sb = {s[4], s[6]}, tb = {s[5], s[7]};
    for (ptrdiff_t i = 3; i < n; i++) {
        vo_v2 ina = {x[i], in1}, inb = {in2, in3}, outa, outb;
        VO_SECTION(ina, outa, ka, sa, ta);
        VO_SECTION(inb, outb, kb, sb, tb);
        in1 = outa[0];
        in2 = outa[1];
        in3 = outb[0];
        y[i - 3] = outb[1];
    }
    double w[8] = {sa[0], ta[0], sa[1], ta[1], sb[0], tb[0], sb[1], tb[1]};
    VO_SECTION(in3, y[n - 3], c + 15, w[6], w[7]);
    VO_SECTION(in2, in3, c + 10, w[4], w[5]);
    VO_SECTION(in3, y[n - 2], c + 15, w[6], w[7]);
    VO_SECTION(in1, in2, c + 5, w[2], w[3]);
    VO_SECTION(in2, in3, c + 10, w[4], w[5]);
    VO_SECTION(in3, y[n - 1], c + 15, w[6], w[7]);
    memcpy(z, w, sizeof w);
}

/* A whole cascade of one channel; y may not be x. */
static void vo_cascade(const double *c, double *z, ptrdiff_t sections, const double *x, double *y,
                       ptrdiff_t n)
{
    for (; sections >= 4; sections -= 4, c += 20, z += 8, x = y)
        vo_four(c, z, x, y, n);
    if (sections == 3)
        vo_sections(c, z, x, y, n, 3);
    else if (sections == 2)
        vo_sections(c, z, x, y, n, 2);
    else if (sections == 1)
        vo_sections(c, z, x, y, n, 1);
}

/* A row's `live` channels in a vector, the other lanes zero. `live` is a constant. */
VO_INLINE vo_v4 vo_take(const double *p, const int live, const int last)
{
    if (live == 4)
        return *(const vo_v4u *)p;
    if (live == 3 && !last) /* one load that reaches into the next row, and a mask */
        return (vo_v4)((vo_i4)*(const vo_v4u *)p & (vo_i4){-1, -1, -1, 0});
    return (vo_v4){p[0], live > 1 ? p[1] : 0, live > 2 ? p[2] : 0, 0};
}

VO_INLINE void vo_put(double *p, vo_v4 v, const int live)
{
    if (live == 4) {
        *(vo_v4u *)p = v;
        return;
    }
    for (int j = 0; j < live; j++)
        p[j] = v[j];
}

/* `count` sections of up to four channels side by side; rows are `stride` doubles apart. */
VO_INLINE void vo_lanes(const double *c, double *z, const double *x, double *y, ptrdiff_t rows,
                        ptrdiff_t stride, const int count, const int live)
{
    vo_v4 k[20] = {{0}}, s[8] = {{0}};
    for (int j = 0; j < 5 * count; j++)
        k[j] = (vo_v4){c[j], c[j], c[j], c[j]};
    memcpy(s, z, sizeof(vo_v4) * 2 * count);
    for (ptrdiff_t i = 0; i < rows; i++) {
        vo_v4 in = vo_take(x + i * stride, live, i == rows - 1), out = in;
        for (int j = 0; j < count; j++) {
            VO_SECTION(in, out, k + 5 * j, s[2 * j], s[2 * j + 1]);
            in = out;
        }
        vo_put(y + i * stride, out, live);
    }
    memcpy(z, s, sizeof(vo_v4) * 2 * count);
}

VO_INLINE void vo_group(const double *c, double *z, ptrdiff_t sections, ptrdiff_t stride,
                        const double *x, double *y, ptrdiff_t rows, const int live)
{
    for (; sections >= 4; sections -= 4, c += 20, z += 32, x = y)
        vo_lanes(c, z, x, y, rows, stride, 4, live);
    if (sections == 3)
        vo_lanes(c, z, x, y, rows, stride, 3, live);
    else if (sections == 2)
        vo_lanes(c, z, x, y, rows, stride, 2, live);
    else if (sections == 1)
        vo_lanes(c, z, x, y, rows, stride, 1, live);
}

VO_INLINE void vo_groups(const double *c, double *z, ptrdiff_t sections, ptrdiff_t channels,
                         const double *x, double *y, ptrdiff_t rows)
{
    for (ptrdiff_t g = 0; g < channels; g += 4, z += 8 * sections) {
        if (channels - g >= 4)
            vo_group(c, z, sections, channels, x + g, y + g, rows, 4);
        else if (channels - g == 3)
            vo_group(c, z, sections, channels, x + g, y + g, rows, 3);
        else if (channels - g == 2)
            vo_group(c, z, sections, channels, x + g, y + g, rows, 2);
        else
            vo_group(c, z, sections, channels, x + g, y + g, rows, 1);
    }
}

/* y[i] = sum over k of h[k] x[i - k stride], sixteen results at a time, k ascending in each.
 * Up to 15 doubles after x[n - 1] are read and their results dropped. */
VO_INLINE void vo_taps(const double *h, ptrdiff_t taps, ptrdiff_t stride, const double *x,
                       double *y, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += 16) {
        vo_v4 a0 = {0, 0, 0, 0}, a1 = a0, a2 = a0, a3 = a0;
        const double *p = x + i;
        for (ptrdiff_t k = 0; k < taps; k++, p -= stride) {
            vo_v4 w = {h[k], h[k], h[k], h[k]};
            a0 += w * *(const vo_v4u *)p;
            a1 += w * *(const vo_v4u *)(p + 4);
            a2 += w * *(const vo_v4u *)(p + 8);
            a3 += w * *(const vo_v4u *)(p + 12);
        }
        if (n - i >= 16) {
            *(vo_v4u *)(y + i) = a0;
            *(vo_v4u *)(y + i + 4) = a1;
            *(vo_v4u *)(y + i + 8) = a2;
            *(vo_v4u *)(y + i + 12) = a3;
        } else {
            vo_v4 rest[4] = {a0, a1, a2, a3};
            memcpy(y + i, rest, sizeof(double) * (size_t)(n - i));
        }
    }
}

#define VO_GROUPS_ARGS                                                                     \
    const double *c, double *z, ptrdiff_t sections, ptrdiff_t channels, const double *x, \
        double *y, ptrdiff_t rows
#define VO_TAPS_ARGS \
    const double *h, ptrdiff_t taps, ptrdiff_t stride, const double *x, double *y, ptrdiff_t n

/* The same functions for the instruction set at hand; without FMA, hence with the same bits. */
static void vo_groups_base(VO_GROUPS_ARGS) { vo_groups(c, z, sections, channels, x, y, rows); }
static void vo_taps_base(VO_TAPS_ARGS) { vo_taps(h, taps, stride, x, y, n); }

#if defined(__x86_64__)
__attribute__((target("avx"))) static void vo_groups_wide(VO_GROUPS_ARGS)
{
    vo_groups(c, z, sections, channels, x, y, rows);
}
__attribute__((target("avx"))) static void vo_taps_wide(VO_TAPS_ARGS)
{
    vo_taps(h, taps, stride, x, y, n);
}
static int vo_wide(void) { return __builtin_cpu_supports("avx"); }
#else
#define vo_groups_wide vo_groups_base
#define vo_taps_wide vo_taps_base
static int vo_wide(void) { return 0; }
#endif

#endif
