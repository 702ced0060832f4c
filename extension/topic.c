/*
 * Topics of events and patterns of topics (see topic.h). Called by event.c, subscription.c.
 *
 * As in AMQP: a topic is words with dots between them; in a pattern * stands for one word and # for
 * any number of them, none too.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "args.h"
#include "topic.h"

PG_FUNCTION_INFO_V1(astrid_topic_check_pattern);
PG_FUNCTION_INFO_V1(astrid_topic_matches);

/* A word of a text, up to the next dot. */
typedef struct Word
{
	const char *at; /* null: there are no more */
	size_t length;
} Word;

static Word
word_at(const char *at)
{
	return (Word){at, strcspn(at, ".")};
}

static Word
word_after(Word word)
{
	const char *end = word.at + word.length;

	return *end == '.' ? word_at(end + 1) : (Word){0};
}

static bool
word_is(Word word, char sign)
{
	return word.length == 1 && word.at[0] == sign;
}

static void
check_words(const char *text, const char *argument, bool is_pattern)
{
	if (strlen(text) >= TOPIC_SIZE)
		arg_refuse(argument, "It must not be longer than 255 bytes.");
	for (Word word = word_at(text); word.at != NULL; word = word_after(word))
	{
		if (word.length == 0)
			arg_refuse(argument, "It must be words with dots between them, none of them empty.");
		if (!is_pattern && (word_is(word, '*') || word_is(word, '#')))
			arg_refuse(argument, "The words * and # are for patterns.");
	}
}

void
topic_check(const char *topic, const char *argument)
{
	check_words(topic, argument, false);
}

void
topic_check_pattern(const char *pattern, const char *argument)
{
	check_words(pattern, argument, true);
}

static bool
word_fits(Word word, Word pattern)
{
	return pattern.at != NULL && !word_is(pattern, '#') &&
		   (word_is(pattern, '*') ||
			(word.length == pattern.length && memcmp(word.at, pattern.at, word.length) == 0));
}

/* Where a word does not fit, the last # takes one word more: no pattern takes longer than the
 * product of the lengths. */
bool
topic_matches(const char *topic, const char *pattern)
{
	Word word = word_at(topic);
	Word wanted = word_at(pattern);
	Word after_hash = {0};
	Word taken = {0};
	bool has_hash = false;

	while (word.at != NULL)
	{
		if (word_fits(word, wanted))
		{
			word = word_after(word);
			wanted = word_after(wanted);
		}
		else if (wanted.at != NULL && word_is(wanted, '#'))
		{
			has_hash = true;
			wanted = after_hash = word_after(wanted);
			taken = word;
		}
		else if (has_hash)
		{
			word = taken = word_after(taken);
			wanted = after_hash;
		}
		else
			return false;
	}
	while (wanted.at != NULL && word_is(wanted, '#'))
		wanted = word_after(wanted);
	return wanted.at == NULL;
}

/* astrid._topic_check_pattern(pattern) */
Datum
astrid_topic_check_pattern(PG_FUNCTION_ARGS)
{
	arg_require(fcinfo, 0, "pattern");
	topic_check_pattern(text_to_cstring(PG_GETARG_TEXT_PP(0)), "pattern");
	PG_RETURN_VOID();
}

/* astrid._topic_matches(topic, pattern) -> boolean */
Datum
astrid_topic_matches(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(topic_matches(text_to_cstring(PG_GETARG_TEXT_PP(0)),
								 text_to_cstring(PG_GETARG_TEXT_PP(1))));
}
