-- Keys are found by a number, which compares faster than they do. Two keys may have the same one: the key is compared too.
CREATE FUNCTION astrid._key_hash(queue int, key text) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'astrid_key_hash';
COMMENT ON FUNCTION astrid._key_hash(int, text) IS 'The number by which a unique key or a group of a queue is found.';
