-- what SQL does with a table, it does with these: cursors, views, functions of
-- other owners, materialized views, parents, sets, windows, parallel plans
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER uses FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url :'simulator', page_size '50');
CREATE USER MAPPING FOR CURRENT_USER SERVER uses OPTIONS (integration_key 'sim-read-key');
CREATE SCHEMA uses;
SET search_path = uses, public;
CREATE FOREIGN TABLE visitors (visitor_id text, custom_plan text, custom_seats bigint) SERVER uses OPTIONS (object 'visitors');
CREATE TABLE copied AS SELECT * FROM visitors;

-- a cursor forward, backward, and held over the end of its transaction
BEGIN;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT visitor_id FROM visitors ORDER BY visitor_id COLLATE "C";
FETCH 2 FROM c;
MOVE ABSOLUTE 120 IN c;
FETCH PRIOR FROM c;
COMMIT;
FETCH ABSOLUTE 3 FROM c;
FETCH LAST FROM c;
CLOSE c;
BEGIN;
DECLARE d CURSOR FOR SELECT visitor_id FROM visitors ORDER BY visitor_id COLLATE "C";
DECLARE e CURSOR FOR SELECT visitor_id FROM visitors ORDER BY visitor_id COLLATE "C" DESC;
FETCH 1 FROM d;
FETCH 1 FROM e;
FETCH 1 FROM d;
ROLLBACK;

-- a view, and one that keeps its condition to itself
CREATE VIEW plans AS SELECT visitor_id, custom_plan FROM visitors WHERE custom_seats > 10;
CREATE VIEW barrier WITH (security_barrier) AS SELECT visitor_id, custom_plan FROM visitors WHERE custom_seats > 10;
SELECT (SELECT count(*) FROM plans) = (SELECT count(*) FROM copied WHERE custom_seats > 10) AS view,
       (SELECT count(*) FROM barrier WHERE custom_plan IS NOT NULL) = (SELECT count(*) FROM copied WHERE custom_seats > 10 AND custom_plan IS NOT NULL) AS barrier;

-- whoever has no user mapping reads by those of owners, and only so
CREATE FUNCTION seats(id text) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = uses AS 'SELECT custom_seats FROM visitors WHERE visitor_id = id';
CREATE ROLE regress_pendo_reader;
GRANT USAGE ON SCHEMA uses TO regress_pendo_reader;
GRANT SELECT ON visitors, plans TO regress_pendo_reader;
SET ROLE regress_pendo_reader;
SELECT count(*) > 0 AS by_view FROM plans;
SELECT seats('v0000001') IS NOT NULL AS by_function;
\set VERBOSITY terse
SELECT count(*) FROM visitors;
\set VERBOSITY default
RESET ROLE;

-- a materialized view, sets, windows, subqueries
CREATE MATERIALIZED VIEW kept AS SELECT * FROM visitors WHERE visitor_id < 'v0000050' COLLATE "C";
REFRESH MATERIALIZED VIEW kept;
SELECT count(*) FROM kept;
SELECT count(*) FROM (SELECT * FROM visitors EXCEPT ALL SELECT * FROM copied) x;
SELECT count(*) FROM (SELECT * FROM visitors INTERSECT SELECT * FROM copied) x;
SELECT count(*) FROM (SELECT * FROM visitors UNION SELECT * FROM copied) x;
SELECT visitor_id, n FROM (SELECT visitor_id, row_number() OVER (ORDER BY visitor_id COLLATE "C") AS n FROM visitors) x WHERE n IN (1, 60, 120);
SELECT c.visitor_id, l.visitor_id AS next_one
  FROM copied c, LATERAL (SELECT visitor_id FROM visitors v WHERE v.visitor_id > c.visitor_id COLLATE "C" ORDER BY v.visitor_id COLLATE "C" LIMIT 1) l
 WHERE c.visitor_id IN ('v0000001', 'v0000077') ORDER BY 1;
SELECT count(*) FROM copied c WHERE EXISTS (SELECT FROM visitors v WHERE v.visitor_id = c.visitor_id AND v.custom_plan IS NOT DISTINCT FROM c.custom_plan);
SELECT count(*) FROM copied c WHERE NOT EXISTS (SELECT FROM visitors v WHERE v.visitor_id = c.visitor_id);
SELECT (SELECT custom_seats FROM visitors v WHERE v.visitor_id = c.visitor_id) = c.custom_seats AS same, count(*) FROM copied c GROUP BY 1 ORDER BY 1;

-- a parent of local and foreign children, and partitions
CREATE TABLE parent (visitor_id text, custom_plan text, custom_seats bigint);
INSERT INTO parent VALUES ('local', 'none', 0);
ALTER FOREIGN TABLE visitors INHERIT parent;
SELECT count(*) - (SELECT count(*) FROM copied) AS more FROM parent;
SELECT visitor_id FROM parent WHERE visitor_id IN ('local', 'v0000003') ORDER BY 1;
ALTER FOREIGN TABLE visitors NO INHERIT parent;

-- a row lock locks nothing in Pendo; a sample cannot be taken
SELECT count(*) FROM (SELECT * FROM visitors WHERE custom_seats > 10 FOR UPDATE) x WHERE visitor_id IS NULL;
SELECT * FROM visitors TABLESAMPLE system (10);

-- a parallel plan has the foreign scan in the leader
CREATE TABLE large AS SELECT 'v' || lpad((n % 300)::text, 7, '0') AS id FROM generate_series(1, 20000) n;
ANALYZE large;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT count(*) = (SELECT count(*) FROM large JOIN copied ON id = visitor_id) AS parallel FROM large JOIN visitors ON id = visitor_id;
RESET ALL;
SET client_min_messages = warning;
DROP SCHEMA uses CASCADE;
DROP SERVER uses CASCADE;
DROP ROLE regress_pendo_reader;
