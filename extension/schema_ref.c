/*
 * $id and $ref: what refers to what in a schema, and that no reference leads back to itself without
 * a step into the value. Called by schema_compile.c.
 *
 * Nothing is ever fetched. What can be referred to is the schema itself, its parts by JSON Pointer,
 * those with an $id by that, and the schema of draft 7.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "schema_compile.h"
#include "schema_uri.h"

#define ON_THE_WAY (-1)

static Resource *
find_resource(const Compiler *compiler, const char *uri)
{
	ListCell *cell;

	foreach (cell, compiler->resources)
	{
		Resource *resource = lfirst(cell);

		if (strcmp(resource->uri, uri) == 0)
			return resource;
	}
	return NULL;
}

static char *
get_uri(const Compiler *compiler, const char *base, const JsonbValue *value, const Place *place)
{
	char *text;

	if (value->type != jbvString)
		compile_refuse(compiler, place, "must be a string");
	text = uri_resolve(base, pnstrdup(value->val.string.val, value->val.string.len));
	/* an empty fragment says nothing */
	if (*text != '\0' && text[strlen(text) - 1] == '#')
		text[strlen(text) - 1] = '\0';
	return text;
}

/* Remembers the subschema by its URI; returns what is the base inside it. */
const char *
ref_note_id(Compiler *compiler, SchemaNode *node, const JsonbValue *value, const JsonbValue *id,
			const Place *place)
{
	Resource *resource = palloc0(sizeof(Resource));

	resource->uri = get_uri(compiler, node->base, id, place);
	resource->value = *value;
	resource->node = node;
	if (strchr(resource->uri, '#') != NULL && id->val.string.val[0] != '#')
		compile_refuse(compiler, place, "an $id with a fragment must be nothing but a fragment");
	if (*resource->uri != '\0' && find_resource(compiler, resource->uri) != NULL)
		compile_refuse(compiler, place, "another subschema has the same $id");
	compiler->resources = lappend(compiler->resources, resource);
	return strchr(resource->uri, '#') != NULL ? node->base : resource->uri;
}

void
ref_note(Compiler *compiler, SchemaNode *node, const JsonbValue *value, const Place *place)
{
	Reference *reference = palloc0(sizeof(Reference));

	reference->node = node;
	reference->uri = get_uri(compiler, node->base, value, place);
	reference->text = value_quote(value->val.string.val, value->val.string.len);
	compiler->references = lappend(compiler->references, reference);
}

/* In place: %25 is %. */
static void
decode_percent(char *text)
{
	char *out = text;

	for (char *in = text; *in; in++)
	{
		unsigned char byte;

		if (in[0] == '%' && in[1] && in[2] && isxdigit((unsigned char) in[1]) &&
			isxdigit((unsigned char) in[2]))
		{
			hex_decode(in + 1, 2, (char *) &byte);
			*out++ = byte;
			in += 2;
		}
		else
			*out++ = *in;
	}
	*out = '\0';
}

/* In place: ~1 is a slash, ~0 a tilde. */
static void
decode_token(char *token)
{
	char *out = token;

	for (char *in = token; *in; in++)
	{
		if (in[0] == '~' && (in[1] == '0' || in[1] == '1'))
			*out++ = *++in == '0' ? '~' : '/';
		else
			*out++ = *in;
	}
	*out = '\0';
}

static bool
step_into(JsonbValue *value, const char *token)
{
	JsonbValue *item;
	char *end;
	long index;

	if (value_is_object(value))
		return value_member(value, token, strlen(token), value);
	if (!value_is_array(value) || !isdigit((unsigned char) *token))
		return false;
	index = strtol(token, &end, 10);
	if (*end != '\0' || index >= value_size(value))
		return false;
	item = getIthJsonbValueFromContainer(value->val.binary.data, index);
	*value = *item;
	return true;
}

/* The node at a pointer ("" or "/a/b") below a resource; null where there is nothing. */
static SchemaNode *
follow_pointer(Compiler *compiler, const Resource *resource, char *pointer)
{
	JsonbValue value = resource->value;
	const Place *place = resource->node->place;
	SchemaNode *node;

	while (*pointer == '/')
	{
		char *token = pointer + 1;
		int length = strcspn(token, "/");

		pointer = token + length;
		token = pnstrdup(token, length);
		decode_token(token);
		if (!step_into(&value, token))
			return NULL;
		place = compile_key(place, token, strlen(token));
	}
	node = compile_known(compiler, &value);
	return node ? node : compile_node(compiler, &value, place, resource->node->base);
}

/* The schema of draft 7, which every schema may refer to. */
static Resource *
load_meta(Compiler *compiler)
{
	Datum text = CStringGetDatum(schema_meta_text);
	Jsonb *document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, text));
	Place *place = compile_key(NULL, schema_meta_uri, 0);
	JsonbValue value;

	place->kind = PLACE_DOCUMENT;
	value_root(document, &value);
	compile_node(compiler, &value, place, "");
	return find_resource(compiler, schema_meta_uri);
}

static SchemaNode *
resolve(Compiler *compiler, const Reference *reference)
{
	Resource *resource = find_resource(compiler, reference->uri);
	char *uri = pstrdup(reference->uri);
	char *fragment = strchr(uri, '#');

	if (resource != NULL)
		return resource->node;
	if (fragment != NULL)
	{
		*fragment++ = '\0';
		decode_percent(fragment);
	}
	resource = find_resource(compiler, uri);
	if (resource == NULL && strcmp(uri, schema_meta_uri) == 0)
		resource = load_meta(compiler);
	if (resource == NULL)
		compile_refuse(compiler, compile_key(reference->node->place, "$ref", 4),
					   "%s is not in this schema, and nothing is fetched from elsewhere",
					   reference->text);
	if (fragment != NULL && *fragment != '/' && *fragment != '\0')
		return NULL;
	return follow_pointer(compiler, resource, fragment ? fragment : "");
}

void
ref_resolve_all(Compiler *compiler)
{
	/* Not foreach: what is found may refer to more. */
	for (int i = 0; i < list_length(compiler->references); i++)
	{
		Reference *reference = list_nth(compiler->references, i);

		reference->node->ref = resolve(compiler, reference);
		if (reference->node->ref == NULL)
			compile_refuse(compiler, compile_key(reference->node->place, "$ref", 4),
						   "there is nothing at %s", reference->text);
	}
}

static int find_height(Compiler *compiler, SchemaNode *node, int depth);

static int
height_of_list(Compiler *compiler, const SchemaList *list, int depth)
{
	int height = 0;

	for (int i = 0; i < list->n; i++)
		height = Max(height, find_height(compiler, list->items[i], depth));
	return height;
}

static int
height_below(Compiler *compiler, SchemaNode *node, int depth)
{
	SchemaNode *const single[] = {node->ref, node->none_of, node->condition, node->consequence,
								  node->alternative};
	int height = 0;

	for (int i = 0; i < lengthof(single); i++)
		height = Max(height, find_height(compiler, single[i], depth));
	height = Max(height, height_of_list(compiler, &node->all_of, depth));
	height = Max(height, height_of_list(compiler, &node->any_of, depth));
	height = Max(height, height_of_list(compiler, &node->one_of, depth));
	for (int i = 0; i < node->n_dependencies; i++)
		height = Max(height, find_height(compiler, node->dependencies[i].node, depth));
	return height;
}

/* How many subschemas are applied to one and the same value, one within the other. */
static int
find_height(Compiler *compiler, SchemaNode *node, int depth)
{
	if (node == NULL)
		return 0;
	if (node->height == ON_THE_WAY)
		compile_refuse(compiler, node->place,
					   "it refers back to itself without a step into the value");
	if (node->height == 0 && depth <= SCHEMA_MAX_NESTING)
	{
		node->height = ON_THE_WAY;
		node->height = 1 + height_below(compiler, node, depth + 1);
	}
	/* the depth also bounds this recursion, which follows references of any length */
	if (depth + node->height > SCHEMA_MAX_NESTING)
		compile_refuse(compiler, node->place,
					   "more than %d subschemas are applied to one value, one within the other",
					   SCHEMA_MAX_NESTING);
	return node->height;
}

void
ref_check_cycles(Compiler *compiler)
{
	ListCell *cell;

	foreach (cell, compiler->nodes)
		find_height(compiler, lfirst(cell), 0);
}
