#include "tensor/format.h"

#include "base/size.h"

#define UNITS(bytes, count) {bytes, count, false},
#define SPREAD {4, 1, true},
#define FORMAT(name, id, elements, block, fields) \
    [INK_FORMAT_##name] = {#name, id, elements, sizeof(block), {fields}},
#define PAGED(name, elements, block, fields) \
    [INK_FORMAT_##name] = {#name, INK_NO_GGUF_ID, elements, sizeof(block), {fields}},
#define REFUSED(name, id, elements, bytes)
const ink_format_info ink_formats[INK_N_FORMATS] = {
#include "tensor/formats.def"
};
#undef FORMAT
#undef PAGED
#undef REFUSED

/* Sizes fixed by the file format; sizeof must agree on every compiler. */
_Static_assert(sizeof(ink_block_q8_0) == 34, "Q8_0");
_Static_assert(sizeof(ink_block_q4_0) == 18, "Q4_0");
_Static_assert(sizeof(ink_block_q4_1) == 20, "Q4_1");
_Static_assert(sizeof(ink_block_q5_0) == 22, "Q5_0");
_Static_assert(sizeof(ink_block_q5_1) == 24, "Q5_1");
_Static_assert(sizeof(ink_block_q2_k) == 84, "Q2_K");
_Static_assert(sizeof(ink_block_q3_k) == 110, "Q3_K");
_Static_assert(sizeof(ink_block_q4_k) == 144, "Q4_K");
_Static_assert(sizeof(ink_block_q5_k) == 176, "Q5_K");
_Static_assert(sizeof(ink_block_q6_k) == 210, "Q6_K");
_Static_assert(sizeof(ink_block_iq4_nl) == 18, "IQ4_NL");
_Static_assert(sizeof(ink_block_iq4_xs) == 136, "IQ4_XS");
_Static_assert(sizeof(ink_block_tq1_0) == 54, "TQ1_0");
_Static_assert(sizeof(ink_block_tq2_0) == 66, "TQ2_0");
_Static_assert(sizeof(ink_block_mxfp4) == 17, "MXFP4");
_Static_assert(sizeof(ink_block_nvfp4) == 36, "NVFP4");
_Static_assert(sizeof(ink_block_q1_0) == 18, "Q1_0");
_Static_assert(sizeof(ink_block_q2_0) == 18, "Q2_0");
_Static_assert(sizeof(ink_block_t2) == 66, "T2");
_Static_assert(sizeof(ink_block_t3) == 98, "T3");
_Static_assert(sizeof(ink_block_g3) == 14, "G3");
_Static_assert(sizeof(ink_block_g2) == 10, "G2");

/* Of ASCII alone: what toupper does depends on the application's locale. */
static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool same_name(const char *a, const char *b)
{
    while (*a && upper(*a) == upper(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

bool ink_format_by_name(const char *name, ink_format *format)
{
    for (int i = 0; i < INK_N_FORMATS; i++) {
        if (same_name(ink_formats[i].name, name)) {
            *format = (ink_format)i;
            return true;
        }
    }
    return false;
}

bool ink_format_row_bytes(ink_format format, uint64_t k, uint64_t *bytes)
{
    const ink_format_info *info = &ink_formats[format];
    return k % info->block_elements == 0 &&
           ink_u64_mul(k / info->block_elements, info->block_bytes, bytes);
}

bool ink_format_packed_bytes(ink_format format, uint64_t n_rows, uint64_t k, uint64_t *bytes)
{
    uint64_t row_bytes, padded;
    if (!ink_format_row_bytes(format, k, &row_bytes) ||
        !ink_u64_add(n_rows, INK_TILE_ROWS - 1, &padded))
        return false;
    return ink_u64_mul(row_bytes, padded - padded % INK_TILE_ROWS, bytes);
}
