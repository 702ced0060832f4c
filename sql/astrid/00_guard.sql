\echo Use "CREATE EXTENSION astrid" to load this file. \quit
