/*
 * One engine, four threads: each scores the same texts in its own order, and all get the same bits.
 *
 *   ./threads MODEL [ENGINE_THREADS]
 *
 * The engine has one thread here, so each call runs on the thread that makes it: what a server with threads of its own
 * wants. With more, the calls share the engine's, one after another.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nimbert.h"

enum { THREADS = 4, ROUNDS = 25, MOST_LABELS = 64 };

static const char *const TEXTS[] = {
    "太好看了，笑中带泪，强烈推荐！", "无聊到睡着", "连奥创都知道整容要去韩国", "特效好，故事烂", "",
};
enum { COUNT = sizeof TEXTS / sizeof TEXTS[0] };

struct job {
    const nimbert_engine *engine;
    size_t labels;
    int number;
    nimbert_status status;
    char message[256];
    float scores[COUNT][MOST_LABELS];
};

static void *work(void *argument)
{
    struct job *job = argument;
    for (int round = 0; round < ROUNDS && job->status == NIMBERT_STATUS_OK; round++) {
        for (int i = 0; i < COUNT && job->status == NIMBERT_STATUS_OK; i++) {
            int at = (i + job->number + round) % COUNT;
            job->status = nimbert_classify(job->engine, &TEXTS[at], NULL, 1, job->scores[at], NULL, job->labels);
        }
    }
    /* The last error is this thread's own: it has to be asked for here. */
    if (job->status != NIMBERT_STATUS_OK)
        snprintf(job->message, sizeof job->message, "%s", nimbert_last_error());
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: threads MODEL [ENGINE_THREADS]\n");
        return 2;
    }
    nimbert_options options;
    nimbert_engine *engine;
    nimbert_options_init(&options, sizeof options);
    options.threads = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    if (nimbert_load(argv[1], &options, &engine) != NIMBERT_STATUS_OK) {
        fprintf(stderr, "threads: %s\n", nimbert_last_error());
        return 1;
    }
    size_t labels = nimbert_label_count(engine);
    if (labels > MOST_LABELS) {
        fprintf(stderr, "threads: more than %d labels\n", MOST_LABELS);
        return 1;
    }

    static struct job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){.engine = engine, .labels = labels, .number = i};
        if (pthread_create(&threads[i], NULL, work, &jobs[i]) != 0) {
            fprintf(stderr, "threads: cannot start a thread\n");
            return 1;
        }
    }
    int failed = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        if (jobs[i].status != NIMBERT_STATUS_OK) {
            fprintf(stderr, "threads: thread %d: %s\n", i, jobs[i].message);
            failed = 1;
        } else if (memcmp(jobs[i].scores, jobs[0].scores, sizeof jobs[0].scores) != 0) {
            fprintf(stderr, "threads: thread %d has other scores than thread 0\n", i);
            failed = 1;
        }
    }
    nimbert_free(&engine);
    if (!failed)
        printf("%d threads, %d texts each, the same bits\n", THREADS, ROUNDS * COUNT);
    return failed;
}
