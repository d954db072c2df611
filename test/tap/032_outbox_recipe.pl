# Near real time: triggers on an ordinary table that write to Pendo's tables through
# the outbox, as doc/outbox.md has them. Who writes makes no call, whatever it does;
# a delivery brings Pendo to what the table is. And the queue does not grow by use.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PendoTest;
use JSON::XS;
use Test::More;

my $simulator = start_simulator('--visitors', 3_000, '--accounts', 50, '--clean');
my $cluster = start_cluster(conf => ['autovacuum = off']);
my $dbh = $cluster->session;
connect_pendo($dbh, $simulator, delivery => 'outbox', max_retries => 0);

my $bulk  = 'POST /api/v1/metadata/visitor/custom/value';
my $track = 'POST /data/track';

sub value { my ($sql, @values) = @_; return scalar $dbh->selectrow_array($sql, undef, @values) }
sub id_of { return sprintf 'v%07d', $_[0] }
sub rows { my ($object) = @_; return value('SELECT count(*) FROM pendo_fdw_queue WHERE object = ?', $object) }
sub calls { my $stats = $simulator->stats; my $sum = 0; $sum += $_ for values %$stats; return $sum }

# Where Pendo has something else than the table.
sub differences {
    my $stored = $simulator->dump('visitor');
    my @different;
    for my $user (@{ $dbh->selectall_arrayref('SELECT id, plan, seats FROM crm.users ORDER BY id') }) {
        my ($id, @wanted) = map { $_ // 'null' } @$user;
        my $custom = $stored->{$id}{metadata}{custom};
        my @got = map { $_ // 'null' } @$custom{qw(plan seats)};
        push @different, "$id: @got instead of @wanted" if "@got" ne "@wanted";
    }
    return join "\n", @different;
}

# Writes, then delivers: rows in the queue and calls are [visitors, events].
my $calls = 0;
sub check {
    my ($what, $rows, $sent, $write) = @_;
    $calls = calls();
    $write->();
    is(calls(), $calls, "$what: no call by who writes");
    is_deeply([map { 0 + rows($_) } qw(visitors track_events)], $rows, "$what: rows that wait");
    my ($events, $bulks) = map { $simulator->stats->{$_} // 0 } $track, $bulk;
    $dbh->do('CALL pendo_fdw_deliver()');
    is_deeply([($simulator->stats->{$bulk} // 0) - $bulks, ($simulator->stats->{$track} // 0) - $events], $sent, "$what: bulk calls, events");
    is(differences(), '', "$what: Pendo has what the table has");
    is(value('SELECT (SELECT count(*) FROM pendo_fdw_queue) + (SELECT count(*) FROM pendo_fdw_dead_letters)'), 0, "$what: nothing is left");
    return;
}

sub records_sent {
    my ($body) = map { $_->{body} } grep { "$_->{method} $_->{path}" eq $bulk } reverse @{ $simulator->requests };
    return scalar @{ decode_json($body) };
}

# ---- a trigger for each row ----------------------------------------------

# The secrets are those of the role that owns the functions; who writes to the table
# has neither a mapping nor a right on Pendo's tables.
$dbh->do($_) for 'CREATE ROLE sync LOGIN', 'CREATE ROLE clerk LOGIN', 'CREATE SCHEMA crm', 'GRANT USAGE ON SCHEMA crm TO sync, clerk',
  'CREATE TABLE crm.users (id text PRIMARY KEY, plan text, seats bigint, note text)', 'GRANT ALL ON crm.users TO clerk',
  'GRANT USAGE ON SCHEMA pendo TO sync', 'GRANT SELECT, UPDATE ON pendo.visitors TO sync', 'GRANT INSERT ON pendo.track_events TO sync',
  "CREATE USER MAPPING FOR sync SERVER pendo OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret')",
  'DROP USER MAPPING FOR postgres SERVER pendo',
  q{CREATE FUNCTION crm.send_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      UPDATE pendo.visitors SET custom_plan = NEW.plan, custom_seats = NEW.seats WHERE visitor_id = NEW.id;
      IF TG_OP = 'UPDATE' AND NEW.plan IS DISTINCT FROM OLD.plan THEN
        INSERT INTO pendo.track_events (visitor_id, event, properties)
          VALUES (NEW.id, 'Plan Changed', jsonb_build_object('from', OLD.plan, 'to', NEW.plan));
      END IF;
      RETURN NULL;
    END $$},
  'ALTER FUNCTION crm.send_user() OWNER TO sync',
  'CREATE TRIGGER send_user AFTER INSERT OR UPDATE OF plan, seats ON crm.users FOR EACH ROW EXECUTE FUNCTION crm.send_user()';
my $clerk = $cluster->session(user => 'clerk');
ok(error_of($clerk, "UPDATE pendo.visitors SET custom_plan = 'x' WHERE visitor_id = 'v0000001'"), 'who writes to the table may not write to Pendo');

sub by_clerk { my (@statements) = @_; return sub { $clerk->do($_) for @statements } }

check('INSERT', [200, 0], [1, 0], by_clerk(q{INSERT INTO crm.users SELECT 'v' || lpad(n::text, 7, '0'), 'free', n FROM generate_series(1, 200) n}));
is(value('SELECT string_agg(DISTINCT role::text, $$ $$) FROM pendo_fdw_runs'), 'sync', 'the owner of the function is who sends');
check('UPDATE', [10, 10], [1, 10], by_clerk(q{UPDATE crm.users SET plan = 'gold' WHERE seats <= 10}));
is_deeply([map { $_->{properties}{to} } @{ $simulator->events }], [('gold') x 10], 'events have what has changed');
check('UPDATE of another column', [0, 0], [0, 0], by_clerk(q{UPDATE crm.users SET note = 'x'}));
check('UPDATE without a change of plan', [200, 0], [1, 0], by_clerk(q{UPDATE crm.users SET seats = seats + 1}));
check('a single row', [1, 1], [1, 1], by_clerk(q{UPDATE crm.users SET plan = NULL, seats = NULL WHERE id = 'v0000001'}));
check('ROLLBACK', [0, 0], [0, 0], by_clerk('BEGIN', q{UPDATE crm.users SET plan = 'never'}, 'ROLLBACK'));
check('savepoints', [2, 2], [1, 2], by_clerk('BEGIN', q{UPDATE crm.users SET plan = 'kept' WHERE id = 'v0000002'}, 'SAVEPOINT a',
    q{UPDATE crm.users SET plan = 'dropped'}, 'ROLLBACK TO a', 'SAVEPOINT b', q{UPDATE crm.users SET plan = 'kept, too' WHERE id = 'v0000003'}, 'RELEASE b', 'COMMIT'));
check('an exception that is caught', [1, 1], [1, 1], by_clerk(q{DO $$
    BEGIN
      UPDATE crm.users SET plan = 'before' WHERE id = 'v0000004';
      BEGIN
        UPDATE crm.users SET plan = 'inside', seats = 1 / (seats - seats);
      EXCEPTION WHEN division_by_zero THEN NULL;
      END;
    END $$}));
check('a statement that fails half way', [0, 0], [0, 0], sub {
    ok(error_of($clerk, q{UPDATE crm.users SET plan = 'half', seats = 1 / (seats - 100)}), 'it fails');
});
check('ON CONFLICT DO UPDATE', [3, 2], [1, 2], by_clerk(q{INSERT INTO crm.users VALUES ('v0000005', 'upsert', 1), ('v0000006', 'upsert', 2), ('v0000201', 'new', 3)
    ON CONFLICT (id) DO UPDATE SET plan = EXCLUDED.plan, seats = EXCLUDED.seats}));
check('COPY', [3, 0], [1, 0], sub {
    $clerk->do('COPY crm.users (id, plan, seats) FROM STDIN');
    $clerk->pg_putcopydata(id_of(201 + $_) . "\tcopied\t$_\n") for 1 .. 3;
    $clerk->pg_putcopyend;
});
check('several UPDATEs in a transaction', [1, 3], [1, 3], by_clerk('BEGIN', (map { qq{UPDATE crm.users SET plan = 'step $_', seats = $_ WHERE id = 'v0000007'} } 1 .. 3), 'COMMIT'));
check('several transactions', [5, 5], [1, 5], by_clerk(map { qq{UPDATE crm.users SET plan = 'time $_', seats = $_ WHERE id = 'v0000008'} } 1 .. 5));
is(records_sent(), 1, 'are one record when they are delivered');

# ---- one for each statement ----------------------------------------------

$dbh->do($_) for 'DROP TRIGGER send_user ON crm.users',
  q{CREATE FUNCTION crm.send_new_users() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      UPDATE pendo.visitors v SET custom_plan = n.plan, custom_seats = n.seats FROM new_users n WHERE v.visitor_id = n.id;
      RETURN NULL;
    END $$},
  q{CREATE FUNCTION crm.send_changed_users() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
      UPDATE pendo.visitors v SET custom_plan = n.plan, custom_seats = n.seats
        FROM new_users n JOIN old_users o ON o.id = n.id
       WHERE v.visitor_id = n.id AND (n.plan, n.seats) IS DISTINCT FROM (o.plan, o.seats);
      INSERT INTO pendo.track_events (visitor_id, event, properties)
        SELECT n.id, 'Plan Changed', jsonb_build_object('from', o.plan, 'to', n.plan)
          FROM new_users n JOIN old_users o ON o.id = n.id WHERE n.plan IS DISTINCT FROM o.plan;
      RETURN NULL;
    END $$},
  'ALTER FUNCTION crm.send_new_users() OWNER TO sync', 'ALTER FUNCTION crm.send_changed_users() OWNER TO sync',
  'CREATE TRIGGER send_new_users AFTER INSERT ON crm.users REFERENCING NEW TABLE AS new_users FOR EACH STATEMENT EXECUTE FUNCTION crm.send_new_users()',
  'CREATE TRIGGER send_changed_users AFTER UPDATE ON crm.users REFERENCING OLD TABLE AS old_users NEW TABLE AS new_users FOR EACH STATEMENT EXECUTE FUNCTION crm.send_changed_users()';

check('INSERT, a statement', [1000, 0], [1, 0], by_clerk(q{INSERT INTO crm.users SELECT 'v' || lpad(n::text, 7, '0'), 'free', n FROM generate_series(1001, 2000) n}));
check('UPDATE, a statement', [10, 5], [1, 5], by_clerk(q{UPDATE crm.users SET plan = CASE WHEN seats <= 1005 THEN 'gold' ELSE plan END, seats = CASE WHEN seats <= 1010 THEN -seats ELSE seats END WHERE id > 'v0001000'}));
check('ROLLBACK TO, a statement', [1, 1], [1, 1], by_clerk('BEGIN', q{UPDATE crm.users SET plan = 'kept' WHERE id = 'v0001001'}, 'SAVEPOINT a', q{UPDATE crm.users SET plan = 'dropped'}, 'ROLLBACK TO a', 'COMMIT'));
check('ON CONFLICT, a statement', [2, 1], [1, 1], by_clerk(q{INSERT INTO crm.users VALUES ('v0001002', 'upsert', 1), ('v0002001', 'new', 3) ON CONFLICT (id) DO UPDATE SET plan = EXCLUDED.plan, seats = EXCLUDED.seats}));
check('COPY, a statement', [3, 0], [1, 0], sub {
    $clerk->do('COPY crm.users (id, plan, seats) FROM STDIN');
    $clerk->pg_putcopydata(id_of(2001 + $_) . "\tcopied\t$_\n") for 1 .. 3;
    $clerk->pg_putcopyend;
});
check('two statements', [1, 2], [1, 2], by_clerk('BEGIN', (map { qq{UPDATE crm.users SET plan = 'step $_', seats = $_ WHERE id = 'v0000007'} } 4 .. 5), 'COMMIT'));

# ---- what is kept of a table ---------------------------------------------

# A session keeps what it knows of Pendo's tables, until somebody alters them.
my $update = q{UPDATE crm.users SET plan = plan || '.' WHERE id = 'v0000009'};
check('before', [1, 1], [1, 1], by_clerk($update));
my $stored = sub { return $simulator->record('visitor', 'v0000009')->{metadata}{custom} };
$dbh->do("ALTER FOREIGN TABLE pendo.visitors ALTER COLUMN custom_plan OPTIONS (SET path 'custom.notes')");
$clerk->do($update);
$dbh->do('CALL pendo_fdw_deliver()');
is($stored->()->{notes}, $stored->()->{plan} . '.', 'a column that was altered in another session is altered here');
$dbh->do("ALTER FOREIGN TABLE pendo.visitors ALTER COLUMN custom_plan OPTIONS (SET path 'custom.plan')");
$clerk->do('BEGIN');
$clerk->do($update);
$dbh->do("ALTER SERVER pendo OPTIONS (ADD on_guard 'reject')");
like(error_of($clerk, $update)->{message}, qr/cannot write to pendo.visitors: it, its server or the user mapping was altered/, 'not while records wait for the commit');
$clerk->do('ROLLBACK');
$dbh->do('ALTER SCHEMA pendo RENAME TO product');
$dbh->do('ALTER ROLE sync RENAME TO syncer');
$dbh->do('CREATE SCHEMA pendo');
$dbh->do('CREATE VIEW pendo.visitors AS SELECT * FROM product.visitors; CREATE VIEW pendo.track_events AS SELECT * FROM product.track_events');
$dbh->do('GRANT USAGE ON SCHEMA pendo TO syncer; ALTER VIEW pendo.visitors OWNER TO syncer; ALTER VIEW pendo.track_events OWNER TO syncer');
check('another name', [1, 1], [1, 1], by_clerk($update));
is(value(q{SELECT table_name FROM pendo_fdw_runs WHERE object = 'visitors' ORDER BY run DESC LIMIT 1}), 'product.visitors', 'so are names');
$dbh->do('DROP USER MAPPING FOR syncer SERVER pendo');
like(error_of($clerk, q{UPDATE crm.users SET plan = 'x' WHERE id = 'v0000009'})->{hint}, qr/CREATE USER MAPPING FOR syncer SERVER pendo/, 'and user mappings');
is(rows('visitors'), 0, 'without one nothing is put in');

# ---- a queue that does not grow ------------------------------------------

my $size = q{SELECT pg_total_relation_size('pendo_fdw_queue')};
my $vacuum = $cluster->session;
$dbh->do("CREATE USER MAPPING FOR postgres SERVER pendo OPTIONS (integration_key 'sim-write-key', track_secret 'sim-track-secret')");

# 20,000 rows in portions, the most that the relation was.
sub pass_through {
    my $peak = 0;
    for my $portion (0 .. 9) {
        $dbh->do("UPDATE product.visitors v SET custom_plan = 'portion $portion', custom_seats = n FROM generate_series(1, 2000) n WHERE v.visitor_id = 'v' || lpad(n::text, 7, '0')");
        my $now = value($size);
        $peak = $now if $now > $peak;
        $dbh->do('CALL pendo_fdw_deliver()');
        $vacuum->do('VACUUM pendo_fdw_queue');
    }
    return $peak;
}
$vacuum->do('VACUUM FULL pendo_fdw_queue');
my $first = pass_through();
my $second = pass_through();
my $seen = "$first bytes at the first peak, $second at the second, " . value($size) . ' at the end';
is(value('SELECT count(*) FROM pendo_fdw_queue'), 0, 'all rows are through');
cmp_ok($first, '<', 20_000 * 100, 'a queue that is vacuumed holds no more than what waits') or diag($seen);
cmp_ok($second, '<', 1.5 * $first, 'and does not grow') or diag($seen);
cmp_ok(value($size), '<', 1.5 * $first, 'neither in the end') or diag($seen);
note($seen);

done_testing();
