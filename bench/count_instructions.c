/*
 * Counts the instructions that a program executes under qemu's user-mode emulation: a plugin, for
 * `qemu-aarch64 -plugin`. A block of instructions is counted when it begins, so an exception inside
 * one (none in normal work) counts it whole. Threads are not kept apart: run with one.
 *
 * The interface is that of the QEMU TCG plugin documentation, version 1; Debian ships no header.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
typedef struct qemu_plugin_tb block;
typedef void block_fn(plugin_id id, block *b);
typedef void end_fn(plugin_id id, void *context);
enum { ADD_U64 = 0 };

size_t qemu_plugin_tb_n_insns(const block *b);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, block_fn *f);
void qemu_plugin_register_vcpu_tb_exec_inline(block *b, int op, void *to, uint64_t value);
void qemu_plugin_register_atexit_cb(plugin_id id, end_fn *f, void *context);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int n_arguments, char **arguments);

static uint64_t n_executed;

static void count_block(plugin_id id, block *b)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(b, ADD_U64, &n_executed, qemu_plugin_tb_n_insns(b));
}

static void print_total(plugin_id id, void *context)
{
    (void)id, (void)context;
    fprintf(stderr, "instructions %" PRIu64 "\n", n_executed);
}

int qemu_plugin_install(plugin_id id, const void *info, int n_arguments, char **arguments)
{
    (void)info, (void)n_arguments, (void)arguments;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_atexit_cb(id, print_total, NULL);
    return 0;
}
