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
  'deletes runs that ended, and rejects last seen, longer ago than that: those of the caller''s roles, or all for the owner of the extension; returns how many rows';
