SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
COPY astrid.attempt_4 (job_id, lease_id, started_at, ended_at, attempt, queue_id, slot, worker, cause, error, info) FROM stdin;
2	33	2026-11-28 07:18:01.533398+00	2026-11-28 07:18:01.552123+00	1	1	4	tap	error	broken	\N
3	65	2026-11-28 07:18:01.587333+00	2026-11-28 07:18:01.605497+00	1	1	4	tap	error	once more	\N
\.
COPY astrid.dead (job_id, "position", run_at, enqueued_at, queue_id, priority, attempt, max_attempts, timeout, unique_key, group_key, tags, payload, lease_id, started_at, finished_at, worker, error, attempts) FROM stdin;
2	2	2026-11-28 07:18:01.517444+00	2026-11-28 07:18:01.517444+00	1	0	1	1	\N	\N	\N	\N	{"n": 2}	33	2026-11-28 07:18:01.533398+00	2026-11-28 07:18:01.552123+00	tap	broken	[{"info": null, "cause": "error", "error": "broken", "worker": "tap", "attempt": 1, "ended_at": "2026-11-28T07:18:01.552123+00:00", "lease_id": 33, "started_at": "2026-11-28T07:18:01.533398+00:00"}]
\.
COPY astrid.dependency (parent_id, child_id) FROM stdin;
6	7
\.
COPY astrid.dropped_queue (queue_id, queue_name, dropped_at) FROM stdin;
2	gone	2026-11-28 07:18:01.731864+00
\.
COPY astrid.history_4 (job_id, "position", run_at, enqueued_at, queue_id, priority, attempt, max_attempts, timeout, unique_key, group_key, tags, payload, lease_id, started_at, finished_at, slot, worker, state, result, error) FROM stdin;
1	1	2026-11-28 07:18:01.457792+00	2026-11-28 07:18:01.457792+00	1	0	1	9	\N	done	\N	\N	{"n": 1}	1	2026-11-28 07:18:01.478865+00	2026-11-28 07:18:01.500739+00	4	tap	completed	{}	\N
5	5	2026-11-28 07:18:01.626831+00	2026-11-28 07:18:01.626831+00	1	0	0	9	\N	\N	\N	\N	{"n": 4}	\N	\N	2026-11-28 07:18:01.629853+00	4	\N	cancelled	\N	\N
9	9	2026-11-28 07:18:01.76134+00	2026-11-28 07:18:01.76134+00	3	-10	1	4	00:10:00	\N	\N	\N	{"uri": "/data/ref.fits", "kind": "reference"}	129	2026-11-28 07:18:01.778578+00	2026-11-28 07:18:01.820187+00	4	tap	completed	{"next_job_id": 10, "observation_id": 1}	\N
10	10	2026-11-28 07:18:01.819083+00	2026-11-28 07:18:01.819083+00	4	-10	1	4	00:30:00	sky:preprocessing:1	\N	\N	{"uri": "/data/ref.fits", "observation_id": 1}	161	2026-11-28 07:18:01.839686+00	2026-11-28 07:18:01.881104+00	4	tap	completed	{"image_id": 2, "released": 0, "observation_id": 1}	\N
11	11	2026-11-28 07:18:01.899501+00	2026-11-28 07:18:01.899501+00	3	0	1	4	00:10:00	\N	\N	\N	{"uri": "/data/1.fits"}	193	2026-11-28 07:18:01.915379+00	2026-11-28 07:18:01.947241+00	4	tap	completed	{"next_job_id": 12, "observation_id": 2}	\N
12	12	2026-11-28 07:18:01.946518+00	2026-11-28 07:18:01.946518+00	4	0	1	4	00:30:00	sky:preprocessing:2	\N	\N	{"uri": "/data/1.fits", "observation_id": 2}	225	2026-11-28 07:18:01.962693+00	2026-11-28 07:18:02.012001+00	4	tap	completed	{"image_id": 5, "next_job_id": 13, "observation_id": 2}	\N
13	13	2026-11-28 07:18:02.011064+00	2026-11-28 07:18:02.011064+00	5	0	1	4	01:00:00	sky:differencing:2	\N	\N	{"uri": "/data/1.fits", "observation_id": 2}	257	2026-11-28 07:18:02.029306+00	2026-11-28 07:18:02.085725+00	4	tap	completed	{"next_job_id": 14, "reference_id": 3, "observation_id": 2}	\N
14	14	2026-11-28 07:18:02.084809+00	2026-11-28 07:18:02.084809+00	6	0	1	4	00:30:00	sky:detection:2	\N	\N	{"uri": "/data/1.fits", "observation_id": 2}	289	2026-11-28 07:18:02.100778+00	2026-11-28 07:18:02.13798+00	4	tap	completed	{"tasks": 1, "detections": 1, "next_job_id": 15, "observation_id": 2}	\N
15	15	2026-11-28 07:18:02.137206+00	2026-11-28 07:18:02.137206+00	7	0	1	4	00:10:00	sky:curation:2	\N	\N	{"uri": "/data/1.fits", "observation_id": 2}	321	2026-11-28 07:18:02.154828+00	2026-11-28 07:18:02.187668+00	4	tap	completed	{"candidates": 1, "next_job_id": 16, "observation_id": 2}	\N
16	16	2026-11-28 07:18:02.186888+00	2026-11-28 07:18:02.186888+00	8	0	1	4	00:05:00	\N	\N	\N	{"uri": "/data/1.fits", "observation_id": 2}	353	2026-11-28 07:18:02.203574+00	2026-11-28 07:18:02.232619+00	4	tap	completed	{"alerts": 1, "observation_id": 2}	\N
17	17	2026-11-28 07:18:02.250405+00	2026-11-28 07:18:02.250405+00	3	-20	1	4	00:10:00	\N	\N	\N	{"uri": "/data/bias.fits", "kind": "bias"}	385	2026-11-28 07:18:02.264261+00	2026-11-28 07:18:02.30138+00	4	tap	completed	{"observation_id": 3}	\N
\.
COPY astrid.job_log_4 (job_id, lease_id, logged_at, attempt, slot, level, message, fields) FROM stdin;
1	1	2026-11-28 07:18:01.499417+00	1	4	info	well	\N
\.
COPY astrid.queue (queue_id, queue_name, worker_type, priority, max_attempts, timeout, concurrency, enabled, backoff_base, backoff_max, payload_schema, created_at, updated_at) FROM stdin;
1	q	\N	0	9	\N	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.437613+00	2026-11-28 07:18:01.439229+00
3	observation_ingestion	observation_ingestion	0	4	00:10:00	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.757517+00	2026-11-28 07:18:01.757517+00
4	preprocessing	preprocessing	0	4	00:30:00	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.758026+00	2026-11-28 07:18:01.758027+00
5	differencing	differencing	0	4	01:00:00	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.758044+00	2026-11-28 07:18:01.758044+00
6	detection	detection	0	4	00:30:00	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.758065+00	2026-11-28 07:18:01.758065+00
7	curation	curation	0	4	00:10:00	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.758092+00	2026-11-28 07:18:01.758092+00
8	notification	notification	0	4	00:05:00	\N	t	00:00:10	01:00:00	\N	2026-11-28 07:18:01.758101+00	2026-11-28 07:18:01.758102+00
\.
COPY astrid.ready (job_id, "position", run_at, enqueued_at, queue_id, priority, attempt, max_attempts, timeout, unique_key, group_key, tags, payload) FROM stdin;
3	4	2026-11-28 07:18:01.605497+00	2026-11-28 07:18:01.571378+00	1	0	1	9	\N	\N	\N	\N	{"n": 3}
\.
COPY astrid.running (job_id, "position", run_at, enqueued_at, queue_id, priority, attempt, max_attempts, timeout, unique_key, group_key, tags, payload, lease_id, lease_until, started_at, progress, worker, step, message, command) FROM stdin;
6	6	2026-11-28 07:18:01.646315+00	2026-11-28 07:18:01.646315+00	1	-1	1	9	\N	\N	\N	{x}	{"n": 5}	97	2026-11-28 08:18:01.709924+00	2026-11-28 07:18:01.659527+00	\N	tap	\N	\N	\N
18	18	2026-11-28 07:18:02.315499+00	2026-11-28 07:18:02.315499+00	3	0	1	4	00:10:00	\N	\N	\N	{"uri": "/data/2.fits"}	417	2026-11-28 08:18:02.32777+00	2026-11-28 07:18:02.32777+00	\N	tap	\N	\N	\N
\.
COPY astrid.unique_key (queue_id, unique_key, job_id) FROM stdin;
1	live	8
\.
COPY astrid.waiting (job_id, "position", run_at, enqueued_at, queue_id, priority, attempt, max_attempts, timeout, unique_key, group_key, tags, payload, blocked) FROM stdin;
7	7	2026-11-28 07:18:01.674353+00	2026-11-28 07:18:01.674353+00	1	0	0	9	\N	\N	\N	\N	{"n": 6}	t
8	8	2026-11-28 08:18:01.691335+00	2026-11-28 07:18:01.691679+00	1	0	0	9	\N	live	\N	\N	{"n": 7}	f
\.
COPY astrid.worker (worker, worker_type, status, started_at, last_heartbeat, lease_until, draining, info) FROM stdin;
tap	\N	BUSY	2026-11-28 07:18:01.710369+00	2026-11-28 07:18:01.710369+00	2026-11-28 08:18:01.709924+00	f	{"status": "BUSY"}
\.
COPY astrid.worker_sample_4 (worker, sampled_at, slot, running, info) FROM stdin;
tap	2026-11-28 07:18:01.710369+00	4	1	{"status": "BUSY"}
\.
COPY sky.calibration_frames (calibration_id, observation_id, kind, is_master, made_from, uri, hdu, sha256, instrument, band, exptime, binning, width, height, mjd_mid_tai, enabled, job_id, lease_id, created_at) FROM stdin;
1	3	bias	f	\N	/data/bias.fits	0	3333333333333333333333333333333333333333333333333333333333333333	\N	r	30	\N	64	64	60000.5	t	17	385	2026-11-28 07:18:02.300617+00
\.
COPY sky.curation_tasks (task_id, detection_id, observation_id, object_id, state, reason, notified_at, created_at, updated_at) FROM stdin;
1	1	2	1	confirmed	S/N at least 10	2026-11-28 07:18:02.231979+00	2026-11-28 07:18:02.136214+00	2026-11-28 07:18:02.186156+00
\.
COPY sky.curation_votes (vote_id, task_id, detection_id, object_id, verdict, reason, voter, is_rule, created_at) FROM stdin;
1	1	1	1	confirmed	S/N at least 10	auto_accept	t	2026-11-28 07:18:02.186444+00
\.
COPY sky.detections (detection_id, observation_id, difference_id, object_id, ra, "dec", x, y, mjd_mid_tai, band, flux, flux_err, flux_unit, flux_njy, flux_njy_err, mag, mag_err, snr, fwhm, ellipticity, score, flags, ap_flux, ap_flux_err, sci_flux, sci_flux_err, ref_flux, ref_flux_err, cutouts, job_id, lease_id, created_at) FROM stdin;
1	2	1	1	10	20	1	2	60000.5	r	500	10	electron	\N	\N	\N	\N	50	\N	\N	\N	0	\N	\N	\N	\N	\N	\N	\N	14	289	2026-11-28 07:18:02.133535+00
\.
COPY sky.differences (difference_id, observation_id, reference_id, science_id, aligned_id, image_id, score_id, algorithm, convolved, kernel_sum, n_stamps, z_mad, z_std, used_fraction, lag1, n_match, residual_px, fit_order, quality, job_id, lease_id, created_at) FROM stdin;
1	2	3	5	6	7	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	{"align": {}, "difference": {}}	13	257	2026-11-28 07:18:02.084025+00
\.
COPY sky.images (image_id, observation_id, kind, uri, hdu, sha256, bytes, width, height, instrument, object, band, mjd_mid_tai, ra, "dec", radius, footprint, fwhm, ellipticity, sky_level, sky_rms, n_sources, zero_point, m5, quality, made_from, retired_at, job_id, lease_id, created_at) FROM stdin;
1	1	raw	/data/ref.fits	0	1111111111111111111111111111111111111111111111111111111111111111	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	\N	\N	\N	\N	\N	\N	{}	\N	\N	9	129	2026-11-28 07:18:01.818034+00
2	1	calibrated	/out/ref.fits	\N	\N	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	3	\N	\N	\N	\N	\N	\N	{"fwhm": 3}	{}	\N	10	161	2026-11-28 07:18:01.877971+00
3	1	reference	/out/ref.fits	\N	\N	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	3	\N	\N	\N	\N	\N	\N	{"fwhm": 3}	{}	\N	10	161	2026-11-28 07:18:01.880555+00
4	2	raw	/data/1.fits	0	2222222222222222222222222222222222222222222222222222222222222222	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	\N	\N	\N	\N	\N	\N	{}	\N	\N	11	193	2026-11-28 07:18:01.946012+00
5	2	calibrated	/out/1.fits	\N	\N	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	3	\N	\N	\N	\N	\N	\N	{"fwhm": 3}	{}	\N	12	225	2026-11-28 07:18:01.997449+00
6	2	aligned	/out/a.fits	\N	\N	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	\N	\N	\N	\N	\N	\N	{}	{"science": 5, "reference": 3}	\N	13	257	2026-11-28 07:18:02.083107+00
7	2	difference	/out/d.fits	\N	\N	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	\N	\N	\N	\N	\N	\N	{}	{"science": 5, "reference": 3}	\N	13	257	2026-11-28 07:18:02.083328+00
8	3	raw	/data/bias.fits	0	3333333333333333333333333333333333333333333333333333333333333333	\N	64	64	\N	\N	r	60000.5	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	\N	\N	\N	\N	\N	\N	{}	\N	\N	17	385	2026-11-28 07:18:02.299437+00
\.
COPY sky.instruments (name, aliases, keywords, kind_map, band_map, gain, read_noise, saturation, overscan, "trim", orientation, lit_area, params, updated_at) FROM stdin;
Edited	{}	{}	{}	{}	1.5	\N	\N	\N	\N	\N	\N	{}	2026-11-28 07:18:01.760032+00
\.
COPY sky.models (model_id, name, version, uri, sha256, metrics, created_at) FROM stdin;
1	rb	1	/models/rb	\N	{}	2026-11-28 07:18:01.760499+00
\.
COPY sky.objects (object_id, ra, "dec", n_detections, n_observations, first_mjd_tai, last_mjd_tai, max_snr, created_at, updated_at) FROM stdin;
1	10.000000000000002	20.000000000000004	1	1	60000.5	60000.5	50	2026-11-28 07:18:02.135015+00	2026-11-28 07:18:02.135983+00
\.
COPY sky.observations (observation_id, uri, hdu, sha256, bytes, kind, instrument, object, imagetyp, band, filter, date_obs, mjd_mid_tai, exptime, gain, read_noise, saturation, bunit, width, height, ra, "dec", radius, footprint, pixel_scale, wcs_approx, ingest, payload, warnings, stage, next_job_id, note, job_id, lease_id, created_at, updated_at) FROM stdin;
1	/data/ref.fits	0	1111111111111111111111111111111111111111111111111111111111111111	\N	reference	\N	\N	\N	r	\N	\N	60000.5	30	\N	\N	\N	\N	64	64	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	f	{"hdu": 0, "wcs": {"ra": 10, "dec": 20, "corners": [[9.9, 19.9], [10.1, 19.9], [10.1, 20.1], [9.9, 20.1]]}, "band": "r", "naxis1": 64, "naxis2": 64, "sha256": "1111111111111111111111111111111111111111111111111111111111111111", "exptime": 30, "mjd_mid_tai": 60000.5}	{"uri": "/data/ref.fits", "kind": "reference"}	{}	preprocessing	\N	in use as reference	9	129	2026-11-28 07:18:01.816781+00	2026-11-28 07:18:01.879153+00
2	/data/1.fits	0	2222222222222222222222222222222222222222222222222222222222222222	\N	science	\N	\N	\N	r	\N	\N	60000.5	30	\N	\N	\N	\N	64	64	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	f	{"hdu": 0, "wcs": {"ra": 10, "dec": 20, "corners": [[9.9, 19.9], [10.1, 19.9], [10.1, 20.1], [9.9, 20.1]]}, "band": "r", "naxis1": 64, "naxis2": 64, "sha256": "2222222222222222222222222222222222222222222222222222222222222222", "exptime": 30, "mjd_mid_tai": 60000.5}	{"uri": "/data/1.fits"}	{}	notification	\N	alerts sent: 1	11	193	2026-11-28 07:18:01.94527+00	2026-11-28 07:18:02.232162+00
3	/data/bias.fits	0	3333333333333333333333333333333333333333333333333333333333333333	\N	bias	\N	\N	\N	r	\N	\N	60000.5	30	\N	\N	\N	\N	64	64	10	20	0.13724366057648077	{9.9,19.9,10.1,19.9,10.1,20.1,9.9,20.1}	\N	f	{"hdu": 0, "wcs": {"ra": 10, "dec": 20, "corners": [[9.9, 19.9], [10.1, 19.9], [10.1, 20.1], [9.9, 20.1]]}, "band": "r", "naxis1": 64, "naxis2": 64, "sha256": "3333333333333333333333333333333333333333333333333333333333333333", "exptime": 30, "mjd_mid_tai": 60000.5}	{"uri": "/data/bias.fits", "kind": "bias"}	{}	observation_ingestion	\N	filed as calibration frame	17	385	2026-11-28 07:18:02.298423+00	2026-11-28 07:18:02.301107+00
\.
COPY sky.plans (job_id, lease_id, choice, planned_at) FROM stdin;
18	417	{"kind": null, "instrument": null}	2026-11-28 07:18:02.348559+00
\.
COPY sky.quality_thresholds (threshold_id, stage, metric, minimum, maximum, required, instrument, band, enabled, description) FROM stdin;
1	calibrate	masked_fraction	\N	0.6	f	\N	\N	t	fraction; more leaves too little to subtract
2	calibrate	saturated_fraction	\N	0.2	f	\N	\N	t	fraction; twilight or a lamp
3	calibrate	fwhm	0.8	25	f	\N	\N	t	px; below: not sampled, or no star; above: defocused
4	calibrate	ellipticity	\N	0.7	f	\N	\N	t	1 - b/a; trailed
5	align	residual_px	\N	2	f	\N	\N	t	px; a wrong match
6	difference	used_fraction	0.1	\N	f	\N	\N	t	fraction of the overlap
7	curation	snr	5	\N	f	\N	\N	t	detections below stay new
\.
COPY sky.settings (name, value, description, updated_at) FROM stdin;
association_radius	1.0	arcsec; a detection nearer than this to an object belongs to it	2026-11-28 07:18:01.75862+00
minimum_overlap	0.2	fraction of a science frame that a reference must cover	2026-11-28 07:18:01.758786+00
auto_accept_snr	10	a candidate of at least this S/N is confirmed by rule; null: people decide	2026-11-28 07:18:01.758794+00
auto_accept_score	null	and of at least this real/bogus score; null: the score is not asked for	2026-11-28 07:18:01.758799+00
calibration_frames	25	single bias, dark or flat frames that are combined at most, the nearest in time	2026-11-28 07:18:01.758804+00
combine_from	8	single frames from which on a master is made and kept; fewer are combined each time	2026-11-28 07:18:01.758813+00
calibration_wait	1	s; how long preprocessing steps aside while calibration frames are being ingested	2026-11-28 07:18:01.758821+00
\.
COPY sky.stage_runs (job_id, lease_id, step, observation_id, stage, version, ms, finished_at) FROM stdin;
9	129	0	1	ingest	\N	5	2026-11-28 07:18:01.818581+00
10	161	0	1	calibrate	\N	5	2026-11-28 07:18:01.878852+00
11	193	0	2	ingest	\N	5	2026-11-28 07:18:01.94629+00
12	225	0	2	calibrate	\N	5	2026-11-28 07:18:01.998191+00
13	257	0	2	align	\N	\N	2026-11-28 07:18:02.084472+00
13	257	1	2	difference	\N	\N	2026-11-28 07:18:02.084555+00
14	289	0	2	detect	\N	\N	2026-11-28 07:18:02.136798+00
17	385	0	3	ingest	\N	5	2026-11-28 07:18:02.299853+00
\.
SELECT pg_catalog.setval('astrid.job_seq', 18, true);
SELECT pg_catalog.setval('astrid.lease_seq', 448, true);
SELECT pg_catalog.setval('astrid.queue_seq', 8, true);
SELECT pg_catalog.setval('sky.calibration_frames_calibration_id_seq', 1, true);
SELECT pg_catalog.setval('sky.curation_tasks_task_id_seq', 1, true);
SELECT pg_catalog.setval('sky.curation_votes_vote_id_seq', 1, true);
SELECT pg_catalog.setval('sky.detections_detection_id_seq', 1, true);
SELECT pg_catalog.setval('sky.differences_difference_id_seq', 1, true);
SELECT pg_catalog.setval('sky.images_image_id_seq', 8, true);
SELECT pg_catalog.setval('sky.models_model_id_seq', 1, true);
SELECT pg_catalog.setval('sky.objects_object_id_seq', 1, true);
SELECT pg_catalog.setval('sky.observations_observation_id_seq', 3, true);
SELECT pg_catalog.setval('sky.quality_thresholds_threshold_id_seq', 7, true);
