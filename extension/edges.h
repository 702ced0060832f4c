/*
 * Dependencies whose parents have ended, child by child. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_EDGES_H
#define ASTRID_EDGES_H

#include "lib/pairingheap.h"
#include "storage/itemptr.h"

#include "children.h"

/* A row of astrid.dependency: what one parent means for some children. */
typedef struct Edge
{
	pairingheap_node node;
	struct Edge *next; /* to the same child */
	int64 parent_id;
	ParentEnd end;
	bool any_of;
	bool fulfilled; /* else it failed */
	const int64 *child_ids;
	const ItemPointerData *places; /* of the children in astrid.waiting; null: not known */
	int at;                        /* the child whose turn it is */
	int n;
} Edge;

typedef struct Edges Edges;

static inline int64
edge_child(const Edge *edge)
{
	return edge->child_ids[edge->at];
}

/* Null where there is no dependency at all. */
extern Edges *edges_open(void);
extern void edges_close(Edges *edges);

/*
 * These parents, in the order of their numbers, have ended: takes their rows away, but for those
 * that wait for their redrive. Who enqueued children of them before has committed: they are seen.
 */
extern void edges_take(Edges *edges, const int64 *parent_ids, int n, ParentEnd end);

/* How many children the rows that were taken have. */
extern int edges_children(const Edges *edges);

/* All that lead to the smallest child that is left, as a list that is valid until the next call;
 * null: that was the last one. */
extern const Edge *edges_next(Edges *edges);

#endif
