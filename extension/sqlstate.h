/*
 * SQLSTATEs of class QJ for ereport, from the table include/astrid/sqlstate.def:
 * errcode(astrid_sqlstate(ASTRID_LEASE_LOST)).
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_SQLSTATE_H
#define ASTRID_SQLSTATE_H

#include "utils/elog.h"

typedef enum AstridSqlstate
{
#define ASTRID_SQLSTATE(name, code, text) ASTRID_##name,
#include "astrid/sqlstate.def"
#undef ASTRID_SQLSTATE
} AstridSqlstate;

static inline int
astrid_sqlstate(AstridSqlstate state)
{
	static const char *const codes[] = {
#define ASTRID_SQLSTATE(name, code, text) code,
#include "astrid/sqlstate.def"
#undef ASTRID_SQLSTATE
	};
	const char *code = codes[state];

	return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

#endif
