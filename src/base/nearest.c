#include "base/nearest.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_WORD = 40 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t cost[MAX_WORD + 1][MAX_WORD + 1];
    for (size_t i = 0; i <= n_a; i++)
        cost[i][0] = i;
    for (size_t j = 0; j <= n_b; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= n_a; i++)
        for (size_t j = 1; j <= n_b; j++) {
            size_t changed = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            cost[i][j] = least(cost[i - 1][j] + 1, cost[i][j - 1] + 1, changed);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && cost[i - 2][j - 2] + 1 < cost[i][j])
                cost[i][j] = cost[i - 2][j - 2] + 1;
        }
    return cost[n_a][n_b];
}

const char *ink_nearest(const char *word, const char *const *names, size_t n_names)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    if (length == 0 || length > MAX_WORD)
        return NULL;
    size_t best = length / 3 + 1; /* more errors than that, and it was another word */
    for (size_t i = 0; i < n_names; i++) {
        size_t n = strlen(names[i]);
        if (n > MAX_WORD)
            continue;
        size_t d = distance(word, length, names[i], n);
        bool begins = length >= 2 && length < n && strncmp(word, names[i], length) == 0;
        if (begins && d > 1)
            d = 1;
        if (d <= best && (!nearest || d < best)) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}
