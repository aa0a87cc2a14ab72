// See CPlatform.h.
#define _GNU_SOURCE
#include "CPlatform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

struct thread_start {
    void (*body)(void *);
    void *context;
    char name[16];
};

static void *thread_main(void *argument) {
    struct thread_start start = *(struct thread_start *)argument;
    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.context);
    return NULL;
}

int cplatform_thread_start(const char *name, size_t stack_bytes, void (*body)(void *), void *context) {
    struct thread_start *start = calloc(1, sizeof *start);
    if (!start) return ENOMEM;
    start->body = body;
    start->context = context;
    strncpy(start->name, name, sizeof start->name - 1);

    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int code = pthread_attr_init(&attributes);
    if (code != 0) {
        free(start);
        return code;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_bytes < (size_t)PTHREAD_STACK_MIN) stack_bytes = PTHREAD_STACK_MIN;
    pthread_attr_setstacksize(&attributes, stack_bytes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&thread, &attributes, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (code != 0) free(start);
    return code;
}

pid_t cplatform_gettid(void) { return (pid_t)syscall(SYS_gettid); }

int cplatform_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cplatform_pidfd_send_signal(int pidfd, int number) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

// One list of steps, each of which may fail with an errno.
static int prepare_spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int output, int error) {
    int code;
    sigset_t signals;
    struct sched_param ordinary = {.sched_priority = 0};
    if ((code = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0))) return code;
    if (output >= 0 && (code = posix_spawn_file_actions_adddup2(actions, output, 1))) return code;
    if (error >= 0 && (code = posix_spawn_file_actions_adddup2(actions, error, 2))) return code;
    if ((code = posix_spawn_file_actions_addclosefrom_np(actions, 3))) return code;
    sigfillset(&signals);
    if ((code = posix_spawnattr_setsigdefault(attributes, &signals))) return code;
    sigemptyset(&signals);
    if ((code = posix_spawnattr_setsigmask(attributes, &signals))) return code;
    if ((code = posix_spawnattr_setschedpolicy(attributes, SCHED_OTHER))) return code;
    if ((code = posix_spawnattr_setschedparam(attributes, &ordinary))) return code;
    short flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    // Only when we are not ordinary ourselves: a real-time postmaster would starve the machine.
    if (sched_getscheduler(0) != SCHED_OTHER) flags |= POSIX_SPAWN_SETSCHEDULER;
    return posix_spawnattr_setflags(attributes, flags);
}

int cplatform_spawn_detached(const char *path, char *const argv[], char *const envp[], int output, int error,
                             pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code == 0) {
        code = prepare_spawn(&actions, &attributes, output, error);
        if (code == 0) code = posix_spawn(pid, path, &actions, &attributes, argv, envp);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

static volatile sig_atomic_t signal_descriptor = -1;

static void write_signal(int number) {
    int before = errno;
    unsigned char byte = (unsigned char)number;
    if (signal_descriptor >= 0) {
        // A full pipe means that nobody reads; the signal is one of many then.
        ssize_t ignored = write(signal_descriptor, &byte, 1);
        (void)ignored;
    }
    errno = before;
}

int cplatform_signal_to_descriptor(int number, int descriptor) {
    signal_descriptor = descriptor;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = write_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    return sigaction(number, &action, NULL) == 0 ? 0 : errno;
}

static int set_action(int number, void (*handler)(int)) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    return sigaction(number, &action, NULL) == 0 ? 0 : errno;
}

int cplatform_signal_default(int number) { return set_action(number, SIG_DFL); }

int cplatform_signal_ignore(int number) { return set_action(number, SIG_IGN); }

int cplatform_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : errno; }

extern char **environ;

char *const *cplatform_environment(void) { return environ; }

int cplatform_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int cplatform_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
