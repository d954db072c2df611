-- Reading: whole objects, one record by its key, only the columns asked for.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator', max_retries '0');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE FOREIGN TABLE visitors (visitor_id text, account_id text, account_ids jsonb, metadata jsonb,
  custom_plan text, custom_seats bigint, custom_score double precision, custom_active boolean,
  custom_renewal timestamptz, custom_tags jsonb, agent_email text, agent_role text, auto_firstvisit timestamptz)
  SERVER pendo OPTIONS (object 'visitors');
CREATE FOREIGN TABLE accounts (account_id text, metadata jsonb, plan text OPTIONS (path 'custom.plan')) SERVER pendo OPTIONS (object 'accounts');

SELECT count(*), count(DISTINCT visitor_id), min(visitor_id), max(visitor_id) FROM visitors;
SELECT count(*), count(DISTINCT account_id), min(account_id), max(account_id) FROM accounts;

-- typed columns say the same as the whole record
SELECT count(*) AS differing FROM visitors
 WHERE custom_plan IS DISTINCT FROM metadata #>> '{custom,plan}'
    OR custom_seats IS DISTINCT FROM (metadata #>> '{custom,seats}')::bigint
    OR custom_score IS DISTINCT FROM (metadata #>> '{custom,score}')::float8
    OR custom_active IS DISTINCT FROM (metadata #>> '{custom,active}')::boolean
    OR (extract(epoch FROM custom_renewal) * 1000)::bigint IS DISTINCT FROM (metadata #>> '{custom,renewal}')::bigint
    OR coalesce(custom_tags, 'null') IS DISTINCT FROM coalesce(metadata #> '{custom,tags}', 'null')
    OR agent_email IS DISTINCT FROM metadata #>> '{agent,email}'
    OR account_id IS DISTINCT FROM metadata #>> '{auto,accountid}'
    OR account_ids IS DISTINCT FROM metadata #> '{auto,accountids}'
    OR (extract(epoch FROM auto_firstvisit) * 1000)::bigint IS DISTINCT FROM (metadata #>> '{auto,firstvisit}')::bigint;
SELECT count(custom_plan) > 0 AND count(custom_seats) > 0 AND count(custom_score) > 0 AND count(custom_active) > 0
   AND count(custom_renewal) > 0 AND count(custom_tags) > 0 AS has_values FROM visitors;

-- one record, by whatever form the key comes in
EXPLAIN (COSTS OFF) SELECT agent_email FROM visitors WHERE visitor_id = 'v0000001';
SELECT visitor_id, agent_email FROM visitors WHERE visitor_id = 'v0000001';
SELECT visitor_id FROM visitors WHERE 'v0000002' = visitor_id AND agent_email IS NOT NULL;
SELECT visitor_id FROM visitors WHERE visitor_id = 'no such id';
SELECT visitor_id FROM visitors WHERE visitor_id = '';
SELECT visitor_id FROM visitors WHERE visitor_id = NULL;
SELECT visitor_id FROM visitors WHERE visitor_id = E'quote " back\\slash ` / ? # %41 \n ünï' || chr(128512);
SELECT visitor_id FROM visitors WHERE visitor_id = 'v0000001' AND visitor_id = 'v0000002';
SELECT visitor_id FROM visitors WHERE visitor_id IN ('v0000009', 'nobody', 'v0000008', 'v0000009', NULL) ORDER BY 1;
EXPLAIN (COSTS OFF) SELECT agent_email FROM visitors WHERE visitor_id = ANY (ARRAY['v0000009', 'v0000008']);
SELECT count(*) FROM visitors WHERE visitor_id = ANY ('{}');
SELECT count(*) FROM visitors WHERE visitor_id NOT IN ('v0000009', 'v0000008');
PREPARE one(text) AS SELECT visitor_id FROM visitors WHERE visitor_id = $1;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE one('v0000003');
EXECUTE one('v0000003');
EXECUTE one('v0000004');
EXECUTE one(NULL);
RESET plan_cache_mode;

-- a join asks record by record when that is cheap
CREATE TABLE wanted (id text);
INSERT INTO wanted VALUES ('v0000005'), ('nobody'), (NULL), ('v0000007'), ('v0000005');
ANALYZE wanted;
EXPLAIN (COSTS OFF) SELECT w.id, v.visitor_id FROM wanted w LEFT JOIN visitors v ON v.visitor_id = w.id;
SELECT w.id, v.visitor_id, v.agent_email IS NOT NULL AS has_email FROM wanted w LEFT JOIN visitors v ON v.visitor_id = w.id ORDER BY 1, 2;

-- pages: the same rows, whatever their size
CREATE TEMP TABLE copy AS SELECT * FROM visitors;
ALTER FOREIGN TABLE visitors OPTIONS (ADD page_size '7');
SELECT count(*) FROM (SELECT * FROM visitors EXCEPT ALL SELECT * FROM copy) d;
SELECT count(*) FROM visitors;
ALTER FOREIGN TABLE visitors OPTIONS (SET page_size '200');
SELECT count(*) FROM visitors;
ALTER FOREIGN TABLE visitors OPTIONS (DROP page_size);

-- rescans, cursors, LIMIT
SELECT n, (SELECT count(*) FROM visitors WHERE custom_seats > n) >= 0 AS counted FROM generate_series(1, 2) n;
BEGIN;
DECLARE c CURSOR FOR SELECT visitor_id FROM visitors;
FETCH 2 FROM c;
DECLARE d CURSOR FOR SELECT account_id FROM accounts;
FETCH 1 FROM d;
FETCH 2 FROM c;
CLOSE c;
COMMIT;
SELECT visitor_id FROM visitors LIMIT 2;

-- anonymous visitors stay out unless asked for
SELECT count(*) FROM visitors WHERE visitor_id LIKE '\_PENDO\_T\_%';
ALTER FOREIGN TABLE visitors OPTIONS (ADD include_anonymous 'true');
SELECT count(*) > 0 AS has_anonymous FROM visitors WHERE visitor_id LIKE '\_PENDO\_T\_%';

-- a value that the column cannot hold
CREATE FOREIGN TABLE narrow (visitor_id text, custom_plan bigint) SERVER pendo OPTIONS (object 'visitors');
SELECT * FROM narrow WHERE visitor_id = 'v0000001';
ALTER FOREIGN TABLE narrow OPTIONS (ADD on_bad_value 'null');
SELECT * FROM narrow WHERE visitor_id = 'v0000001';

-- numeric and timestamptz columns hold what they can hold exactly, or say so
CREATE FOREIGN TABLE exact (visitor_id text, custom_score numeric(3,1), custom_renewal timestamptz(0)) SERVER pendo OPTIONS (object 'visitors', on_bad_value 'null');
SELECT count(*) AS rows, count(e.custom_score) > 0 AS some, bool_and(e.custom_score IS NULL OR e.custom_score = c.custom_score::numeric) AS exact
  FROM exact e JOIN copy c USING (visitor_id);
SELECT bool_and((e.custom_score IS NULL) = (c.custom_score IS NULL OR c.custom_score::numeric <> round(c.custom_score::numeric, 1) OR abs(c.custom_score) >= 100)) AS no_other
  FROM exact e JOIN copy c USING (visitor_id);
CREATE FOREIGN TABLE short_key (visitor_id varchar(3)) SERVER pendo OPTIONS (object 'visitors', on_bad_value 'null');
SELECT * FROM short_key;
-- a partition holds its own rows only
CREATE TABLE parent (visitor_id text, custom_plan text) PARTITION BY RANGE (visitor_id);
CREATE FOREIGN TABLE child PARTITION OF parent FOR VALUES FROM ('v0000010') TO ('v0000015') SERVER pendo OPTIONS (object 'visitors');
SELECT visitor_id FROM parent ORDER BY 1;
SELECT count(*) FROM child;
-- what PostgreSQL would have to compute
CREATE FOREIGN TABLE computed (visitor_id text, upper_id text GENERATED ALWAYS AS (upper(visitor_id)) STORED) SERVER pendo OPTIONS (object 'visitors');
SELECT upper_id FROM computed;
SELECT count(visitor_id) FROM computed;
-- track events cannot be read, their counts can
CREATE FOREIGN TABLE events (visitor_id text, event text) SERVER pendo OPTIONS (object 'track_events');
SELECT * FROM events;
DROP SERVER pendo CASCADE;
DROP TABLE wanted, copy, parent;
