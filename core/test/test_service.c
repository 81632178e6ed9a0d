#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include <cmocka.h>

#include "base/service.h"
#include "fixture.h"

/* A manager's socket under a name of LEN bytes, of which the first may be a NUL. */
static int listen_at(const char *name, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	memcpy(address.sun_path, name, len);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
	return fd;
}

static void assert_gets(int fd, const char *text)
{
	char got[256] = "";
	assert_int_equal(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static int notify(const char *address, const char *text)
{
	return service_notify(address, text, strlen(text), &err);
}

static void tells_a_socket_in_the_file_system(void **state)
{
	char path[108];
	int fd;
	(void)state;
	snprintf(path, sizeof path, "%s/notify", fixture_dir);
	fd = listen_at(path, strlen(path));
	assert_int_equal(notify(path, "READY=1\nSTATUS=three images"), 0);
	assert_gets(fd, "READY=1\nSTATUS=three images");
	close(fd);
}

static void tells_an_abstract_socket(void **state)
{
#ifdef __linux__
	char name[64];
	int fd;
	snprintf(name, sizeof name, "@molbuild-test-%d", (int)getpid());
	name[0] = '\0';
	fd = listen_at(name, 1 + strlen(name + 1));
	name[0] = '@';
	assert_int_equal(notify(name, "WATCHDOG=1"), 0);
	assert_gets(fd, "WATCHDOG=1");
	close(fd);
#endif
	(void)state;
}

static void says_why_no_manager_was_told(void **state)
{
	char path[200];
	(void)state;
	snprintf(path, sizeof path, "%s/missing", fixture_dir);
	assert_failed(notify(path, "READY=1"), "ENOENT");
	memset(path, 'x', sizeof path);
	path[0] = '/', path[sizeof path - 1] = '\0';
	assert_failed(notify(path, "READY=1"), "invalid");
	assert_failed(notify("", "READY=1"), "invalid");
	assert_failed(notify("@", "READY=1"), "invalid");
	assert_failed(notify("vsock:2:1234", "READY=1"), "invalid");
	assert_failed(notify("relative/notify", "READY=1"), "invalid");
}

static void never_waits_for_a_manager_that_does_not_read(void **state)
{
	char path[108];
	int fd, sent = 0;
	(void)state;
	snprintf(path, sizeof path, "%s/notify", fixture_dir);
	fd = listen_at(path, strlen(path));
	while (sent < 100000 && notify(path, "WATCHDOG=1") == 0)
		sent++;
	assert_true(sent < 100000);
	assert_true(strcmp(err.code, "EAGAIN") == 0 || strcmp(err.code, "ENOBUFS") == 0);
	close(fd);
}

static int descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void leaves_no_descriptor(void **state)
{
	int before = descriptors();
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(notify("/nonexistent/notify", "READY=1"), -1);
	assert_int_equal(descriptors(), before);
}

/* In a child: a priority cannot be raised again. */
static int lowered(int first, int expected)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int ok = setpriority(PRIO_PROCESS, 0, first) == 0 && service_lower_priority() == 0 &&
		         service_lower_priority() == 0;
#ifdef __linux__
		long disk = syscall(SYS_ioprio_get, 1, 0);
		ok = ok && (disk < 0 || disk >> 13 == 3 || disk == (2 << 13 | 7));
#endif
		_exit(ok && getpriority(PRIO_PROCESS, 0) == expected ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void lets_others_come_first(void **state)
{
	int own = getpriority(PRIO_PROCESS, 0);
	(void)state;
	assert_true(lowered(own, own > SERVICE_NICE ? own : SERVICE_NICE));
	assert_true(lowered(15 > own ? 15 : own, 15 > own ? 15 : own));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(tells_a_socket_in_the_file_system),
		FIXTURE_TEST(tells_an_abstract_socket),
		FIXTURE_TEST(says_why_no_manager_was_told),
		FIXTURE_TEST(never_waits_for_a_manager_that_does_not_read),
		FIXTURE_TEST(leaves_no_descriptor),
		FIXTURE_TEST(lets_others_come_first),
	};
	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
