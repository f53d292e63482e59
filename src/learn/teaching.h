/*
 * An objective (trainer.h) that a teacher sets: its expectations, in place of the text's next
 * tokens or beside them, and batches that the student writes itself.
 */
#ifndef INK_LEARN_TEACHING_H
#define INK_LEARN_TEACHING_H

#include "learn/teacher_cache.h"
#include "learn/trainer.h"

typedef struct ink_teaching {
    const ink_distillation *options; /* NULL: there is no teacher */
    ink_divergence_kind kind;
    const ink_allocator *allocator;
    ink_teacher teacher;
    ink_teacher_cache cache; /* expected NULL: the teacher runs beside */
    ink_session *student;    /* that writes; NULL: it does not */
    ink_objective objective;
    ink_array *expected, *ids, *truth; /* inputs of the graph that learns */
    bool own;                          /* the batch is the student's own writing */
} ink_teaching;

/* Checks the options; opens nothing. */
ink_status ink_teaching_init(ink_teaching *teaching, const ink_distillation *options,
                             ink_error *error);

/* Once the student is open and the corpus has begun. A teaching without a teacher opens nothing. */
ink_status ink_teaching_open(ink_teaching *teaching, const ink_model *student,
                             const ink_corpus *corpus, const ink_training *training,
                             ink_error *error);
void ink_teaching_close(ink_teaching *teaching);

/* Adds what decides the bits. */
void ink_teaching_digest(const ink_teaching *teaching, ink_sha256 *sum);

/*
 * By `seed`, lets the student go on from the first half of each sequence of the batch, whose end is
 * replaced, or leaves the batch as it is.
 */
ink_status ink_teaching_write(ink_teaching *teaching, ink_batch *batch, uint64_t seed,
                              ink_error *error);

#endif
