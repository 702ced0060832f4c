/*
 * Compiling a schema: a tree of nodes out of jsonb. Called by queues.c, schema_sql.c.
 *
 * Whatever is wrong is found here and not while values are checked. What the schema says about
 * numbers, names and texts stays where it is in a copy of the jsonb; the nodes point there.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "schema_compile.h"
#include "sqlstate.h"

typedef struct NodeOfAddress
{
	JsonbContainer *address; /* hash key */
	SchemaNode *node;
} NodeOfAddress;

void
compile_refuse(const Compiler *compiler, const Place *place, const char *format, ...)
{
	StringInfoData what;
	va_list arguments;

	initStringInfo(&what);
	va_start(arguments, format);
	appendStringInfoVA(&what, format, arguments);
	va_end(arguments);
	ereport(ERROR, (errcode(astrid_sqlstate(ASTRID_INVALID_ARGUMENT)),
					errmsg("invalid argument \"%s\"", compiler->argument),
					errdetail("It is no JSON Schema that astrid can check: at \"%s\": %s",
							  place_text(place), what.data),
					errhint("docs/schema.md says which parts of draft 7 are supported.")));
}

Place *
compile_key(const Place *up, const char *key, int length)
{
	Place *place = palloc0(sizeof(Place));

	*place = (Place){.up = up, .kind = PLACE_KEY, .key = key, .length = length};
	return place;
}

Place *
compile_index(const Place *up, int index)
{
	Place *place = palloc0(sizeof(Place));

	*place = (Place){.up = up, .kind = PLACE_INDEX, .index = index};
	return place;
}

static SchemaNode *
new_node(Compiler *compiler, const Place *place, const char *base)
{
	SchemaNode *node;

	if (list_length(compiler->nodes) >= SCHEMA_MAX_NODES)
		compile_refuse(compiler, place, "more than %d subschemas", SCHEMA_MAX_NODES);
	node = palloc0(sizeof(SchemaNode));
	node->place = place;
	node->base = base;
	node->max_length = PG_INT32_MAX;
	node->max_items = PG_INT32_MAX;
	node->max_properties = PG_INT32_MAX;
	compiler->nodes = lappend(compiler->nodes, node);
	return node;
}

SchemaNode *
compile_known(Compiler *compiler, const JsonbValue *value)
{
	NodeOfAddress *entry;

	if (!value_is_object(value))
		return NULL;
	entry = hash_search(compiler->by_address, &value->val.binary.data, HASH_FIND, NULL);
	return entry ? entry->node : NULL;
}

/* Only draft 7, and draft 6, which it extends. */
static void
check_dialect(Compiler *compiler, const JsonbValue *value, const Place *place)
{
	static const char *const dialects[] = {
		"http://json-schema.org/draft-07/schema", "https://json-schema.org/draft-07/schema",
		"http://json-schema.org/draft-06/schema", "https://json-schema.org/draft-06/schema"};
	int length;

	if (value->type != jbvString)
		compile_refuse(compiler, place, "must be a string");
	length = value->val.string.len;
	if (length > 0 && value->val.string.val[length - 1] == '#')
		length--;
	for (int i = 0; i < lengthof(dialects); i++)
		if (strlen(dialects[i]) == length &&
			strncmp(dialects[i], value->val.string.val, length) == 0)
			return;
	compile_refuse(compiler, place, "the dialect must be draft 7, %s#", dialects[0]);
}

static void
compile_keywords(Compiler *compiler, SchemaNode *node, const JsonbValue *value)
{
	JsonWalk walk;
	JsonbValue name;
	JsonbValue content;

	value_walk(&walk, value);
	while (value_next(&walk, &name, &content))
	{
		const Keyword *keyword = keyword_find(&name);

		if (keyword == NULL)
			continue;
		node->groups |= keyword->group;
		keyword->parse(compiler, node, keyword, &content,
					   compile_key(node->place, keyword->name, strlen(keyword->name)));
	}
}

static void
compile_object(Compiler *compiler, SchemaNode *node, const JsonbValue *value)
{
	JsonbContainer *address = value->val.binary.data;
	NodeOfAddress *entry = hash_search(compiler->by_address, &address, HASH_ENTER, NULL);
	JsonbValue member;

	entry->node = node;
	if (value_member(value, "$schema", 7, &member))
		check_dialect(compiler, &member, compile_key(node->place, "$schema", 7));
	/* In draft 7 nothing beside a $ref counts. */
	if (value_member(value, "$ref", 4, &member))
	{
		ref_note(compiler, node, &member, compile_key(node->place, "$ref", 4));
		return;
	}
	if (value_member(value, "$id", 3, &member))
		node->base =
			ref_note_id(compiler, node, value, &member, compile_key(node->place, "$id", 3));
	compile_keywords(compiler, node, value);
}

SchemaNode *
compile_node(Compiler *compiler, const JsonbValue *value, const Place *place, const char *base)
{
	SchemaNode *node = new_node(compiler, place, base);

	CHECK_FOR_INTERRUPTS();
	if (++compiler->depth > SCHEMA_MAX_NESTING)
		compile_refuse(compiler, place, "subschemas are nested more than %d deep",
					   SCHEMA_MAX_NESTING);
	if (value->type == jbvBool)
		node->kind = value->val.boolean ? NODE_TRUE : NODE_FALSE;
	else if (value_is_object(value))
		compile_object(compiler, node, value);
	else
		compile_refuse(compiler, place, "a schema must be an object, true or false");
	compiler->depth--;
	return node;
}

static SchemaNode *
compile_document(Compiler *compiler, const JsonbValue *value)
{
	Resource *resource = palloc0(sizeof(Resource));

	/* What a $ref without an $id around it is relative to. */
	resource->uri = "";
	resource->value = *value;
	compiler->resources = lappend(compiler->resources, resource);
	resource->node = compile_node(compiler, value, NULL, "");
	return resource->node;
}

Schema *
schema_compile(Jsonb *source, const char *argument, MemoryContext parent)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "astrid schema", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HASHCTL ctl = {
		.keysize = sizeof(JsonbContainer *), .entrysize = sizeof(NodeOfAddress), .hcxt = context};
	Compiler compiler = {.argument = argument, .pattern_cost = SCHEMA_MAX_PATTERNS_COST};
	Schema *schema = palloc0(sizeof(Schema));
	Jsonb *copy;
	JsonbValue value;

	if (VARSIZE(source) > SCHEMA_MAX_BYTES)
		compile_refuse(&compiler, NULL, "it has more than %d bytes", SCHEMA_MAX_BYTES);
	copy = palloc(VARSIZE(source));
	memcpy(copy, source, VARSIZE(source));
	value_root(copy, &value);
	schema->context = context;
	compiler.by_address =
		hash_create("astrid schema nodes", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	schema->root = compile_document(&compiler, &value);
	ref_resolve_all(&compiler);
	ref_check_cycles(&compiler);
	hash_destroy(compiler.by_address);
	MemoryContextSwitchTo(old);
	/* Only now, so that an error leaves nothing behind. */
	MemoryContextSetParent(context, parent);
	return schema;
}

void
schema_free(Schema *schema)
{
	MemoryContextDelete(schema->context);
}
