/* Stages from shared objects that the local configuration names. SPDX-License-Identifier:
 * PostgreSQL */
#ifndef DAEMON_PLUGIN_H
#define DAEMON_PLUGIN_H

/* Load a shared object and register its stage (stage_add); -1 with the error set. It stays loaded.
 */
int plugin_load(const char *path);

#endif
