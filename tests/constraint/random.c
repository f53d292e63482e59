/* Random schemas and values: small alphabets, so that they meet often. */
#include "validate.h"

#include <string.h>

static unsigned below(uint64_t *random, unsigned n)
{
    return (unsigned)(ink_test_random(random) >> 33) % n;
}

static void put(ink_buffer *out, const char *text)
{
    assert_true(ink_buffer_text(out, text));
}

static void put_name(ink_buffer *out, uint64_t *random)
{
    static const char *const names[] = {"\"a\"", "\"b\"", "\"ab\"", "\"c1\"", "\"d\""};
    put(out, names[below(random, 5)]);
}

static void put_scalar(ink_buffer *out, uint64_t *random)
{
    static const char *const scalars[] = {
        "null", "true",  "false",   "0",      "1",       "-2",           "3",       "2.5", "12",
        "\"\"", "\"a\"", "\"abc\"", "\"b1\"", "\"\\n\"", "\"\xc3\xa9\"", "\"aab\"", "-7",  "6"};
    put(out, scalars[below(random, 18)]);
}

void write_random_value(ink_buffer *out, uint64_t *random, unsigned depth)
{
    unsigned kind = depth < 3 ? below(random, 5) : 0, n = below(random, 4);
    bool used[5] = {false};
    static const char *const names[] = {"\"a\":", "\"b\":", "\"ab\":", "\"c1\":", "\"d\":"};
    if (kind < 3) {
        put_scalar(out, random);
        return;
    }
    put(out, kind == 3 ? "[" : "{");
    for (unsigned i = 0, written = 0; i < n; i++) {
        unsigned name = below(random, 5);
        if (kind == 4 && used[name])
            continue;
        used[name] = true;
        put(out, written++ ? "," : "");
        put(out, kind == 4 ? names[name] : "");
        write_random_value(out, random, depth + 1);
    }
    put(out, kind == 3 ? "]" : "}");
}

static void put_schema(ink_buffer *out, uint64_t *random, unsigned depth);

static void put_list(ink_buffer *out, uint64_t *random, unsigned depth, unsigned n)
{
    put(out, "[");
    for (unsigned i = 0; i < n; i++) {
        put(out, i ? "," : "");
        put_schema(out, random, depth);
    }
    put(out, "]");
}

/* Members of a dict with different names, schemas as their values. */
static void put_map(ink_buffer *out, uint64_t *random, unsigned depth, const char *const *names,
                    unsigned n_names)
{
    unsigned written = 0;
    put(out, "{");
    for (unsigned i = 0; i < n_names; i++) {
        if (below(random, 2))
            continue;
        put(out, written++ ? ",\"" : "\"");
        put(out, names[i]);
        put(out, "\":");
        put_schema(out, random, depth);
    }
    put(out, "}");
}

static void put_number(ink_buffer *out, uint64_t *random, unsigned n)
{
    char digits[16];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    unsigned value = below(random, n);
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    put(out, digits + at);
}

/* One keyword and its value; which: the keyword. */
static void put_keyword(ink_buffer *out, uint64_t *random, unsigned depth, unsigned which)
{
    static const char *const types[] = {"\"null\"",   "\"boolean\"", "\"integer\"", "\"number\"",
                                        "\"string\"", "\"array\"",   "\"object\""};
    static const char *const names[] = {"a", "b", "ab", "c1", "d"};
    static const char *const counts[] = {"minLength", "maxLength",     "minItems",
                                         "maxItems",  "minProperties", "maxProperties"};
    static const char *const keys[] = {"type",
                                       "enum",
                                       "minimum",
                                       "maximum",
                                       "exclusiveMinimum",
                                       "multipleOf",
                                       "pattern",
                                       "required",
                                       "items",
                                       "prefixItems",
                                       "properties",
                                       "patternProperties",
                                       "additionalProperties",
                                       "anyOf",
                                       "allOf",
                                       "oneOf",
                                       "not",
                                       "$ref"};
    const unsigned n_keys = sizeof keys / sizeof keys[0];
    put(out, "\"");
    put(out, which < n_keys ? keys[which] : counts[(which - n_keys) % 6]);
    put(out, "\":");
    switch (which) {
    case 0:
        put(out, types[below(random, 7)]);
        break;
    case 1:
        put(out, "[");
        put_scalar(out, random);
        put(out, ",");
        write_random_value(out, random, 1);
        put(out, "]");
        break;
    case 2:
    case 3:
    case 4:
        put(out, below(random, 3) ? "" : "-");
        put_number(out, random, 14);
        put(out, below(random, 3) ? "" : ".5");
        break;
    case 5:
        put(out, below(random, 2) ? "2" : "1.5");
        break;
    case 6:
        put(out, "\"");
        put(out, known_patterns[below(random, N_KNOWN_PATTERNS)]);
        put(out, "\"");
        break;
    case 7:
        put(out, "[");
        put_name(out, random);
        put(out, "]");
        break;
    case 8:
    case 12:
    case 16:
        put_schema(out, random, depth);
        break;
    case 9:
    case 13:
    case 14:
    case 15:
        put_list(out, random, depth, 1 + below(random, 3));
        break;
    case 10:
        put_map(out, random, depth, names, 5);
        break;
    case 11:
        put_map(out, random, depth, known_patterns, 2);
        break;
    case 17:
        put(out, below(random, 2) ? "\"#/$defs/x\"" : "\"#/$defs/y\"");
        break;
    default:
        put_number(out, random, 4);
    }
}

static void put_schema(ink_buffer *out, uint64_t *random, unsigned depth)
{
    bool used[24] = {false};
    unsigned n = depth < 3 ? 1 + below(random, 4) : below(random, 2), written = 0;
    if (below(random, 12) == 0) {
        put(out, below(random, 3) ? "true" : "false");
        return;
    }
    put(out, "{");
    for (unsigned i = 0; i < n; i++) {
        unsigned which = below(random, 24);
        bool deep = which >= 8 && which <= 17; /* below the limit only what ends */
        if (used[which] || (deep && depth >= 3))
            continue;
        used[which] = true;
        put(out, written++ ? "," : "");
        put_keyword(out, random, depth + 1, which);
    }
    put(out, "}");
}

void write_random_schema(ink_buffer *out, uint64_t *random)
{
    put(out, "{\"$defs\":{\"x\":");
    put_schema(out, random, 2);
    put(out, ",\"y\":");
    put_schema(out, random, 2);
    put(out, "},\"allOf\":[");
    put_schema(out, random, 0);
    put(out, "]}");
}
