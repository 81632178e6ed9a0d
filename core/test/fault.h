/* Make the n-th call of a kind fail, to see what the code does then.
 *
 * The linker sends the calls of our objects here (FAULT_LDFLAGS in the Makefile; GNU ld and lld, so not on macOS).
 * Calls that libc and other libraries make among themselves are not touched. Not for threads.
 */
#ifndef MOLBUILD_TEST_FAULT_H
#define MOLBUILD_TEST_FAULT_H

enum fault_call {
	FAULT_ALLOC, /* malloc calloc realloc strdup strndup: ENOMEM, whatever is asked for */
	FAULT_READ,  /* read pread */
	FAULT_WRITE, /* write */
	FAULT_PWRITE,
	FAULT_OPEN, /* open openat opendir fdopendir mkstemp */
	FAULT_STAT, /* fstat lstat fstatat */
	FAULT_SYNC, /* fsync close: a close() that fails has closed */
	FAULT_NAME, /* rename renameat unlinkat */
	FAULT_FLOCK,
	FAULT_FORK,
	FAULT_PIPE,
	FAULT_KINDS
};

/* Let the N-th call from now on, counted from 1, fail with ERRNUM: once. All others succeed. */
void fault_fail_nth(enum fault_call call, unsigned n, int errnum);

/* Nothing fails any more. Returns 1 when the fault has happened, 0 when there were fewer calls. */
int fault_end(void);

#endif
