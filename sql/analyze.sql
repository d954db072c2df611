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
-- a partition has the records within its bounds only
CREATE TABLE parted (visitor_id text, custom_plan text) PARTITION BY RANGE (visitor_id);
CREATE FOREIGN TABLE part PARTITION OF parted FOR VALUES FROM ('v0000010') TO ('v0000050') SERVER pendo OPTIONS (object 'visitors');
ANALYZE part;
SELECT reltuples, (SELECT count(*) FROM part) AS rows, relpages FROM pg_class WHERE relname = 'part';
ANALYZE parted;
SELECT tablename, inherited, least_id, greatest_id FROM (SELECT tablename, inherited, (histogram_bounds::text::text[])[1] AS least_id,
    (histogram_bounds::text::text[])[array_upper(histogram_bounds::text::text[], 1)] AS greatest_id
  FROM pg_stats WHERE tablename IN ('part', 'parted') AND attname = 'visitor_id') s ORDER BY 1, 2;
DROP TABLE parted;
-- a table that was never analyzed has its share of its parent's sample
CREATE TABLE people (plan text, visitor_id text);
INSERT INTO people SELECT repeat('x', 400), n FROM generate_series(1, 5000) n;
CREATE FOREIGN TABLE child (visitor_id text, plan text OPTIONS (path 'custom.plan')) INHERITS (people) SERVER pendo OPTIONS (object 'visitors');
SET default_statistics_target = 10;
ANALYZE people;
SELECT round(most_common_freqs[1]::numeric, 2) AS of_5000_in_5200 FROM pg_stats WHERE tablename = 'people' AND attname = 'plan' AND inherited;
RESET default_statistics_target;
DROP TABLE people CASCADE;
-- counts of events are not sampled
SET client_min_messages = notice;
ANALYZE counts;
SET client_min_messages = warning;
DROP SERVER pendo CASCADE;
DROP TABLE users;
