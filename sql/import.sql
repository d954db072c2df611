-- IMPORT FOREIGN SCHEMA: which tables, which columns, which types.
\getenv simulator PENDO_SIMULATOR
SET client_min_messages = warning;
CREATE SERVER pendo FOREIGN DATA WRAPPER pendo_fdw OPTIONS (api_url :'simulator', track_url :'simulator');
CREATE USER MAPPING FOR CURRENT_USER SERVER pendo OPTIONS (integration_key 'sim-read-key');
CREATE SCHEMA everything;
IMPORT FOREIGN SCHEMA pendo FROM SERVER pendo INTO everything;
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attfdwoptions
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'everything'::regnamespace AND a.attnum > 0
 ORDER BY c.relname, a.attnum;
SELECT c.relname, ftoptions FROM pg_foreign_table t JOIN pg_class c ON c.oid = t.ftrelid ORDER BY 1;

-- some tables, some groups, and what else there is
CREATE SCHEMA part;
IMPORT FOREIGN SCHEMA pendo LIMIT TO (accounts) FROM SERVER pendo INTO part OPTIONS (groups 'custom', on_bad_value 'null');
IMPORT FOREIGN SCHEMA pendo EXCEPT (accounts, visitors) FROM SERVER pendo INTO part;
SELECT c.relname, ftoptions, (SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum BETWEEN 1 AND 9)
  FROM pg_foreign_table t JOIN pg_class c ON c.oid = t.ftrelid WHERE c.relnamespace = 'part'::regnamespace ORDER BY 1;
CREATE SCHEMA hidden;
IMPORT FOREIGN SCHEMA pendo LIMIT TO (visitors) FROM SERVER pendo INTO hidden OPTIONS (include_hidden 'true', include_deleted 'true');
SELECT attname FROM pg_attribute WHERE attrelid = 'hidden.visitors'::regclass AND attnum > 0
EXCEPT SELECT attname FROM pg_attribute WHERE attrelid = 'everything.visitors'::regclass AND attnum > 0 ORDER BY 1;
DROP SERVER pendo CASCADE;
DROP SCHEMA everything, part, hidden;
