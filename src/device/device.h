/*
 * What runs graphs. A device turns a recorded graph into a program (planned, with memory) and runs
 * it as often as wanted; running allocates nothing. Devices implement the rows of array/ops.def
 * behind this interface.
 */
#ifndef INK_DEVICE_DEVICE_H
#define INK_DEVICE_DEVICE_H

#include "array/plan.h"

typedef struct ink_device ink_device;
typedef struct ink_program ink_program;

typedef struct ink_device_interface {
    const char *name;
    ink_status (*compile)(ink_device *device, ink_graph *graph, ink_program **out,
                          ink_error *error);
    void (*program_free)(ink_program *program);
    void *(*data)(ink_program *program, ink_array *array);
    ink_status (*run)(ink_program *program, ink_error *error);
    size_t (*memory_bytes)(const ink_device *device);
    void (*trim)(ink_device *device);
    void (*free)(ink_device *device);
} ink_device_interface;

/* The first member of every device and program. */
struct ink_device {
    const ink_device_interface *interface;
};

struct ink_program {
    ink_device *device;
};

/* The processor with n_threads threads and the kernels for `features` (base/cpu.h). */
ink_status ink_device_cpu_new(ink_device **out, int n_threads, uint32_t features,
                              const ink_allocator *allocator, ink_error *error);

/*
 * Bytes that it holds with n_threads to run a plan: enough, too, for the same step with fewer
 * tokens. False when that is more than can be addressed.
 */
bool ink_device_cpu_memory_bytes(const ink_plan *plan, int n_threads, size_t *bytes);

/* Bytes of a program for it, and of a device, without the memory above; upper bounds. */
size_t ink_device_cpu_program_bytes(const ink_plan *plan, int n_threads);
size_t ink_device_cpu_bytes(int n_threads);

void ink_device_free(ink_device *device);

/*
 * Plans what the graph's outputs need. The graph must outlive the program. Programs of one device
 * share the memory of their arrays: what one run left there is gone after the next.
 */
ink_status ink_program_new(ink_program **out, ink_device *device, ink_graph *graph,
                           ink_error *error);
void ink_program_free(ink_program *program);

/*
 * An input's memory to fill before a run, an output's to read after it; valid until a program is
 * made or run.
 */
void *ink_program_data(ink_program *program, ink_array *array);

ink_status ink_program_run(ink_program *program, ink_error *error);

/* Gives back the memory of arrays, when there is no program. The next one takes what it needs. */
void ink_device_trim(ink_device *device);

/* Bytes held for arrays and scratch. */
size_t ink_device_memory_bytes(const ink_device *device);

#endif
