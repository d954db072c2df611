-- Options: what may stand where, and what is said of what may not.
\set VERBOSITY default
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (regoin 'us');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'uk');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', integration_key 'secret');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', batch_size '0');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', batch_bytes 'many');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', connect_timeout '-1 s');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', include_anonymous 'perhaps');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', on_bad_value 'ignore');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', reject_limit '101%');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', missing_limit '-1');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', null_as 'nothing');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', on_duplicate 'first');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', max_attempts '0');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', on_ambiguous 'never');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', ledger_retention '1 hour');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', ledger_retention 'long');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', delivery 'sometimes');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url 'http://pendo.example');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', api_url 'https://user:pw@pendo.example');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', track_url 'https://pendo.example/data');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', ca_file 'ca.pem');
CREATE FOREIGN DATA WRAPPER other HANDLER pendo_fdw_handler VALIDATOR pendo_fdw_validator OPTIONS (region 'us');

-- every region, and units
CREATE SERVER us FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us', connect_timeout '5 s', batch_bytes '512kB');
CREATE SERVER us1 FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'us1');
CREATE SERVER eu FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'eu');
CREATE SERVER jp FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'jp');
CREATE SERVER au FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'au', delivery 'outbox', ledger_retention '1 year');

CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS (key 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS (integration_key '');
CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS ("track_secret:" 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS ("track_secret:my app" 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS ("track_secert:tv" 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS ("track_secret:tv" 'a b');
ALTER SERVER us OPTIONS (ADD "track_secret:tv" 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER us OPTIONS (integration_key E'a\r\nHost: evil');

CREATE FOREIGN TABLE t (visitor_id text) SERVER us;
CREATE FOREIGN TABLE t (visitor_id text) SERVER us OPTIONS (object 'visitor');
CREATE FOREIGN TABLE t (visitor_id text) SERVER us OPTIONS (object 'visitors', region 'us');
CREATE FOREIGN TABLE t (visitor_id text OPTIONS (paht 'x')) SERVER us OPTIONS (object 'visitors');

-- columns are checked where they are used, without any call
CREATE FOREIGN TABLE t (visitor_id text, plan text) SERVER us OPTIONS (object 'visitors');
EXPLAIN SELECT * FROM t;
ALTER FOREIGN TABLE t ALTER COLUMN plan OPTIONS (ADD path 'plan');
EXPLAIN SELECT * FROM t;
ALTER FOREIGN TABLE t ALTER COLUMN plan OPTIONS (SET path 'custom.plan');
EXPLAIN (COSTS OFF) SELECT * FROM t;
ALTER FOREIGN TABLE t ALTER COLUMN plan TYPE uuid;
EXPLAIN SELECT * FROM t;
CREATE FOREIGN TABLE two (a text OPTIONS (path 'visitorId'), b text OPTIONS (path 'visitorId')) SERVER us OPTIONS (object 'visitors');
EXPLAIN SELECT * FROM two;
CREATE FOREIGN TABLE numeric_key (visitor_id bigint) SERVER us OPTIONS (object 'visitors');
EXPLAIN SELECT * FROM numeric_key;
ALTER SERVER us OPTIONS (DROP region);
CREATE SERVER nowhere FOREIGN DATA WRAPPER pendo_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url 'https://pendo.example#');
CREATE SERVER s FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url 'https:///pendo.example');

-- what decides where keys are sent takes a superuser
CREATE ROLE regress_pendo_plain;
GRANT USAGE ON FOREIGN DATA WRAPPER pendo_fdw TO regress_pendo_plain;
SET ROLE regress_pendo_plain;
CREATE SERVER mine FOREIGN DATA WRAPPER pendo_fdw OPTIONS (region 'eu');
ALTER SERVER mine OPTIONS (ADD api_url 'https://pendo.example');
ALTER SERVER mine OPTIONS (ADD track_url 'https://pendo.example');
ALTER SERVER mine OPTIONS (ADD ca_file '/etc/ssl/x.pem');
SELECT server, reachable, advice FROM pendo_fdw_check('us1');
RESET ROLE;

-- without a mapping, what needs a key says so
CREATE FOREIGN TABLE eu_visitors (visitor_id text) SERVER eu OPTIONS (object 'visitors');
SELECT * FROM eu_visitors;
IMPORT FOREIGN SCHEMA pendo FROM SERVER eu INTO public;
IMPORT FOREIGN SCHEMA other FROM SERVER eu INTO public;
IMPORT FOREIGN SCHEMA pendo LIMIT TO (visitor) FROM SERVER eu INTO public;
IMPORT FOREIGN SCHEMA pendo FROM SERVER eu INTO public OPTIONS (include_hiden 'true');

DROP SERVER mine;
REVOKE ALL ON FOREIGN DATA WRAPPER pendo_fdw FROM regress_pendo_plain;
DROP ROLE regress_pendo_plain;
DROP SERVER us, us1, eu, jp, au CASCADE;
