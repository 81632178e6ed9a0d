/* Seccomp filters as outdated container engines have them: system calls that are newer than the filter fail with EPERM. ENOSYS would
 * be the right answer, and is what libraries are prepared for. Include it after fixture.h; Linux only. */
#ifndef MOLBUILD_TEST_DENIED_FIXTURE_H
#define MOLBUILD_TEST_DENIED_FIXTURE_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Deny the system calls from the number FIRST on: for this process and its children, permanently. Returns 0, or the line that
 * failed. */
static inline int deny_calls_from(unsigned first)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
		CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	}
	CHECK(syscall(first, -1, 0, NULL, 0) < 0 && errno == EPERM);
	return 0;
}

/* The newest calls that the filters of 2018 know are older than pidfd_send_signal. From it on all architectures share the
 * numbers. */
#define NEWER_THAN_2018 424

/* A filter is permanent: BODY runs in its own process, below a filter that denies the calls from FIRST on. */
static inline void below_filter(unsigned first, int (*body)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int line = deny_calls_from(first);
		_exit(line ? line : body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
