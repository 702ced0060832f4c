-- Nothing changed in SQL.
\echo Use "ALTER EXTENSION astrid_sky UPDATE" to load this file. \quit
