-- Joins on the key: records are asked for by the keys of the other side.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE FOREIGN TABLE visitors (visitor_id text, account_id text, plan text OPTIONS (path 'custom.plan'), seats bigint OPTIONS (path 'custom.seats'))
  SERVER pendo OPTIONS (object 'visitors');
CREATE TABLE copy AS SELECT * FROM visitors;
CREATE TABLE users (id text, n int);
INSERT INTO users SELECT 'v' || lpad((n % 210)::text, 7, '0'), n FROM generate_series(1, 1200) n;
INSERT INTO users VALUES (NULL, 0), ('nobody', -1), ('', -2), (E'a"b\\c\nd', -3);
ANALYZE users;
-- how many calls a query makes, and whether it brings what the copy does
CREATE FUNCTION calls(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  plan json;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO plan;
  RETURN (SELECT sum(call::bigint) FROM jsonb_path_query(plan::jsonb, 'strict $.**."Pendo Requests"') call);
END $$;
CREATE FUNCTION same(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  result boolean;
BEGIN
  EXECUTE format('SELECT NOT EXISTS (%1$s EXCEPT ALL %2$s) AND NOT EXISTS (%2$s EXCEPT ALL %1$s)', query, replace(query, 'visitors', 'copy')) INTO result;
  RETURN result;
END $$;

EXPLAIN (VERBOSE, COSTS OFF) SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id;
EXPLAIN (VERBOSE, COSTS OFF) SELECT u.n, v.plan FROM users u LEFT JOIN visitors v ON v.visitor_id = u.id;
EXPLAIN (VERBOSE, COSTS OFF) SELECT plan FROM visitors WHERE visitor_id IN (SELECT id FROM users WHERE n < 50);
EXPLAIN (COSTS OFF) SELECT u.n FROM users u JOIN visitors v ON v.visitor_id = u.id AND v.seats > u.n WHERE v.plan = 'pro';
SELECT query, calls(query), same(query) FROM unnest(ARRAY[
  'SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id',
  'SELECT u.n, v.plan, v.seats, v.account_id FROM users u LEFT JOIN visitors v ON v.visitor_id = u.id',
  'SELECT u.n, v.visitor_id FROM users u LEFT JOIN visitors v ON v.visitor_id = u.id WHERE u.n < 5',
  'SELECT u.n, v.plan FROM visitors v RIGHT JOIN users u ON u.id = v.visitor_id WHERE u.n < 5',
  'SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id AND v.seats > u.n',
  'SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE v.plan = ''pro'' AND u.n < 50',
  'SELECT plan FROM visitors WHERE visitor_id IN (SELECT id FROM users WHERE n < 50)',
  'SELECT plan FROM visitors v WHERE EXISTS (SELECT FROM users u WHERE u.id = v.visitor_id AND n < 50)',
  'SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = lower(upper(u.id)) AND u.n < 20',
  'SELECT u.n, v.plan, w.n FROM users u JOIN visitors v ON v.visitor_id = u.id JOIN users w ON w.id = v.visitor_id WHERE u.n < 20',
  'SELECT x.id, v.plan FROM (VALUES (''v0000001''), (''v0000002''), (''nobody'')) x(id) JOIN visitors v ON v.visitor_id = x.id',
  'SELECT s.n, x.plan FROM generate_series(1, 3) s(n), LATERAL (SELECT v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE u.n = s.n) x',
  'SELECT u.n FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE v::text LIKE ''%pro%'' AND u.n < 20',
  'SELECT u.n FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE v.tableoid <> 0 AND u.n < 20',
  'SELECT n, (SELECT plan FROM visitors v WHERE v.visitor_id = u.id) FROM users u WHERE n < 3'
  ]) WITH ORDINALITY q(query, i) ORDER BY i;
-- a LIMIT asks for few keys
SELECT calls('SELECT v.plan FROM users u LEFT JOIN visitors v ON v.visitor_id = u.id LIMIT 3');
-- as the inner side of a loop it starts anew
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT same('SELECT s.n, u.n, v.plan FROM generate_series(1, 3) s(n) LEFT JOIN (users u JOIN visitors v ON v.visitor_id = u.id) ON u.n = s.n');
RESET ALL;
SET client_min_messages = warning;
-- cursors, prepared statements
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT u.n, v.visitor_id FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE u.n BETWEEN 1 AND 4 ORDER BY u.n;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH 5 FROM c;
COMMIT;
PREPARE joined(int) AS SELECT u.n, v.visitor_id FROM users u JOIN visitors v ON v.visitor_id = u.id WHERE u.n < $1 ORDER BY 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE joined(3);
EXECUTE joined(1);
-- left alone
EXPLAIN (COSTS OFF) SELECT count(*) FROM users u JOIN visitors v ON v.plan = u.id;
EXPLAIN (COSTS OFF) UPDATE users u SET n = v.seats FROM visitors v WHERE v.visitor_id = u.id;
SET pendo_fdw.pushdown = off;
EXPLAIN (COSTS OFF) SELECT u.n, v.plan FROM users u JOIN visitors v ON v.visitor_id = u.id;
DROP SERVER pendo CASCADE;
DROP TABLE copy, users;
DROP FUNCTION calls, same;
