/*
 * Unique keys after a crash. SPDX-License-Identifier: PostgreSQL
 */
#ifndef ASTRID_UNIQUE_RESTORE_H
#define ASTRID_UNIQUE_RESTORE_H

/*
 * Before astrid.unique_key is opened. Where it may have been emptied, writes it anew from the jobs
 * and the windows; others that need it wait until this transaction has ended. Costs nothing once
 * the session has seen that the table is complete.
 *
 * Every job must have its row meanwhile: who takes the rows of several and writes them again later
 * calls this before.
 */
extern void unique_restore(void);

#endif
