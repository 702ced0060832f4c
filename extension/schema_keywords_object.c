/*
 * What the keywords with names put into a node: properties, required, dependencies, definitions.
 * Called by schema_keywords.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "schema_compile.h"

static void
begin_map(Compiler *compiler, JsonWalk *walk, const JsonbValue *value, const Place *place)
{
	if (!value_is_object(value))
		compile_refuse(compiler, place, "must be an object");
	value_walk(walk, value);
}

static const Place *
place_of_name(const Place *place, const JsonbValue *name)
{
	return compile_key(place, name->val.string.val, name->val.string.len);
}

/* Compiled though nothing may refer to them: what is wrong with them shows at once. */
void
keyword_definitions(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
					const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue name;
	JsonbValue item;

	begin_map(compiler, &walk, value, place);
	while (value_next(&walk, &name, &item))
		compile_node(compiler, &item, place_of_name(place, &name), node->base);
}

static int
compare_properties(const void *a, const void *b)
{
	return value_compare_strings(&((const SchemaProperty *) a)->name,
								 &((const SchemaProperty *) b)->name);
}

/* The property of that name, made where it is not there yet. */
static SchemaProperty *
add_property(SchemaNode *node, const JsonbValue *name, int n_sorted)
{
	SchemaProperty key = {.name = *name};
	SchemaProperty *found = NULL;

	if (n_sorted > 0)
		found =
			bsearch(&key, node->properties, n_sorted, sizeof(SchemaProperty), compare_properties);
	if (found == NULL)
	{
		found = &node->properties[node->n_properties++];
		*found = key;
	}
	return found;
}

/* Makes room for n more properties and returns how many there are: they are sorted. */
static int
grow_properties(SchemaNode *node, int n)
{
	Size size = sizeof(SchemaProperty) * (node->n_properties + n + 1);

	node->properties = node->properties ? repalloc(node->properties, size) : palloc(size);
	return node->n_properties;
}

static void
sort_properties(SchemaNode *node)
{
	int n = 0;

	qsort(node->properties, node->n_properties, sizeof(SchemaProperty), compare_properties);
	/* a name twice in required */
	for (int i = 0; i < node->n_properties; i++)
		if (n == 0 || compare_properties(&node->properties[n - 1], &node->properties[i]) != 0)
			node->properties[n++] = node->properties[i];
	node->n_properties = n;
}

void
keyword_properties(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
				   const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue name;
	JsonbValue item;
	int n_sorted;

	begin_map(compiler, &walk, value, place);
	n_sorted = grow_properties(node, walk.n);
	while (value_next(&walk, &name, &item))
		add_property(node, &name, n_sorted)->node =
			compile_node(compiler, &item, place_of_name(place, &name), node->base);
	sort_properties(node);
}

static void
require_name(Compiler *compiler, const JsonbValue *name, const Place *place, int index)
{
	if (name->type != jbvString)
		compile_refuse(compiler, compile_index(place, index), "must be a string");
}

void
keyword_required(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
				 const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue name;
	int n_sorted;

	if (!value_is_array(value))
		compile_refuse(compiler, place, "must be an array of names");
	n_sorted = grow_properties(node, value_size(value));
	value_walk(&walk, value);
	while (value_next(&walk, NULL, &name))
	{
		require_name(compiler, &name, place, walk.next - 1);
		add_property(node, &name, n_sorted)->required = true;
	}
	sort_properties(node);
}

void
keyword_pattern_properties(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
						   const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue name;
	JsonbValue item;

	begin_map(compiler, &walk, value, place);
	node->patterns = palloc(sizeof(SchemaPatternProperty) * (walk.n + 1));
	while (value_next(&walk, &name, &item))
	{
		const Place *at = place_of_name(place, &name);
		SchemaPatternProperty *property = &node->patterns[node->n_patterns++];

		property->pattern = keyword_pattern(compiler, &name, at);
		property->node = compile_node(compiler, &item, at, node->base);
	}
}

void
keyword_dependencies(Compiler *compiler, SchemaNode *node, const Keyword *keyword,
					 const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue name;
	JsonbValue item;

	begin_map(compiler, &walk, value, place);
	node->dependencies = palloc0(sizeof(SchemaDependency) * (walk.n + 1));
	while (value_next(&walk, &name, &item))
	{
		const Place *at = place_of_name(place, &name);
		SchemaDependency *dependency = &node->dependencies[node->n_dependencies++];

		dependency->name = name;
		if (!value_is_array(&item))
		{
			dependency->node = compile_node(compiler, &item, at, node->base);
			continue;
		}
		dependency->n_names = value_size(&item);
		dependency->names = keyword_copy_items(&item);
		for (int i = 0; i < dependency->n_names; i++)
			require_name(compiler, &dependency->names[i], at, i);
	}
}
