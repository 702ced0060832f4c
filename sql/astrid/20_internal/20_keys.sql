CREATE FUNCTION astrid._hold_key(queue int, key text, job bigint) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_hold_key';
COMMENT ON FUNCTION astrid._hold_key(int, text, bigint) IS
    'The job that holds the unique key: this one where the key was free.';

CREATE FUNCTION astrid._release_key(queue int, key text, job bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_release_key';
COMMENT ON FUNCTION astrid._release_key(int, text, bigint) IS
    'The job has reached a final state: frees its unique key, unless a window holds it, or hands it on to the job that waits for it.';

CREATE FUNCTION astrid._forget_key(queue int, key text, job bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_forget_key';
COMMENT ON FUNCTION astrid._forget_key(int, text, bigint) IS
    'The job is to leave no trace: as _release_key, whatever window the key has.';

CREATE FUNCTION astrid._restore_keys() RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'astrid_restore_keys';
COMMENT ON FUNCTION astrid._restore_keys() IS
    'Writes astrid.unique_key anew from the jobs and windows where a crash, a promotion or a dump has emptied it.';
