/*
 * Publishing events (see event.h). Called by complete.c, enqueue.c, children.c, trigger.c and, as
 * SQL, by whoever publishes.
 *
 * An event is a row of the day's partition of astrid.event, with the number of its transaction:
 * readers go by (transaction, event), and only as far as no transaction is under way, so that they
 * miss none that commits late. Each subscription that the topic matches gets a job, in the same
 * transaction.
 *
 * SPDX-License-Identifier: PostgreSQL
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "args.h"
#include "batch.h"
#include "event.h"
#include "guc.h"
#include "object.h"
#include "subscription.h"
#include "topic.h"

#define EVENTS_AT_ONCE 64   /* rows gathered before they are written */
#define ERROR_MAX      1000 /* bytes of a job's error in its events */

/* A job for a subscription. */
typedef struct Delivery
{
	int32 queue_id;
	Datum payload;
} Delivery;

/* Something that happened to a job. Texts are Datums, 0 for null. */
typedef struct JobEvent
{
	int64 job_id;
	int32 attempt;
	Datum state;
	Datum group_key;
	Datum worker;
	Datum error;
} JobEvent;

struct Events
{
	TimestampTz now;
	Datum xid;
	Store *store;
	List *deliveries;
	const char *topic; /* of the last event: most of a call have the same */
	Datum topic_text;
	List *listeners; /* queues that get a job for an event of this topic */
	int32 queue_id;  /* of a job event; else 0 */
	const char *what;
};

PG_FUNCTION_INFO_V1(astrid_publish);
PG_FUNCTION_INFO_V1(astrid_job_event);
PG_FUNCTION_INFO_V1(astrid_event_payload);

static Events *
open_events(Events **events)
{
	if (*events == NULL)
	{
		*events = palloc0(sizeof(Events));
		(*events)->now = clock_now();
		(*events)->xid = FullTransactionIdGetDatum(GetTopFullTransactionId());
		(*events)->store = store_open(STORE_EVENT + ring_slot((*events)->now), EVENTS_AT_ONCE);
		subscriptions_refresh();
	}
	return *events;
}

static Datum
envelope(const Events *events, int64 event_id, Datum key, Datum payload)
{
	Object object;

	object_begin(&object);
	object_int8(&object, "event_id", event_id);
	object_string(&object, "topic", events->topic);
	object_text(&object, "key", key);
	object_json(&object, "payload", payload);
	object_time(&object, "published_at", events->now);
	return object_end(&object);
}

static void
note_deliveries(Events *events, int64 event_id, Datum key, Datum payload)
{
	Datum whole = envelope(events, event_id, key, payload);
	ListCell *cell;

	foreach (cell, events->listeners)
	{
		Delivery *delivery = palloc(sizeof(Delivery));

		*delivery = (Delivery){lfirst_int(cell), whole};
		events->deliveries = lappend(events->deliveries, delivery);
	}
}

static void
set_or_null(TupleTableSlot *row, int column, Datum value)
{
	if (value != (Datum) 0)
		store_set(row, column, value);
}

/* A job event goes to no subscription of the job's own queue: that would never end. */
static void
set_topic(Events *events, const char *topic, int32 queue_id)
{
	const Subscription *subscription;
	int i = 0;

	events->topic = topic;
	events->topic_text = CStringGetTextDatum(topic);
	events->queue_id = queue_id;
	events->listeners = NIL;
	while ((subscription = subscriptions_match(topic, &i)) != NULL)
		if (subscription->queue_id != queue_id)
			events->listeners = lappend_int(events->listeners, subscription->queue_id);
}

static void
set_job_topic(Events *events, const Queue *queue, const char *what)
{
	if (events->queue_id == queue->id && strcmp(events->what, what) == 0)
		return;
	set_topic(events, psprintf("job.%s.%s", queue->name, what), queue->id);
	events->what = what;
}

static TupleTableSlot *
begin_row(Events *events, int64 event_id)
{
	TupleTableSlot *row = store_row(events->store);

	store_set(row, EVENT_ID, Int64GetDatum(event_id));
	store_set(row, EVENT_XID, events->xid);
	store_set(row, EVENT_PUBLISHED_AT, TimestampTzGetDatum(events->now));
	store_set(row, EVENT_SLOT, Int16GetDatum(ring_slot(events->now)));
	store_set(row, EVENT_TOPIC, events->topic_text);
	return row;
}

static int64
add(Events *events, Datum key, Datum payload)
{
	int64 event_id = store_next(STORE_EVENT_SEQ);
	TupleTableSlot *row = begin_row(events, event_id);

	set_or_null(row, EVENT_KEY, key);
	set_or_null(row, EVENT_PAYLOAD, payload);
	store_add(events->store);
	if (events->listeners != NIL)
		note_deliveries(events, event_id, key, payload);
	return event_id;
}

static Datum
clip(Datum error)
{
	text *value = DatumGetTextPP(error);
	int length = VARSIZE_ANY_EXHDR(value);

	if (length <= ERROR_MAX)
		return error;
	return PointerGetDatum(cstring_to_text_with_len(
		VARDATA_ANY(value), pg_mbcliplen(VARDATA_ANY(value), length, ERROR_MAX)));
}

/* The words of the topic between the first and the last one. */
static Datum
topic_queue(const char *topic)
{
	const char *begin = strchr(topic, '.') + 1;

	return PointerGetDatum(cstring_to_text_with_len(begin, strrchr(topic, '.') - begin));
}

static Datum
job_payload(const char *topic, const JobEvent *event)
{
	Object object;

	object_begin(&object);
	object_int8(&object, "job_id", event->job_id);
	object_text(&object, "queue", topic_queue(topic));
	object_text(&object, "state", event->state);
	object_int8(&object, "attempt", event->attempt);
	if (event->group_key != (Datum) 0)
		object_text(&object, "group_key", event->group_key);
	if (event->worker != (Datum) 0)
		object_text(&object, "worker", event->worker);
	if (event->error != (Datum) 0)
		object_text(&object, "error", event->error);
	return object_end(&object);
}

static void
deliver_job(Events *events, int64 event_id, const JobEvent *event)
{
	char key[MAXINT8LEN + 1];

	pg_lltoa(event->job_id, key);
	note_deliveries(events, event_id, CStringGetTextDatum(key), job_payload(events->topic, event));
}

/* Key and payload are made of the columns when somebody reads them: a job's end is to cost little.
 */
static void
add_job(Events *events, const JobEvent *event)
{
	int64 event_id = store_next(STORE_EVENT_SEQ);
	TupleTableSlot *row = begin_row(events, event_id);

	store_set(row, EVENT_JOB_ID, Int64GetDatum(event->job_id));
	store_set(row, EVENT_ATTEMPT, Int32GetDatum(event->attempt));
	store_set(row, EVENT_STATE, event->state);
	set_or_null(row, EVENT_GROUP_KEY, event->group_key);
	set_or_null(row, EVENT_WORKER, event->worker);
	set_or_null(row, EVENT_ERROR, event->error);
	store_add(events->store);
	if (events->listeners != NIL)
		deliver_job(events, event_id, event);
}

void
events_add_row(Events **events, const Queue *queue, const char *what, TupleTableSlot *job,
			   Datum worker, Datum error)
{
	JobEvent event = {.worker = worker};

	if (queue == NULL || !queue->job_events)
		return;
	event.job_id = DatumGetInt64(job->tts_values[JOB_ID]);
	event.attempt = DatumGetInt32(job->tts_values[JOB_ATTEMPT]);
	event.state = CStringGetTextDatum(what);
	if (!job->tts_isnull[JOB_GROUP_KEY])
		event.group_key = job->tts_values[JOB_GROUP_KEY];
	if (error != (Datum) 0)
		event.error = clip(error);
	set_job_topic(open_events(events), queue, what);
	add_job(*events, &event);
}

/* A queue that was dropped, or is being drained, gets none. */
static void
deliver(const Delivery *delivery)
{
	const Queue *queue;

	queues_refresh();
	queue = queue_by_id(delivery->queue_id);
	if (queue != NULL && queue->accepting)
		batch_deliver(queue, delivery->payload);
}

void
events_close(Events *events)
{
	ListCell *cell;

	if (events == NULL)
		return;
	store_close(events->store);
	foreach (cell, events->deliveries)
		deliver(lfirst(cell));
	list_free_deep(events->deliveries);
	pfree(events);
	CommandCounterIncrement();
}

static Datum
argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? (Datum) 0 : PG_GETARG_DATUM(number);
}

static void
check_size(Datum payload)
{
	if (payload != (Datum) 0 && toast_raw_datum_size(payload) > (Size) guc_max_payload_size * 1024)
		arg_refuse("payload", psprintf("It has %zu bytes, at most %d kB are allowed.",
									   toast_raw_datum_size(payload), guc_max_payload_size));
}

/* Only what happened to a job is told on its topics. */
static void
check_not_reserved(const char *topic)
{
	if (topic_matches(topic, "job.#"))
		arg_refuse("topic", "Topics that begin with job are for what happens to jobs.");
}

int64
event_publish(const char *topic, Datum key, Datum payload)
{
	Events *events = NULL;
	int64 event_id;

	topic_check(topic, "topic");
	check_not_reserved(topic);
	check_size(payload);
	set_topic(open_events(&events), topic, 0);
	event_id = add(events, key, payload);
	events_close(events);
	return event_id;
}

/* astrid.publish(topic, payload, key) -> bigint */
Datum
astrid_publish(PG_FUNCTION_ARGS)
{
	arg_require(fcinfo, 0, "topic");
	PG_RETURN_INT64(event_publish(text_to_cstring(PG_GETARG_TEXT_PP(0)), argument(fcinfo, 2),
								  argument(fcinfo, 1)));
}

/* astrid._job_event(queue, job, what, state, attempt, group_key, worker, error) */
Datum
astrid_job_event(PG_FUNCTION_ARGS)
{
	Events *events = NULL;
	const Queue *queue;

	queues_refresh();
	queue = queue_by_id(PG_GETARG_INT32(0));
	if (queue == NULL || !queue->job_events)
		PG_RETURN_VOID();
	set_job_topic(open_events(&events), queue, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	add_job(events, &(JobEvent){.job_id = PG_GETARG_INT64(1),
								.state = PG_GETARG_DATUM(3),
								.attempt = PG_GETARG_INT32(4),
								.group_key = argument(fcinfo, 5),
								.worker = argument(fcinfo, 6),
								.error = PG_ARGISNULL(7) ? (Datum) 0 : clip(PG_GETARG_DATUM(7))});
	events_close(events);
	PG_RETURN_VOID();
}

/* astrid._event_payload(topic, job_id, attempt, state, group_key, worker, error) -> jsonb */
Datum
astrid_event_payload(PG_FUNCTION_ARGS)
{
	const char *topic;

	for (int i = 0; i < 4; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	topic = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!topic_matches(topic, "job.*.#.*"))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(job_payload(topic, &(JobEvent){.job_id = PG_GETARG_INT64(1),
												   .attempt = PG_GETARG_INT32(2),
												   .state = PG_GETARG_DATUM(3),
												   .group_key = argument(fcinfo, 4),
												   .worker = argument(fcinfo, 5),
												   .error = argument(fcinfo, 6)}));
}
