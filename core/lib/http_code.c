#include "http_code.h"

static const char *code_of(CURLcode result)
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
		return "reset";
	case CURLE_SSL_CONNECT_ERROR:
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

/* What a proxy that did not open the way to the server makes of it; NULL when there was none, or it did. */
static const char *code_of_proxy(CURL *easy)
{
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (status < 300)
		return NULL;
	/* 5xx: it cannot reach the server. */
	return status >= 500 ? "connect" : "denied";
}

const char *http_code(CURL *easy, CURLcode result)
{
	const char *code = code_of_proxy(easy);
	return code ? code : code_of(result);
}
