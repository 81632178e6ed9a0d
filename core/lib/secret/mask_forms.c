#include "secret/mask_internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* Forms of one secret: as it is; six of its inside; with and without a user in four spellings each. */
#define FORMS_PER_SECRET(users) (1 + 6 + 4 * (1 + (users)))
/* Bytes of base64, its NUL, and two more in front for the alignment of the inside. */
#define BASE64_SIZE(len) (((len) + 2 + 2) / 3 * 4 + 1)
#define PLAIN_MAX        (2 + MASK_USER_MAX + 1 + MASK_SECRET_MAX)

/* Without forms: "://", in either order of the bytes. */
unsigned char mask_pairs[1 << 16] = {
	[':' << 8 | '/'] = MASK_FIRST, ['/' << 8 | ':'] = MASK_FIRST, ['/' << 8 | '/'] = MASK_SECOND};

/* The encoder's input and output. */
static unsigned char plain[PLAIN_MAX], encoded[BASE64_SIZE(PLAIN_MAX)];

void mask_wipe(void *memory, size_t len)
{
	volatile unsigned char *bytes = memory;
	while (len-- > 0)
		*bytes++ = 0;
}

static void add_pair(int a, int b, int what)
{
	mask_pairs[mask_pair((unsigned char[]){(unsigned char)a, (unsigned char)b})] |= (unsigned char)what;
}

static void fill_pairs(const struct mask_forms *forms)
{
	memset(mask_pairs, 0, sizeof mask_pairs);
	add_pair(':', '/', MASK_FIRST);
	add_pair('/', '/', MASK_SECOND);
	for (int any = 0; any < 256 && forms->count > 0; any++) {
		for (int c = 0; c < 2; c++) {
			add_pair("%\\"[c], any, MASK_ALONE);
			add_pair(any, "%\\"[c], MASK_BEFORE);
		}
	}
	for (size_t i = 0; i < forms->count; i++) {
		const unsigned char *text = forms->list[i].text;
		add_pair(text[0], text[1], MASK_FIRST);
		add_pair(text[1], text[2], MASK_SECOND);
		for (int c = 0; c < 2; c++) {
			add_pair(text[0], "%\\"[c], MASK_ALONE);
			add_pair(text[1], "%\\"[c], MASK_SECOND);
		}
	}
}

void mask_forms_free(struct mask_forms *forms)
{
	mask_wipe(forms->texts, forms->texts_len);
	free(forms->texts);
	free(forms->list);
	*forms = (struct mask_forms){0};
	fill_pairs(forms);
}

/* ---- making the forms -------------------------------------------------------------------------------------- */

static void add(struct mask_forms *forms, const void *text, size_t len)
{
	unsigned char *copy = forms->texts + forms->texts_len;
	size_t *first;
	INVARIANT(forms->texts_len + len <= forms->texts_size);
	memmove(copy, text, len);
	first = &forms->first[copy[0]];
	forms->list[forms->count++] = (struct mask_form){copy, len, *first};
	*first = forms->count;
	forms->texts_len += len;
}

/* Encode SKIPPED zero bytes, USER and the secret. Returns the length without padding. */
static size_t encode(size_t skipped, const char *user, const struct mask_secret *secret)
{
	size_t len = skipped + strlen(user);
	memset(plain, 0, skipped);
	memcpy(plain + skipped, user, len - skipped);
	memcpy(plain + len, secret->text, secret->len);
	len += secret->len;
	EVP_EncodeBlock(encoded, plain, (int)len);
	return (len * 8 + 5) / 6;
}

/* A part of the encoded text, and the same in the alphabet of URLs. */
static void add_part(struct mask_forms *forms, size_t begin, size_t end)
{
	unsigned char *text = encoded;
	add(forms, text + begin, end - begin);
	text = forms->texts + forms->texts_len;
	memcpy(text, encoded + begin, end - begin);
	for (size_t i = 0; i < end - begin; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	add(forms, text, end - begin);
}

/* Base64 of USER and the secret, with and without padding. */
static void add_base64(struct mask_forms *forms, const char *user, const struct mask_secret *secret)
{
	size_t len = encode(0, user, secret);
	add_part(forms, 0, len);
	if (len % 4)
		add_part(forms, 0, (len + 3) / 4 * 4);
}

/* The characters of base64 that depend only on the secret, whatever surrounds it, for
 * each of the three positions in a group of three bytes where the secret can begin. */
static void add_inside(struct mask_forms *forms, const struct mask_secret *secret)
{
	for (size_t skipped = 0; skipped < 3; skipped++) {
		encode(skipped, "", secret);
		add_part(forms, (skipped * 8 + 5) / 6, (skipped + secret->len) * 8 / 6);
	}
}

int mask_forms_build(struct mask_forms *forms, const struct mask_secret *secrets, size_t secret_count,
                     char users[][MASK_USER_MAX + 2], size_t user_count)
{
	struct mask_forms made = {0};
	size_t longest_user = 0, per_secret = FORMS_PER_SECRET(user_count);
	for (size_t i = 0; i < user_count; i++)
		longest_user = strlen(users[i]) > longest_user ? strlen(users[i]) : longest_user;
	for (size_t i = 0; i < secret_count; i++)
		made.texts_size += per_secret * BASE64_SIZE(longest_user + secrets[i].len);
	made.list = calloc(secret_count * per_secret + 1, sizeof *made.list);
	made.texts = malloc(made.texts_size + 1);
	for (size_t i = 0; i < secret_count && made.list && made.texts; i++) {
		add(&made, secrets[i].text, secrets[i].len);
		add_inside(&made, &secrets[i]);
		add_base64(&made, "", &secrets[i]);
		for (size_t user = 0; user < user_count; user++)
			add_base64(&made, users[user], &secrets[i]);
	}
	mask_wipe(plain, sizeof plain);
	mask_wipe(encoded, sizeof encoded);
	if (!made.list || !made.texts) {
		mask_forms_free(&made);
		fill_pairs(forms);
		return -1;
	}
	mask_forms_free(forms);
	*forms = made;
	fill_pairs(forms);
	return 0;
}
