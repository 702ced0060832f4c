/*
 * Vacuum of the tables that jobs pass through. Called by maintenance.c. SPDX-License-Identifier:
 * PostgreSQL
 */
#ifndef ASTRID_TIDY_H
#define ASTRID_TIDY_H

/* Vacuums them where enough jobs have passed; to be called outside a transaction, by a worker that
 * has nothing else open. */
extern void tidy_hot_tables(void);

#endif
