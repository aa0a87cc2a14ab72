// The Swift runtime asks this hook where a job shall run; see swift/Runtime/Concurrency.h for the signatures.
#include "CSimulation.h"

#include <stdio.h>
#include <stdlib.h>

#define SWIFT_CALL __attribute__((swiftcall))

typedef SWIFT_CALL void (*enqueue_function)(void *job);
typedef SWIFT_CALL void (*enqueue_hook)(void *job, enqueue_function original);

typedef SWIFT_CALL void (*delay_function)(unsigned long long delay, void *job);
typedef SWIFT_CALL void (*delay_hook)(unsigned long long delay, void *job, delay_function original);
typedef SWIFT_CALL void (*deadline_function)(long long, long long, long long, long long, int, void *job);
typedef SWIFT_CALL void (*deadline_hook)(long long, long long, long long, long long, int, void *job,
                                         deadline_function original);

extern enqueue_hook swift_task_enqueueGlobal_hook;
extern delay_hook swift_task_enqueueGlobalWithDelay_hook;
extern deadline_hook swift_task_enqueueGlobalWithDeadline_hook;
// The executor's reference is two words; both zero mean the generic executor.
extern SWIFT_CALL void swift_job_run(void *job, void *identity, void *implementation);

struct queue {
    void **jobs;
    size_t capacity, head, count;
};

static _Thread_local int is_simulating;
static _Thread_local struct queue queue;
static enqueue_function ordinary;

static void grow(void) {
    size_t capacity = queue.capacity ? queue.capacity * 2 : 256;
    void **jobs = malloc(capacity * sizeof *jobs);
    if (!jobs) abort();
    for (size_t i = 0; i < queue.count; i++) jobs[i] = queue.jobs[(queue.head + i) % queue.capacity];
    free(queue.jobs);
    queue.jobs = jobs;
    queue.capacity = capacity;
    queue.head = 0;
}

static void *take(void) {
    void *job = queue.jobs[queue.head];
    queue.head = (queue.head + 1) % queue.capacity;
    queue.count--;
    return job;
}

static SWIFT_CALL void enqueue(void *job, enqueue_function original) {
    ordinary = original;
    if (!is_simulating) {
        original(job);
        return;
    }
    if (queue.count == queue.capacity) grow();
    queue.jobs[(queue.head + queue.count++) % queue.capacity] = job;
}

static void refuse_to_sleep(void) {
    fputs("a simulated task wants to sleep in real time\n", stderr);
    abort();
}

static SWIFT_CALL void enqueue_delayed(unsigned long long delay, void *job, delay_function original) {
    if (is_simulating) refuse_to_sleep();
    original(delay, job);
}

static SWIFT_CALL void enqueue_until(long long seconds, long long nanoseconds, long long tolerance_seconds,
                                     long long tolerance_nanoseconds, int clock, void *job,
                                     deadline_function original) {
    if (is_simulating) refuse_to_sleep();
    original(seconds, nanoseconds, tolerance_seconds, tolerance_nanoseconds, clock, job);
}

void csimulation_enter(void) {
    swift_task_enqueueGlobalWithDelay_hook = enqueue_delayed;
    swift_task_enqueueGlobalWithDeadline_hook = enqueue_until;
    swift_task_enqueueGlobal_hook = enqueue;
    is_simulating = 1;
}

void csimulation_leave(void) {
    is_simulating = 0;
    while (queue.count) ordinary(take());
    free(queue.jobs);
    queue = (struct queue){0};
}

size_t csimulation_run(void) {
    size_t ran = 0;
    while (queue.count) {
        swift_job_run(take(), NULL, NULL);
        ran++;
    }
    return ran;
}
