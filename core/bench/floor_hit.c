/* The minimum cost of a cache hit: molbuild's requests, sent only by libcurl.
 *
 *	floor_hit BRANCH_API_URL ENGINE_SOCKET IMAGE        IMAGE without a tag
 *
 * One GET for the branch's commit, one GET each for IMAGE:<sha12> and IMAGE:latest on one connection to the
 * engine, and, when these differ, one POST that moves :latest. Prints the tag. The answers are searched for the
 *first "id" and "Id", not decoded.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)1 << 20)

struct answer {
	char *text; /* NUL-terminated */
	size_t len;
	long status;
};

static void die(const char *what)
{
	fprintf(stderr, "floor_hit: %s\n", what);
	exit(1);
}

static size_t take(char *data, size_t size, size_t count, void *ud)
{
	struct answer *answer = ud;
	size_t len = size * count;
	if (answer->len + len >= ANSWER_MAX)
		return 0;
	memcpy(answer->text + answer->len, data, len);
	answer->len += len;
	answer->text[answer->len] = '\0';
	return len;
}

static void ask(CURL *curl, const char *url, struct answer *answer)
{
	CURLcode code;
	answer->len = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		die(curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
}

static CURL *new_handle(const char *socket)
{
	CURL *curl = curl_easy_init();
	if (!curl)
		die("curl_easy_init");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
	if (socket)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	return curl;
}

/* The string value of the first NAME in the answer, into the SIZE bytes of OUT. */
static void find(const struct answer *answer, const char *name, char *out, size_t size)
{
	const char *at = strstr(answer->text, name);
	const char *end;
	if (!at || !(at = strchr(at + strlen(name), '"')) || !(end = strchr(++at, '"')) || (size_t)(end - at) >= size)
		die("an answer without an id");
	memcpy(out, at, (size_t)(end - at));
	out[end - at] = '\0';
}

static void image_id(CURL *engine, const char *image, const char *tag, struct answer *answer, char id[128])
{
	char url[512];
	snprintf(url, sizeof url, "http://docker/images/%s:%s/json", image, tag);
	ask(engine, url, answer);
	id[0] = '\0';
	if (answer->status == 200)
		find(answer, "\"Id\":", id, 128);
}

static void move_latest(CURL *engine, const char *image, const char *tag, struct answer *answer)
{
	char url[512];
	snprintf(url, sizeof url, "http://docker/images/%s:%s/tag?repo=%s&tag=latest", image, tag, image);
	curl_easy_setopt(engine, CURLOPT_POST, 1L);
	curl_easy_setopt(engine, CURLOPT_POSTFIELDSIZE, 0L);
	ask(engine, url, answer);
	if (answer->status != 201)
		die("the engine does not tag");
}

int main(int argc, char **argv)
{
	struct answer answer = {.text = malloc(ANSWER_MAX)};
	char sha[128], id[128], latest[128];
	CURL *forge, *engine;
	if (argc != 4 || !answer.text)
		die("usage: floor_hit BRANCH_API_URL ENGINE_SOCKET IMAGE");
	curl_global_init(CURL_GLOBAL_DEFAULT);
	forge = new_handle(NULL);
	ask(forge, argv[1], &answer);
	find(&answer, "\"id\":", sha, sizeof sha);
	if (strlen(sha) < 12)
		die("a short sha");
	sha[12] = '\0';
	engine = new_handle(argv[2]);
	image_id(engine, argv[3], sha, &answer, id);
	if (!id[0])
		die("no cache hit");
	image_id(engine, argv[3], "latest", &answer, latest);
	if (strcmp(id, latest) != 0)
		move_latest(engine, argv[3], sha, &answer);
	curl_easy_cleanup(engine);
	curl_easy_cleanup(forge);
	curl_global_cleanup();
	free(answer.text);
	return printf("%s:%s\n", argv[3], sha) < 0;
}
