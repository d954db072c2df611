-- Writing: UPDATE of visitors and accounts, INSERT into track_events, and what
-- is refused before anything is sent.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret');
CREATE FOREIGN TABLE visitors (visitor_id text, account_id text, metadata jsonb, custom_plan text, custom_seats bigint,
  custom_score double precision, custom_active boolean, custom_renewal timestamptz, custom_tags jsonb, agent_name text, auto_lastvisit timestamptz)
  SERVER pendo OPTIONS (object 'visitors');
CREATE FOREIGN TABLE accounts (account_id text, custom_plan text, custom_seats integer) SERVER pendo OPTIONS (object 'accounts');
CREATE TABLE users (id text, plan text, seats bigint, score double precision, active boolean, renewal timestamptz, tags jsonb, name text);
INSERT INTO users VALUES
  ('v0000101', E'quote " back\\slash ` newline\n ünï' || chr(128512), 9007199254740992, 0.1, true, '2030-01-02 03:04:05.678+00', '["a", {"b": null}]', 'Ann'),
  ('v0000102', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('v0000103', '', 0, -1e300, false, '1969-12-31 23:59:59.999+00', '[]', '5');

-- a keyed UPDATE reads no record
EXPLAIN (VERBOSE, COSTS OFF) UPDATE visitors v SET custom_plan = u.plan, agent_name = u.name FROM users u WHERE v.visitor_id = u.id;
UPDATE visitors v SET custom_plan = u.plan, custom_seats = u.seats, custom_score = u.score, custom_active = u.active,
       custom_renewal = u.renewal, custom_tags = u.tags, agent_name = u.name
  FROM users u WHERE v.visitor_id = u.id;
SELECT count(*) AS same FROM visitors v JOIN users u ON v.visitor_id = u.id
 WHERE v.custom_plan IS NOT DISTINCT FROM u.plan AND v.custom_seats IS NOT DISTINCT FROM u.seats AND v.custom_score IS NOT DISTINCT FROM u.score
   AND v.custom_active IS NOT DISTINCT FROM u.active AND v.custom_renewal IS NOT DISTINCT FROM u.renewal
   AND v.custom_tags IS NOT DISTINCT FROM u.tags AND v.agent_name IS NOT DISTINCT FROM u.name;
-- a constant key, a parameter, accounts, RETURNING of what is known
UPDATE visitors SET custom_plan = 'one' WHERE visitor_id = 'v0000104' RETURNING visitor_id, custom_plan;
SELECT custom_plan FROM visitors WHERE visitor_id = 'v0000104';
UPDATE accounts SET custom_plan = 'big', custom_seats = 7 WHERE account_id = 'a00002';
SELECT custom_plan, custom_seats FROM accounts WHERE account_id = 'a00002';
EXPLAIN (VERBOSE, COSTS OFF) UPDATE visitors SET custom_plan = 'few' WHERE visitor_id IN ('v0000120', 'v0000121');
UPDATE visitors SET custom_plan = 'few' WHERE visitor_id IN ('v0000120', 'v0000121') RETURNING visitor_id;
SELECT visitor_id, custom_plan FROM visitors WHERE visitor_id IN ('v0000120', 'v0000121');

-- ids that are named and no RETURNING: the scan writes (Foreign Update), and the row count is of the ids
PREPARE direct(text[], text) AS UPDATE visitors SET custom_plan = $2, custom_seats = length($2) WHERE visitor_id = ANY($1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (VERBOSE, COSTS OFF) EXECUTE direct('{v0000120}', 'direct');
\set QUIET off
EXECUTE direct('{v0000120,v0000121,v0000120,NULL}', 'direct');
EXECUTE direct(NULL, 'direct');
-- what has run tells how many records wait for the commit
CREATE FUNCTION pendo_lines(sql text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
  FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || sql LOOP
    IF line ~ 'Pendo' THEN RETURN NEXT trim(line); END IF;
  END LOOP;
END $$;
BEGIN;
SELECT pendo_lines($$EXECUTE direct('{v0000120,v0000121}', 'waits')$$);
SELECT pendo_lines($$UPDATE visitors v SET custom_plan = 'waits' FROM (VALUES ('v0000122'), ('v0000123')) s (id) WHERE v.visitor_id = s.id$$);
ROLLBACK;
UPDATE visitors SET agent_name = 'id ' || visitor_id, custom_score = (SELECT max(n) / 2.0 FROM generate_series(1, 5) n) WHERE visitor_id = 'v0000120';
WITH w AS (UPDATE visitors SET custom_active = true WHERE visitor_id = ANY('{v0000120,v0000121}')) UPDATE users SET name = name WHERE false;
\set QUIET on
RESET plan_cache_mode;
SELECT visitor_id, custom_plan, custom_seats, agent_name, custom_score, custom_active FROM visitors WHERE visitor_id IN ('v0000120', 'v0000121');
-- through a view with a condition on another column, with a CHECK OPTION, with RETURNING: not so
CREATE VIEW seated AS SELECT * FROM visitors WHERE custom_seats > 0 WITH CHECK OPTION;
EXPLAIN (VERBOSE, COSTS OFF) UPDATE seated SET custom_plan = 'seated' WHERE visitor_id = 'v0000120';
DROP VIEW seated;
EXPLAIN (VERBOSE, COSTS OFF) UPDATE visitors SET custom_plan = 'everyone';
-- old values: read, then written
EXPLAIN (VERBOSE, COSTS OFF) UPDATE visitors SET custom_seats = custom_seats + 1 WHERE visitor_id = 'v0000103';
UPDATE visitors SET custom_seats = custom_seats + 1 WHERE visitor_id = 'v0000103' RETURNING custom_seats;
SELECT custom_seats FROM visitors WHERE visitor_id = 'v0000103';
UPDATE visitors SET custom_plan = 'all' WHERE visitor_id LIKE 'v000011%' RETURNING visitor_id, custom_plan;

-- what does not arrive is told once, with the first ids
UPDATE visitors v SET custom_seats = s.n
  FROM (VALUES ('nobody', 1), (' padded', 2), ('', 3), (NULL, 4), ('_PENDO_T_x', 5), ('v0000105', 6), ('v0000105', 7)) s(id, n) WHERE v.visitor_id = s.id;
SELECT custom_seats FROM visitors WHERE visitor_id = 'v0000105';
UPDATE visitors v SET custom_seats = 9007199254740993, custom_score = s.f FROM (VALUES ('v0000106', 1.5)) s(id, f) WHERE v.visitor_id = s.id;
UPDATE visitors v SET custom_score = s.f FROM (VALUES ('v0000106', float8 'NaN'), ('v0000107', '-infinity'), ('v0000108', 2.5)) s(id, f) WHERE v.visitor_id = s.id;
SELECT visitor_id, custom_score FROM visitors WHERE visitor_id = 'v0000108';

-- refused before anything is sent
UPDATE visitors SET auto_lastvisit = now() WHERE visitor_id = 'v0000101';
UPDATE visitors SET account_id = 'a' WHERE visitor_id = 'v0000101';
UPDATE visitors SET visitor_id = 'x' WHERE visitor_id = 'v0000101';
UPDATE visitors SET metadata = '{}' WHERE visitor_id = 'v0000101';
INSERT INTO visitors (visitor_id) VALUES ('new');
DELETE FROM visitors WHERE visitor_id = 'v0000101';
DELETE FROM accounts;
ALTER FOREIGN TABLE accounts OPTIONS (ADD updatable 'false');
UPDATE accounts SET custom_plan = 'x' WHERE account_id = 'a00001';
CREATE FOREIGN TABLE no_key (custom_plan text) SERVER pendo OPTIONS (object 'visitors');
UPDATE no_key SET custom_plan = 'x';
CREATE FOREIGN TABLE typo (visitor_id text, custom_plann text) SERVER pendo OPTIONS (object 'visitors');
UPDATE typo SET custom_plann = 'x' WHERE visitor_id = 'v0000101';

ALTER FOREIGN TABLE visitors ADD COLUMN plan_again text OPTIONS (path 'custom.plan');
UPDATE visitors SET custom_plan = 'x', plan_again = 'y' WHERE visitor_id = 'v0000101';
ALTER FOREIGN TABLE visitors DROP COLUMN plan_again;
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.custom_seats := 777; RETURN NEW; END $$;
CREATE TRIGGER before BEFORE UPDATE ON visitors FOR EACH ROW EXECUTE FUNCTION change();
UPDATE visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000101';
DROP TRIGGER before ON visitors;
-- a stored generated column is neither compared nor sent
CREATE FOREIGN TABLE computed (visitor_id text, custom_seats bigint, twice bigint GENERATED ALWAYS AS (custom_seats * 2) STORED)
  SERVER pendo OPTIONS (object 'visitors', only_changes 'true');
UPDATE computed SET custom_seats = 12 WHERE visitor_id = 'v0000109';
SELECT custom_seats FROM visitors WHERE visitor_id = 'v0000109';
-- through a partitioned parent, each partition its own ids
CREATE TABLE parent (visitor_id text, custom_plan text) PARTITION BY RANGE (visitor_id);
CREATE FOREIGN TABLE child PARTITION OF parent FOR VALUES FROM ('v0000130') TO ('v0000133') SERVER pendo OPTIONS (object 'visitors');
CREATE FOREIGN TABLE other (custom_plan text, visitor_id text) SERVER pendo OPTIONS (object 'visitors');
ALTER TABLE parent ATTACH PARTITION other FOR VALUES FROM ('v0000140') TO ('v0000142');
UPDATE parent p SET custom_plan = 'mine' FROM generate_series(128, 145) n WHERE p.visitor_id = 'v0000' || n RETURNING p.visitor_id;
SELECT visitor_id FROM visitors WHERE custom_plan = 'mine';

-- track events
CREATE FOREIGN TABLE wrong (visitor_id text, event text, properties text) SERVER pendo OPTIONS (object 'track_events');
INSERT INTO wrong VALUES ('v', 'e', '{}');
CREATE FOREIGN TABLE events (visitor_id text, account_id text, event text, occurred_at timestamptz, properties jsonb,
  ip text, user_agent text, url text, title text, event_key text, app text) SERVER pendo OPTIONS (object 'track_events');
INSERT INTO events (visitor_id, event) VALUES ('v0000001', 'Signed Up');
INSERT INTO events (visitor_id, account_id, event, occurred_at, properties, ip, user_agent, url, title)
  SELECT id, 'a00001', 'Renewed', now(), jsonb_build_object('plan', plan), '10.0.0.1', 'psql', 'http://x', 'T' FROM users;
COPY events (visitor_id, event, properties) FROM stdin;
v0000002	Copied	{"n": 1}
v0000003	Copied	{"n": 2}
\.
INSERT INTO events (visitor_id, event, properties, occurred_at) SELECT *, '2025-01-31 12:00+00'::timestamptz
  FROM (VALUES (NULL, 'x', NULL), ('v0000001', NULL, NULL), ('v0000001', 'x', '[1]'), ('v0000001', 'Good', '{}'::jsonb)) s;
INSERT INTO events (visitor_id, event, event_key) VALUES ('v0000001', 'x', 'k');
\set VERBOSITY terse
INSERT INTO events (visitor_id, event, app) VALUES ('v0000001', 'x', '1');
\set VERBOSITY default
UPDATE events SET event = 'x';
DELETE FROM events;
CREATE FOREIGN TABLE counts (event text, visitor_id text, num_events bigint) SERVER pendo OPTIONS (object 'track_event_counts');
INSERT INTO counts VALUES ('x', 'y', 1);
UPDATE counts SET num_events = 0;
DROP SERVER pendo CASCADE;
DROP TABLE users, parent;
DROP FUNCTION change();
