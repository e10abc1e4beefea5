/*
 * nimbert: BERT on the CPU: labels, vectors, documents in order, entities and answers.
 *
 *   nimbert_engine *engine;
 *   const char *texts[] = {"连奥创都知道整容要去韩国"};
 *   float scores[5];
 *   if (nimbert_load("stars.nimbert", NULL, &engine) != NIMBERT_STATUS_OK ||
 *       nimbert_classify(engine, texts, NULL, 1, scores, NULL, 5) != NIMBERT_STATUS_OK)
 *       fprintf(stderr, "%s\n", nimbert_last_error());
 *   nimbert_free(&engine);
 *
 * C99 and C++11. Every function may be called from any thread, and an engine be used by any number of threads at once;
 * there is no state but an engine's and, for each thread, its last error. No argument makes a function crash that can be
 * told from a good one: NULL, misaligned and impossible ones are answered with a nimbert_status. A pointer that is neither
 * NULL nor valid cannot be told.
 *
 * What ends the program all the same: no memory left, as in any Rust program; and cancelling a thread in a call
 * (pthread_cancel). After fork() the child may use and free an engine, on one thread, unless another thread was in a call
 * at that moment. NIMBERT_ISA is read from the environment by a load whose options name no instruction set.
 */

#ifndef NIMBERT_H
#define NIMBERT_H

/* Made by cbindgen from src/ffi of the Rust sources: change it there. */

#include <stddef.h>
#include <stdint.h>

// Where a model in memory has to start: its weights are used where they lie, in whole cache lines.
#define NIMBERT_ALIGNMENT 64

// What a call returns. The numbers do not change between versions; new ones may come.
enum nimbert_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Done.
    NIMBERT_STATUS_OK = 0,
    // A pointer is NULL or misaligned, or a count is impossible.
    NIMBERT_STATUS_ARGUMENT = 1,
    // A text is not UTF-8.
    NIMBERT_STATUS_UTF8 = 2,
    // A file could not be opened or read.
    NIMBERT_STATUS_IO = 3,
    // A model is damaged, incomplete, or of a kind that is not computed.
    NIMBERT_STATUS_MODEL = 4,
    // An option makes no sense, for this model or on this machine.
    NIMBERT_STATUS_OPTION = 5,
    // A text cannot be scored as asked: too long, or with a token that the model does not know.
    NIMBERT_STATUS_TEXT = 6,
    // The caller's memory is too small for the answer.
    NIMBERT_STATUS_CAPACITY = 7,
    // A mistake in this library. The engine may be used further.
    NIMBERT_STATUS_INTERNAL = 8,
    // The model or the texts need more memory than the system gives. The engine may be used further.
    NIMBERT_STATUS_MEMORY = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum nimbert_status nimbert_status;
#else
typedef int32_t nimbert_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What matrix products are computed in.
enum nimbert_precision
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // A packed file's own; f32 for a checkpoint directory.
    NIMBERT_PRECISION_AUTO = 0,
    // 32-bit floats.
    NIMBERT_PRECISION_F32 = 1,
    // 16-bit floats.
    NIMBERT_PRECISION_F16 = 2,
    // 8-bit integers.
    NIMBERT_PRECISION_INT8 = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum nimbert_precision nimbert_precision;
#else
typedef uint32_t nimbert_precision;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happens to a text of more tokens than allowed.
enum nimbert_on_long
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Its end is cut off.
    NIMBERT_ON_LONG_TRUNCATE = 0,
    // It is refused, with NIMBERT_STATUS_TEXT.
    NIMBERT_ON_LONG_ERROR = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum nimbert_on_long nimbert_on_long;
#else
typedef uint32_t nimbert_on_long;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How the hidden states of a text's tokens become one vector.
enum nimbert_pooling
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // As the model says; the mean if it says nothing.
    NIMBERT_POOLING_AUTO = 0,
    // That of the first token.
    NIMBERT_POOLING_CLS = 1,
    // The largest value of each column.
    NIMBERT_POOLING_MAX = 2,
    // The mean.
    NIMBERT_POOLING_MEAN = 3,
    // The sum over the square root of the tokens' number.
    NIMBERT_POOLING_MEAN_SQRT_LEN = 4,
    // The mean, in which the i-th token counts i times.
    NIMBERT_POOLING_WEIGHTED_MEAN = 5,
    // That of the last token.
    NIMBERT_POOLING_LAST = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum nimbert_pooling nimbert_pooling;
#else
typedef uint32_t nimbert_pooling;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What becomes of tokens that belong together.
enum nimbert_aggregation
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Neighbours of one kind are an entity.
    NIMBERT_AGGREGATION_SIMPLE = 0,
    // Each token is by itself.
    NIMBERT_AGGREGATION_NONE = 1,
    // As simple, and a word is what its first token is.
    NIMBERT_AGGREGATION_FIRST = 2,
    // As simple, and a word is what its tokens are on average.
    NIMBERT_AGGREGATION_AVERAGE = 3,
    // As simple, and a word is what the surest of its tokens is.
    NIMBERT_AGGREGATION_MAX = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum nimbert_aggregation nimbert_aggregation;
#else
typedef uint32_t nimbert_aggregation;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What can be switched on. The values can be added.
enum nimbert_flags
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Copy a packed file's weights to memory of this process, in large pages where the system has them: a few tokens at
    // a time are some percent faster, but loading takes longer, and processes no longer share the weights.
    NIMBERT_FLAGS_COPY_WEIGHTS = 1,
    // Read a packed file whole when it is loaded, and compare it with the checksums in it.
    NIMBERT_FLAGS_VERIFY = 2,
    // Scale vectors to length 1, whether the model does so or not.
    NIMBERT_FLAGS_NORMALIZE = 4,
    // A question may have no answer: an empty one, from byte 0 to 0, is then among those that nimbert_answer gives, as likely
    // as where it is the least likely.
    NIMBERT_FLAGS_HANDLE_IMPOSSIBLE = 8,
    // An answer may begin and end inside a word.
    NIMBERT_FLAGS_SPLIT_WORDS = 16,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum nimbert_flags nimbert_flags;
#else
typedef uint32_t nimbert_flags;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A loaded model. Any number of threads may use one at the same time.
typedef struct nimbert_engine nimbert_engine;

// How to run a model. Zero means the default in every member but `size`, and those to come: a program that sets
// `nimbert_options options = {sizeof options};` or calls nimbert_options_init works with any later version.
typedef struct nimbert_options {
    // sizeof(nimbert_options): tells which members the program knows.
    size_t size;
    // The instruction set by name, such as "avx2"; NULL: what the environment variable NIMBERT_ISA names, else the
    // machine's best.
    const char *isa;
    // The most tokens of a text or a row of ids, special ones included; 0: what the model allows.
    size_t max_tokens;
    // Threads of one call, the caller's included; 0: one for each CPU that the process may run on, of large and small
    // ones the large. With more than one the engine has threads of its own.
    uint32_t threads;
    // A nimbert_precision.
    uint32_t precision;
    // A nimbert_on_long.
    uint32_t on_long;
    // Values of nimbert_flags, added.
    uint32_t flags;
    // Of nimbert_embed: a text that goes before each text; NULL: the model's default prompt, which most have none of.
    const char *prompt;
    // The same by the model's name for it; not both.
    const char *prompt_name;
    // A nimbert_pooling. A model of sentence-transformers has its own.
    uint32_t pooling;
    // How many numbers of a vector are kept; 0: all.
    uint32_t dimensions;
    // Of nimbert_tag: what is left out, by label or kind, up to a NULL; NULL: "O" alone, which means that a token is nothing.
    const char *const *ignore_labels;
    // A nimbert_aggregation.
    uint32_t aggregation;
    // Tokens that two windows of a long text have in common. Of nimbert_tag; 0: there are none, and on_long says what happens.
    // Of nimbert_answer, whose contexts always go through in windows; 0: 128, or half a window where that is less.
    uint32_t stride;
    // Of nimbert_answer: the most tokens of an answer; 0: 15.
    uint32_t max_answer_tokens;
    // The most tokens of a question, beyond which on_long says what happens; 0: 64.
    uint32_t max_question_tokens;
} nimbert_options;

// A part of a text: an entity of nimbert_tag, or an answer of nimbert_answer.
typedef struct nimbert_span {
    // Which of the call's texts or contexts it is a part of, counted from 0.
    size_t text;
    // From this byte of the text, counted from 0,
    size_t start;
    // to before this one: `end - start` bytes of whole characters.
    size_t end;
    // What an entity is, in UTF-8: its kind, such as "PER", or of a single token the label, such as "B-PER". Valid as long as
    // the engine. NULL for an answer.
    const char *label;
    // How likely it is.
    float score;
    // Of an entity with NIMBERT_AGGREGATION_NONE its token's place among those of nimbert_tokenize; else 0.
    uint32_t token;
} nimbert_span;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The library's version, such as "0.1.0".
const char *nimbert_version(void);

// Loads a model from a packed file or a Hugging Face checkpoint directory, which may be one of sentence-transformers.
//
// What it can be used for depends on the model: any gives vectors (nimbert_embed), a sequence classifier scores
// (nimbert_classify), and one of a single label ranks, too (nimbert_rerank); a token classifier finds entities
// (nimbert_tag), and a model for questions answers (nimbert_answer). `path` ends with a NUL. `options` may be NULL: the
// defaults. On success `*engine` is the model, to be given back with nimbert_free; on failure it is NULL.
//
// A packed file is mapped, not read: nothing may change it while the engine lives. To replace it, rename a new one over
// it.
nimbert_status nimbert_load(const char *path, const struct nimbert_options *options, struct nimbert_engine **engine);

// Loads a packed file that is in memory: linked into the program, mapped, or read.
//
// `data` starts on a 64-byte boundary (NIMBERT_ALIGNMENT) and has `size` bytes. Nothing is copied: the bytes must stay
// as and where they are until nimbert_free. `options` and `engine` are as in nimbert_load.
nimbert_status nimbert_load_memory(const void *data,
                                   size_t size,
                                   const struct nimbert_options *options,
                                   struct nimbert_engine **engine);

// Gives an engine back and sets `*engine` to NULL, so that doing it twice does no harm. NULL is ignored, here and there.
//
// No other thread may be using the engine.
void nimbert_free(struct nimbert_engine **engine);

// How many labels the model has: the scores of each text, or what each token may be. 0 for NULL, and for a model that is no
// classifier.
size_t nimbert_label_count(const struct nimbert_engine *engine);

// The name of label `index`, in UTF-8; valid as long as the engine. NULL when there is no such label.
const char *nimbert_label(const struct nimbert_engine *engine, size_t index);

// The most tokens of a text, special ones included. 0 for NULL.
size_t nimbert_max_tokens(const struct nimbert_engine *engine);

// The instruction set in use, such as "avx512-vnni"; valid as long as the engine. NULL for NULL.
const char *nimbert_isa(const struct nimbert_engine *engine);

// Finds the `top_k` best answers to each of `count` questions, where they stand in its context, by a model that was trained
// to: `questions[i]` is asked of `contexts[i]`. A context of any length is read whole, in windows.
//
// Questions, contexts and their lengths are as texts in nimbert_classify; neither may be empty. `spans` has room for
// `capacity` answers: those to the first question, the best first, then those to the next. There may be fewer than `top_k`, so
// `*found` is how many there are, also where the room is too small (NIMBERT_STATUS_CAPACITY); with `spans` NULL the call only
// counts. `count` times `top_k` is always enough. What is written must not overlap anything else that the call gets. After a
// failure `spans` means nothing.
//
// A question's answers are the same, to the bits of their scores, whatever the others are, and however many threads work.
nimbert_status nimbert_answer(const struct nimbert_engine *engine,
                              const char *const *questions,
                              const size_t *question_lengths,
                              const char *const *contexts,
                              const size_t *context_lengths,
                              size_t count,
                              size_t top_k,
                              struct nimbert_span *spans,
                              size_t capacity,
                              size_t *found);

// How many numbers a vector has. 0 for NULL, and for a classifier whose directory tells of vectors that are not computed here.
size_t nimbert_dimensions(const struct nimbert_engine *engine);

// Makes a vector of each of `count` texts, as the options that the model was loaded with say: prompt, pooling, length.
//
// `texts` and `lengths` are as in nimbert_classify. `vectors` is `count` rows of nimbert_dimensions floats, one after the
// other; `capacity` is how many floats it has room for. It must not overlap anything else that the call gets, and after a
// failure it means nothing.
//
// A text's vector has the same bits whatever the others are, and however many threads work.
nimbert_status nimbert_embed(const struct nimbert_engine *engine,
                             const char *const *texts,
                             const size_t *lengths,
                             size_t count,
                             float *vectors,
                             size_t capacity);

// Makes a vector of each of `count` rows of token ids, special ones and the prompt's included: for programs with a tokenizer of
// their own. `token_ids`, `token_type_ids` and `cu_seqlens` are as in nimbert_classify_ids, `vectors` and `capacity` as in
// nimbert_embed.
//
// With one thread nothing is allocated once there was a call with as many tokens in all, as many rows and as long a row, and
// as many calls at once.
nimbert_status nimbert_embed_ids(const struct nimbert_engine *engine,
                                 const uint32_t *token_ids,
                                 const uint32_t *token_type_ids,
                                 const size_t *cu_seqlens,
                                 size_t count,
                                 float *vectors,
                                 size_t capacity);

// Sets the defaults. `size` is sizeof(nimbert_options); no more bytes than that are written.
nimbert_status nimbert_options_init(struct nimbert_options *options, size_t size);

// How well each of `count` documents answers a query, by a cross-encoder: a sequence classifier of one label.
//
// `query` is `query_length` bytes of UTF-8; `documents` and `lengths` are as texts in nimbert_classify. `scores` has a float
// for each document, in their order: the larger, the better it answers. `order` has the documents' numbers from 0, the best
// first; of equals, the first. Either may be NULL; `capacity` is how many documents each of them has room for. What is
// written must not overlap anything else that the call gets, and after a failure it means nothing.
//
// A document's score has the same bits whatever the others are, and however many threads work.
nimbert_status nimbert_rerank(const struct nimbert_engine *engine,
                              const char *query,
                              size_t query_length,
                              const char *const *documents,
                              const size_t *lengths,
                              size_t count,
                              float *scores,
                              size_t *order,
                              size_t capacity);

// Scores `count` texts.
//
// Text `i` is the UTF-8 at `texts[i]`: `lengths[i]` bytes, or up to its NUL where `lengths` is NULL. An empty text has an
// answer, too; with a length of 0 its pointer may be NULL. A long text takes some 20 times its size in memory for a moment.
//
// `scores` and `logits` are `count` rows of nimbert_label_count floats, one after the other, in label order; `capacity` is
// how many floats each of them has room for. Either may be NULL: scores are probabilities (of a regression the value
// itself), logits the model's raw outputs. What is written must not overlap anything else that a call gets. After a failure
// it means nothing.
//
// The answer to a text has the same bits whatever the others are, and however many threads work.
nimbert_status nimbert_classify(const struct nimbert_engine *engine,
                                const char *const *texts,
                                const size_t *lengths,
                                size_t count,
                                float *scores,
                                float *logits,
                                size_t capacity);

// Scores `count` pairs of texts, for a model that was trained on pairs: as nimbert_classify, each text being
// `firsts[i]` and `seconds[i]`.
nimbert_status nimbert_classify_pairs(const struct nimbert_engine *engine,
                                      const char *const *firsts,
                                      const size_t *first_lengths,
                                      const char *const *seconds,
                                      const size_t *second_lengths,
                                      size_t count,
                                      float *scores,
                                      float *logits,
                                      size_t capacity);

// Scores `count` rows of token ids, special ones included: for programs with a tokenizer of their own.
//
// All rows lie one after the other in `token_ids`; row `i` is `cu_seqlens[i]` to `cu_seqlens[i + 1]`, so `cu_seqlens` has
// `count + 1` numbers, the first of them 0. `token_type_ids` has as many numbers as `token_ids`, or is NULL: all 0.
// `scores`, `logits` and `capacity` are as in nimbert_classify.
//
// With one thread nothing is allocated once there was a call with as many tokens in all, as many rows and as long a row, and
// as many calls at once.
nimbert_status nimbert_classify_ids(const struct nimbert_engine *engine,
                                    const uint32_t *token_ids,
                                    const uint32_t *token_type_ids,
                                    const size_t *cu_seqlens,
                                    size_t count,
                                    float *scores,
                                    float *logits,
                                    size_t capacity);

// The token ids of a text, special ones included: what nimbert_classify reads of it, but whole.
//
// `text` and `pair` have `length` and `pair_length` bytes of UTF-8; `pair` is NULL for a single text. `token_ids` and
// `token_type_ids` have room for `capacity` numbers; either may be NULL. `*count` is how many there are, also where the
// room is too small (NIMBERT_STATUS_CAPACITY): with both NULL and a capacity of 0 the call only counts. A text is not cut here:
// more than nimbert_max_tokens are more than nimbert_classify reads.
nimbert_status nimbert_tokenize(const struct nimbert_engine *engine,
                                const char *text,
                                size_t length,
                                const char *pair,
                                size_t pair_length,
                                uint32_t *token_ids,
                                uint32_t *token_type_ids,
                                size_t capacity,
                                size_t *count);

// Why the last call on this thread that failed did so: one line in UTF-8, or NULL when none has failed.
//
// Valid until the next call on this thread that fails.
const char *nimbert_last_error(void);

// Finds the entities in each of `count` texts, by a token classifier, as the options that the model was loaded with say:
// aggregation, labels to ignore, stride.
//
// `texts` and `lengths` are as in nimbert_classify. `spans` has room for `capacity` entities: those of the first text in its
// order, then those of the next. `*found` is how many there are, also where the room is too small (NIMBERT_STATUS_CAPACITY);
// with `spans` NULL the call only counts. To find takes as long each time, so it is better to have room at once:
// `count` times nimbert_max_tokens is enough wherever options.stride is 0. What is written must not overlap anything else
// that the call gets. After a failure `spans` means nothing.
//
// A text's entities are the same, to the bits of their scores, whatever the others are, and however many threads work.
nimbert_status nimbert_tag(const struct nimbert_engine *engine,
                           const char *const *texts,
                           const size_t *lengths,
                           size_t count,
                           struct nimbert_span *spans,
                           size_t capacity,
                           size_t *found);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NIMBERT_H */
