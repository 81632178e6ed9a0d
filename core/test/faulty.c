/* A library for LD_PRELOAD: makes an allocation, or a close, of the program that it is loaded into fail (make faults).
 *
 *	FAULTY_COUNTS=FILE      says there how many of each there were: two 64-bit numbers, allocations and closes
 *	FAULTY_ALLOC=N or N+    the N-th allocation fails, and with the plus all later ones
 *	FAULTY_CLOSE=N:ERRNO    the N-th close does its work, and then reports that error. Linux releases the descriptor
 *	                        whatever close(2) returns, which is why no tracer can do this.
 *
 * Counting begins with main(), which a call of access(2) for FAULTY_BEGIN shows to a tracer: what the loader and other
 * libraries do before is not the program's. The variables are taken out of the environment, so children are left alone.
 * One thread is assumed: a run for 127.0.0.1 has no other.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAULTY_BEGIN "/faulty: main begins"

enum { ALLOC, CLOSE, KINDS };

static uint64_t own_counts[KINDS];
static uint64_t *counts = own_counts;
static uint64_t chosen[KINDS];
static int permanent, close_error, counting;

void *__libc_malloc(size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static int fails(int kind)
{
	if (!counting)
		return 0;
	uint64_t now = ++counts[kind];
	if (chosen[kind] == 0)
		return 0;
	return now == chosen[kind] || (kind == ALLOC && permanent && now > chosen[kind]);
}

static int allocation_fails(void)
{
	if (!fails(ALLOC))
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return allocation_fails() ? NULL : __libc_malloc(size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return allocation_fails() ? NULL : __libc_memalign(alignment, size);
}

void *calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	/* To nothing it is a free(). */
	return size != 0 && allocation_fails() ? NULL : __libc_realloc(old, size);
}

int close(int fd)
{
	int result = (int)syscall(SYS_close, fd);
	if (result == 0 && fails(CLOSE)) {
		errno = close_error;
		return -1;
	}
	return result;
}

static void share_counts(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *shared = MAP_FAILED;
	if (fd >= 0 && ftruncate(fd, sizeof own_counts) == 0)
		shared = mmap(NULL, sizeof own_counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		abort();
	counts = shared;
	syscall(SYS_close, fd);
}

static void read_settings(void)
{
	const char *path = getenv("FAULTY_COUNTS"), *alloc = getenv("FAULTY_ALLOC"), *shut = getenv("FAULTY_CLOSE");
	char *end;
	if (path)
		share_counts(path);
	if (alloc) {
		chosen[ALLOC] = strtoull(alloc, &end, 10);
		permanent = *end == '+';
	}
	if (shut) {
		chosen[CLOSE] = strtoull(shut, &end, 10);
		close_error = *end == ':' ? atoi(end + 1) : EIO;
	}
	unsetenv("LD_PRELOAD");
	unsetenv("FAULTY_COUNTS");
	unsetenv("FAULTY_ALLOC");
	unsetenv("FAULTY_CLOSE");
}

static int (*real_main)(int, char **, char **);

static int counted_main(int argc, char **argv, char **env)
{
	read_settings();
	syscall(SYS_faccessat, AT_FDCWD, FAULTY_BEGIN, F_OK);
	counting = 1;
	return real_main(argc, argv, env);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, int (*init)(int, char **, char **),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, int (*init)(int, char **, char **),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	__typeof__(&__libc_start_main) real;
	*(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
	real_main = main;
	return real(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
