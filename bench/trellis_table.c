/*
 * The tables of src/kernel/trellis.c, and what other sizes of them would gain: the numbers that
 * windows of a stream of bits stand for, such that a Gaussian is coded with the least mean square
 * error. Lloyd's iteration on paths: samples are coded by Viterbi's algorithm, then each entry
 * becomes the mean of the samples that it was taken for.
 *
 *   cc -O3 -march=native bench/trellis_table.c -lm -o trellis_table
 *   ./trellis_table WINDOW STEP BESIDE [print]
 *
 * WINDOW bits, of which STEP are new with each weight, and BESIDE more that belong to the weight
 * alone.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, LENGTH = 4096, CHAINS = 64, TRIED = 48 };

static int window, step, beside;
static int n_states, n_edges, n_values;
static float values[MOST];
static uint16_t (*back)[MOST];

static uint64_t seed = 1;
static double uniform(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t x = seed;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return ((double)(x >> 11) + 0.5) * 0x1p-53;
}

static void fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()));
}

static double quantile(double p)
{
    double low = -8, high = 8;
    for (int i = 0; i < 60; i++) {
        double x = (low + high) / 2;
        if (0.5 * erfc(-x / sqrt(2)) < p)
            low = x;
        else
            high = x;
    }
    return low;
}

/* Indices of the best path, and its cost. */
static double encode(const float *x, int n, uint16_t *path)
{
    static float cost[2][MOST];
    float *old = cost[0], *new = cost[1];
    memset(cost, 0, sizeof cost);
    for (int t = 0; t < n; t++) {
        for (int next = 0; next < n_states; next++) {
            float best = INFINITY;
            int at = 0;
            for (int j = 0; j < 1 << step; j++) {
                int e = next << step | j;
                for (int b = 0; b < 1 << beside; b++) {
                    float off = x[t] - values[e + b * n_edges];
                    float c = old[e & (n_states - 1)] + off * off;
                    if (c < best)
                        best = c, at = e + b * n_edges;
                }
            }
            new[next] = best;
            back[t][next] = (uint16_t)at;
        }
        float least = new[0];
        for (int s = 1; s < n_states; s++)
            least = fminf(least, new[s]);
        for (int s = 0; s < n_states; s++)
            new[s] -= least;
        float *turn = old;
        old = new;
        new = turn;
    }
    int state = 0;
    for (int s = 0; s < n_states; s++)
        if (old[s] < old[state])
            state = s;
    double total = 0;
    for (int t = n; t-- > 0;) {
        path[t] = back[t][state];
        double off = (double)x[t] - (double)values[path[t]];
        total += off * off;
        state = path[t] & (n_edges - 1) & (n_states - 1);
    }
    return total / n;
}

static double lloyd(const float *x, int chains, int length)
{
    static double sums[MOST];
    static int counts[MOST];
    static uint16_t path[LENGTH];
    double error = 0;
    memset(sums, 0, sizeof sums);
    memset(counts, 0, sizeof counts);
    for (int c = 0; c < chains; c++) {
        error += encode(x + c * length, length, path);
        for (int t = 0; t < length; t++) {
            sums[path[t]] += (double)x[c * length + t];
            counts[path[t]]++;
        }
    }
    for (int i = 0; i < n_values; i++)
        if (counts[i])
            values[i] = (float)(sums[i] / counts[i]);
    return error / chains;
}

static void begin(int multiplier)
{
    for (int e = 0; e < n_edges; e++)
        for (int b = 0; b < 1 << beside; b++) {
            int rank = e * multiplier % n_edges + b * n_edges;
            values[e + b * n_edges] = (float)quantile((rank + 0.5) / n_values);
        }
}

static double measure(const float *x)
{
    static uint16_t path[LENGTH];
    double error = 0;
    for (int c = 0; c < CHAINS; c++)
        error += encode(x + c * LENGTH, LENGTH, path);
    return error / CHAINS;
}

/* From the best of several beginnings. */
static void train(const float *x)
{
    static float best[MOST];
    double least = INFINITY;
    for (int i = 0; i < TRIED; i++) {
        double error = 0;
        begin(n_edges <= 2 * TRIED ? 2 * i + 1 : (int)(uniform() * n_edges) | 1);
        for (int round = 0; round < 12; round++)
            error = lloyd(x, 4, 2048);
        if (error < least) {
            least = error;
            memcpy(best, values, sizeof best);
        }
    }
    memcpy(values, best, sizeof best);
    for (int round = 0; round < 30; round++)
        (void)lloyd(x, CHAINS, LENGTH);
}

/* The largest as 127; how large a deviation of 1 is then. */
static float round_values(void)
{
    float largest = 0;
    for (int i = 0; i < n_values; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    float unit = 127 / largest;
    for (int i = 0; i < n_values; i++)
        values[i] = rintf(values[i] * unit) / unit;
    return unit;
}

int main(int argc, char **argv)
{
    static float x[CHAINS * LENGTH];
    if (argc < 4)
        return 2;
    window = atoi(argv[1]);
    step = atoi(argv[2]);
    beside = atoi(argv[3]);
    n_edges = 1 << window;
    n_states = n_edges >> step;
    n_values = n_edges << beside;
    if (n_values > MOST || n_states < 1 || !(back = malloc(LENGTH * sizeof *back)))
        return 2;
    fill(x, CHAINS * LENGTH);
    train(x);
    fill(x, CHAINS * LENGTH); /* others than it was trained on */
    double error = measure(x), unit = (double)round_values();
    printf("window %d step %d beside %d: %d bits, error %.5f (%.2f dB), as integers %.5f, "
           "deviation 1 is %.3f\n",
           window, step, beside, step + beside, error, -10 * log10(error), measure(x), unit);
    for (int i = 0; argc > 4 && i < n_values; i++)
        printf("%s%d,%s", i % 16 ? " " : "    ", (int)rint((double)values[i] * unit),
               i % 16 == 15 ? "\n" : "");
    free(back);
    return 0;
}
