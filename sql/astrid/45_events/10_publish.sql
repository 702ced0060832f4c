CREATE FUNCTION astrid.publish(topic text, payload jsonb DEFAULT NULL, key text DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_publish';
COMMENT ON FUNCTION astrid.publish(text, jsonb, text) IS
    'Publishes an event, when the transaction commits: it can be read for a week, and each subscription that its topic matches gets a job. Returns its number.';

CREATE FUNCTION astrid.enqueue_trigger() RETURNS trigger
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_enqueue_trigger';
COMMENT ON FUNCTION astrid.enqueue_trigger() IS
    'For CREATE TRIGGER ... AFTER ... FOR EACH ROW EXECUTE FUNCTION astrid_enqueue_trigger(queue, options): each change of a row becomes a job. Options, as JSON: priority, unique_key and group_key, the last two naming columns.';

CREATE FUNCTION astrid.publish_trigger() RETURNS trigger
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'astrid_publish_trigger';
COMMENT ON FUNCTION astrid.publish_trigger() IS
    'For CREATE TRIGGER ... AFTER ... FOR EACH ROW EXECUTE FUNCTION astrid_publish_trigger(topic, options): each change of a row becomes an event. Option, as JSON: key, naming a column.';
