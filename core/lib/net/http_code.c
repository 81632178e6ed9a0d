#include "net/http_code.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"

/* Whether a TLS handshake failed because the connection broke. libcurl has one result for that and for a refusal, for example
 * of the protocol's version; only the texts differ. OpenSSL then has no error, and libcurl prints the name of the function
 * instead, or the reason is that the stream ended. The last two texts are GnuTLS's. */
static int is_broken_handshake(const char *detail)
{
	static const char *const words[] = {
		" SSL_connect: ",          "unexpected eof", "Connection reset", "Broken pipe", "Error in the pull function",
		"non-properly terminated",
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(detail, words[i]))
			return 1;
	return 0;
}

static const char *code_of(CURLcode result, const char *detail)
{
	switch (result) {
	case CURLE_OUT_OF_MEMORY:
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
#endif
		return "too_large";
	case CURLE_OPERATION_TIMEDOUT:
		return "timeout";
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return "resolve";
	case CURLE_COULDNT_CONNECT:
		return "connect";
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	/* The server ended an HTTP/2 stream or the whole connection, for example a load balancer that restarts. */
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return "reset";
	case CURLE_SSL_CONNECT_ERROR:
		return is_broken_handshake(detail) ? "reset" : "tls";
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return "tls";
	case CURLE_URL_MALFORMAT:
		return "invalid";
	default:
		return "protocol";
	}
}

/* The code for a proxy that refused the tunnel to the server; NULL without a proxy, or if it accepted. */
static const char *code_of_proxy(CURL *easy)
{
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (status < 300)
		return NULL;
	/* 5xx: it cannot reach the server; 429: it is overloaded. */
	return status >= 500 || status == 429 ? "connect" : "denied";
}

const char *http_code(CURL *easy, CURLcode result, const char *detail)
{
	const char *code = code_of_proxy(easy);
	return code ? code : code_of(result, detail);
}

int http_code_is_local(int errnum)
{
	return errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM || errnum == ENOBUFS;
}
