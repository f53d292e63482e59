#include "device/device.h"

void ink_device_free(ink_device *device)
{
    if (device)
        device->interface->free(device);
}

ink_status ink_program_new(ink_program **out, ink_device *device, ink_graph *graph,
                           ink_error *error)
{
    return device->interface->compile(device, graph, out, error);
}

void ink_program_free(ink_program *program)
{
    if (program)
        program->device->interface->program_free(program);
}

void *ink_program_data(ink_program *program, ink_array *array)
{
    return program->device->interface->data(program, array);
}

ink_status ink_program_run(ink_program *program, ink_error *error)
{
    return program->device->interface->run(program, error);
}

size_t ink_device_memory_bytes(const ink_device *device)
{
    return device->interface->memory_bytes(device);
}

void ink_device_trim(ink_device *device)
{
    device->interface->trim(device);
}
