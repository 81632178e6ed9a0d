/* A web server that misbehaves, for specs: hostile_server [--redirect URL] [--log FILE]
 *
 * Listens on a free port of 127.0.0.1, prints the port and a newline, and answers until it is ended by a signal, or
 * after ten minutes. The first component of the request's path that names a mode of the table below decides what
 * happens, so that a mode can stand where a forge's organisation does; a path without one is 404. With "git-" before
 * the mode a forge's API answers as it should, and only git meets the mode. FILE gets the head of every request, as it
 * came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME_S 600
#define MAX_HEAD   16384

static const char *redirect_url = "http://127.0.0.1:1/";

/* The client may hang up at any time: then this connection's process ends. */
static void send_bytes(int fd, const void *data, size_t len)
{
	const char *at = data;
	while (len > 0) {
		ssize_t sent = write(fd, at, len);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			_exit(0);
		at += sent;
		len -= (size_t)sent;
	}
}

static void send_text(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

static void pause_ms(long ms)
{
	struct timespec rest = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&rest, NULL);
}

static void do_hang(int fd)
{
	(void)fd;
	for (;;)
		pause();
}

static void do_reset(int fd)
{
	struct linger none = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
	_exit(0);
}

static void do_close(int fd)
{
	(void)fd;
}

static void do_hang_after_headers(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n");
	do_hang(fd);
}

static void do_reset_body(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"name\":");
	pause_ms(100);
	do_reset(fd);
}

static void do_short_body(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{\"name\":");
}

static void do_long_body(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}{\"commit\":{\"id\":\"0\"}}");
}

static void do_endless_body(int fd)
{
	static char block[65536];
	memset(block, '[', sizeof(block));
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
	for (;;)
		send_bytes(fd, block, sizeof(block));
}

static void do_endless_chunks(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (;;)
		send_text(fd, "10\r\n0123456789abcdef\r\n");
}

static void do_bad_chunk(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n");
}

static void do_endless_headers(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\n");
	for (;;)
		send_text(fd, "X-Padding: 0123456789abcdef0123456789abcdef0123456789abcdef\r\n");
}

static void do_endless_header_line(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nX-Padding: ");
	for (;;)
		send_text(fd, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

/* Each answer is small, and none is the last. */
static void do_endless_continue(int fd)
{
	for (;;)
		send_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void do_nul_header(int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nX-Thing: a\0b\r\nContent-Length: 2\r\n\r\n{}";
	send_bytes(fd, answer, sizeof(answer) - 1);
}

static void do_branch(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
	              "{\"commit\":{\"id\":\"0123456789abcdef0123456789abcdef01234567\"}}");
}

#define REFS_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n"

/* No valid list of refs for git; the escapes are for the terminal that shows git's message. */
static void do_bad_refs(int fd)
{
	send_text(fd, REFS_HEAD "001e# service=git-upload-pack\n0000zz\033[2J\033]0;x\007\nzz");
}

static void do_trickle_refs(int fd)
{
	send_text(fd, REFS_HEAD "001e# service=git-upload-pack\n0000");
	for (;;) {
		send_text(fd, "003e0123456789abcdef0123456789abcdef01234567 refs/heads/trickle\n");
		pause_ms(200);
	}
}

static void do_trickle(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n");
	for (;;) {
		send_text(fd, " ");
		pause_ms(200);
	}
}

static void do_trickle_headers(int fd)
{
	send_text(fd, "HTTP/1.1 200 OK\r\nX-Padding: ");
	for (;;) {
		send_text(fd, "x");
		pause_ms(200);
	}
}

static void do_not_http(int fd)
{
	send_text(fd, "220 hostile ESMTP\r\n");
}

static void do_bad_status(int fd)
{
	send_text(fd, "HTTP/1.1 abc \033[31m\r\n\r\n");
}

static void send_redirect(int fd, const char *to)
{
	char head[4096];
	snprintf(head, sizeof(head), "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	         to);
	send_text(fd, head);
}

static void do_redirect(int fd)
{
	send_redirect(fd, redirect_url);
}

static void do_redirect_loop(int fd)
{
	send_redirect(fd, "/redirect-loop/again");
}

static void do_redirect_file(int fd)
{
	send_redirect(fd, "file:///etc/passwd");
}

static void do_redirect_ftp(int fd)
{
	send_redirect(fd, "ftp://127.0.0.1/x");
}

/* The bits of one deflate stream, lowest first. */
struct bits {
	unsigned char *data;
	size_t at; /* in bits */
};

static void put_bits(struct bits *bits, const char *zeros_and_ones)
{
	for (; *zeros_and_ones; zeros_and_ones++, bits->at++)
		if (*zeros_and_ones == '1')
			bits->data[bits->at / 8] |= (unsigned char)(1 << bits->at % 8);
}

/* 60,000 bytes that unpack to 9.5 MB of zeros: one literal, then matches of 258 bytes at distance 1. */
static void do_gzip_bomb(int fd)
{
	static const unsigned char magic[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	static unsigned char body[60000];
	struct bits bits = {body, sizeof(magic) * 8};
	memcpy(body, magic, sizeof(magic));
	put_bits(&bits, "110"
	                "00110000");
	while (bits.at + 13 + 7 + 64 < sizeof(body) * 8)
		put_bits(&bits, "11000101"
		                "00000");
	put_bits(&bits, "0000000");
	send_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
	              "Content-Length: 60000\r\nConnection: close\r\n\r\n");
	send_bytes(fd, body, sizeof(body));
}

static const struct mode {
	const char *name;
	void (*answer)(int fd);
} modes[] = {
	{"bad-chunk", do_bad_chunk},
	{"bad-refs", do_bad_refs},
	{"bad-status", do_bad_status},
	{"branch", do_branch},
	{"close", do_close},
	{"endless-body", do_endless_body},
	{"endless-chunks", do_endless_chunks},
	{"endless-continue", do_endless_continue},
	{"endless-header-line", do_endless_header_line},
	{"endless-headers", do_endless_headers},
	{"gzip-bomb", do_gzip_bomb},
	{"hang", do_hang},
	{"hang-after-headers", do_hang_after_headers},
	{"long-body", do_long_body},
	{"not-http", do_not_http},
	{"nul-header", do_nul_header},
	{"redirect", do_redirect},
	{"redirect-file", do_redirect_file},
	{"redirect-ftp", do_redirect_ftp},
	{"redirect-loop", do_redirect_loop},
	{"reset", do_reset},
	{"reset-body", do_reset_body},
	{"short-body", do_short_body},
	{"trickle", do_trickle},
	{"trickle-headers", do_trickle_headers},
	{"trickle-refs", do_trickle_refs},
};

static const struct mode *find_mode(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strlen(modes[i].name) == len && memcmp(modes[i].name, name, len) == 0)
			return &modes[i];
	return NULL;
}

/* HEAD is "GET /a/b HTTP/1.1...". */
static const struct mode *mode_of(const char *head)
{
	const char *at = strchr(head, ' ');
	int is_api = at && strncmp(at, " /api/", 6) == 0;
	while (at && (*at == ' ' || *at == '/')) {
		size_t len = strcspn(++at, "/? \r"), skip = strncmp(at, "git-", 4) == 0 ? 4 : 0;
		const struct mode *mode = find_mode(at + skip, len - skip);
		if (mode && skip && is_api)
			return find_mode("branch", 6);
		if (mode || at[len] == ' ')
			return mode;
		at += len;
	}
	return NULL;
}

static void read_head(int fd, char head[MAX_HEAD])
{
	size_t len = 0;
	head[0] = '\0';
	while (len + 1 < MAX_HEAD && !strstr(head, "\r\n\r\n")) {
		ssize_t got = recv(fd, head + len, MAX_HEAD - 1 - len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			_exit(0);
		len += (size_t)got;
		head[len] = '\0';
	}
}

/* In a process of its own, which ends with the connection. */
static void serve(int fd, int log_fd)
{
	static char head[MAX_HEAD];
	const struct mode *mode;
	read_head(fd, head);
	if (log_fd >= 0 && write(log_fd, head, strlen(head)) < 0)
		_exit(1);
	mode = mode_of(head);
	if (mode)
		mode->answer(fd);
	else
		send_text(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	/* Closing with something unread in the socket would reset the connection before the client has the answer.
	 */
	shutdown(fd, SHUT_WR);
	while (recv(fd, head, sizeof(head), 0) > 0)
		;
	_exit(0);
}

static int listen_somewhere(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 64) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		perror("hostile_server");
		exit(1);
	}
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

/* The connections' processes are in our group. */
static void end_all(int signo)
{
	(void)signo;
	kill(0, SIGKILL);
}

int main(int argc, char **argv)
{
	int log_fd = -1;
	int listener;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--redirect") == 0)
			redirect_url = argv[i + 1];
		else if (strcmp(argv[i], "--log") == 0)
			log_fd = open(argv[i + 1], O_WRONLY | O_CREAT | O_APPEND, 0600);
	}
	setpgid(0, 0);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, end_all);
	signal(SIGALRM, end_all);
	alarm(LIFETIME_S);
	listener = listen_somewhere();
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0 && fork() == 0) {
			close(listener);
			serve(fd, log_fd);
		}
		if (fd >= 0)
			close(fd);
	}
}
