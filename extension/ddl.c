/*
 * Commands on databases and extensions that the background workers must know of.
 *
 * DROP DATABASE, RENAME, SET TABLESPACE and CREATE DATABASE ... TEMPLATE need a database without
 * sessions; PostgreSQL sends only its own autovacuum away. DROP EXTENSION and ALTER EXTENSION lock
 * the tables in an order that a pass of maintenance could cross. So the utility hook bars the
 * maintenance worker from the database before such a command and until the end of its transaction,
 * however that ends. CREATE EXTENSION, also by CASCADE, is seen by the object access hook; after
 * the commit the launcher looks at the database again.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"

#include "compat.h"
#include "database.h"
#include "ddl.h"

#define BARS_MAX 16 /* per transaction; RENAME may come more than once */

static ProcessUtility_hook_type next_utility_hook;
static object_access_hook_type next_access_hook;

static SharedDatabase *barred[BARS_MAX];
static int n_barred;
static bool databases_changed;
static bool extension_created;

static DefElem *
find_option(List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return option;
	}
	return NULL;
}

static bool
drops_astrid(DropStmt *statement)
{
	ListCell *cell;

	if (statement->removeType != OBJECT_EXTENSION)
		return false;
	foreach (cell, statement->objects)
	{
		if (strcmp(strVal(lfirst(cell)), "astrid") == 0)
			return true;
	}
	return false;
}

/* The database that the maintenance worker must leave for this command; NULL when there is none. */
static char *
database_to_leave(Node *statement)
{
	DefElem *template;
	bool here;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return ((DropdbStmt *) statement)->dbname;
		case T_CreatedbStmt:
			template = find_option(((CreatedbStmt *) statement)->options, "template");
			return template ? defGetString(template) : NULL;
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType != OBJECT_DATABASE)
				return NULL;
			return ((RenameStmt *) statement)->subname;
		case T_AlterDatabaseStmt:
			if (find_option(((AlterDatabaseStmt *) statement)->options, "tablespace") == NULL)
				return NULL;
			return ((AlterDatabaseStmt *) statement)->dbname;
		case T_DropStmt:
			here = drops_astrid((DropStmt *) statement);
			break;
		case T_AlterExtensionStmt:
			here = strcmp(((AlterExtensionStmt *) statement)->extname, "astrid") == 0;
			break;
		default:
			return NULL;
	}
	return here ? get_database_name(MyDatabaseId) : NULL;
}

static bool
changes_databases(Node *statement)
{
	return IsA(statement, CreatedbStmt) || IsA(statement, DropdbStmt) ||
		   IsA(statement, AlterDatabaseStmt);
}

/* Only its owner may do any of these commands: nobody else can keep maintenance away. */
static void
bar_database(const char *name)
{
	Oid oid = get_database_oid(name, true);
	SharedDatabase *database;

	if (!OidIsValid(oid) || !database_is_owned(oid, GetUserId()) || n_barred == BARS_MAX)
		return;
	database = database_bar(oid);
	if (database == NULL)
		return;
	barred[n_barred++] = database;
	database_await_departure(database);
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string, bool read_only_tree,
				ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *qc)
{
	ProcessUtility_hook_type next = next_utility_hook ? next_utility_hook : standard_ProcessUtility;
	char *name = database_to_leave(pstmt->utilityStmt);

	if (changes_databases(pstmt->utilityStmt))
		databases_changed = true;
	if (name != NULL)
		bar_database(name);
	next(pstmt, query_string, read_only_tree, context, params, query_env, dest, qc);
}

static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (next_access_hook)
		next_access_hook(access, class_id, object_id, sub_id, arg);
	/* Whichever extension: its row cannot be read yet, and looking once in vain costs little. */
	if (access == OAT_POST_CREATE && class_id == ExtensionRelationId)
		extension_created = true;
}

/* Bars end with the transaction: only then is it seen whether the database is still there. */
static void
transaction_callback(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	for (int i = 0; i < n_barred; i++)
		database_lift_bar(barred[i]);
	if (extension_created && event == XACT_EVENT_COMMIT)
		database_look_again();
	else if (n_barred > 0 || databases_changed)
		database_poke_launcher();
	n_barred = 0;
	extension_created = false;
	databases_changed = false;
}

void
ddl_init(void)
{
	next_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	next_access_hook = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(transaction_callback, NULL);
}
