-- Counts of Track Events: which periods, types and apps Pendo is asked for.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
SET plan_cache_mode = force_generic_plan;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE FOREIGN TABLE counts (event text, track_type_id text, visitor_id text, app_id text, period_start timestamptz,
  num_events bigint, first_time timestamptz, properties jsonb) SERVER pendo OPTIONS (object 'track_event_counts');
CREATE TABLE copy AS SELECT * FROM counts WHERE false;

-- the window, in words
CREATE FUNCTION reads(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN plan #>> '{0,Plan,Pendo}';
END $$;
SELECT condition, reads('SELECT num_events FROM counts WHERE ' || condition) FROM unnest(ARRAY[
  $$true$$, $$period_start >= '2025-01-01'$$, $$period_start > '2025-01-01'$$, $$period_start < '2025-02-01'$$, $$period_start <= '2025-02-01'$$,
  $$period_start >= '2025-01-01' AND period_start < '2025-02-01'$$, $$period_start BETWEEN '2025-01-01' AND '2025-01-31 12:00'$$,
  $$period_start = '2025-01-15 05:00+00'$$, $$period_start IN ('2025-01-15 05:00+00', '2025-01-20 05:00+00')$$, $$'2025-01-01' <= period_start$$,
  $$period_start >= date '2025-01-01'$$, $$period_start >= timestamp '2025-01-01'$$, $$period_start > 'infinity'$$, $$period_start < 'infinity'$$,
  $$period_start >= '-infinity'$$, $$period_start >= '1960-01-01'$$, $$period_start < '1960-01-01'$$, $$period_start < now() + interval '100 days'$$,
  $$period_start BETWEEN '2025-01-01' AND '2025-01-10' OR period_start = '2025-03-01'$$, $$period_start >= '2025-01-01' OR visitor_id = 'v'$$,
  $$NOT (period_start < '2025-01-01' OR period_start > '2025-02-01')$$, $$period_start <> '2025-01-01'$$, $$period_start = NULL$$,
  $$period_start > '2025-02-01' AND period_start < '2025-01-01'$$, $$date_trunc('month', period_start) = '2025-01-01'$$, $$period_start >= (SELECT timestamptz '2025-01-01')$$
  ]) condition;
ALTER FOREIGN TABLE counts OPTIONS (ADD default_window '7 days', ADD period 'hour');
SELECT reads('SELECT * FROM counts'), reads($$SELECT * FROM counts WHERE period_start < '2025-02-01'$$);
ALTER FOREIGN TABLE counts OPTIONS (DROP default_window, DROP period);

-- the first of its calls: source and filter
CREATE FUNCTION asks(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (VERBOSE, FORMAT JSON) ' || query INTO plan;
  RETURN jsonb_path_query_array(((plan #>> '{0,Plan,Pendo call}')::jsonb #> '{request,pipeline}'), '$[*] ? (!exists(@.select))');
END $$;
SELECT asks($$SELECT * FROM counts WHERE period_start >= '2025-01-01' AND period_start < '2025-01-08'$$);
ALTER FOREIGN TABLE counts OPTIONS (ADD time_zone 'America/New_York');
SELECT asks($$SELECT * FROM counts WHERE period_start >= '2025-01-01' AND period_start < '2025-01-08'$$) AS winter,
       asks($$SELECT * FROM counts WHERE period_start >= '2025-03-09 04:00Z' AND period_start <= '2025-03-09 12:00Z'$$) AS short_day;
ALTER FOREIGN TABLE counts OPTIONS (ADD period 'hour', SET time_zone 'Asia/Kolkata');
SELECT asks($$SELECT * FROM counts WHERE period_start >= '2025-01-01' AND period_start < '2025-01-01 02:00'$$) AS half_hours;
ALTER FOREIGN TABLE counts OPTIONS (DROP period, DROP time_zone);
SELECT condition, asks('SELECT num_events FROM counts WHERE ' || condition || $$ AND period_start = '2025-01-15'$$) FROM unnest(ARRAY[
  $$event = 'Registered'$$, $$event IN ('Registered', 'Logged In')$$, $$event LIKE 'R%'$$, $$event <> 'Registered'$$, $$event IS NULL$$,
  $$track_type_id = 'x'$$, $$track_type_id <> 'x'$$, $$(event = 'Registered' OR track_type_id = 'x')$$, $$(event = 'Registered' OR visitor_id = 'v')$$,
  $$visitor_id = 'v0000001'$$, $$visitor_id IN ('a', 'b') AND num_events > 1$$, $$app_id = '-323232'$$
  ]) condition;
PREPARE of_days (timestamptz, text) AS SELECT num_events FROM counts WHERE period_start >= $1 AND period_start < '2025-02-01' AND event = $2;
EXPLAIN (COSTS OFF) EXECUTE of_days ('2025-01-20', 'Registered');
SET pendo_fdw.pushdown = off;
SELECT asks($$SELECT num_events FROM counts WHERE visitor_id = 'v' AND event = 'Registered' AND period_start = '2025-01-15'$$);
RESET pendo_fdw.pushdown;

-- the rows are those of ninety days that were read by four calls
INSERT INTO copy SELECT c.* FROM counts c WHERE period_start >= '2024-12-20' AND period_start < '2025-03-20';
SELECT count(*) > 500 AS many, count(DISTINCT period_start) = 90 AS every_day, count(*) - count(DISTINCT c) AS twice FROM copy c;
CREATE FUNCTION differing(condition text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  result bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM ((SELECT * FROM counts WHERE %1$s EXCEPT ALL SELECT * FROM copy WHERE %1$s)
    UNION ALL (SELECT * FROM copy WHERE %1$s EXCEPT ALL SELECT * FROM counts WHERE %1$s)) d', condition) INTO result;
  RETURN result;
END $$;
SELECT condition, differing(condition) FROM unnest(ARRAY[
  $$period_start = '2025-01-15 05:00+00'$$, $$period_start BETWEEN '2025-01-15 05:00+00' AND '2025-01-17 05:00+00'$$,
  $$period_start > '2025-01-15 05:00+00' AND period_start < '2025-01-17 05:00+00'$$, $$period_start > '2025-01-15' AND period_start < '2025-01-17'$$,
  $$period_start IN ('2025-01-15 05:00+00', '2025-03-15 05:00+00')$$,
  $$event = 'Registered' AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$, $$event IN ('Registered', 'No Such') AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$,
  $$(event = 'Registered' OR visitor_id < 'v0000050') AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$,
  $$event <> 'Registered' AND visitor_id LIKE 'v000001%' AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$,
  $$num_events > 2 AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$, $$app_id = '-323232' AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$,
  $$properties @> '{"channel": "web"}' AND period_start BETWEEN '2025-01-01' AND '2025-03-01'$$
  ]) condition;
EXECUTE of_days ('2025-02-02', 'Registered');
SELECT count(*) = (SELECT count(*) FROM copy WHERE track_type_id = (SELECT min(track_type_id) FROM copy) AND period_start < '2025-01-20') AS same
  FROM counts WHERE track_type_id = (SELECT min(track_type_id) FROM copy) AND period_start BETWEEN '2024-12-20' AND '2025-01-19 23:00';
SELECT count(*) FROM counts WHERE event = 'No Such' AND period_start > '2025-01-01';
SELECT count(*) FROM counts WHERE track_type_id = 'no such' AND period_start = '2025-01-15 05:00+00';

-- apps: the default one, others, all
SELECT DISTINCT app_id FROM counts WHERE period_start = '2025-01-15 05:00+00' ORDER BY 1;
ALTER FOREIGN TABLE counts OPTIONS (ADD app_id '*');
SELECT app_id, bool_and(event IS NOT NULL) AS named FROM counts WHERE period_start BETWEEN '2025-01-15' AND '2025-01-20' GROUP BY 1 ORDER BY 1;
SELECT count(DISTINCT app_id) FROM counts WHERE event = 'Registered' AND period_start BETWEEN '2025-01-01' AND '2025-01-31';
ALTER FOREIGN TABLE counts OPTIONS (SET app_id '6561780136607744');
SELECT app_id, bool_and(event IS NOT NULL) AS named FROM counts WHERE period_start BETWEEN '2025-01-15' AND '2025-01-20' GROUP BY 1 ORDER BY 1;
ALTER FOREIGN TABLE counts OPTIONS (SET app_id '1, 6561780136607744');
SELECT DISTINCT app_id FROM counts WHERE event = 'Registered' AND period_start BETWEEN '2025-01-01' AND '2025-01-31';
SELECT asks($$SELECT num_events FROM counts WHERE period_start = '2025-01-15'$$);
ALTER SERVER pendo OPTIONS (ADD app_id '*');
CREATE FOREIGN TABLE visitors (visitor_id text) SERVER pendo OPTIONS (object 'visitors');
CREATE FOREIGN TABLE accounts (account_id text) SERVER pendo OPTIONS (object 'accounts', app_id '-323232, 6561780136607744');
SELECT asks('SELECT * FROM visitors'), asks('SELECT * FROM accounts');
SELECT visitor_id FROM visitors WHERE visitor_id = 'v0000001';
SELECT (SELECT count(*) FROM visitors) AS visitors, (SELECT count(*) FROM accounts) AS accounts;

-- what is refused
ALTER SERVER pendo OPTIONS (SET app_id 'acme');
ALTER SERVER pendo OPTIONS (SET app_id '1,,2');
ALTER SERVER pendo OPTIONS (ADD period 'day');
ALTER SERVER pendo OPTIONS (ADD time_zone 'UTC+5');
ALTER FOREIGN TABLE counts OPTIONS (ADD time_zone 'America/New_Yrok');
ALTER FOREIGN TABLE counts OPTIONS (ADD period 'week');
ALTER FOREIGN TABLE counts OPTIONS (ADD default_window 'a while');
ALTER FOREIGN TABLE counts OPTIONS (ADD default_window '-3 days');
ALTER FOREIGN TABLE counts OPTIONS (ADD default_window '200 years');
ALTER FOREIGN TABLE counts OPTIONS (ADD default_window '2 months', ADD time_zone 'europe/berlin');

DROP FUNCTION reads, asks, differing;
DROP TABLE copy;
DROP SERVER pendo CASCADE;
