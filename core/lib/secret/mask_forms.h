/* The forms that secrets can take, indexed for finding them. Part of the masker; see mask.h. */
#ifndef MOLBUILD_MASK_FORMS_H
#define MOLBUILD_MASK_FORMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* A text to be found, each of its characters as it is or escaped (see mask_find.h). */
struct mask_form {
	const unsigned char *text;
	size_t len;
	int ambiguous; /* holds '%' or '\', which can be read as themselves or as the beginning of an escape */
};

struct mask_word {
	const char *text;
	size_t len;
};

/* What all forms are made from. */
struct mask_source {
	const struct mask_word *secrets;
	size_t secret_count;
	const struct mask_word *users;
	size_t user_count;
};

/* All zero: no forms. */
struct mask_forms {
	struct mask_form *list; /* sorted by text, no two the same */
	size_t count;
	size_t first[257];        /* those that begin with byte C are list[first[C]] to list[first[C + 1] - 1] */
	size_t window;            /* bytes at the beginning of every form that the index knows */
	unsigned char heads[256]; /* whether a byte occurs in any form's window */
	uint64_t *grams;          /* a set of all four bytes in a row in any form's window, by hash */
	int gram_bits;            /* log2 of the size of the set */
	unsigned char *arena;     /* the texts */
	size_t arena_size;
};

#define MASK_GRAM 4

/* Make all forms of the source and their index. Returns 0, or -1 with errno ENOMEM and FORMS unchanged. What FORMS
 * held before is wiped and freed. */
WARN_UNUSED int mask_forms_build(struct mask_forms *forms, const struct mask_source *source);

void mask_forms_free(struct mask_forms *forms);

/* The two places of the set that the MASK_GRAM bytes at TEXT take: a gram is in it when both are taken. */
struct mask_places {
	uint32_t first, second;
};

static inline struct mask_places mask_forms_places(const struct mask_forms *forms, const void *text)
{
	uint64_t hash;
	uint32_t gram;
	__builtin_memcpy(&gram, text, sizeof gram);
	hash = gram * UINT64_C(0x9e3779b97f4a7c15);
	return (struct mask_places){(uint32_t)(hash >> (64 - forms->gram_bits)),
	                            (uint32_t)(hash << forms->gram_bits >> (64 - forms->gram_bits))};
}

static inline int mask_forms_taken(const struct mask_forms *forms, uint32_t place)
{
	return (int)(forms->grams[place >> 6] >> (place & 63) & 1);
}

/* Whether the MASK_GRAM bytes at TEXT may lie in the window of a form. FORMS must not be empty. */
static inline int mask_forms_gram(const struct mask_forms *forms, const void *text)
{
	struct mask_places places = mask_forms_places(forms, text);
	return mask_forms_taken(forms, places.first) && mask_forms_taken(forms, places.second);
}

/* Overwrite LEN bytes in a way the compiler must not leave out. */
void mask_wipe(void *memory, size_t len);

#endif
