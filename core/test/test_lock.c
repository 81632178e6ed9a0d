#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "fixture.h"
#include "lock/lock.h"
#include "lock_fixture.h"

static void excludes_other_processes(void **state)
{
	struct holder holder;
	struct lock lock = {0};
	(void)state;
	hold(&holder, "l");
	assert_int_equal(lock_try(&lock, "l", "me", &err), -1);
	assert_string_equal(err.code, "locked");
	end_holder(&holder);
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	lock_release(&lock);
	assert_int_equal(lock.fd, -1);
}

static void excludes_a_second_lock_of_this_process(void **state)
{
	struct lock lock = {0};
	(void)state;
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	assert_false(can_take("l"));
	assert_true(can_take("other"));
	lock_release(&lock);
	assert_true(can_take("l"));
}

static void releasing_twice_or_nothing_is_fine(void **state)
{
	struct lock lock = {0};
	(void)state;
	lock_release(&lock);
	assert_int_equal(fcntl(0, F_GETFD) < 0, 0);
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	lock_release(&lock);
	lock_release(&lock);
}

static void tells_who_holds_it(void **state)
{
	struct lock_holder who;
	struct holder holder;
	char pid[32];
	(void)state;
	hold(&holder, "l");
	assert_int_equal(lock_read_holder("l", &who), 0);
	assert_int_equal(who.pid, holder.pid);
	assert_string_equal(who.purpose, "build hermes");
	assert_true(who.host[0] != '\0');
	assert_true(who.start > (int64_t)clock_now() - 60 && who.start <= (int64_t)clock_now());
	assert_false(can_take("l"));
	snprintf(pid, sizeof pid, "by pid %ld on ", (long)holder.pid);
	assert_non_null(strstr(err.message, "l is locked "));
	assert_non_null(strstr(err.message, pid));
	assert_non_null(strstr(err.message, "(build hermes)"));
	end_holder(&holder);
}

static void keeps_the_file_and_empties_it(void **state)
{
	struct lock lock = {0};
	struct lock_holder who;
	struct fs_stat before, after;
	(void)state;
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	assert_int_equal(fcntl(lock.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fs_lstat("l", &before, &err), 0);
	assert_int_equal(before.mode, 0600);
	assert_true(before.size > 0);
	lock_release(&lock);
	assert_int_equal(fs_lstat("l", &after, &err), 0);
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(after.size, 0);
	assert_int_equal(lock_read_holder("l", &who), -1);
	assert_int_equal(who.pid, 0);
}

static void a_shorter_record_leaves_nothing_of_a_longer_one(void **state)
{
	struct lock lock = {0};
	struct buf buf;
	const char *stale = "pid=1 host=h start=1 purpose=a stale record of a process with quite a long purpose\nand more\n";
	(void)state;
	buf_init(&buf, 1000);
	assert_int_equal(fs_write_atomic("l", stale, strlen(stale), 0600, &err), 0);
	assert_int_equal(lock_try(&lock, "l", "b", &err), 0);
	assert_int_equal(fs_read("l", 1000, &buf, &err), 0);
	assert_string_equal(buf.data + buf.len - 11, " purpose=b\n");
	assert_ptr_equal(strchr(buf.data, '\n'), buf.data + buf.len - 1);
	lock_release(&lock);
	buf_free(&buf);
}

static void is_free_when_its_holder_is_killed(void **state)
{
	struct holder holder;
	(void)state;
	hold(&holder, "l");
	kill_holder(&holder);
	assert_true(can_take("l"));
}

static void probing_tells_whether_it_is_free_and_changes_nothing(void **state)
{
	struct holder holder;
	struct fs_stat before, after;
	(void)state;
	assert_failed(lock_is_free("l", &err), "ENOENT");
	assert_failed(fs_lstat("l", &before, &err), "ENOENT");
	hold(&holder, "l");
	assert_int_equal(fs_lstat("l", &before, &err), 0);
	assert_int_equal(lock_is_free("l", &err), 0);
	kill_holder(&holder);
	assert_int_equal(lock_is_free("l", &err), 1);
	assert_int_equal(fs_lstat("l", &after, &err), 0);
	assert_int_equal(before.size, after.size);
	assert_true(before.mtime == after.mtime && before.ino == after.ino);
	assert_true(can_take("l"));
	assert_int_equal(lock_is_free(".", &err), 1);
	assert_int_equal(symlink("l", "link"), 0);
	assert_failed(lock_is_free("link", &err), "ELOOP");
	assert_failed(lock_is_free("/dev/null", &err), "invalid");
}

static void release_frees_it_even_when_a_child_has_the_descriptor(void **state)
{
	struct lock lock = {0};
	int ends[2];
	char byte;
	pid_t pid;
	(void)state;
	assert_int_equal(fd_pipe(ends), 0);
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	pid = fork();
	if (pid == 0) {
		fd_close(&ends[1]);
		fd_read(ends[0], &byte, 1);
		_exit(0);
	}
	lock_release(&lock);
	assert_true(can_take("l"));
	fd_close(&ends[1]);
	fd_close(&ends[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void release_in_a_forked_child_leaves_it_to_the_parent(void **state)
{
	struct lock lock = {0};
	struct lock_holder who;
	pid_t pid;
	(void)state;
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	pid = fork();
	if (pid == 0) {
		lock_release(&lock);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(can_take("l"));
	assert_int_equal(lock_read_holder("l", &who), 0);
	lock_release(&lock);
}

static void assert_refused(const char *path, const char *code)
{
	struct lock lock = {0};
	assert_int_equal(lock_try(&lock, path, "me", &err), -1);
	assert_string_equal(err.code, code);
	assert_non_null(strstr(err.message, path));
}

static void refuses_what_is_no_regular_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700) | symlink("l", "link") | symlink("none", "dangling") | mkfifo("p", 0600), 0);
	assert_true(can_take("l"));
	assert_refused("link", "ELOOP");
	assert_refused("dangling", "ELOOP");
	assert_refused("d", "EISDIR");
	assert_refused("p", "invalid");
	assert_refused("l/x", "ENOTDIR");
	assert_refused("none/x", "ENOENT");
	assert_int_equal(access("none", F_OK), -1);
}

static int denied(void)
{
	struct lock lock = {0};
	CHECK(mkdir("closed", 0555) == 0);
	CHECK(lock_try(&lock, "closed/l", "me", &err) == -1 && strcmp(err.code, "EACCES") == 0);
	CHECK(close(open("l", O_WRONLY | O_CREAT, 0400)) == 0);
	CHECK(lock_try(&lock, "l", "me", &err) == -1 && strcmp(err.code, "EACCES") == 0);
	return 0;
}

static void says_when_it_may_not(void **state)
{
	(void)state;
	as_nobody(denied);
}

static int lock_without_room(void)
{
	struct lock lock = {0};
	struct lock_holder who;
	struct rlimit limit = {0, 0};
	const char *stale = "pid=1 host=h start=1 purpose=stale\n";
	signal(SIGXFSZ, SIG_IGN);
	CHECK(fs_write_atomic("l", stale, strlen(stale), 0600, &err) == 0);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(lock_try(&lock, "l", "me", &err) == 0);
	CHECK(lock_read_holder("l", &who) == -1);
	CHECK(!can_take("l"));
	lock_release(&lock);
	return 0;
}

static void is_had_without_room_for_the_record(void **state)
{
	(void)state;
	as_nobody(lock_without_room);
}

static void describes_what_its_holder_does_now(void **state)
{
	struct lock lock = {0};
	struct lock_holder before, after;
	(void)state;
	assert_int_equal(lock_try(&lock, "l", "build hermes, the whole of it", &err), 0);
	assert_int_equal(lock_read_holder("l", &before), 0);
	lock.start = before.start -= 100;
	lock_describe(&lock, "build hermes");
	assert_int_equal(lock_read_holder("l", &after), 0);
	assert_string_equal(after.purpose, "build hermes");
	assert_int_equal(after.pid, before.pid);
	assert_int_equal(after.start, before.start);
	lock_release(&lock);
	lock_describe(&lock, "nothing");
	assert_int_equal(lock_read_holder("l", &after), -1);
}

/* In a process that has inherited the descriptor: it takes the lock over, and reports that. */
static void take_over(int fd, int ready, int orders)
{
	struct lock lock = {0};
	char byte = lock_inherit(&lock, fd, "l", "heir", &err) == 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) ? 'y' : 'n';
	if (write(ready, &byte, 1) == 1)
		while (fd_read(orders, &byte, 1) > 0)
			;
	lock_release(&lock);
	_exit(0);
}

static void can_be_left_to_a_process_that_has_inherited_it(void **state)
{
	struct lock lock = {0};
	struct lock_holder who;
	int ready[2], orders[2], fd;
	char byte = 0;
	pid_t heir;
	(void)state;
	assert_int_equal(fd_pipe(ready) | fd_pipe(orders), 0);
	assert_int_equal(lock_try(&lock, "l", "me", &err), 0);
	fd = lock.fd;
	heir = fork();
	if (heir == 0) {
		fd_close(&orders[1]);
		take_over(fd, ready[1], orders[0]);
	}
	lock_leave(&lock);
	assert_int_equal(lock.owner, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(fd_read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	assert_false(can_take("l"));
	assert_int_equal(lock_read_holder("l", &who), 0);
	assert_int_equal(who.pid, heir);
	assert_string_equal(who.purpose, "heir");
	for (int i = 0; i < 2; i++) {
		fd_close(&orders[1 - i]);
		fd_close(&ready[i]);
	}
	assert_int_equal(waitpid(heir, NULL, 0), heir);
	assert_true(can_take("l"));
	lock_leave(&lock);
}

static void takes_over_only_the_descriptor_of_its_file(void **state)
{
	struct lock lock = {0}, other = {0};
	int fd;
	(void)state;
	assert_int_equal(lock_try(&other, "other", "me", &err), 0);
	assert_failed(lock_inherit(&lock, other.fd, "l", "heir", &err), "invalid");
	assert_failed(lock_inherit(&lock, -1, "l", "heir", &err), "invalid");
	assert_failed(lock_inherit(&lock, 1, "l", "heir", &err), "invalid");
	assert_failed(lock_inherit(&lock, 999, "l", "heir", &err), "invalid");
	/* The file is the right one, but another process has the lock. */
	fd = open("other", O_RDWR | O_CLOEXEC);
	assert_failed(lock_inherit(&lock, fd, "other", "heir", &err), "locked");
	fd_close(&fd);
	assert_int_equal(rename("other", "moved"), 0);
	assert_failed(lock_inherit(&lock, other.fd, "other", "heir", &err), "invalid");
	lock_release(&other);
	assert_int_equal(lock.owner, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(excludes_other_processes),
		FIXTURE_TEST(excludes_a_second_lock_of_this_process),
		FIXTURE_TEST(releasing_twice_or_nothing_is_fine),
		FIXTURE_TEST(tells_who_holds_it),
		FIXTURE_TEST(keeps_the_file_and_empties_it),
		FIXTURE_TEST(a_shorter_record_leaves_nothing_of_a_longer_one),
		FIXTURE_TEST(is_free_when_its_holder_is_killed),
		FIXTURE_TEST(release_frees_it_even_when_a_child_has_the_descriptor),
		FIXTURE_TEST(release_in_a_forked_child_leaves_it_to_the_parent),
		FIXTURE_TEST(refuses_what_is_no_regular_file),
		FIXTURE_TEST(says_when_it_may_not),
		FIXTURE_TEST(is_had_without_room_for_the_record),
		FIXTURE_TEST(describes_what_its_holder_does_now),
		FIXTURE_TEST(can_be_left_to_a_process_that_has_inherited_it),
		FIXTURE_TEST(takes_over_only_the_descriptor_of_its_file),
		FIXTURE_TEST(probing_tells_whether_it_is_free_and_changes_nothing),
	};
	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
