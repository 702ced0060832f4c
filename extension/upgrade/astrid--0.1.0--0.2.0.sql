\echo Use "ALTER EXTENSION astrid UPDATE" to load this file. \quit
