/* A small web server for the tests of HTTP, in processes of its own. Include it after cmocka.h and fixture.h. */
#ifndef MOLBUILD_TEST_HTTP_FIXTURE_H
#define MOLBUILD_TEST_HTTP_FIXTURE_H

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"

/* Where the servers note the head of every request. */
#define REQUESTS "requests"

struct server {
	pid_t pid;
	int port;
};

static inline void say(int fd, const char *text)
{
	if (fd_write_all(fd, text, strlen(text)) < 0)
		_exit(0);
}

static inline void say_for_ever(int fd, const char *begin, const char *text)
{
	for (say(fd, begin);; say(fd, text))
		;
}

/* Every answer that can be given word for word. */
static const struct {
	const char *path, *answer;
} answers[] = {
	{"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing:  Value: x \r\nETag: \"1\"\r\n\r\nhello"},
	{"/hints", "HTTP/1.1 103 Early Hints\r\nX-Thing: early\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Thing: late\r\n\r\nhi"},
	{"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"},
	{"/long", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"},
	{"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"},
	{"/nonsense", "220 mail.example.org ESMTP\r\n\r\n"},
	{"/to-ok", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nX-Thing: old\r\nContent-Length: 3\r\n\r\nbye"},
	{"/to-itself", "HTTP/1.1 301 Moved\r\nLocation: /to-itself\r\nContent-Length: 0\r\n\r\n"},
	/* As a proxy. */
	{"http://elsewhere.example/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nby"},
	{"refused.example:443", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"},
	{"down.example:443", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"},
	{"/to-file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"},
};

static const char nul_answer[] = "HTTP/1.1 200 OK\r\nX-Thing: a\0b\r\nContent-Length: 0\r\n\r\n";

static inline void answer(int fd, int other_port)
{
	char head[8192], text[256];
	size_t len = 0;
	int log = open(REQUESTS, O_WRONLY | O_APPEND | O_CREAT, 0600);
	while (len + 1 < sizeof head && (!len || !strstr(head, "\r\n\r\n"))) {
		ssize_t got = fd_read(fd, head + len, sizeof head - 1 - len);
		if (got <= 0)
			_exit(0);
		len += (size_t)got;
		head[len] = '\0';
	}
	say(log, head);
	snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/ok\r\nContent-Length: 0\r\n\r\n",
	         other_port);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const char *path = strchr(head, ' ') + 1;
		size_t path_len = strlen(answers[i].path);
		if (strncmp(path, answers[i].path, path_len) == 0 && path[path_len] == ' ')
			say(fd, answers[i].answer);
	}
	if (strstr(head, " /nul ") && fd_write_all(fd, nul_answer, sizeof nul_answer - 1) < 0)
		_exit(0);
	if (strstr(head, " /away "))
		say(fd, text);
	else if (strstr(head, " /hang "))
		pause();
	else if (strstr(head, " /chunked "))
		say_for_ever(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nabcde\r\n");
	else if (strstr(head, " /headers "))
		say_for_ever(fd, "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n");
	else if (strstr(head, " /header-line "))
		say_for_ever(fd, "HTTP/1.1 200 OK\r\nX-More: ", "and more and more and more and more and more");
	else if (strstr(head, " /continues "))
		say_for_ever(fd, "", "HTTP/1.1 100 Continue\r\n\r\n");
	else if (strstr(head, " /trailers "))
		say_for_ever(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: HTTP/\r\n\r\n0\r\n",
		             "HTTP/: x\r\n");
	else if (strstr(head, " /reset "))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
	fd_close(&fd);
	_exit(0);
}

static inline void serve(int listener, int other_port)
{
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0 && fork() == 0)
			answer(fd, other_port);
		fd_close(&fd);
	}
}

static inline void start_server(struct server *server, int listener, int other_port)
{
	struct sockaddr_in address = {0};
	socklen_t len = sizeof address;
	assert_int_equal(listen(listener, 64), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	server->port = ntohs(address.sin_port);
	server->pid = fork();
	if (server->pid == 0)
		serve(listener, other_port);
	setpgid(server->pid, server->pid);
	fd_close(&listener);
}

static inline int tcp_listener(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static inline int unix_listener(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static inline void stop_server(struct server *server)
{
	kill(-server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

#endif
