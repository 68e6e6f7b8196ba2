/*
 * The time, without asking the kernel each time. Loaded into every process of a machine with a
 * virtual clock (LD_PRELOAD).
 *
 * That clock moves only while everything sleeps, so a thread that has not slept since it last
 * looked would be told the same again; and there, a look is a change of process on the host. GLib
 * looks some thirty times each time that bluetoothd wakes. What may sleep is wrapped below and
 * forgets what was seen. What is not wrapped makes it stale for MOST looks; who waits for a time
 * by looking alone comes to its end thanks to that, too, as each real look moves the clock by 1 us.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLOCKS = 8, MOST = 64 };

static __thread struct { struct timespec at; int left; } seen[CLOCKS];

static void forget(void) {
    for (int clock = 0; clock < CLOCKS; clock++) seen[clock].left = 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (clock < 0 || clock >= CLOCKS || clock == CLOCK_PROCESS_CPUTIME_ID
        || clock == CLOCK_THREAD_CPUTIME_ID)
        return (int)syscall(SYS_clock_gettime, clock, at);
    if (seen[clock].left-- <= 0) {
        int failed = (int)syscall(SYS_clock_gettime, clock, &seen[clock].at);
        seen[clock].left = failed ? 0 : MOST;
        if (failed) return failed;
    }
    *at = seen[clock].at;
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *at = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

/* What may sleep: called as it is, then what was seen is forgotten. */
#define SLEEPS(type, name, parameters, arguments)                 \
    type name parameters {                                        \
        static type (*real) parameters;                           \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);     \
        type result = real arguments;                             \
        forget();                                                 \
        return result;                                            \
    }

SLEEPS(int, epoll_wait, (int f, struct epoll_event *e, int n, int ms), (f, e, n, ms))
SLEEPS(int, epoll_pwait, (int f, struct epoll_event *e, int n, int ms, const sigset_t *s),
       (f, e, n, ms, s))
SLEEPS(int, poll, (struct pollfd *f, nfds_t n, int ms), (f, n, ms))
SLEEPS(int, ppoll, (struct pollfd *f, nfds_t n, const struct timespec *t, const sigset_t *s),
       (f, n, t, s))
SLEEPS(int, select, (int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *t), (n, r, w, x, t))
SLEEPS(int, pselect,
       (int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *t, const sigset_t *s),
       (n, r, w, x, t, s))
SLEEPS(int, nanosleep, (const struct timespec *t, struct timespec *l), (t, l))
SLEEPS(int, clock_nanosleep, (clockid_t c, int f, const struct timespec *t, struct timespec *l),
       (c, f, t, l))
SLEEPS(int, usleep, (useconds_t us), (us))
SLEEPS(unsigned, sleep, (unsigned s), (s))
SLEEPS(int, sem_wait, (sem_t *s), (s))
SLEEPS(int, sem_timedwait, (sem_t *s, const struct timespec *t), (s, t))
SLEEPS(int, sem_clockwait, (sem_t *s, clockid_t c, const struct timespec *t), (s, c, t))
SLEEPS(int, pthread_cond_wait, (pthread_cond_t *c, pthread_mutex_t *m), (c, m))
SLEEPS(int, pthread_cond_timedwait,
       (pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t), (c, m, t))
SLEEPS(int, pthread_cond_clockwait,
       (pthread_cond_t *c, pthread_mutex_t *m, clockid_t k, const struct timespec *t),
       (c, m, k, t))
SLEEPS(int, pthread_join, (pthread_t t, void **r), (t, r))
SLEEPS(pid_t, waitpid, (pid_t p, int *s, int o), (p, s, o))
SLEEPS(pid_t, wait4, (pid_t p, int *s, int o, struct rusage *u), (p, s, o, u))
SLEEPS(ssize_t, read, (int f, void *b, size_t n), (f, b, n))
SLEEPS(ssize_t, recv, (int f, void *b, size_t n, int o), (f, b, n, o))
SLEEPS(ssize_t, recvfrom, (int f, void *b, size_t n, int o, struct sockaddr *restrict a,
       socklen_t *restrict l), (f, b, n, o, a, l))
SLEEPS(ssize_t, recvmsg, (int f, struct msghdr *m, int o), (f, m, o))
SLEEPS(int, accept, (int f, struct sockaddr *restrict a, socklen_t *restrict l), (f, a, l))
SLEEPS(int, connect, (int f, const struct sockaddr *a, socklen_t l), (f, a, l))

/* A lock that is free is taken without sleeping, and Python takes one at every turn. */
int pthread_mutex_lock(pthread_mutex_t *lock) {
    static int (*real)(pthread_mutex_t *);
    int taken = pthread_mutex_trylock(lock);
    if (taken != EBUSY) return taken;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    taken = real(lock);
    forget();
    return taken;
}
