/* Stands between a program and the disk (LD_PRELOAD): writes down what reaches it, and fails on order.

   DISK_DIR    only files below it are meant
   DISK_LOG    every write, truncation, sync and deletion is appended here, in the order of their return
   DISK_FAIL   CALL:ERRNO:FIRST:COUNT; CALL is write or sync; calls FIRST .. FIRST+COUNT-1 fail
   DISK_FULL   while a file of this name exists, every write fails: no space left
   DISK_SLOW   while a file of this name exists, every sync takes a quarter of a second

   A record of the log: kind ('w', 't', 's', 'u'nlink), length of the path, offset, length, path, data. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct __attribute__((packed)) head { char kind; uint16_t path; uint64_t offset; uint32_t length; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -2;
static char fail_call[8];
static long fail_errno, fail_first, fail_count, calls;
static const char *folder;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static void begin(void) {
  const char *path = getenv("DISK_LOG"), *fail = getenv("DISK_FAIL");
  folder = getenv("DISK_DIR");
  log_fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  if (fail) sscanf(fail, "%7[^:]:%ld:%ld:%ld", fail_call, &fail_errno, &fail_first, &fail_count);
}

static int meant(int fd, char *path) {
  char link[64];
  if (log_fd == -2) begin();
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0 || !folder) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

static int fails(const char *call) {
  const char *full = getenv("DISK_FULL");
  if (full && !strcmp(call, "write") && access(full, F_OK) == 0) {
    errno = ENOSPC;
    return 1;
  }
  if (strcmp(call, fail_call)) return 0;
  calls++;
  if (calls < fail_first || calls >= fail_first + fail_count) return 0;
  errno = (int)fail_errno;
  return 1;
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint32_t length) {
  static ssize_t (*raw)(int, const void *, size_t);
  if (log_fd < 0) return;
  if (!raw) raw = next("write");
  struct head head = {kind, (uint16_t)strlen(path), offset, length};
  char *whole = malloc(sizeof head + head.path + length);
  memcpy(whole, &head, sizeof head);
  memcpy(whole + sizeof head, path, head.path);
  if (data) memcpy(whole + sizeof head + head.path, data, length);
  size_t size = sizeof head + head.path + (data ? length : 0);
  if (raw(log_fd, whole, size) != (ssize_t)size) abort();
  free(whole);
}

static ssize_t wrote(int fd, const void *data, size_t size, int64_t at, ssize_t (*go)(int, const void *, size_t, off64_t)) {
  char path[PATH_MAX];
  if (!meant(fd, path)) return go(fd, data, size, at);
  pthread_mutex_lock(&lock);
  ssize_t done = fails("write") ? -1 : go(fd, data, size, at);
  int kept = errno;
  if (done > 0) note('w', path, at < 0 ? (uint64_t)lseek(fd, 0, SEEK_CUR) - done : (uint64_t)at, data, done);
  pthread_mutex_unlock(&lock);
  errno = kept;
  return done;
}

static ssize_t raw_pwrite(int fd, const void *data, size_t size, off64_t at) {
  static ssize_t (*call)(int, const void *, size_t, off64_t);
  if (!call) call = next("pwrite64");
  return call(fd, data, size, at);
}

static ssize_t raw_write(int fd, const void *data, size_t size, off64_t at) {
  static ssize_t (*call)(int, const void *, size_t);
  (void)at;
  if (!call) call = next("write");
  return call(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size) { return wrote(fd, data, size, -1, raw_write); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return wrote(fd, data, size, at, raw_pwrite); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return wrote(fd, data, size, at, raw_pwrite); }

static int synced(int fd, const char *name) {
  char path[PATH_MAX];
  int (*call)(int) = next(name);
  if (!meant(fd, path)) return call(fd);
  const char *slow = getenv("DISK_SLOW");
  if (slow && access(slow, F_OK) == 0) usleep(250000);
  pthread_mutex_lock(&lock);
  int done = fails("sync") ? -1 : call(fd), kept = errno;
  if (done == 0) note('s', path, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = kept;
  return done;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }

static int cut(int fd, off64_t length, const char *name) {
  char path[PATH_MAX];
  int (*call)(int, off64_t) = next(name);
  int done = call(fd, length);
  if (done == 0 && meant(fd, path)) note('t', path, (uint64_t)length, NULL, 0);
  return done;
}

int ftruncate(int fd, off_t length) { return cut(fd, length, "ftruncate64"); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length, "ftruncate64"); }

int unlink(const char *path) {
  int (*call)(const char *) = next("unlink");
  int done = call(path);
  if (log_fd == -2) begin();
  if (done == 0 && folder && strncmp(path, folder, strlen(folder)) == 0) note('u', path, 0, NULL, 0);
  return done;
}
