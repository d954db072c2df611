-- Statistics: Pendo counts the records and picks a sample.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE FOREIGN TABLE visitors (visitor_id text, plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats'), bad bigint OPTIONS (path 'custom.plan'))
  SERVER pendo OPTIONS (object 'visitors');
CREATE FOREIGN TABLE counts (event text, num_events bigint) SERVER pendo OPTIONS (object 'track_event_counts');
CREATE TABLE users AS SELECT 'v' || lpad(n::text, 7, '0') AS id, n FROM generate_series(1, 100) n;
ANALYZE users;

-- ids are known to be unique even without statistics
EXPLAIN (VERBOSE, COSTS OFF) SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE u.n < 3;
ANALYZE visitors;
SELECT reltuples = 200 AS all_counted FROM pg_class WHERE relname = 'visitors';
SELECT attname, n_distinct, null_frac, array_length(most_common_vals::text::text[], 1) AS common FROM pg_stats WHERE tablename = 'visitors' AND attname <> 'seats' ORDER BY attname;
SELECT n_distinct <> 0 AS spread, histogram_bounds IS NOT NULL OR most_common_vals IS NOT NULL AS known FROM pg_stats WHERE tablename = 'visitors' AND attname = 'seats';
-- few keys of many records by their keys, all of few records as a whole
EXPLAIN (COSTS OFF) SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE u.n < 3;
EXPLAIN (COSTS OFF) SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id;
-- counts of events are not sampled
SET client_min_messages = notice;
ANALYZE counts;
SET client_min_messages = warning;
DROP SERVER pendo CASCADE;
DROP TABLE users;
