/*
 * Rows of astrid.dependency whose parents have ended (see edges.h). Called by children.c.
 *
 * Nobody but who ends the parent takes its rows away. Each has its children in the order of their
 * numbers; the heap merges the rows, so that children come in that order over all parents, and each
 * of them once.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "edges.h"
#include "rows.h"

#define NEAR 16 /* see length_of_stretch() */

struct Edges
{
	Rows *rows; /* by parent */
	bool fresh; /* nothing may have been added since the snapshot was taken */
	pairingheap *pending;
	int children; /* of all rows that were taken */
	Edge *given;  /* by the last call of edges_next() */
};

static int
compare(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	int64 ca = edge_child(pairingheap_const_container(Edge, node, a));
	int64 cb = edge_child(pairingheap_const_container(Edge, node, b));

	/* The heap gives out the greatest. */
	return (ca < cb) - (ca > cb);
}

Edges *
edges_open(void)
{
	Rows *rows = rows_open_unless_empty(STORE_DEPENDENCY, STORE_DEPENDENCY_PARENT);
	Edges *edges;

	if (rows == NULL)
		return NULL;
	edges = palloc0(sizeof(Edges));
	edges->rows = rows;
	edges->fresh = true;
	edges->pending = pairingheap_allocate(compare, NULL);
	return edges;
}

void
edges_close(Edges *edges)
{
	rows_close(edges->rows);
	pairingheap_free(edges->pending);
	pfree(edges);
}

/* A copy of an array without nulls. */
static const void *
elements(Datum value, Oid type, int *n)
{
	ArrayType *array = DatumGetArrayTypePCopy(value);

	if (ARR_ELEMTYPE(array) != type || ARR_NDIM(array) > 1 || ARR_HASNULL(array))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("an array in astrid.dependency has nulls or rows")));
	*n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return ARR_DATA_PTR(array);
}

static Edge *
read_edge(const Datum *values, ParentEnd end, bool run)
{
	Edge *edge = palloc0(sizeof(Edge));
	int n_places;

	edge->parent_id = DatumGetInt64(values[DEPENDENCY_PARENT_ID]);
	edge->end = end;
	edge->any_of = DatumGetBool(values[DEPENDENCY_ANY_OF]);
	edge->fulfilled = end == PARENT_COMPLETED || run;
	edge->child_ids = elements(values[DEPENDENCY_CHILD_IDS], INT8OID, &edge->n);
	edge->places = elements(values[DEPENDENCY_CHILD_PLACES], TIDOID, &n_places);
	if (n_places != edge->n)
		edge->places = NULL;
	return edge;
}

static int64
parent_of(const Rows *rows)
{
	return DatumGetInt64(rows->row->tts_values[DEPENDENCY_PARENT_ID]);
}

static void
take_row(Edges *edges, ParentEnd end)
{
	Rows *rows = edges->rows;
	char *failure = TextDatumGetCString(rows->row->tts_values[DEPENDENCY_FAILURE]);
	Edge *edge;

	if (end == PARENT_DEAD && strcmp(failure, "wait") == 0)
		return;
	edge = read_edge(rows->row->tts_values, end, strcmp(failure, "run") == 0);
	(void) rows_delete(rows, true);
	edges->children += edge->n;
	if (edge->n > 0)
		pairingheap_add(edges->pending, &edge->node);
}

/* How many of these numbers lie so near to each other that one look at the index tells that none of
 * them has children: it must not pass over much that others left there. */
static int
length_of_stretch(const int64 *ids, int n)
{
	int i = 1;

	while (i < n && ids[i] - ids[i - 1] <= NEAR)
		i++;
	return i;
}

/* Takes the rows of the first of these parents that has any; returns how many have been dealt with.
 */
static int
take_first(Edges *edges, const int64 *parent_ids, int n, ParentEnd end)
{
	Rows *rows = edges->rows;
	ScanKeyData keys[2];
	bool found;
	int i = 0;

	rows_key_int8_range(keys, 1, parent_ids[0], parent_ids[n - 1]);
	found = rows_find(rows, keys, 2);
	/* It may be a parent between them, that has not ended. */
	while (found && parent_ids[i] < parent_of(rows))
		i++;
	if (found && parent_ids[i] > parent_of(rows))
		return i;
	for (; found && parent_of(rows) == parent_ids[i]; found = rows_next(rows))
		take_row(edges, end);
	return found ? i + 1 : n;
}

void
edges_take(Edges *edges, const int64 *parent_ids, int n, ParentEnd end)
{
	if (!edges->fresh)
		rows_refresh(edges->rows);
	for (int i = 0; i < n;)
	{
		int stretch = length_of_stretch(&parent_ids[i], n - i);

		i += take_first(edges, &parent_ids[i], stretch, end);
	}
}

int
edges_children(const Edges *edges)
{
	return edges->children;
}

/* Those that were given out go on to their next child. */
static void
advance(Edges *edges)
{
	Edge *next;

	for (Edge *edge = edges->given; edge != NULL; edge = next)
	{
		next = edge->next;
		if (++edge->at < edge->n)
			pairingheap_add(edges->pending, &edge->node);
	}
	edges->given = NULL;
}

const Edge *
edges_next(Edges *edges)
{
	advance(edges);
	/* What is taken from now on are the children of children. */
	edges->fresh = false;
	while (!pairingheap_is_empty(edges->pending))
	{
		Edge *edge = pairingheap_container(Edge, node, pairingheap_first(edges->pending));

		if (edges->given != NULL && edge_child(edge) != edge_child(edges->given))
			break;
		pairingheap_remove_first(edges->pending);
		edge->next = edges->given;
		edges->given = edge;
	}
	return edges->given;
}
