// The few operating system calls that Swift's Glibc overlay does not show, or that must not be written in Swift
// because they run between fork and exec or inside a signal handler.
#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <stddef.h>
#include <sys/types.h>

// Starts a detached thread that takes no signals. Returns 0 or an errno.
int cplatform_thread_start(const char *name, size_t stack_bytes, void (*body)(void *), void *context);

pid_t cplatform_gettid(void);

// A descriptor that becomes readable when the process exits; -1 with errno.
int cplatform_pidfd_open(pid_t pid);
// 0, or -1 with errno. Can never reach another process that got the same pid later.
int cplatform_pidfd_send_signal(int pidfd, int signal);

// Starts a program that shall outlive us: own session, no descriptor but 0, 1, 2, all signals at their defaults and
// none blocked, ordinary scheduling. stdin is /dev/null; stdout and stderr are `output` and `error`, or ours when
// negative. Returns 0 or an errno.
int cplatform_spawn_detached(const char *path, char *const argv[], char *const envp[], int output, int error,
                             pid_t *pid);

// From now on `signal` writes its number as one byte to `descriptor`. Programs we start get the default again.
// One descriptor for all signals. Returns 0 or an errno.
int cplatform_signal_to_descriptor(int signal, int descriptor);
// Back to the default action.
int cplatform_signal_default(int signal);
int cplatform_signal_ignore(int signal);

// Orphans of our children become our children (tests use it so that nothing stays a zombie).
int cplatform_become_subreaper(void);

// The environment as the process has it now.
char *const *cplatform_environment(void);

// eventfd(2), close-on-exec and non-blocking; -1 with errno.
int cplatform_eventfd(void);

// pipe(2), close-on-exec; 0, or -1 with errno.
int cplatform_pipe(int ends[2]);

#endif
