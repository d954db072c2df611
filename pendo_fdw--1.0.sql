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
  OUT body text)
RETURNS SETOF record
LANGUAGE C STRICT VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pendo_fdw_dry_run';

COMMENT ON FUNCTION pendo_fdw_dry_run() IS
  'the calls that this transaction would have sent, had pendo_fdw.dry_run been off';
