-- complain if script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pendo_fdw" to load this file. \quit

CREATE FUNCTION pendo_fdw_handler() RETURNS fdw_handler
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pendo_fdw_handler';

CREATE FUNCTION pendo_fdw_validator(options text[], catalog oid) RETURNS void
LANGUAGE C STRICT AS 'MODULE_PATHNAME', 'pendo_fdw_validator';

CREATE FOREIGN DATA WRAPPER pendo_fdw
  HANDLER pendo_fdw_handler
  VALIDATOR pendo_fdw_validator;

COMMENT ON FOREIGN DATA WRAPPER pendo_fdw IS 'Pendo: visitors, accounts, track events';

CREATE FUNCTION pendo_fdw_check(
  server name,
  OUT server text,
  OUT api_host text,
  OUT track_host text,
  OUT reachable boolean,
  OUT key_valid boolean,
  OUT write_access boolean,
  OUT track_secret_set boolean,
  OUT latency_ms integer,
  OUT advice text)
RETURNS record
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pendo_fdw_check';

COMMENT ON FUNCTION pendo_fdw_check(name) IS
  'what works with a server for the current user, and what to do about what does not';

CREATE FUNCTION pendo_fdw_dry_run(
  OUT seq bigint,
  OUT method text,
  OUT url text,
  OUT records bigint,
  OUT body text,
  OUT app text)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pendo_fdw_dry_run';

COMMENT ON FUNCTION pendo_fdw_dry_run() IS
  'the calls that this transaction would have sent, had pendo_fdw.dry_run been off';
-- The ledger. Only the extension's own C code writes these tables, as their
-- owner; users see the rows of the roles that they are members of.
CREATE TABLE pendo_fdw_runs (
  run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sync_name text,
  role regrole NOT NULL,
  server text NOT NULL,
  object text NOT NULL,
  table_name text NOT NULL,
  delivery text NOT NULL,
  started timestamptz NOT NULL,
  finished timestamptz NOT NULL,
  status text NOT NULL CHECK (status IN ('done', 'failed')),
  records bigint NOT NULL,
  applied bigint NOT NULL,
  missing bigint NOT NULL,
  invalid bigint NOT NULL,
  uncertain bigint NOT NULL,
  duplicates bigint NOT NULL,
  unchanged bigint NOT NULL,
  calls bigint NOT NULL,
  sqlstate text);
CREATE INDEX pendo_fdw_runs_finished_idx ON pendo_fdw_runs (finished);

COMMENT ON TABLE pendo_fdw_runs IS 'a row for each run: one transaction and one foreign table';

-- Ids compare by their bytes, so that no change of a collation breaks the key.
CREATE TABLE pendo_fdw_rejects (
  server text COLLATE "C" NOT NULL,
  object text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL CHECK (reason IN ('missing', 'invalid', 'uncertain')),
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  times bigint NOT NULL,
  values jsonb,
  message text,
  run bigint NOT NULL,
  role regrole NOT NULL,
  table_name text NOT NULL,
  PRIMARY KEY (server, object, id, reason));

COMMENT ON TABLE pendo_fdw_rejects IS 'the records that have not arrived in Pendo, as of the last time each was sent';

ALTER TABLE pendo_fdw_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE pendo_fdw_rejects ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON pendo_fdw_runs FOR SELECT USING (pg_catalog.pg_has_role(role, 'MEMBER'));
CREATE POLICY own_rows ON pendo_fdw_rejects FOR SELECT USING (pg_catalog.pg_has_role(role, 'MEMBER'));
GRANT SELECT ON pendo_fdw_runs, pendo_fdw_rejects TO PUBLIC;
-- pg_dump reads it for whoever dumps the table
GRANT SELECT ON SEQUENCE pendo_fdw_runs_run_seq TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_runs', '');
SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_runs_run_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_rejects', '');

CREATE FUNCTION pendo_fdw_last_run() RETURNS SETOF pendo_fdw_runs
LANGUAGE C STRICT VOLATILE PARALLEL RESTRICTED ROWS 1 AS 'MODULE_PATHNAME', 'pendo_fdw_last_run';

COMMENT ON FUNCTION pendo_fdw_last_run() IS
  'the runs of this session''s last transaction that committed and had any';

CREATE FUNCTION pendo_fdw_prune(keep interval) RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pendo_fdw_prune';

COMMENT ON FUNCTION pendo_fdw_prune(interval) IS
  'deletes runs that ended, rejects last seen and dead letters that died longer ago than that: those of the caller''s roles, or all for the owner of the extension; returns how many rows';

-- The outbox. Only the extension's own C code writes these tables, as their owner;
-- users see the rows of the roles that they are members of. A queue is vacuumed
-- when some thousand rows are dead, however large it is, and at full speed.
CREATE TABLE pendo_fdw_queue (
  shard integer NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  server text COLLATE "C" NOT NULL,
  server_id oid NOT NULL,
  object text COLLATE "C" NOT NULL,
  role regrole NOT NULL,
  table_name text NOT NULL,
  id text COLLATE "C" NOT NULL,
  payload bytea NOT NULL,
  event_key text COLLATE "C",
  enqueued timestamptz NOT NULL,
  sent timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  last_attempt timestamptz,
  next_attempt timestamptz,
  last_error text,
  PRIMARY KEY (shard, seq))
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0,
      autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
      autovacuum_analyze_threshold = 100000, toast.autovacuum_vacuum_scale_factor = 0,
      toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0);
CREATE INDEX pendo_fdw_queue_failed_idx ON pendo_fdw_queue (shard, id) WHERE attempts > 0;

COMMENT ON TABLE pendo_fdw_queue IS 'what delivery ''outbox'' has still to send: a row for each record or event';

CREATE TABLE pendo_fdw_dead_letters (
  seq bigint PRIMARY KEY,
  shard integer NOT NULL,
  server text COLLATE "C" NOT NULL,
  server_id oid NOT NULL,
  object text COLLATE "C" NOT NULL,
  role regrole NOT NULL,
  table_name text NOT NULL,
  id text COLLATE "C" NOT NULL,
  payload bytea NOT NULL,
  event_key text COLLATE "C",
  enqueued timestamptz NOT NULL,
  died timestamptz NOT NULL,
  attempts integer NOT NULL,
  reason text COLLATE "C" NOT NULL CHECK (reason IN ('missing', 'invalid', 'uncertain', 'failed')),
  message text);
CREATE INDEX pendo_fdw_dead_letters_id_idx ON pendo_fdw_dead_letters (server, object, id);

COMMENT ON TABLE pendo_fdw_dead_letters IS 'what delivery ''outbox'' has given up; pendo_fdw_requeue() gives it another chance';

-- Of each key the first event only is sent.
CREATE TABLE pendo_fdw_event_keys (
  server text COLLATE "C" NOT NULL,
  event_key text COLLATE "C" NOT NULL,
  enqueued timestamptz NOT NULL,
  PRIMARY KEY (server, event_key))
WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX pendo_fdw_event_keys_enqueued_idx ON pendo_fdw_event_keys (server, enqueued);

COMMENT ON TABLE pendo_fdw_event_keys IS 'the event_key of each event that was put into the outbox, as long as ledger_retention says';

-- The database whose rows these are. In a copy of it nothing is sent.
CREATE TABLE pendo_fdw_outbox_home (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  system_identifier bigint NOT NULL,
  database oid NOT NULL);

COMMENT ON TABLE pendo_fdw_outbox_home IS 'the cluster and database that the outbox belongs to; see pendo_fdw_adopt()';

ALTER TABLE pendo_fdw_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE pendo_fdw_dead_letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON pendo_fdw_queue FOR SELECT USING (pg_catalog.pg_has_role(role, 'MEMBER'));
CREATE POLICY own_rows ON pendo_fdw_dead_letters FOR SELECT USING (pg_catalog.pg_has_role(role, 'MEMBER'));
-- keys are nobody's, and shown to nobody; but pg_dump of a plain user reads all tables
ALTER TABLE pendo_fdw_event_keys ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON pendo_fdw_queue, pendo_fdw_queue_seq_seq, pendo_fdw_dead_letters, pendo_fdw_event_keys, pendo_fdw_outbox_home TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_queue', '');
SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_queue_seq_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_dead_letters', '');
SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_event_keys', '');
SELECT pg_catalog.pg_extension_config_dump('pendo_fdw_outbox_home', '');

CREATE VIEW pendo_fdw_outbox WITH (security_invoker = true) AS
SELECT server, object,
       pg_catalog.count(*) FILTER (WHERE NOT dead) AS waiting,
       pg_catalog.count(*) FILTER (WHERE NOT dead AND attempts > 0) AS failing,
       pg_catalog.count(*) FILTER (WHERE dead) AS dead,
       pg_catalog.clock_timestamp() - pg_catalog.min(enqueued) FILTER (WHERE NOT dead) AS age,
       pg_catalog.min(coalesce(next_attempt, enqueued)) FILTER (WHERE NOT dead) AS next_attempt,
       pg_catalog.max(attempts) FILTER (WHERE NOT dead) AS attempts,
       -- the latest one, without keeping all: behind 20 digits of time
       pg_catalog.substr(pg_catalog.max(pg_catalog.to_char(at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') || error), 21) AS last_error
FROM (SELECT server, object, enqueued, next_attempt, attempts, last_error AS error, last_attempt AS at, false AS dead
        FROM pendo_fdw_queue
      UNION ALL
      SELECT server, object, enqueued, NULL::timestamptz AS next_attempt, attempts, reason || coalesce(': ' || message, '') AS error,
             died AS at, true AS dead
        FROM pendo_fdw_dead_letters) AS records
GROUP BY server, object;
GRANT SELECT ON pendo_fdw_outbox TO PUBLIC;

COMMENT ON VIEW pendo_fdw_outbox IS 'how the outbox stands, for each server and object';

CREATE PROCEDURE pendo_fdw_deliver(server name DEFAULT NULL, max_runtime interval DEFAULT NULL)
LANGUAGE C AS 'MODULE_PATHNAME', 'pendo_fdw_deliver';

COMMENT ON PROCEDURE pendo_fdw_deliver(name, interval) IS
  'sends what waits in the outbox for that server, or for all; ends when nothing is due, or after max_runtime';

CREATE FUNCTION pendo_fdw_requeue(server name, reason text DEFAULT NULL) RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pendo_fdw_requeue';

COMMENT ON FUNCTION pendo_fdw_requeue(name, text) IS
  'puts dead letters back into the outbox: all of them, or those with that reason; without a reason, what waits for its next attempt is due at once, too; returns how many rows';

CREATE FUNCTION pendo_fdw_adopt() RETURNS bigint
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pendo_fdw_adopt';

COMMENT ON FUNCTION pendo_fdw_adopt() IS
  'in a copy of a database: what the outbox holds is from now on sent from here, through the servers that have the names of those it was written for; returns how many rows wait';
