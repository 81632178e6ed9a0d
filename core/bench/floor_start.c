/* The least that a program linked with molbuild's libraries takes: it prints a line. */
#include <curl/curl.h>
#include <lua.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>

/* A linker that drops unused libraries must keep these. */
struct used {
	CURL *(*curl)(void);
	const EVP_MD *(*crypto)(void);
	lua_Number (*lua)(lua_State *);
	double (*math)(double, double);
};

static const struct used used = {curl_easy_init, EVP_sha256, lua_version, fmin};

int main(void)
{
	const volatile struct used *keep = &used;
	if (!keep->curl || !keep->crypto || !keep->lua || !keep->math)
		return 1;
	return puts("molbuild 0.1.0") < 0 || fflush(stdout) != 0;
}
