#include "convert/rows.h"

#include <math.h>
#include "base/size.h"
#include "base/status.h"
#include "kernel/kernel.h"

#define STRIPE_VALUES ((size_t)1 << 18)

/* ---- Orders ---------------------------------------------------------------------------------- */

static uint64_t heads_of(const ink_row_map *map)
{
    uint64_t own = map->order == INK_ROWS_KEYS ? map->n_kv_heads : map->n_heads;
    return map->order == INK_ROWS_GROUPED ? own + 2 * map->n_kv_heads : own;
}

bool ink_row_map_fits(const ink_row_map *map)
{
    uint64_t n = heads_of(map);
    if (map->order < INK_ROWS_QUERIES)
        return true;
    if (map->n_kv_heads == 0 || n == 0 || map->n_rows % n != 0)
        return false;
    return map->order == INK_ROWS_GROUPED ? map->n_heads % map->n_kv_heads == 0
                                          : map->n_rows / n % 2 == 0;
}

/* Halves lie one behind the other there, and alternate here. */
static uint64_t permuted(uint64_t row, uint64_t width, bool back)
{
    uint64_t in = row % width, half = width / 2;
    return row - in + (back ? in % half * 2 + in / half : in % 2 * half + in / 2);
}

/* Heads: here all queries, then all keys, then all values. */
static uint64_t grouped(const ink_row_map *map, uint64_t head, bool back)
{
    uint64_t n_groups = map->n_kv_heads, per = map->n_heads / n_groups;
    if (back) {
        uint64_t group = head / (per + 2), in = head % (per + 2);
        return in < per ? group * per + in : map->n_heads + (in - per) * n_groups + group;
    }
    if (head < map->n_heads)
        return head / per * (per + 2) + head % per;
    head -= map->n_heads;
    return head % n_groups * (per + 2) + per + head / n_groups;
}

uint64_t ink_row_move(const ink_row_map *map, uint64_t row, bool back)
{
    if (map->order < INK_ROWS_QUERIES)
        return row;
    uint64_t width = map->n_rows / heads_of(map);
    return map->order == INK_ROWS_GROUPED ? grouped(map, row / width, back) * width + row % width
                                          : permuted(row, width, back);
}

bool ink_copy_format(const char *name, ink_format *out)
{
    return ink_format_by_name(name, out) &&
           (*out == INK_FORMAT_F32 || *out == INK_FORMAT_F16 || *out == INK_FORMAT_BF16);
}

/* ---- Copying --------------------------------------------------------------------------------- */

static bool grow(const ink_allocator *allocator, float **values, size_t *room, size_t n)
{
    float *grown = n > *room ? ink_resize(allocator, *values, n, sizeof *grown) : *values;
    if (!grown)
        return false;
    *values = grown;
    *room = ink_size_max(n, *room);
    return true;
}

static ink_status go_on(ink_copier *copier, uint64_t n, ink_error *error)
{
    const ink_progress *progress = &copier->progress;
    copier->n_done += n;
    if (progress->report &&
        !progress->report(progress->context, (float)copier->n_done / (float)copier->n_all))
        return ink_fail(error, INK_CANCELLED, 0, "cancelled");
    return INK_OK;
}

/* n values from the `at`-th on, as floats; whole blocks. */
static ink_status read_values(const ink_copier *copier, const ink_copy *c, uint64_t at, size_t n,
                              float *out, ink_error *error)
{
    const ink_format_info *from = &ink_formats[c->from];
    for (size_t done = 0, some; done < n; done += some) {
        some = ink_size_min(n - done, copier->room / from->block_elements * from->block_elements);
        size_t n_blocks = some / from->block_elements;
        INK_TRY(c->read(c->context, (at + done) / from->block_elements * from->block_bytes,
                        n_blocks * from->block_bytes, copier->blocks, error));
        ink_decode(c->from, out + done, copier->blocks, n_blocks);
    }
    return INK_OK;
}

/* Rows that lie one behind the other are read together. */
static ink_status gather(const ink_copier *copier, const ink_copy *c, uint64_t first, size_t n,
                         ink_error *error)
{
    for (size_t i = 0, run; i < n; i += run) {
        uint64_t row = ink_row_move(&c->map, first + i, c->back);
        for (run = 1; i + run < n; run++)
            if (ink_row_move(&c->map, first + i + run, c->back) != row + run)
                break;
        INK_TRY(read_values(copier, c, (c->first_row + row) * c->k, run * (size_t)c->k,
                            copier->values + i * (size_t)c->k, error));
    }
    return INK_OK;
}

static void transpose(const ink_copier *copier, const ink_copy *c, uint64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < (size_t)c->k; j++)
            copier->values[i * (size_t)c->k + j] =
                copier->whole[j * (size_t)c->map.n_rows + (size_t)first + i];
}

static ink_status finish(const ink_copier *copier, const ink_copy *c, size_t n, ink_error *error)
{
    const ink_format_info *to = &ink_formats[c->to];
    float limit = c->to == INK_FORMAT_F16 ? 65520 : INFINITY;
    for (size_t i = 0; i < n; i++) {
        double decay = (double)copier->values[i];
        if (c->decays)
            copier->values[i] = (float)(c->back ? log(-decay) : -exp(decay));
        copier->values[i] += c->add;
        if (!(fabsf(copier->values[i]) < limit))
            return ink_fail(error, INK_CORRUPT, 0, "%s: holds %g, which %s cannot", c->name,
                            (double)copier->values[i], to->name);
    }
    (void)ink_encode(c->to, copier->blocks, copier->values, n);
    return c->write(c->context, copier->blocks, n / to->block_elements * to->block_bytes, error);
}

ink_status ink_copy_rows(ink_copier *copier, const ink_copy *c, ink_error *error)
{
    size_t k = (size_t)c->k, n_rows = (size_t)c->map.n_rows, n_all, blocks_room = copier->room;
    bool transposed = c->map.order == INK_ROWS_TRANSPOSED;
    size_t room = ink_size_max(STRIPE_VALUES, k);
    float *blocks = copier->blocks;
    bool fits =
        ink_size_mul(n_rows, k, &n_all) && grow(copier->allocator, &blocks, &blocks_room, room);
    copier->blocks = blocks;
    if (!fits || !grow(copier->allocator, &copier->values, &copier->room, room) ||
        (transposed && !grow(copier->allocator, &copier->whole, &copier->whole_room, n_all)))
        return ink_fail_memory(error, c->name);
    if (transposed)
        INK_TRY(read_values(copier, c, c->first_row * k, n_all, copier->whole, error));
    for (size_t first = 0, n; first < n_rows; first += n) {
        n = ink_size_min(n_rows - first, copier->room / k);
        if (transposed)
            transpose(copier, c, first, n);
        else
            INK_TRY(gather(copier, c, first, n, error));
        INK_TRY(finish(copier, c, n * k, error));
        INK_TRY(go_on(copier, n * k, error));
    }
    return INK_OK;
}

void ink_copier_deinit(ink_copier *copier)
{
    ink_delete(copier->allocator, copier->blocks);
    ink_delete(copier->allocator, copier->values);
    ink_delete(copier->allocator, copier->whole);
}
