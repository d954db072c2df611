# What an extension is in the catalogs, line by line: each object and all that can be
# said of it, so that two installations can be compared.
package Catalog;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(describe_extension compare_lists);

# Objects that belong to the extension, and what belongs to these (indexes, policies,
# constraints ...) by a dependency that is internal or automatic.
my $objects = <<'SQL';
WITH RECURSIVE own (classid, objid) AS (
  SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
   WHERE e.extname = 'pendo_fdw' AND d.deptype = 'e'
  UNION
  SELECT d.classid, d.objid FROM own o JOIN pg_depend d ON d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype IN ('i', 'a')
   WHERE (d.classid, d.objid) <> ('pg_extension'::regclass, 0)),
named AS (SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name FROM own),
relations AS (SELECT n.name, c.* FROM named n JOIN pg_class c ON n.classid = 'pg_class'::regclass AND n.objid = c.oid)
SQL

# Toast tables have their table's oid in their names. PostgreSQL 15.20 gives every new
# column an option pg_attver, a number that grows with time.
my @queries = (
    "SELECT name FROM named WHERE name !~ 'toast'",
    'SELECT pg_describe_object(d.classid, d.objid, 0) FROM pg_depend d JOIN pg_extension e ON d.refclassid = \'pg_extension\'::regclass AND d.refobjid = e.oid WHERE e.extname = \'pendo_fdw\' AND d.deptype = \'e\'',
    'SELECT n.name, d.objsubid, d.description FROM named n JOIN pg_description d ON d.classoid = n.classid AND d.objoid = n.objid',
    'SELECT n.name, pg_get_functiondef(p.oid), p.proacl, p.proowner = 10 FROM named n JOIN pg_proc p ON n.classid = \'pg_proc\'::regclass AND n.objid = p.oid',
    'SELECT name, relkind, relpersistence, relrowsecurity, relforcerowsecurity, reloptions, relacl, relowner = 10, relreplident, reltablespace FROM relations WHERE name !~ \'toast\'',
    'SELECT r.name, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,'
      . ' a.attcollation::regcollation, a.attacl, ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o !~ \'^pg_attver=\'), pg_get_expr(d.adbin, d.adrelid)'
      . ' FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE r.name !~ \'toast\'',
    'SELECT r.name, c.conname, pg_get_constraintdef(c.oid), c.convalidated FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid',
    'SELECT name, pg_get_indexdef(oid) FROM relations WHERE relkind = \'i\' AND name !~ \'toast\'',
    'SELECT name, pg_get_viewdef(oid) FROM relations WHERE relkind IN (\'v\', \'m\')',
    'SELECT r.name, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid',
    'SELECT r.name, p.policyname, p.permissive, p.roles, p.cmd, p.qual, p.with_check FROM relations r JOIN pg_policies p ON p.tablename = r.relname AND p.schemaname = r.relnamespace::regnamespace::text',
    'SELECT r.name, pg_get_triggerdef(t.oid) FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid',
    'SELECT n.name, w.fdwhandler::regproc, w.fdwvalidator::regproc, w.fdwoptions, w.fdwacl FROM named n JOIN pg_foreign_data_wrapper w ON n.classid = \'pg_foreign_data_wrapper\'::regclass AND n.objid = w.oid',
    'SELECT \'kept by pg_dump\', c.oid::regclass, c.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS c(oid, condition) WHERE e.extname = \'pendo_fdw\'',
    'SELECT n.name, i.objsubid, i.privtype, i.initprivs FROM named n JOIN pg_init_privs i ON i.classoid = n.classid AND i.objoid = n.objid',
    'SELECT extname, extversion, extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = \'pendo_fdw\'',
    # what rests on what
    'SELECT n.name, d.deptype, pg_describe_object(d.refclassid, d.refobjid, 0) FROM named n JOIN pg_depend d ON d.classid = n.classid AND d.objid = n.objid WHERE n.name !~ \'toast\' AND d.refobjsubid = 0',
);

sub describe_extension {
    my ($dbh) = @_;
    my @lines;
    for my $query (@queries) {
        my $rows = $dbh->selectall_arrayref("$objects $query");
        push @lines, map { my $row = $_; join ' | ', map { !defined $_ ? 'NULL' : ref $_ ? '{' . join(',', map { $_ // 'NULL' } @$_) . '}' : $_ } @$row } @$rows;
    }
    return sort @lines;
}

# What only one of them has: "- line" and "+ line".
sub compare_lists {
    my ($old, $new) = @_;
    my %count;
    ++$count{$_} for @$new;
    --$count{$_} for @$old;
    return sort map { $count{$_} > 0 ? "+ $_" : "- $_" } grep { $count{$_} } keys %count;
}

1;
