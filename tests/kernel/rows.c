/* The table of rows: kernels.def, with the family that each signature belongs to. */
#include "check.h"

#include <string.h>

/* A new signature is a compile error here until it has a family. */
#define FAMILY(fn)                                       \
    _Generic((fn), ink_matmul_fn *                       \
             : &family_matmul, ink_values_f32_fn *       \
             : &family_values, ink_quantize_q8_fn *      \
             : &family_quantize, ink_gemm_f32_fn *       \
             : &family_gemm, ink_rms_norm_fn *           \
             : &family_rms_norm, ink_layer_norm_fn *     \
             : &family_layer_norm, ink_softmax_page_fn * \
             : &family_softmax_page, ink_scale_fn *      \
             : &family_scale, ink_exp_fn *               \
             : &family_unary, ink_pack_fn *              \
             : &family_pack, ink_add_fn *                \
             : &family_binary)

#define ROW(op, isa, needs, fn, format) {op, #isa, needs, (any_fn *)(fn), FAMILY(&(fn)), format},
#define KERNEL(op, isa, needs) ROW(#op, isa, needs, ink_##op##_##isa, INK_N_FORMATS)
#define VALUES(op, FORMAT, isa, needs) \
    ROW("values_" #op, isa, needs, ink_values_##op##_##isa, INK_FORMAT_##FORMAT)
#define MATMUL(op, FORMAT, isa, needs) \
    ROW("matmul_" #op, isa, needs, ink_matmul_##op##_##isa, INK_FORMAT_##FORMAT)

const kernel_row kernel_rows[] = {
#include "kernel/kernels.def"
};
const size_t n_kernel_rows = sizeof kernel_rows / sizeof *kernel_rows;

/* Ops that mean something else by a signature they share; a prefix ends with an underscore. */
static const struct {
    const char *op;
    const family *family;
} by_name[] = {
    {"softmax", &family_softmax},
    {"rope_", &family_rope},
};

const family *row_family(const kernel_row *row)
{
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++) {
        size_t n = strlen(by_name[i].op);
        bool prefix = by_name[i].op[n - 1] == '_';
        if (strncmp(row->op, by_name[i].op, n) == 0 && (prefix || row->op[n] == '\0'))
            return by_name[i].family;
    }
    return row->signature;
}

ink_format row_format(const kernel_row *row)
{
    return row->format;
}
