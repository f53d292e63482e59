/*
 * The merges that could be done next, lowest order first.
 *
 * Short words use a heap. In a long one the heap would outgrow every cache, and repetitive text
 * fills it with candidates of few ranks; there each rank is a lane, a list that is as good as
 * sorted, because a sweep over one rank finds the candidates of the others from left to right. What
 * comes out of order, or belongs before what is being taken, goes through the heap as ever: the
 * order is the same, only cheaper (10 MB of one letter: 3.6 to 0.5 s).
 */
#ifndef INK_TEXT_TOKEN_QUEUE_H
#define INK_TEXT_TOKEN_QUEUE_H

#include "inkling.h"

typedef struct ink_merge_candidate {
    uint64_t order; /* rank, then the left symbol; once in a queue only */
    /* of it and its neighbor, at least 2; symbols only grow: another sum means they have changed */
    uint32_t n_bytes;
    int32_t id;
} ink_merge_candidate;

/* Candidates of one rank, by index into the entries. */
typedef struct ink_merge_lane {
    uint32_t rank, first, last;
    bool sorted;
} ink_merge_lane;

typedef struct ink_merge_entry {
    uint32_t left, n_bytes;
    int32_t id;
    uint32_t next;
} ink_merge_entry;

typedef struct ink_merge_queue {
    const ink_allocator *allocator;
    ink_merge_candidate *heap; /* [n_heap]; one without bytes opens the lane that is its id */
    size_t n_heap, heap_capacity;
    bool uses_lanes;
    int64_t rank;          /* of the lane last opened, or -1; all above go to lanes */
    uint32_t open, recent; /* the lane being emptied, and the one last added to */
    ink_merge_lane *lanes; /* [n_lanes] */
    size_t n_lanes, lane_capacity;
    ink_merge_entry *entries; /* [n_entries]; those taken are chained from `unused` */
    size_t n_entries, entry_capacity;
    uint32_t unused;
    uint32_t *slots; /* [n_slots], a power of two: rank to lane + 1 */
    size_t n_slots, slot_capacity;
} ink_merge_queue;

void ink_merge_queue_init(ink_merge_queue *queue, const ink_allocator *allocator);
void ink_merge_queue_deinit(ink_merge_queue *queue);

/* Empties the queue for a word of n symbols; false without memory. */
bool ink_merge_queue_begin(ink_merge_queue *queue, size_t n_symbols);

/* false without memory. */
bool ink_merge_queue_push(ink_merge_queue *queue, ink_merge_candidate candidate);

/* The first in order leaves the queue; n_bytes is 0 when there is none. false without memory. */
bool ink_merge_queue_pop(ink_merge_queue *queue, ink_merge_candidate *out);

/* The first in order when it stands in a lane that is open; false when it does not, or is none. */
bool ink_merge_queue_peek(const ink_merge_queue *queue, ink_merge_candidate *out);

/* Takes away what was just peeked at. */
void ink_merge_queue_drop(ink_merge_queue *queue);

#endif
