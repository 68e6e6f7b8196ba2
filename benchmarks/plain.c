/* What one writes down without further thought; the limit that the filters are measured against.
 * Coefficients b0 b1 b2 a1 a2 of four sections; their eight delays in z. */

void plain_sos4(const double *c, double *z, const double *x, double *y, long n)
{
    double b00 = c[0], b01 = c[1], b02 = c[2], a01 = c[3], a02 = c[4];
    double b10 = c[5], b11 = c[6], b12 = c[7], a11 = c[8], a12 = c[9];
    double b20 = c[10], b21 = c[11], b22 = c[12], a21 = c[13], a22 = c[14];
    double b30 = c[15], b31 = c[16], b32 = c[17], a31 = c[18], a32 = c[19];
    double p0 = z[0], q0 = z[1], p1 = z[2], q1 = z[3];
    double p2 = z[4], q2 = z[5], p3 = z[6], q3 = z[7];
    for (long i = 0; i < n; i++) {
        double in = x[i], out;
        out = b00 * in + p0; p0 = b01 * in - a01 * out + q0; q0 = b02 * in - a02 * out; in = out;
        out = b10 * in + p1; p1 = b11 * in - a11 * out + q1; q1 = b12 * in - a12 * out; in = out;
        out = b20 * in + p2; p2 = b21 * in - a21 * out + q2; q2 = b22 * in - a22 * out; in = out;
        out = b30 * in + p3; p3 = b31 * in - a31 * out + q3; q3 = b32 * in - a32 * out;
        y[i] = out;
    }
    z[0] = p0; z[1] = q0; z[2] = p1; z[3] = q1;
    z[4] = p2; z[5] = q2; z[6] = p3; z[7] = q3;
}

/* x has taps - 1 samples of history before the n that are filtered. */
void plain_fir(const double *h, const double *x, double *y, long taps, long n)
{
    for (long i = 0; i < n; i++) {
        double total = 0.0;
        for (long k = 0; k < taps; k++)
            total += h[k] * x[taps - 1 + i - k];
        y[i] = total;
    }
}
