#include "base/start_filter.h"

#ifdef __linux__
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__linux__) && defined(SYS_clone3) && defined(PR_SET_SECCOMP)

/* Without arguments the call always fails: with EINVAL if it works, with ENOSYS if it is unknown. */
static int clone3_is_denied(void)
{
	return syscall(SYS_clone3, NULL, (size_t)0) < 0 && errno == EPERM;
}

/* Higher numbers are not newer calls: they are ARM's own calls, and those of other ABIs. */
#define NEWER 500

void start_filter_correct(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_clone3, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_clone3 + NEWER, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	if (!clone3_is_denied() || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		return;
	/* A process without the right to administer the system must give up gaining rights before it may install one. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#else

void start_filter_correct(void)
{
}

#endif
