/* Each allocation fails in turn while a model is converted and exported. */
#include "support.h"

#include <stdio.h>
#include <unistd.h>
#include "published.h"

#define MAX_CALLS 20000

typedef struct paths {
    published p;
    const char *type;
    char again[160], bin[1024], tok[1024];
} paths;

static ink_status convert(const ink_allocator *allocator, void *context)
{
    const paths *x = context;
    const ink_conversion conversion = {.allocator = allocator, .type = x->type};
    (void)unlink(x->p.out);
    ink_status status = ink_convert(x->p.dir, x->p.out, &conversion, NULL);
    assert_int_equal(access(x->p.out, F_OK) == 0, status == INK_OK);
    return status;
}

static ink_status export(const ink_allocator *allocator, void *context)
{
    const paths *x = context;
    const ink_conversion conversion = {.allocator = allocator};
    if (access(x->again, F_OK) == 0)
        ink_remove_folder(x->again);
    ink_status status = ink_export(x->p.model, x->again, &conversion, NULL);
    assert_int_equal(access(x->again, F_OK) == 0, status == INK_OK);
    return status;
}

static ink_status convert_bin(const ink_allocator *allocator, void *context)
{
    const paths *x = context;
    const ink_conversion conversion = {.allocator = allocator, .tokenizer = x->tok};
    return ink_convert(x->bin, x->p.out, &conversion, NULL);
}

static void memory_runs_out(void **state)
{
    paths x;
    (void)state;
    published_make(&x.p, "F16");
    (void)snprintf(x.again, sizeof x.again, "%s/again", x.p.folder);
    x.type = "F16";
    assert_true(ink_fail_each_allocation(convert, &x, MAX_CALLS) > 50);
    x.type = "Q8_0";
    assert_true(ink_fail_each_allocation(convert, &x, MAX_CALLS) > 100);
    assert_true(ink_fail_each_allocation(export, &x, MAX_CALLS) > 50);
    ink_remove_folder(x.again);
    published_remove(&x.p);
}

static void memory_runs_out_of_llama2c(void **state)
{
    paths x;
    (void)state;
    ink_require_shared();
    published_make(&x.p, "F16");
    ink_shared_path("weights/stories260K.bin", x.bin, sizeof x.bin);
    ink_shared_path("weights/tok512.bin", x.tok, sizeof x.tok);
    assert_true(ink_fail_each_allocation(convert_bin, &x, MAX_CALLS) > 50);
    published_remove(&x.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(memory_runs_out_of_llama2c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
