/*
 * Which matrix gets which format: the mixtures of the reference quantizer as rules, first match
 * wins. A matrix that no rule names gets the mixture's base; the matrix that makes the logits gets
 * Q6_K, unless the base has as many bits or its rows are no multiple of 256, which Q8_0 fits.
 */
#include <ctype.h>
#include "cli/synthetic.h"

/* In which layers a rule holds. */
typedef enum where {
    EVERYWHERE,
    FIRST_TWO,
    FIRST_FOUR,
    FIRST_SIXTEENTH,
    FIRST_EIGHTH,
    EIGHTHS_AND_THIRDS, /* the first and last eighth, and every third of those between */
    SHARED_BY_FOUR      /* in all, when four or more query heads share a key/value head */
} where;

typedef struct rule {
    ink_role role; /* INK_WEIGHT_END ends a list */
    where where;
    ink_format format;
} rule;

enum { MAX_RULES = 8 };

struct ink_mixture {
    const char *name;
    ink_format base;
    rule rules[MAX_RULES];
};

#define RULE(role, where, format)                     \
    {                                                 \
        INK_WEIGHT_##role, where, INK_FORMAT_##format \
    }
#define PLAIN(format)                 \
    {                                 \
#format, INK_FORMAT_##format, \
        {                             \
            {                         \
                0                     \
            }                         \
        }                             \
    }
#define MIXTURE(name, base, ...)  \
    {                             \
#name, INK_FORMAT_##base, \
        {                         \
            __VA_ARGS__           \
        }                         \
    }

static const ink_mixture mixtures[] = {
    PLAIN(F32),
    PLAIN(F16),
    PLAIN(BF16),
    PLAIN(Q8_0),
    PLAIN(Q4_0),
    PLAIN(Q4_1),
    PLAIN(Q5_0),
    PLAIN(Q5_1),
    MIXTURE(Q2_K, Q2_K, RULE(VALUE, SHARED_BY_FOUR, Q4_K), RULE(VALUE, EVERYWHERE, Q3_K),
            RULE(FFN_DOWN, EVERYWHERE, Q3_K), RULE(ATTENTION_OUTPUT, EVERYWHERE, Q3_K)),
    PLAIN(Q3_K),
    MIXTURE(Q3_K_M, Q3_K, RULE(VALUE, FIRST_TWO, Q5_K), RULE(VALUE, EVERYWHERE, Q4_K),
            RULE(FFN_DOWN, FIRST_SIXTEENTH, Q5_K), RULE(FFN_DOWN, EVERYWHERE, Q4_K),
            RULE(ATTENTION_OUTPUT, EVERYWHERE, Q4_K), RULE(QKV, EVERYWHERE, Q4_K)),
    PLAIN(Q4_K),
    MIXTURE(Q4_K_S, Q4_K, RULE(VALUE, FIRST_FOUR, Q5_K), RULE(FFN_DOWN, FIRST_EIGHTH, Q5_K)),
    MIXTURE(Q4_K_M, Q4_K, RULE(VALUE, EIGHTHS_AND_THIRDS, Q6_K),
            RULE(FFN_DOWN, EIGHTHS_AND_THIRDS, Q6_K), RULE(QKV, EVERYWHERE, Q5_K)),
    PLAIN(Q5_K),
    MIXTURE(Q5_K_M, Q5_K, RULE(VALUE, EIGHTHS_AND_THIRDS, Q6_K),
            RULE(FFN_DOWN, EIGHTHS_AND_THIRDS, Q6_K), RULE(QKV, EVERYWHERE, Q6_K)),
    PLAIN(Q6_K),
    MIXTURE(IQ4_NL, IQ4_NL, RULE(VALUE, SHARED_BY_FOUR, Q5_K), RULE(FFN_DOWN, FIRST_EIGHTH, Q5_K)),
    MIXTURE(IQ4_XS, IQ4_XS, RULE(VALUE, SHARED_BY_FOUR, Q5_K), RULE(FFN_DOWN, FIRST_EIGHTH, Q5_K)),
    MIXTURE(TQ1_0, TQ1_0, RULE(TOKEN_EMBEDDING, EVERYWHERE, Q4_K)),
    MIXTURE(TQ2_0, TQ2_0, RULE(TOKEN_EMBEDDING, EVERYWHERE, Q4_K)),
    PLAIN(MXFP4),
};

const ink_mixture *ink_mixture_at(size_t index)
{
    return index < sizeof mixtures / sizeof *mixtures ? &mixtures[index] : NULL;
}

const char *ink_mixture_name(const ink_mixture *mixture)
{
    return mixture->name;
}

static bool same_name(const char *a, const char *b)
{
    while (*a && toupper((unsigned char)*a) == toupper((unsigned char)*b))
        a++, b++;
    return *a == *b;
}

const ink_mixture *ink_mixture_find(const char *name)
{
    for (size_t i = 0; i < sizeof mixtures / sizeof *mixtures; i++)
        if (same_name(mixtures[i].name, name))
            return &mixtures[i];
    return NULL;
}

static bool holds(where place, const ink_hparams *hparams, uint32_t layer)
{
    uint32_t n = hparams->n_layers, eighth = n / 8;
    switch (place) {
    case EVERYWHERE:
        return true;
    case FIRST_TWO:
        return layer < 2;
    case FIRST_FOUR:
        return layer < 4;
    case FIRST_SIXTEENTH:
        return layer < n / 16;
    case FIRST_EIGHTH:
        return layer < eighth;
    case EIGHTHS_AND_THIRDS:
        return layer < eighth || layer >= 7 * n / 8 || (layer - eighth) % 3 == 2;
    case SHARED_BY_FOUR:
        return hparams->layers[layer].n_heads >= 4 * hparams->layers[layer].n_kv_heads;
    }
    return false;
}

static bool fits(ink_format format, uint64_t k)
{
    return k % ink_formats[format].block_elements == 0;
}

/* Fewer bits a value than Q8_0. */
static bool is_narrow(ink_format format)
{
    const ink_format_info *a = &ink_formats[format], *b = &ink_formats[INK_FORMAT_Q8_0];
    return a->block_bytes * b->block_elements < b->block_bytes * a->block_elements;
}

ink_format ink_mixture_format(const ink_mixture *mixture, const ink_hparams *hparams, ink_role role,
                              uint32_t layer, bool output, uint64_t k)
{
    if (output && is_narrow(mixture->base))
        return fits(INK_FORMAT_Q6_K, k) ? INK_FORMAT_Q6_K : INK_FORMAT_Q8_0;
    for (const rule *r = mixture->rules; !output && r->role != INK_WEIGHT_END; r++)
        if (r->role == role && holds(r->where, hparams, layer))
            return r->format;
    return mixture->base;
}

ink_format ink_mixture_fallback(ink_format format)
{
    static const ink_format fallbacks[INK_N_FORMATS] = {
        [INK_FORMAT_Q2_K] = INK_FORMAT_IQ4_NL,   [INK_FORMAT_Q3_K] = INK_FORMAT_IQ4_NL,
        [INK_FORMAT_IQ4_XS] = INK_FORMAT_IQ4_NL, [INK_FORMAT_Q4_K] = INK_FORMAT_Q5_0,
        [INK_FORMAT_Q5_K] = INK_FORMAT_Q5_1,     [INK_FORMAT_Q6_K] = INK_FORMAT_Q8_0,
        [INK_FORMAT_TQ1_0] = INK_FORMAT_Q4_0,    [INK_FORMAT_TQ2_0] = INK_FORMAT_Q4_0};
    return fallbacks[format];
}
