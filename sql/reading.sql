-- The queries of doc/reading.md: what is sent to Pendo of each.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE SCHEMA pendo;
IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO pendo;
CREATE SCHEMA crm;
CREATE TABLE crm.users (id text PRIMARY KEY, plan text, seats bigint);
INSERT INTO crm.users SELECT 'v' || lpad(n::text, 7, '0'), 'pro', n FROM generate_series(1, 150) n;
ANALYZE crm.users;

-- where a condition is checked: exact where Pendo can count what meets it,
-- superset where its rows are looked at again, here where it is not sent
CREATE FUNCTION pg_temp.checked(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) SELECT count(*) FROM typed WHERE ' || condition INTO plan;
  RETURN CASE WHEN plan::text ~ 'number of records' THEN 'exact' WHEN plan::text ~ 'records that match' THEN 'superset'
              WHEN plan::text ~ 'by (their keys|its key)' THEN 'lookup' ELSE 'here' END;
END $$;
-- each type as it is imported, and with strict_type (s_...)
CREATE FOREIGN TABLE typed (visitor_id text,
  "text" text OPTIONS (path 'custom.plan'), "s_text" text OPTIONS (path 'custom.plan', strict_type 'true'),
  "boolean" boolean OPTIONS (path 'custom.active'), "s_boolean" boolean OPTIONS (path 'custom.active', strict_type 'true'),
  "bigint" bigint OPTIONS (path 'custom.seats'), "s_bigint" bigint OPTIONS (path 'custom.seats', strict_type 'true'),
  "double" double precision OPTIONS (path 'custom.score'), "s_double" double precision OPTIONS (path 'custom.score', strict_type 'true'),
  "real" real OPTIONS (path 'custom.score'), "s_real" real OPTIONS (path 'custom.score', strict_type 'true'),
  "numeric" numeric OPTIONS (path 'custom.score'), "s_numeric" numeric OPTIONS (path 'custom.score', strict_type 'true'),
  "time" timestamptz OPTIONS (path 'custom.renewal'), "s_time" timestamptz OPTIONS (path 'custom.renewal', strict_type 'true'),
  "jsonb" jsonb OPTIONS (path 'custom.tags'), "s_jsonb" jsonb OPTIONS (path 'custom.tags', strict_type 'true'),
  last_visit timestamptz OPTIONS (path 'auto.lastvisit'))
  SERVER pendo OPTIONS (object 'visitors');

-- by operator and type: as imported / with strict_type
CREATE TEMP TABLE checks AS
  SELECT operator, i, type, pg_temp.checked(format(operator, type, value)) AS loose, pg_temp.checked(format(operator, 's_' || type, value)) AS strict
    FROM (VALUES ('text', $$'a'$$), ('boolean', 'true'), ('bigint', '5'), ('double', '1.5'), ('real', '1.5'), ('numeric', '1.5'), ('time', $$timestamptz '2025-01-01'$$), ('jsonb', $$'[]'::jsonb$$)) t(type, value),
         unnest(ARRAY['%I = %s', '%I <> %s', '%I < %s', '%I >= %s', '%I IN (%2$s, %2$s)', '%I NOT IN (%2$s, %2$s)', '%I IS DISTINCT FROM %s', '%I IS NOT DISTINCT FROM %s', '%I IS NULL', '%I IS NOT NULL', 'coalesce(%I, %s) = %2$s']) WITH ORDINALITY o(operator, i);
SELECT replace(operator, '%I', 'column') AS operator,
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'text') AS "text", 
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'boolean') AS "boolean",
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'bigint') AS "bigint",
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'double') AS "double",
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'real') AS "real",
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'numeric') AS "numeric",
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'time') AS "time",
       string_agg(CASE loose WHEN strict THEN loose ELSE loose || ' / ' || strict END, '' ) FILTER (WHERE type = 'jsonb') AS "jsonb"
  FROM checks GROUP BY operator, i ORDER BY i;
-- what only some types have, and what is made of others
SELECT condition, pg_temp.checked(condition) FROM unnest(ARRAY[
  '"boolean"', 'NOT "boolean"', 's_boolean', 'NOT s_boolean', 's_boolean IS TRUE', 's_boolean IS NOT TRUE', 's_boolean IS UNKNOWN',
  $$text LIKE 'a%'$$, $$text LIKE '%a%'$$, $$text ^@ 'a'$$, $$starts_with(text, 'a')$$, $$text NOT LIKE 'a%'$$, $$text ILIKE 'a%'$$, $$text ~ '^a'$$, $$lower(text) = 'a'$$, 'text = s_text',
  $$visitor_id = 'a'$$, $$visitor_id IN ('a', 'b')$$, $$visitor_id <> 'a'$$, $$visitor_id >= 'a'$$, $$visitor_id LIKE 'a%'$$, 'visitor_id IS NOT NULL',
  $$last_visit >= '2025-01-01'$$, $$last_visit >= now() - interval '30 days'$$, 'last_visit IS NULL', 'last_visit::date = current_date',
  's_bigint = 5.5', 's_bigint BETWEEN 5 AND 10', 's_bigint + 1 = 6', 's_bigint = ANY (ARRAY[1, 2])', 's_bigint < ALL (ARRAY[1, 2])', 's_bigint > (SELECT 5)', 's_bigint > random()', 's_bigint > 5 AND s_boolean', 's_bigint > 5 OR s_boolean',
  $$s_bigint > 5 AND lower(text) = 'a'$$, $$s_bigint > 5 OR lower(text) = 'a'$$, $$s_bigint > 5 AND text = 'a'$$, '"jsonb" ? $$a$$', $$"jsonb" @> '["a"]'$$
  ]) WITH ORDINALITY c(condition, i) ORDER BY i;
DROP FOREIGN TABLE typed;

-- what a plan says of Pendo
CREATE FUNCTION pg_temp.pendo(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
  RETURN QUERY SELECT line #>> '{}' FROM jsonb_path_query(plan::jsonb, 'strict $.**."Pendo"') line;
END $$;
-- how many calls a query makes
CREATE FUNCTION pg_temp.calls(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO plan;
  RETURN (SELECT sum(call::bigint) FROM jsonb_path_query(plan::jsonb, 'strict $.**."Pendo Requests"') call);
END $$;

-- filters
EXPLAIN (VERBOSE, COSTS OFF) SELECT visitor_id, custom_seats FROM pendo.visitors WHERE custom_plan = 'pro' AND upper(agent_role) = 'ADMIN';
EXPLAIN (COSTS OFF) SELECT visitor_id FROM pendo.visitors WHERE upper(agent_role) = 'ADMIN';

-- strict_type
EXPLAIN (COSTS OFF) SELECT count(*) FROM pendo.visitors WHERE custom_seats > 100;
ALTER FOREIGN TABLE pendo.visitors ALTER COLUMN custom_seats OPTIONS (ADD strict_type 'true');
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM pendo.visitors WHERE custom_seats > 100;
SELECT count(*) FROM pendo.visitors WHERE jsonb_typeof(metadata #> '{custom,seats}') NOT IN ('number', 'null');
ALTER FOREIGN TABLE pendo.visitors ALTER COLUMN custom_seats OPTIONS (DROP strict_type);

-- keys
EXPLAIN (VERBOSE, COSTS OFF) SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001';
EXPLAIN (VERBOSE, COSTS OFF) SELECT custom_plan FROM pendo.visitors WHERE visitor_id IN ('v0000001', 'v0000002');

-- joins on the key
EXPLAIN (VERBOSE, COSTS OFF) SELECT u.id, v.custom_plan FROM crm.users u JOIN pendo.visitors v ON v.visitor_id = u.id;
EXPLAIN (COSTS OFF) SELECT u.id, v.custom_plan FROM crm.users u LEFT JOIN pendo.visitors v ON v.visitor_id = u.id;
EXPLAIN (COSTS OFF) SELECT custom_plan FROM pendo.visitors WHERE visitor_id IN (SELECT id FROM crm.users WHERE seats < 10);
EXPLAIN (COSTS OFF) SELECT u.id, v.custom_plan FROM crm.users u JOIN pendo.visitors v ON v.visitor_id = u.id WHERE v.custom_seats > u.seats;
-- and those that read every record
SELECT query, pg_temp.pendo(query) FROM unnest(ARRAY[
  'SELECT u.id FROM crm.users u LEFT JOIN pendo.visitors v ON v.visitor_id = u.id WHERE v.visitor_id IS NULL',
  'SELECT u.id FROM crm.users u WHERE NOT EXISTS (SELECT FROM pendo.visitors v WHERE v.visitor_id = u.id)',
  'SELECT u.id, v.custom_plan FROM crm.users u LEFT JOIN pendo.visitors v ON v.visitor_id = u.id AND v.custom_seats > 5',
  'SELECT u.id, v.custom_plan FROM crm.users u FULL JOIN pendo.visitors v ON v.visitor_id = u.id',
  'SELECT v.visitor_id FROM crm.users u JOIN pendo.visitors v ON v.custom_plan = u.plan'
  ]) query;
-- the same by keys
EXPLAIN (COSTS OFF) SELECT id FROM (SELECT u.id, v.visitor_id FROM crm.users u LEFT JOIN pendo.visitors v ON v.visitor_id = u.id OFFSET 0) x WHERE visitor_id IS NULL;

-- orders and limits
EXPLAIN (VERBOSE, COSTS OFF) SELECT visitor_id FROM pendo.visitors ORDER BY auto_lastvisit DESC NULLS LAST LIMIT 10;
EXPLAIN (COSTS OFF) SELECT visitor_id FROM pendo.visitors ORDER BY visitor_id COLLATE "C" LIMIT 10;
EXPLAIN (COSTS OFF) SELECT visitor_id FROM pendo.visitors ORDER BY custom_plan LIMIT 10;

-- the greatest is the first
SELECT pg_temp.pendo('SELECT max(auto_lastvisit) FROM pendo.visitors'), pg_temp.calls('SELECT max(auto_lastvisit) FROM pendo.visitors');

-- counts
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM pendo.visitors WHERE auto_lastvisit >= '2025-01-01';
EXPLAIN (COSTS OFF) SELECT count(*) FROM pendo.visitors WHERE custom_plan = 'pro';
EXPLAIN (COSTS OFF) SELECT custom_plan, count(*) FROM pendo.visitors GROUP BY 1;

-- values that are known when the query runs
PREPARE recent(timestamptz) AS SELECT visitor_id FROM pendo.visitors WHERE auto_lastvisit >= $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE recent('2025-01-01');
RESET plan_cache_mode;

-- events
EXPLAIN (COSTS OFF) SELECT event, num_events FROM pendo.track_event_counts WHERE event = 'Invoice Paid';

-- bad values
ALTER FOREIGN TABLE pendo.visitors ADD COLUMN plan_number bigint OPTIONS (path 'custom.plan');
SELECT plan_number FROM pendo.visitors WHERE visitor_id = 'v0000001';
ALTER FOREIGN TABLE pendo.visitors OPTIONS (ADD on_bad_value 'null');
SELECT plan_number FROM pendo.visitors WHERE visitor_id = 'v0000001';

-- pages
ALTER FOREIGN TABLE pendo.visitors OPTIONS (ADD page_size '60');
SELECT pg_temp.calls('SELECT visitor_id FROM pendo.visitors'), pg_temp.calls('SELECT visitor_id FROM pendo.visitors LIMIT 60');
ALTER FOREIGN TABLE pendo.visitors OPTIONS (DROP page_size);
SELECT pg_temp.calls('SELECT visitor_id FROM pendo.visitors'),
       pg_temp.calls($$SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001'$$),
       pg_temp.calls($$SELECT custom_plan FROM pendo.visitors WHERE visitor_id = ANY (ARRAY(SELECT 'v' || n FROM generate_series(1, 1000) n))$$),
       pg_temp.calls('SELECT custom_plan FROM crm.users u JOIN pendo.visitors v ON v.visitor_id = u.id'),
       pg_temp.calls('SELECT id FROM (SELECT u.id, v.visitor_id FROM crm.users u LEFT JOIN pendo.visitors v ON v.visitor_id = u.id OFFSET 0) x WHERE visitor_id IS NULL');

-- all of it here
SET pendo_fdw.pushdown = off;
EXPLAIN (VERBOSE, COSTS OFF) SELECT visitor_id FROM pendo.visitors WHERE custom_plan = 'pro' ORDER BY auto_lastvisit LIMIT 10;
EXPLAIN (COSTS OFF) SELECT count(*) FROM pendo.visitors;
EXPLAIN (COSTS OFF) SELECT custom_plan FROM pendo.visitors WHERE visitor_id = 'v0000001';
RESET pendo_fdw.pushdown;
DROP SCHEMA crm CASCADE;
DROP SERVER pendo CASCADE;
DROP SCHEMA pendo;
