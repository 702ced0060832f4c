/*
 * Topics of events and patterns of topics. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_TOPIC_H
#define ASTRID_TOPIC_H

#define TOPIC_SIZE 256

/* Raise QJ006, naming the argument, for what is no topic, or no pattern. */
extern void topic_check(const char *topic, const char *argument);
extern void topic_check_pattern(const char *pattern, const char *argument);

/* Does the topic match? Both are valid. */
extern bool topic_matches(const char *topic, const char *pattern);

#endif
