/*
 * Checking arrays and objects. Called by schema_validate.c.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "schema_check.h"

/* For uniqueItems. The value comes first, so that value_compare() compares these too. */
typedef struct NumberedItem
{
	JsonbValue value;
	int index;
} NumberedItem;

static Place
place_of_item(const Place *up, int index)
{
	return (Place){.up = up, .kind = PLACE_INDEX, .index = index};
}

static Place
place_of_key(const Place *up, const JsonbValue *key)
{
	return (Place){
		.up = up, .kind = PLACE_KEY, .key = key->val.string.val, .length = key->val.string.len};
}

static bool
check_unique(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	int n = value_size(value);
	NumberedItem *items;
	JsonWalk walk;
	bool ok = true;

	if (n < 2)
		return true;
	check_pay(check, n + value->val.binary.len / 16);
	items = palloc_extended(sizeof(NumberedItem) * n, MCXT_ALLOC_HUGE);
	value_walk(&walk, value);
	for (int i = 0; i < n; i++)
	{
		value_next(&walk, NULL, &items[i].value);
		items[i].index = i;
	}
	qsort(items, n, sizeof(NumberedItem), value_compare);
	for (int i = 1; i < n && ok; i++)
		if (value_compare(&items[i - 1], &items[i]) == 0)
			ok = check_fail(check, node, place, "uniqueItems",
							"must have no equal items, but items %d and %d are",
							Min(items[i - 1].index, items[i].index),
							Max(items[i - 1].index, items[i].index));
	pfree(items);
	return ok;
}

static bool
check_contains(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue item;

	value_walk(&walk, value);
	while (value_next(&walk, NULL, &item))
	{
		Place at = place_of_item(place, walk.next - 1);

		if (check_quietly(check, node->contains, &item, &at))
			return true;
	}
	return check_fail(check, node, place, "contains", "must have an item that matches this schema");
}

/* The schema of an item, null where it has none. */
static const SchemaNode *
node_of_item(const SchemaNode *node, int index)
{
	if (node->items != NULL)
		return node->items;
	if (index < node->tuple.n)
		return node->tuple.items[index];
	return node->tuple.items != NULL ? node->beyond : NULL;
}

static bool
check_items(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue item;
	bool ok = true;

	value_walk(&walk, value);
	while (!check_ends(check, ok) && value_next(&walk, NULL, &item))
	{
		int index = walk.next - 1;
		const SchemaNode *of_item = node_of_item(node, index);
		Place at = place_of_item(place, index);

		if (of_item == NULL)
			break;
		if (of_item == node->beyond && of_item->kind == NODE_FALSE)
			ok = check_fail(check, node, &at, "additionalItems", "must have %d items or fewer",
							node->tuple.n);
		else
			ok &= check_node(check, of_item, &item, &at);
	}
	return ok;
}

static bool
check_size(Check *check, const SchemaNode *node, const Place *place, int size, bool object)
{
	const char *what = object ? "properties" : "items";
	int min = object ? node->min_properties : node->min_items;
	int max = object ? node->max_properties : node->max_items;

	if (size < min)
		return check_fail(check, node, place, object ? "minProperties" : "minItems",
						  "must have %d %s or more", min, what);
	if (size > max)
		return check_fail(check, node, place, object ? "maxProperties" : "maxItems",
						  "must have %d %s or fewer", max, what);
	return true;
}

bool
check_array(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok = check_size(check, node, place, value_size(value), false);

	if (!check_ends(check, ok) && node->unique_items)
		ok &= check_unique(check, node, value, place);
	if (!check_ends(check, ok) && (node->items != NULL || node->tuple.items != NULL))
		ok &= check_items(check, node, value, place);
	if (!check_ends(check, ok) && node->contains != NULL)
		ok &= check_contains(check, node, value, place);
	return ok;
}

static bool
fail_missing(Check *check, const SchemaNode *node, const Place *place, const JsonbValue *name)
{
	if (check->errors == NULL)
		return false;
	return check_fail(check, node, place, "required", "must have the property %s",
					  value_quote(name->val.string.val, name->val.string.len));
}

/* Passes by the properties of the schema that come before this key; null: all the rest. */
static bool
skip_to(Check *check, const SchemaNode *node, const Place *place, const JsonbValue *key, int *next)
{
	bool ok = true;

	while (*next < node->n_properties)
	{
		const SchemaProperty *property = &node->properties[*next];

		if (key != NULL && value_compare_strings(&property->name, key) >= 0)
			break;
		if (property->required)
			ok = fail_missing(check, node, place, &property->name);
		++*next;
	}
	return ok;
}

static bool
check_additional(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *at)
{
	if (node->additional == NULL)
		return true;
	if (node->additional->kind == NODE_FALSE)
		return check_fail(check, node, at, "additionalProperties",
						  "no property of this name is allowed");
	return check_node(check, node->additional, value, at);
}

/* One pair: property is what the schema says about its name, null where it says nothing. */
static bool
check_pair(Check *check, const SchemaNode *node, const SchemaProperty *property,
		   const JsonbValue *key, const JsonbValue *value, const Place *place)
{
	Place at = place_of_key(place, key);
	bool known = property != NULL && property->node != NULL;
	bool ok = true;

	if (node->names != NULL && !check_quietly(check, node->names, key, &at))
		ok = check_fail(check, node, &at, "propertyNames", "this name is not allowed");
	if (!check_ends(check, ok) && known)
		ok &= check_node(check, property->node, value, &at);
	for (int i = 0; i < node->n_patterns && !check_ends(check, ok); i++)
		if (check_pattern(check, node->patterns[i].pattern, key))
		{
			known = true;
			ok &= check_node(check, node->patterns[i].node, value, &at);
		}
	if (!known && !check_ends(check, ok))
		ok &= check_additional(check, node, value, &at);
	return ok;
}

/* Both sides are sorted alike: one walk over the pairs meets the schema's properties too. */
static bool
check_pairs(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	JsonWalk walk;
	JsonbValue key;
	JsonbValue item;
	int next = 0;
	bool ok = true;

	key.type = jbvString;
	value_walk(&walk, value);
	while (!check_ends(check, ok) && value_next(&walk, &key, &item))
	{
		const SchemaProperty *property = NULL;

		check_pay(check, 1);
		ok &= skip_to(check, node, place, &key, &next);
		if (next < node->n_properties &&
			value_compare_strings(&node->properties[next].name, &key) == 0)
			property = &node->properties[next++];
		if (!check_ends(check, ok))
			ok &= check_pair(check, node, property, &key, &item, place);
	}
	if (!check_ends(check, ok))
		ok &= skip_to(check, node, place, NULL, &next);
	return ok;
}

static bool
has_member(const JsonbValue *object, const JsonbValue *name)
{
	JsonbValue ignored;

	return value_member(object, name->val.string.val, name->val.string.len, &ignored);
}

static bool
check_names(Check *check, const SchemaNode *node, const SchemaDependency *dependency,
			const JsonbValue *value, const Place *place)
{
	bool ok = true;

	for (int i = 0; i < dependency->n_names && !check_ends(check, ok); i++)
	{
		const JsonbValue *name = &dependency->names[i];

		if (has_member(value, name))
			continue;
		ok = check->errors != NULL &&
			 check_fail(
				 check, node, place, "dependencies", "must have the property %s because it has %s",
				 value_quote(name->val.string.val, name->val.string.len),
				 value_quote(dependency->name.val.string.val, dependency->name.val.string.len));
	}
	return ok;
}

static bool
check_dependencies(Check *check, const SchemaNode *node, const JsonbValue *value,
				   const Place *place)
{
	bool ok = true;

	check_pay(check, node->n_dependencies);
	for (int i = 0; i < node->n_dependencies && !check_ends(check, ok); i++)
	{
		const SchemaDependency *dependency = &node->dependencies[i];

		if (!has_member(value, &dependency->name))
			continue;
		if (dependency->node != NULL)
			ok &= check_node(check, dependency->node, value, place);
		else
			ok &= check_names(check, node, dependency, value, place);
	}
	return ok;
}

bool
check_object(Check *check, const SchemaNode *node, const JsonbValue *value, const Place *place)
{
	bool ok = check_size(check, node, place, value_size(value), true);

	if (!check_ends(check, ok))
		ok &= check_pairs(check, node, value, place);
	if (!check_ends(check, ok))
		ok &= check_dependencies(check, node, value, place);
	return ok;
}
