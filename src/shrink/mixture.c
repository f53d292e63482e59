/*
 * The rows, as rules, first match wins. A matrix that no rule names gets the mixture's base; the
 * matrix that makes the logits gets Q6_K, unless the base has as many bits or its rows are no
 * multiple of 256, which Q8_0 fits.
 */
#include "shrink/mixture.h"

#include <ctype.h>
#include <stdio.h>

/* In which layers a rule holds. */
typedef enum where {
    EVERYWHERE,
    FIRST_TWO,
    FIRST_FOUR,
    FIRST_SIXTEENTH,
    FIRST_EIGHTH,
    EIGHTHS_AND_THIRDS, /* the first and last eighth, and every third of those between */
    SHARED_BY_FOUR,     /* in all, when four or more query heads share a key/value head */
    EIGHT_EXPERTS,      /* in all, when there are eight experts */
    UNWEIGHTED_EIGHTH,  /* as FIRST_EIGHTH, when it is not known which columns matter; */
    WEIGHTED_EIGHTH     /* when it is */
} where;

typedef struct rule {
    uint8_t role; /* INK_WEIGHT_END ends a list */
    uint8_t where, format;
} rule;

enum { MAX_RULES = 12 };

struct ink_mixture {
    const char *name;
    uint8_t base;
    uint16_t file_type;
    rule rules[MAX_RULES];
};

#define RULE(role, where, format)                     \
    {                                                 \
        INK_WEIGHT_##role, where, INK_FORMAT_##format \
    }
#define PLAIN(format, file_type)                 \
    {                                            \
#format, INK_FORMAT_##format, file_type, \
        {                                        \
            {                                    \
                0                                \
            }                                    \
        }                                        \
    }
#define MIXTURE(name, base, file_type, ...)  \
    {                                        \
#name, INK_FORMAT_##base, file_type, \
        {                                    \
            __VA_ARGS__                      \
        }                                    \
    }
/* What mixtures of K formats do when there are eight experts: these matrices are small there. */
#define KEY_VALUE_OF_EIGHT RULE(VALUE, EIGHT_EXPERTS, Q8_0), RULE(KEY, EIGHT_EXPERTS, Q8_0)
#define OUTPUT_OF_EIGHT RULE(ATTENTION_OUTPUT, EIGHT_EXPERTS, Q5_K)

static const ink_mixture mixtures[] = {
    PLAIN(F32, 0),
    PLAIN(F16, 1),
    PLAIN(BF16, 32),
    PLAIN(Q8_0, 7),
    MIXTURE(Q4_0, Q4_0, 2, RULE(FFN_DOWN, WEIGHTED_EIGHTH, Q4_1)),
    PLAIN(Q4_1, 3),
    MIXTURE(Q5_0, Q5_0, 8, RULE(FFN_DOWN, WEIGHTED_EIGHTH, Q5_1)),
    PLAIN(Q5_1, 9),
    MIXTURE(Q2_K, Q2_K, 10, KEY_VALUE_OF_EIGHT, RULE(VALUE, SHARED_BY_FOUR, Q4_K),
            RULE(VALUE, EVERYWHERE, Q3_K), RULE(FFN_DOWN, EVERYWHERE, Q3_K), OUTPUT_OF_EIGHT,
            RULE(ATTENTION_OUTPUT, EVERYWHERE, Q3_K)),
    MIXTURE(Q2_K_S, Q2_K, 21, KEY_VALUE_OF_EIGHT, RULE(VALUE, SHARED_BY_FOUR, Q4_K),
            RULE(FFN_DOWN, FIRST_EIGHTH, Q4_K)),
    PLAIN(Q3_K, 11),
    MIXTURE(Q3_K_S, Q3_K, 11, KEY_VALUE_OF_EIGHT),
    MIXTURE(Q3_K_M, Q3_K, 12, KEY_VALUE_OF_EIGHT, RULE(VALUE, FIRST_TWO, Q5_K),
            RULE(VALUE, EVERYWHERE, Q4_K), RULE(FFN_DOWN, FIRST_SIXTEENTH, Q5_K),
            RULE(FFN_DOWN, EVERYWHERE, Q4_K), OUTPUT_OF_EIGHT,
            RULE(ATTENTION_OUTPUT, EVERYWHERE, Q4_K), RULE(QKV, EVERYWHERE, Q4_K)),
    MIXTURE(Q3_K_L, Q3_K, 13, KEY_VALUE_OF_EIGHT, RULE(VALUE, EVERYWHERE, Q5_K),
            RULE(FFN_DOWN, EVERYWHERE, Q5_K), RULE(ATTENTION_OUTPUT, EVERYWHERE, Q5_K),
            RULE(QKV, EVERYWHERE, Q4_K)),
    PLAIN(Q4_K, 14),
    MIXTURE(Q4_K_S, Q4_K, 14, KEY_VALUE_OF_EIGHT, RULE(VALUE, FIRST_FOUR, Q5_K),
            RULE(FFN_DOWN, FIRST_EIGHTH, Q5_K), OUTPUT_OF_EIGHT),
    MIXTURE(Q4_K_M, Q4_K, 15, KEY_VALUE_OF_EIGHT, RULE(VALUE, EIGHTHS_AND_THIRDS, Q6_K),
            RULE(FFN_DOWN, EIGHTHS_AND_THIRDS, Q6_K), OUTPUT_OF_EIGHT, RULE(QKV, EVERYWHERE, Q5_K)),
    PLAIN(Q5_K, 16),
    MIXTURE(Q5_K_S, Q5_K, 16, KEY_VALUE_OF_EIGHT),
    MIXTURE(Q5_K_M, Q5_K, 17, KEY_VALUE_OF_EIGHT, RULE(VALUE, EIGHTHS_AND_THIRDS, Q6_K),
            RULE(FFN_DOWN, EIGHTHS_AND_THIRDS, Q6_K), RULE(QKV, EVERYWHERE, Q6_K)),
    PLAIN(Q6_K, 18),
    MIXTURE(IQ4_NL, IQ4_NL, 25, KEY_VALUE_OF_EIGHT, RULE(VALUE, SHARED_BY_FOUR, Q5_K),
            RULE(FFN_DOWN, UNWEIGHTED_EIGHTH, Q5_K), OUTPUT_OF_EIGHT),
    MIXTURE(IQ4_XS, IQ4_XS, 30, KEY_VALUE_OF_EIGHT, RULE(VALUE, SHARED_BY_FOUR, Q5_K),
            RULE(FFN_DOWN, UNWEIGHTED_EIGHTH, Q5_K), OUTPUT_OF_EIGHT),
    MIXTURE(TQ1_0, TQ1_0, 36, RULE(TOKEN_EMBEDDING, EVERYWHERE, Q4_K)),
    MIXTURE(TQ2_0, TQ2_0, 37, RULE(TOKEN_EMBEDDING, EVERYWHERE, Q4_K)),
    PLAIN(MXFP4, 38),
    PLAIN(NVFP4, 39),
    PLAIN(Q1_0, 40),
    PLAIN(Q2_0, 41),
    PLAIN(T2, INK_OWN_GGUF_ID + 2),
    PLAIN(T3, INK_OWN_GGUF_ID + 3),
};

const ink_mixture *ink_mixture_at(size_t index)
{
    return index < sizeof mixtures / sizeof *mixtures ? &mixtures[index] : NULL;
}

const char *ink_mixture_name(const ink_mixture *mixture)
{
    return mixture->name;
}

ink_format ink_mixture_base(const ink_mixture *mixture)
{
    return (ink_format)mixture->base;
}

uint32_t ink_mixture_file_type(const ink_mixture *mixture)
{
    return mixture->file_type;
}

void ink_mixture_list(char *out, size_t n_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < sizeof mixtures / sizeof *mixtures && used < n_bytes; i++)
        used +=
            (size_t)snprintf(out + used, n_bytes - used, "%s%s", i ? ", " : "", mixtures[i].name);
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

static bool holds(where condition, const ink_mixture_place *place)
{
    const ink_layer_hparams *of = &place->hparams->layers[place->layer];
    uint32_t n = place->hparams->n_layers, layer = place->layer, eighth = n / 8;
    switch (condition) {
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
        return of->n_heads >= 4 * of->n_kv_heads;
    case EIGHT_EXPERTS:
        return place->hparams->n_experts == 8;
    case UNWEIGHTED_EIGHTH:
        return layer < eighth && !place->weighted;
    case WEIGHTED_EIGHTH:
        return layer < eighth && place->weighted;
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

/* The role that rules name in its place. */
static ink_role ruled_as(ink_role role)
{
    static const uint8_t as[INK_N_WEIGHT_ROLES] = {
        [INK_WEIGHT_EXPERTS_DOWN] = INK_WEIGHT_FFN_DOWN,
        [INK_WEIGHT_SHARED_DOWN] = INK_WEIGHT_FFN_DOWN,
        [INK_WEIGHT_DELTA_QKV] = INK_WEIGHT_QKV,
        [INK_WEIGHT_PER_LAYER_EMBEDDING] = INK_WEIGHT_TOKEN_EMBEDDING,
    };
    return as[role] ? (ink_role)as[role] : role;
}

ink_format ink_mixture_format(const ink_mixture *mixture, const ink_mixture_place *place)
{
    ink_role role = ruled_as(place->role);
    if (place->output && is_narrow((ink_format)mixture->base))
        return fits(INK_FORMAT_Q6_K, place->k) ? INK_FORMAT_Q6_K : INK_FORMAT_Q8_0;
    for (const rule *r = mixture->rules; !place->output && r->role != INK_WEIGHT_END; r++)
        if (r->role == role && holds((where)r->where, place))
            return (ink_format)r->format;
    return (ink_format)mixture->base;
}

ink_format ink_mixture_fallback(ink_format format)
{
    static const uint8_t fallbacks[INK_N_FORMATS] = {
        [INK_FORMAT_Q2_K] = INK_FORMAT_IQ4_NL,   [INK_FORMAT_Q3_K] = INK_FORMAT_IQ4_NL,
        [INK_FORMAT_IQ4_XS] = INK_FORMAT_IQ4_NL, [INK_FORMAT_Q4_K] = INK_FORMAT_Q5_0,
        [INK_FORMAT_Q5_K] = INK_FORMAT_Q5_1,     [INK_FORMAT_Q6_K] = INK_FORMAT_Q8_0,
        [INK_FORMAT_TQ1_0] = INK_FORMAT_Q4_0,    [INK_FORMAT_TQ2_0] = INK_FORMAT_Q4_0,
        [INK_FORMAT_NVFP4] = INK_FORMAT_MXFP4,   [INK_FORMAT_Q1_0] = INK_FORMAT_Q4_0,
        [INK_FORMAT_Q2_0] = INK_FORMAT_Q4_0,     [INK_FORMAT_T2] = INK_FORMAT_IQ4_NL,
        [INK_FORMAT_T3] = INK_FORMAT_IQ4_NL};
    return fallbacks[format] ? (ink_format)fallbacks[format] : INK_FORMAT_F16;
}
