-- What Pendo is asked for: filters, orders, limits and counts.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE FOREIGN TABLE visitors (visitor_id text COLLATE "C", account_id text,
  plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats'), score double precision OPTIONS (path 'custom.score'),
  active boolean OPTIONS (path 'custom.active'), renewal timestamptz OPTIONS (path 'custom.renewal'), tags jsonb OPTIONS (path 'custom.tags'),
  amount numeric OPTIONS (path 'custom.amount'), role varchar(20) OPTIONS (path 'agent.role'),
  strict_seats integer OPTIONS (path 'custom.seats', strict_type 'true'), strict_plan text OPTIONS (path 'custom.plan', strict_type 'true'),
  strict_active boolean OPTIONS (path 'custom.active', strict_type 'true'),
  strict_nid bigint OPTIONS (path 'auto.nid', strict_type 'true'), lastvisit timestamptz OPTIONS (path 'auto.lastvisit'))
  SERVER pendo OPTIONS (object 'visitors');
CREATE TABLE copy AS SELECT * FROM visitors;

-- the operators of the call that a query makes, but for those that are always there
CREATE FUNCTION asked(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (VERBOSE, FORMAT JSON) ' || query INTO plan;
  RETURN QUERY SELECT coalesce(step ->> 'filter', step::text)
    FROM jsonb_path_query(plan::jsonb, 'strict $.**."Pendo call"') call,
         jsonb_array_elements((call #>> '{}')::jsonb #> '{request,pipeline}') step
   WHERE NOT step ?| '{source,identified,select}' AND step::text <> '{"sort": ["visitorId"]}' AND step::text <> '{"limit": 50000}';
END $$;
-- whether a query gives the same rows of the copy
CREATE FUNCTION same(condition text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  result boolean;
BEGIN
  EXECUTE format('SELECT NOT EXISTS (SELECT visitor_id FROM visitors WHERE %1$s EXCEPT ALL SELECT visitor_id FROM copy WHERE %1$s)
    AND NOT EXISTS (SELECT visitor_id FROM copy WHERE %1$s EXCEPT ALL SELECT visitor_id FROM visitors WHERE %1$s)', condition) INTO result;
  RETURN result;
END $$;
SET TimeZone = 'UTC';

SELECT condition, same(condition), coalesce(filter, '(nothing)') AS filter FROM unnest(ARRAY[
  $$plan = 'pro'$$, $$'pro' = plan$$, $$plan <> 'pro'$$, $$plan = '5'$$, $$plan > 'f'$$, $$plan COLLATE "C" > 'f'$$, $$strict_plan COLLATE "C" >= 'f'$$,
  $$plan IN ('pro', 'free')$$, $$plan NOT IN ('pro', 'free')$$, $$plan = ANY (ARRAY['pro', NULL])$$, $$plan <> ALL (ARRAY['pro', NULL])$$,
  $$plan IS NULL$$, $$plan IS NOT NULL$$, $$plan IS DISTINCT FROM 'pro'$$, $$plan IS NOT DISTINCT FROM 'pro'$$, $$plan IS NOT DISTINCT FROM NULL$$,
  $$plan LIKE 'pr%'$$, $$plan LIKE '%e%'$$, $$plan LIKE 'p_o'$$, $$plan LIKE 'pro'$$, $$plan LIKE 'a\%b%'$$, $$plan LIKE '%'$$, $$plan NOT LIKE 'pr%'$$, $$plan ILIKE 'PR%'$$,
  $$starts_with(plan, 'pr')$$, $$plan ^@ 'pr'$$, $$upper(plan) = 'PRO'$$, $$plan = account_id$$,
  $$plan = 'qu"ote'$$, $$plan = E'back\\slash'$$, $$plan = E'line\nbreak'$$, $$plan = 'tick`'$$, $$role = 'admin'$$,
  $$seats = 5$$, $$seats > 5$$, $$5 < seats$$, $$seats BETWEEN 5 AND 10$$, $$seats <> 5$$, $$seats > 9007199254740993$$, $$seats IN (1, 2, 3)$$, $$seats = 5.5$$, $$seats + 1 = 6$$,
  $$strict_seats >= 5$$, $$strict_seats <> 5$$, $$strict_seats IS NULL$$,
  $$score > 1.5$$, $$score < 'infinity'$$, $$score = 'NaN'$$, $$amount > 1.25$$,
  $$active$$, $$NOT active$$, $$active = false$$, $$active IS TRUE$$, $$active IS NOT TRUE$$, $$active IS UNKNOWN$$, $$strict_active IS NOT FALSE$$,
  $$renewal > '2025-01-01'$$, $$renewal <= timestamptz '2025-01-01 00:00:00.0005+00'$$, $$renewal > date '2025-01-01'$$, $$renewal < 'infinity'$$, $$lastvisit < '2025-01-01'$$,
  $$tags IS NULL$$, $$tags ? 'x'$$, $$visitor_id > 'v0000100'$$, $$visitor_id LIKE 'v00000%'$$,
  $$plan = 'pro' AND seats > 5 AND upper(role) = 'ADMIN'$$, $$plan = 'pro' OR seats > 5$$, $$plan = 'pro' OR upper(role) = 'ADMIN'$$,
  $$NOT (plan = 'pro' OR seats > 5)$$, $$NOT (plan = 'pro' AND active)$$, $$plan = NULL$$, $$seats > (SELECT 5)$$, $$plan = current_setting('search_path')$$, $$random() > 2$$
  ]) WITH ORDINALITY c(condition, n) LEFT JOIN LATERAL asked('SELECT visitor_id FROM visitors WHERE ' || condition) filter ON true ORDER BY n;

-- what a column cannot hold is NULL, which is distinct from it
CREATE FOREIGN TABLE narrow (visitor_id text, plan varchar(2) OPTIONS (path 'custom.plan'), seats smallint OPTIONS (path 'auto.nid'),
  lastvisit timestamptz(0) OPTIONS (path 'auto.lastvisit')) SERVER pendo OPTIONS (object 'visitors', on_bad_value 'null');
SELECT visitor_id AS id, strict_nid AS nid, lastvisit AS seen FROM copy
 WHERE plan = 'pro' AND strict_nid > 32767 AND lastvisit <> date_trunc('second', lastvisit) ORDER BY visitor_id LIMIT 1 \gset
SELECT condition, coalesce(filter, '(nothing)') AS filter FROM unnest(ARRAY[
  $$plan IS DISTINCT FROM 'pro'$$, $$plan IS DISTINCT FROM 'go'$$, $$seats IS DISTINCT FROM 32768::bigint$$, $$seats IS DISTINCT FROM 32767$$,
  $$lastvisit IS DISTINCT FROM '2025-01-01 00:00:00.5'$$, $$lastvisit IS DISTINCT FROM '2025-01-01'$$, $$plan IS NOT DISTINCT FROM 'pro'$$
  ]) WITH ORDINALITY c(condition, n) LEFT JOIN LATERAL asked('SELECT visitor_id FROM narrow WHERE ' || condition) filter ON true ORDER BY n;
SELECT n.* FROM narrow n WHERE visitor_id = :'id' AND plan IS DISTINCT FROM 'pro';
SELECT count(*) = (SELECT count(*) FROM copy) AS same FROM narrow WHERE plan IS DISTINCT FROM 'pro';
SELECT count(*) = (SELECT count(*) FROM copy) AS same FROM narrow WHERE seats IS DISTINCT FROM :nid;
SELECT count(*) = (SELECT count(*) FROM copy) AS same FROM narrow WHERE lastvisit IS DISTINCT FROM :'seen';

-- orders: by the id, and by numbers that doubles tell apart
SELECT query, step FROM unnest(ARRAY[
  'ORDER BY visitor_id LIMIT 3', 'ORDER BY visitor_id DESC LIMIT 3',
  'ORDER BY lastvisit LIMIT 3', 'ORDER BY lastvisit DESC LIMIT 3', 'ORDER BY lastvisit NULLS FIRST, visitor_id LIMIT 3', 'ORDER BY lastvisit, plan LIMIT 3',
  'ORDER BY strict_seats DESC LIMIT 3', 'ORDER BY seats LIMIT 3', 'ORDER BY plan LIMIT 3', 'LIMIT 3', 'LIMIT 3 OFFSET 4',
  $$WHERE plan = 'pro' LIMIT 3$$, $$WHERE upper(plan) = 'PRO' LIMIT 3$$, $$WHERE plan = 'pro' ORDER BY lastvisit LIMIT 3$$
  ]) WITH ORDINALITY q(query, n), LATERAL asked('SELECT visitor_id FROM visitors ' || query) WITH ORDINALITY s(step, m) ORDER BY n, m;
SELECT array_agg(visitor_id) = (SELECT array_agg(visitor_id) FROM (SELECT visitor_id FROM copy ORDER BY visitor_id DESC) c) AS same
  FROM (SELECT visitor_id FROM visitors ORDER BY visitor_id DESC) v;
ALTER FOREIGN TABLE visitors OPTIONS (ADD page_size '7');
SELECT array_agg(visitor_id) = (SELECT array_agg(visitor_id) FROM (SELECT visitor_id FROM copy ORDER BY lastvisit DESC NULLS LAST, visitor_id) c) AS same
  FROM (SELECT visitor_id FROM visitors ORDER BY lastvisit DESC NULLS LAST, visitor_id) v;
SELECT array_agg(visitor_id) = (SELECT array_agg(visitor_id) FROM (SELECT visitor_id FROM copy ORDER BY lastvisit NULLS FIRST, visitor_id) c) AS same
  FROM (SELECT visitor_id FROM visitors ORDER BY lastvisit NULLS FIRST, visitor_id) v;
SELECT array_agg(strict_seats) = (SELECT array_agg(strict_seats) FROM (SELECT strict_seats FROM copy ORDER BY strict_seats) c) AS same
  FROM (SELECT strict_seats FROM visitors ORDER BY strict_seats) v;
ALTER FOREIGN TABLE visitors OPTIONS (DROP page_size);

-- counts: one row comes back, where every condition is exact
EXPLAIN (COSTS OFF) SELECT count(*) FROM visitors;
EXPLAIN (COSTS OFF) SELECT count(*) FROM visitors WHERE plan = 'pro';
EXPLAIN (COSTS OFF) SELECT count(*) FROM visitors WHERE upper(plan) = 'PRO';
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) + 1 AS more, count(visitor_id) FROM visitors WHERE strict_seats > 5 HAVING count(*) > 0;
SELECT query, step FROM unnest(ARRAY['', 'WHERE strict_seats > 5', 'WHERE strict_plan IS NOT NULL', $$WHERE lastvisit >= '2025-01-01'$$, 'WHERE NOT strict_active', 'WHERE strict_seats IN (1, 2)']) WITH ORDINALITY q(query, n),
  LATERAL asked('SELECT count(*) FROM visitors ' || query) WITH ORDINALITY s(step, m) ORDER BY n, m;
SELECT (SELECT count(*) FROM visitors) = (SELECT count(*) FROM copy) AS same, (SELECT count(1) + 1 FROM visitors) - (SELECT count(1) + 1 FROM copy) AS zero,
  (SELECT count(*) FROM visitors WHERE strict_seats > 5) = (SELECT count(*) FROM copy WHERE strict_seats > 5) AS same,
  (SELECT count(*) FROM visitors WHERE lastvisit >= '2025-01-01') = (SELECT count(*) FROM copy WHERE lastvisit >= '2025-01-01') AS same,
  (SELECT count(*) FROM visitors WHERE strict_seats IS NULL) = (SELECT count(*) FROM copy WHERE strict_seats IS NULL) AS same;
SELECT count(*) FROM visitors WHERE strict_seats < NULL;
SELECT count(*) FROM visitors WHERE strict_seats > 1000000;

-- values that are known when the query runs
PREPARE seats_above(bigint) AS SELECT count(*) FROM visitors WHERE seats > $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE seats_above(9);
EXECUTE seats_above(9);
EXECUTE seats_above(NULL);
RESET plan_cache_mode;
SELECT count(*) = (SELECT count(*) FROM copy WHERE seats > (SELECT avg(seats)::int FROM copy)) AS same FROM visitors WHERE seats > (SELECT avg(seats)::int FROM copy);
SELECT n, (SELECT count(*) FROM visitors WHERE strict_seats < n) = (SELECT count(*) FROM copy WHERE strict_seats < n) AS same FROM generate_series(1, 40, 13) n;

PREPARE strict_above(int) AS SELECT count(*) FROM visitors WHERE strict_seats > $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE strict_above(9);
EXECUTE strict_above(1000000);
EXECUTE strict_above(NULL);
RESET plan_cache_mode;
PREPARE strict_id_above(bigint) AS SELECT count(*) FROM visitors WHERE strict_nid > $1;
EXECUTE strict_id_above(5);
SET plan_cache_mode = force_generic_plan;
EXECUTE strict_id_above(9007199254740993);
-- what Pendo cannot count exactly is counted here
SELECT n, (SELECT count(*) FROM visitors WHERE strict_nid > n) = (SELECT count(*) FROM copy WHERE strict_nid > n) AS same
  FROM (VALUES (5), (9007199254740993), (9223372036854775807), (0)) v(n);
RESET plan_cache_mode;

-- nothing of it
SET pendo_fdw.pushdown = off;
SELECT * FROM asked($$SELECT visitor_id FROM visitors WHERE plan = 'pro' ORDER BY lastvisit$$);
EXPLAIN (COSTS OFF) SELECT count(*) FROM visitors;
RESET pendo_fdw.pushdown;
DROP SERVER pendo CASCADE;
DROP TABLE copy;
DROP FUNCTION asked, same;
